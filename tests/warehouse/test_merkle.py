"""The Merkle tree: RFC 6962 by its own definition, and paths that prove their leaf and no other."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.log.merkle import Tree, is_under, leaf_hash, path

CONTENTS = st.lists(st.binary(max_size=4), max_size=70)


def mth(leaves: list[bytes]) -> bytes:
    """MTH(D[n]) as section 2.1 of RFC 6962 defines it, by recursion."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + mth(leaves[:split]) + mth(leaves[split:])).digest()


def tree_of(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree


@given(CONTENTS)
def test_the_root_is_the_one_of_the_rfc(contents):
    leaves = [leaf_hash(content) for content in contents]
    assert tree_of(leaves).root == mth(leaves)


def test_known_roots_of_certificate_transparency():
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [leaf_hash(bytes.fromhex(text)) for text in inputs]
    assert tree_of(leaves[:1]).root.hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree_of(leaves).root.hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(CONTENTS.filter(bool), st.data())
def test_a_path_proves_its_leaf_at_its_place_and_nothing_else(contents, data):
    leaves = [leaf_hash(bytes([place]) + content) for place, content in enumerate(contents)]
    index, other = (data.draw(st.integers(0, len(leaves) - 1)) for _ in range(2))
    root, siblings = tree_of(leaves).root, path(leaves, index)
    assert is_under(root, leaves[index], index, len(leaves), siblings)
    assert is_under(root, leaves[other], index, len(leaves), siblings) == (other == index)
    assert is_under(root, leaves[index], other, len(leaves), siblings) == (other == index)
    assert not is_under(root, leaves[index], index, len(leaves), [*siblings, root])
    assert not siblings or not is_under(root, leaves[index], index, len(leaves), siblings[:-1])


@pytest.mark.parametrize("index", [-1, 3])
def test_a_place_outside_the_tree_is_under_no_root(index):
    leaves = [leaf_hash(bytes([n])) for n in range(3)]
    assert not is_under(tree_of(leaves).root, leaves[0], index, 3, path(leaves, 0))
