"""The Merkle tree beside RFC 6962's own definition, and proofs that cannot be bent."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.events.merkle import EMPTY_ROOT, Tree, leaf_hash, root_of_proof

pytestmark = pytest.mark.sqlite_only

# The tree of eight entries that Certificate Transparency's own implementations are tested with.
ENTRIES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def defined(leaves):
    """MTH of section 2.1, as it is written there."""
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + defined(leaves[:split]) + defined(leaves[split:])).digest()


def path(index, leaves):
    """PATH of section 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path(index, leaves[:split]), defined(leaves[split:])]
    return [*path(index - split, leaves[split:]), defined(leaves[:split])]


def test_roots_are_those_of_certificate_transparency():
    for size, root in enumerate(ROOTS, start=1):
        assert Tree(map(leaf_hash, ENTRIES[:size])).root.hex() == root
    assert Tree().root == EMPTY_ROOT == sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 40))
def test_root_and_proofs_are_as_defined(size):
    leaves = [bytes([n]) for n in range(size)]
    tree = Tree(map(leaf_hash, leaves))
    assert tree.root == defined(leaves)
    for index in range(size):
        assert tree.proof(index) == path(index, leaves)
        assert root_of_proof(leaf_hash(leaves[index]), index, size, tree.proof(index)) == tree.root


def test_put_gives_the_tree_that_is_built_at_once():
    grown, leaves = Tree(), []
    for number in range(70):
        leaves.append(leaf_hash(bytes([number])))
        grown.put(number, leaves[-1])
        assert grown.root == Tree(leaves).root
        place = number * 7 % len(leaves)
        leaves[place] = leaf_hash(b"other" + bytes([number]))
        grown.put(place, leaves[place])
        whole = Tree(leaves)
        assert (grown.root, len(grown)) == (whole.root, len(leaves))
        assert grown.proof(place) == whole.proof(place)


@given(st.integers(1, 33), st.data())
@settings(max_examples=60, deadline=None)
def test_a_bent_proof_leads_elsewhere(size, data):
    tree = Tree(leaf_hash(bytes([n])) for n in range(size))
    index = data.draw(st.integers(0, size - 1))
    leaf, proof = leaf_hash(bytes([index])), tree.proof(index)
    assert root_of_proof(leaf_hash(b"other"), index, size, proof) != tree.root
    assert root_of_proof(leaf, index, size, [*proof, leaf]) is None
    assert root_of_proof(leaf, size, size, proof) is None and root_of_proof(leaf, -1, size, proof) is None
    if proof:
        assert root_of_proof(leaf, index, size, proof[:-1]) is None
        place = data.draw(st.integers(0, len(proof) - 1))
        bent = [*proof]
        bent[place] = bytes([bent[place][0] ^ 1]) + bent[place][1:]
        assert root_of_proof(leaf, index, size, bent) != tree.root
