"""Words that somebody is to be told as they are, and that no file may hold as they are: whom to appeal to.

What is personal in them is sealed under a key that only this folder's processes can make; the rest stays readable.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NoBase64

from bongsu.privacy.envelope import SealError, seal, unseal
from bongsu.privacy.personal import veiled

FORM = "sealed:v1:"


def kept(key: bytes, about: str, text: str) -> str:
    """A text as it may be stored: as it is, or sealed where it holds something personal.

    >>> kept(bytes(32), "appeal", "ask the AI office"), kept(bytes(32), "appeal", "write to kim@example.com")[:10]
    ('ask the AI office', 'sealed:v1:')
    """
    if veiled(text) == text and not text.startswith(FORM):
        return text
    return FORM + b64encode(seal(key, about, text.encode())).decode()


def told(key: bytes, about: str, stored: str) -> str:
    """The way back; empty where it was sealed under another key, as in a folder whose keys were lost.

    >>> told(bytes(32), "appeal", kept(bytes(32), "appeal", "write to kim@example.com"))
    'write to kim@example.com'
    """
    if not stored.startswith(FORM):
        return stored
    try:
        return unseal(key, about, b64decode(stored.removeprefix(FORM), validate=True)).decode()
    except (SealError, NoBase64, ValueError):
        return ""
