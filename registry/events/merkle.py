"""The Merkle tree of RFC 6962 (Certificate Transparency), sections 2.1 and 2.1.1: root and inclusion proofs.

Plain bytes and hashlib; no Django and no database, so that whoever holds a file can check it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

# The first byte tells a leaf from a node, so that neither can stand for the other.
_LEAF, _NODE = b"\x00", b"\x01"

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || data)."""
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node: SHA-256(0x01 || left || right)."""
    return sha256(_NODE + left + right).digest()


class Tree:
    """A tree over hashes of leaves in their order; one leaf can be replaced or appended without hashing all anew.

    Level 0 are the leaves; a node without a partner rises as it is, which gives the tree that RFC 6962 defines by
    splitting at the largest power of two.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [list(leaves)]
        while len(below := self._levels[-1]) > 1:
            pairs = zip(below[::2], below[1::2], strict=False)
            alone = below[-1:] if len(below) % 2 else []
            self._levels.append([sha256(_NODE + left + right).digest() for left, right in pairs] + alone)

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def leaves(self) -> Sequence[bytes]:
        """The hashes of the leaves in their order."""
        return self._levels[0]

    @property
    def root(self) -> bytes:
        """The hash of the whole tree; that of nothing for an empty one."""
        return self._levels[-1][0] if self._levels[0] else EMPTY_ROOT

    def put(self, index: int, leaf: bytes) -> None:
        """Replace the leaf at `index`, or append it where `index` is the number of leaves; the path to the root."""
        level = 0
        while True:
            row = self._levels[level]
            if index == len(row):
                row.append(leaf)
            else:
                row[index] = leaf
            if len(row) == 1:
                del self._levels[level + 1 :]
                return
            if level + 1 == len(self._levels):
                # One leaf more than a full tree: what stood at the top gets a level above it.
                self._levels.append([row[0]] if len(row) > 2 else [])
            index //= 2
            leaf, level = _above(row, index), level + 1

    def proof(self, index: int) -> list[bytes]:
        """The hashes beside the path from a leaf to the root, from below (PATH of section 2.1.1)."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        found = []
        for row in self._levels[:-1]:
            if (beside := index ^ 1) < len(row):
                found.append(row[beside])
            index //= 2
        return found


def _above(row: Sequence[bytes], place: int) -> bytes:
    pair = row[2 * place : 2 * place + 2]
    return node_hash(pair[0], pair[1]) if len(pair) == 2 else pair[0]


def root_of_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to from the hash of a leaf; None for a proof that fits no such tree.

    `size` is the number of leaves. Whoever checks compares the answer with the root that was signed.
    """
    if not 0 <= index < size:
        return None
    found, hashes = leaf, iter(proof)
    while size > 1:
        if (beside := index ^ 1) < size:
            other = next(hashes, None)
            if other is None:
                return None
            found = node_hash(other, found) if beside < index else node_hash(found, other)
        index, size = index // 2, (size + 1) // 2
    return found if next(hashes, None) is None else None
