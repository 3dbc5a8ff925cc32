"""Personal data in words that are told or recorded: its kind stands in its place.

The audit log is for good and read by many, so everything that goes into it passes here: reasons, names of keys, notes
how to appeal, words of other tools. What this program made itself and others check (hashes, signatures, public keys)
is left as it is: digits in it mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from bongsu.checks.pii import Pii

_MADE = re.compile(r"[0-9a-f]{32,128}|[\w./:-]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{43,44}=?")
"""A hash or a signature in hex; a verifier key."""


def veiled(text: str) -> str:
    """A text as it may be told.

    >>> veiled("demo-large"), veiled("gildong@example.com")
    ('demo-large', '[email]')
    """
    shown, begin = "", 0
    for finding in sorted(_pii().look(text), key=lambda found: found.start):
        if finding.start >= begin:
            shown += f"{text[begin:finding.start]}[{finding.kind}]"
        begin = max(begin, finding.end)
    return shown + text[begin:]


def recorded(value: Any) -> Any:
    """A text, or every text in a mapping or a list, as it may be recorded.

    >>> recorded({"appeal": "write to kim@example.com", "tokens": ["EMAIL_QQWHN65O6KGV3CSM"], "n": 1})
    {'appeal': 'write to [email]', 'tokens': ['EMAIL_QQWHN65O6KGV3CSM'], 'n': 1}
    """
    if isinstance(value, str):
        return value if not value or _MADE.fullmatch(value) else veiled(value)
    if isinstance(value, Mapping):
        return {recorded(name): recorded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [recorded(one) for one in value]
    return value


@cache
def _pii() -> Pii:
    return Pii()
