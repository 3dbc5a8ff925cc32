"""A Merkle tree over a log, as in Certificate Transparency (RFC 6962, SHA-256).

One root stands for every leaf and their order. An inclusion proof shows that a leaf is under a root, a consistency
proof that a larger log only added to a smaller one; both are about log2(size) hashes, and neither needs the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """An append-only Merkle tree of which only the right edge is kept: one root per perfect subtree, largest first."""

    __slots__ = ("_peaks", "size")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        level = list(leaves)
        self.size = len(level)
        self._peaks: list[bytes] = []
        while level:  # whole levels at a time: at each height the odd one out is a peak
            if len(level) & 1:
                self._peaks.append(level.pop())
            level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
        self._peaks.reverse()

    def append(self, leaf: bytes) -> None:
        node, n, peaks = leaf, self.size, self._peaks
        while n & 1:
            node = sha256(b"\x01" + peaks.pop() + node).digest()
            n >>= 1
        peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY
        root = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    return Tree(leaves).root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings on the way from one leaf to the root, lowest first (RFC 6962, 2.1.1)."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"inclusion proof: expected an index from 0 to {len(leaves) - 1}, came {index}")
    proof, level = [], list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            proof.append(level[index ^ 1])
        odd = level[-1:] if len(level) & 1 else []
        level = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=False)] + odd
        index >>= 1
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``leaf`` is at ``index`` of the tree of ``size`` leaves with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    low, high, node = index, size - 1, leaf
    for sibling in proof:
        if high == 0:
            return False
        if low & 1 or low == high:
            node = node_hash(sibling, node)
            while not low & 1 and low:
                low, high = low >> 1, high >> 1
        else:
            node = node_hash(node, sibling)
        low, high = low >> 1, high >> 1
    return high == 0 and node == root


def consistency_proof(leaves: Sequence[bytes], old: int, new: int | None = None) -> list[bytes]:
    """What shows that the first ``old`` leaves are the beginning of the first ``new`` (RFC 6962, 2.1.2)."""
    size = len(leaves) if new is None else new
    if not 0 <= old <= size <= len(leaves):
        raise IndexError(f"consistency proof: expected 0 <= old <= new <= {len(leaves)}, came old {old}, new {size}")
    proof, begin, end, known = [], 0, size, True
    while 0 < old - begin < end - begin:
        half = begin + (1 << (end - begin - 1).bit_length() - 1)
        if old <= half:
            proof.append(root_of(leaves[half:end]))
            end = half
        else:
            proof.append(root_of(leaves[begin:half]))
            begin, known = half, False
    if not known:
        proof.append(root_of(leaves[begin:end]))
    return proof[::-1]


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the log of size ``new`` only added to that of size ``old`` (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return new > 0 and not proof and old_root == EMPTY
    if not 0 < old < new or not proof:
        return False
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    low, high = old - 1, new - 1
    while low & 1:
        low, high = low >> 1, high >> 1
    first = second = path[0]
    for node in path[1:]:
        if high == 0:
            return False
        if low & 1 or low == high:
            first, second = node_hash(node, first), node_hash(node, second)
            while not low & 1 and low:
                low, high = low >> 1, high >> 1
        else:
            second = node_hash(second, node)
        low, high = low >> 1, high >> 1
    return high == 0 and first == old_root and second == new_root
