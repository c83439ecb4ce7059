"""The Merkle tree of RFC 6962: one root for many leaves, and the path that proves that a leaf is under it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32
LEAF, NODE = b"\x00", b"\x01"
"""What is hashed begins with its kind, so that no node can be passed off as a leaf."""


def leaf_hash(content: bytes) -> bytes:
    """The hash of one leaf."""
    return sha256(LEAF + content).digest()


class Tree:
    """A tree that grows leaf by leaf; it remembers one hash for each power of two in its size."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append the hash of a leaf."""
        node, rest = leaf, self.size
        while rest & 1:
            node = _node(self._peaks.pop(), node)
            rest >>= 1
        self._peaks.append(node)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The hash of all leaves so far, in their order; that of nothing when there are none."""
        if not self._peaks:
            return sha256().digest()
        *left, node = self._peaks
        for peak in reversed(left):
            node = _node(peak, node)
        return node


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The sibling hashes from leaf `index` up to the root: PATH(m, D[n]) of RFC 6962."""
    siblings: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            siblings.append(level[index ^ 1])
        paired = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[2 * len(paired) :]  # an odd one out rises as it is
        index >>= 1
    return siblings


def is_under(root: bytes, leaf: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bool:
    """Whether the path leads from leaf `index` of `size` to the root: RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return False
    node, last = leaf, size - 1
    for sibling in siblings:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = _node(sibling, node)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            node = _node(node, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and node == root


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(NODE + left + right).digest()
