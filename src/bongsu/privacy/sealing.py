"""What a gateway puts into the day's box, and control takes out: the values of one call, by token.

The gateway knows the public half of the box only, so neither its spool nor its memory afterwards can give a value away.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Mapping
from typing import NamedTuple

from bongsu.live import Live
from bongsu.privacy.envelope import SealError, open_box, put_in_box
from bongsu.privacy.tokens import Tokeniser

KIND = "vault"
"""The kind of an event that is a filled box. None of them is ever in the event log."""
LIVE = "vault"
"""The snapshot that says which box is to be filled: ``box`` has its ``id`` and its public ``key``."""
KEPT = frozenset((
    "USER", "address", "age", "birth_date", "card", "date", "domain", "email", "iban", "ip", "kr_account", "kr_address",
    "kr_business", "kr_corporate", "kr_insurance", "kr_licence", "kr_passport", "location", "mac", "name",
    "nationality", "organization", "passport", "person", "phone", "title", "us_driver_license", "us_ssn", "wallet",
    "zip_code"))
"""Kinds whose values are kept: of what ``check: pii`` and ``check: names`` find, all but ``NEVER``."""
NEVER = frozenset(("jwt", "key", "kr_frn", "kr_rrn", "password", "private_key", "url_password"))
"""Passwords and keys, which nobody needs back, and Korean resident and foreigner registration numbers, which may not be
kept without a law that says so (PIPA, Art. 24-2)."""


class Said(NamedTuple):
    """What was in a box: the subject (a token, or nothing), when (microseconds), and value by token."""

    subject: str
    at: int
    values: Mapping[str, str]


def about(tenant: str, *names: str) -> str:
    """What is sealed is bound to: tenant, then token and key, or the box.

    >>> about("shop", "EMAIL_X", "k1")
    'shop|EMAIL_X|k1'
    """
    return "|".join((tenant, *names))


def fill(public: bytes, tenant: str, box: str, said: Said) -> str:
    """A filled box as an event carries it."""
    body = json.dumps([said.subject, said.at, dict(said.values)]).encode()
    return b64encode(put_in_box(public, about(tenant, box), body)).decode()


def empty(private: bytes, tenant: str, box: str, body: bytes) -> Said:
    """What a gateway put in. Raises ``SealError``."""
    try:
        subject, at, values = json.loads(open_box(private, about(tenant, box), body))
        return Said(str(subject), int(at), {str(k): str(v) for k, v in values.items()})
    except (ValueError, TypeError, AttributeError):
        raise SealError("expected a box that a gateway filled, came another") from None


def carried(text: str | None) -> bytes:
    """The bytes of a filled box; none where it is not whole."""
    try:
        return b64decode(text or "", validate=True)
    except (NoBase64, ValueError):
        return b""


class Noting(Tokeniser):
    """A tokeniser that remembers, for one call, what its tokens stand for."""

    __slots__ = ("noted",)

    def __init__(self, tokens: Tokeniser) -> None:
        super().__init__(tokens._key, tokens._epoch)
        self.noted: dict[str, str] = {}

    def token(self, kind: str, value: str) -> str:
        made = super().token(kind, value)
        if kind in KEPT:
            self.noted.setdefault(made, value)
        return made


class Sealer:
    """The gateway's side: which box is to be filled now, if any."""

    __slots__ = ("_live", "_tenant")

    def __init__(self, live: Live, tenant: str) -> None:
        self._live, self._tenant = live, tenant

    def noting(self, tokens: Tokeniser) -> Tokeniser:
        """What a call's tokens are made with; it remembers them only where there is a box."""
        return Noting(tokens) if "box" in self._live.current().changes else tokens

    def sealed(self, tokens: Tokeniser, subject: str, at: int) -> tuple[str, str] | None:
        """Box id and filled box; None where there is nothing to keep."""
        box = self._live.current().changes.get("box")
        if box is None or not isinstance(tokens, Noting) or not tokens.noted:
            return None
        said = Said(subject, at, tokens.noted)
        return str(box["id"]), fill(b64decode(box["key"]), self._tenant, str(box["id"]), said)

    def close(self) -> None:
        self._live.close()
