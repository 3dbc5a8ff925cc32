"""Epochs of the token key: the same value has another token in each, and only the keys of both lead from one to the
other.

A token is a keyed hash (the root, which stays) permuted under the key of its epoch (``ff1``). Whoever has the keys of
two epochs can turn a token of one into that of the other without knowing the value; without an epoch's key its tokens
say nothing any more: they join with no other epoch, and confirm no guess, not even for whoever has the root.
"""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

from bongsu.privacy.ff1 import Ff1

FORM = r"[A-Z][A-Z0-9_]{0,40}_[A-Z2-7]{16}"
"""A token of any epoch, as a regular expression."""
USER = r"USER_(?:E[0-9]{1,6}_)?[A-Z2-7]{16}"
"""What stands for a person."""
SIZE = 10
"""Bytes of a token that are no name: 80 bits, 16 letters of base 32."""
_PARTS = re.compile(r"([A-Z][A-Z0-9_]*?)(?:_E([0-9]{1,6}))?_([A-Z2-7]{16})")


class Epoch:
    """One epoch: its number, when it begins (microseconds), and its key of 32 bytes. One of a folder that is older than
    epochs has none: its tokens are the plain hash."""

    __slots__ = ("_ff1", "begins", "key", "n")

    def __init__(self, n: int, begins: int = 0, key: bytes | None = None) -> None:
        self.n, self.begins, self.key = n, begins, key
        self._ff1 = None if key is None else Ff1(key, 32, 16)

    def token(self, name: str, root: bytes) -> str:
        """The token of a hash of ``SIZE`` bytes. That of the first epoch names none.

        >>> Epoch(1).token("EMAIL", bytes(10)), Epoch(2, 0, bytes(32)).token("EMAIL", bytes(10))[:9]
        ('EMAIL_AAAAAAAAAAAAAAAA', 'EMAIL_E2_')
        """
        if self._ff1 is not None:
            root = self._ff1.encrypt(int.from_bytes(root, "big")).to_bytes(SIZE, "big")
        return f"{name}_{f'E{self.n}_' if self.n > 1 else ''}{base64.b32encode(root).decode()}"

    def root(self, body: str) -> bytes:
        """The hash behind the 16 letters of a token of this epoch."""
        hidden = base64.b32decode(body)
        return hidden if self._ff1 is None else self._ff1.decrypt(int.from_bytes(hidden, "big")).to_bytes(SIZE, "big")


FIRST = Epoch(1)


class Parts(NamedTuple):
    """Of a token: its name, its epoch, its 16 letters."""

    name: str
    epoch: int
    body: str


def parted(token: str) -> Parts | None:
    """What a token says of itself; None where it is none.

    >>> parted("USER_E12_QQWHN65O6KGV3CSM")
    Parts(name='USER', epoch=12, body='QQWHN65O6KGV3CSM')
    >>> parted("USER_QQWHN65O6KGV3CSM").epoch
    1
    """
    found = _PARTS.fullmatch(token)
    return None if found is None else Parts(found[1], int(found[2] or 1), found[3])


def carried(token: str, before: Epoch, after: Epoch) -> str:
    """The token of the same value in another epoch. Raises ValueError where it is none of ``before``.

    >>> one, two = Epoch(1, 0, bytes(32)), Epoch(2, 0, bytes(range(32)))
    >>> carried(carried("USER_QQWHN65O6KGV3CSM", one, two), two, one)
    'USER_QQWHN65O6KGV3CSM'
    """
    parts = parted(token)
    if parts is None or parts.epoch != before.n:
        raise ValueError(f"token: expected one of epoch {before.n}, came another text (not shown)")
    return after.token(parts.name, before.root(parts.body))
