"""What checkpoints and evidence sign, word for word, and how it is checked; no Django and no database.

A checkpoint is a text, its statement: canonical JSON with the root of a Merkle tree whose leaves are the heads of all
chains of the log. It is signed with Ed25519 (RFC 8032). A second tree has the waypoints, further places of chains that
grew by many events since the checkpoint before, so that no event is far from a signed leaf.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from .chains import canonical
from .merkle import leaf_hash, root_of_proof

NO_CHECKPOINT = bytes(32)
_KIND = "model-registry checkpoint 1"
_HEX = re.compile(r"[0-9a-f]{64}")


class Place(NamedTuple):
    """A place of a chain with its digest."""

    chain: int
    position: int
    digest: bytes

    @property
    def leaf(self) -> bytes:
        """Its leaf in the tree of a checkpoint: the hash of what it says, in canonical JSON."""
        # Written out, since a tree has as many of them as there are groups.
        told = f'{{"chain":{self.chain},"digest":"{self.digest.hex()}","position":{self.position}}}'
        return leaf_hash(told.encode("ascii"))


# ---------- keys ----------


def key_name(public: bytes) -> str:
    """The short name of a public key: the first 16 hex digits of its SHA-256."""
    return sha256(public).hexdigest()[:16]


def public_bytes(private: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public key that belongs to a private one."""
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def read_public_key(text: str) -> bytes:
    """A public key from 64 hex digits or from PEM; raises ValueError with what was expected."""
    words = text.strip()
    if _HEX.fullmatch(words.lower()):
        return bytes.fromhex(words)
    try:
        key = load_pem_public_key(words.encode())
    except Exception as error:  # cryptography raises what its parser raises
        raise ValueError("a public key is 64 hex digits, or a PEM file of an Ed25519 public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("this is the public key of another algorithm, expected Ed25519")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(private: Ed25519PrivateKey, text: str) -> bytes:
    """The signature of a text, 64 bytes."""
    return private.sign(text.encode())


def is_signed(public: bytes, signature: bytes, text: str) -> bool:
    """Whether the text bears the signature of that key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


# ---------- stretches of a chain ----------


@dataclass(frozen=True)
class Stretch:
    """A part of a chain that ends at a signed leaf: SHA-256 of the content of each event, without the contents.

    `first` is the position of the first link, `previous` the digest before it. The leaf is number `index` of `size` in
    the tree of the heads of a checkpoint, or in that of its waypoints.
    """

    chain: int
    first: int
    previous: bytes
    links: Sequence[bytes]
    checkpoint: int
    is_head: bool
    index: int
    size: int
    proof: Sequence[bytes]

    @property
    def last(self) -> int:
        """The position of the leaf."""
        return self.first + len(self.links) - 1

    def digests(self) -> Iterator[bytes]:
        """The digest of each event, in order."""
        digest = self.previous
        for link in self.links:
            digest = sha256(digest + link).digest()
            yield digest

    def root(self) -> bytes | None:
        """The root that the links and the proof lead to; None for a proof that fits no tree of that size."""
        *_, digest = self.previous, *self.digests()
        leaf = Place(self.chain, self.last, digest).leaf
        return root_of_proof(leaf, self.index, self.size, self.proof)


# ---------- statements ----------


@dataclass(frozen=True)
class Statement:
    """What a checkpoint says. `at` is UTC as ISO 8601; `events` is the number of events of all chains together.

    `registry` is the account of the registry; `previous` the digest of the checkpoint before, 32 zero bytes for the
    first; `key` the name of the key that signs.
    """

    number: int
    at: str
    registry: str
    chains: int
    events: int
    root: bytes
    waypoints: int
    waypoint_root: bytes
    previous: bytes
    key: str

    def text(self) -> str:
        """The words that are signed."""
        members: dict[str, Any] = {
            name: value.hex() if isinstance(value, bytes) else value for name, value in vars(self).items()
        }
        return canonical({"kind": _KIND, **members})

    def digest(self) -> bytes:
        """What the next checkpoint names as the one before it."""
        return sha256(self.text().encode()).digest()

    @classmethod
    def of_text(cls, text: str) -> Statement:
        """The statement that `text` returned; raises ValueError for any other text."""
        found = json.loads(text)
        if not isinstance(found, Mapping) or found.get("kind") != _KIND:
            raise ValueError("it is no statement of a checkpoint")
        members = {name: value for name, value in found.items() if name != "kind"}
        try:
            for name in ("root", "waypoint_root", "previous"):
                members[name] = bytes.fromhex(members[name])
            statement = cls(**members)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("a member of the statement is missing, unknown or of another kind") from error
        if statement.text() != text or not all(
            isinstance(number, int) for number in (statement.number, statement.chains, statement.events)
        ):
            raise ValueError("it is not in the form that is signed")
        return statement
