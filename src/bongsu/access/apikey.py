"""Virtual keys: who calls the gateway, on whose account, and what the key may do.

Of a key only the SHA-256 of its secret is kept (it holds 256 random bits, so one hash is enough). While a key is
rotated it has two secrets that live, so that its owner can change over without a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from bongsu.quantity import DAY, QuantityError, parse_duration

INVOKE = "gateway:invoke"
LIST = "models:read"
SCOPES = (INVOKE, LIST)
PREFIX = "key/"
LONGEST_NAME = 100
LONGEST_GRACE = 30 * DAY
MOST_LIMIT = 10**9
_TAG = re.compile(r"[\w][\w.@:/ -]{0,99}")
Holding = Literal["live", "redteam", "evaluation"]


class KeyRefused(ValueError):
    """A key that cannot be made or changed so, and why: ``code`` for machines."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Hashed(msgspec.Struct, frozen=True):
    """One secret of a key: its SHA-256 (hex), and until when it lives (microseconds since 1970; 0 for no end)."""

    digest: str
    until: int = 0


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is kept and published. Instants are microseconds since 1970, 0 for none.

    ``user`` is the token of a person, never the person's name; ``region`` is where its people are. ``routes`` empty
    means every route; ``origin`` is what the events of its calls count as; ``block`` is how a blocked call is answered;
    limits are per minute, 0 for none.
    """

    id: str
    name: str
    created: int
    by: str
    user: str = ""
    team: str = ""
    service: str = ""
    tier: str = ""
    region: str = ""
    scopes: tuple[str, ...] = SCOPES
    routes: tuple[str, ...] = ()
    origin: Holding = "live"
    block: Literal["reply", "error"] = "reply"
    requests: int = 0
    tokens: int = 0
    expires: int = 0
    revoked: int = 0
    secrets: tuple[Hashed, ...] = ()

    def state(self, now: int) -> Literal["live", "expired", "revoked"]:
        if self.revoked:
            return "revoked"
        return "expired" if self.expires and self.expires <= now else "live"

    def may(self, scope: str, route: str = "") -> bool:
        return scope in self.scopes and (not self.routes or not route or route in self.routes)


def checked(key: ApiKey, routes: Iterable[str], service: str) -> ApiKey:
    """The key, if it makes sense beside the policy; raises ``KeyRefused``."""
    known = tuple(routes)
    if not key.name.strip() or len(key.name) > LONGEST_NAME or not key.name.isprintable():
        raise KeyRefused("bad_name", f"'name' says whose key it is, 1 to {LONGEST_NAME} characters")
    for field in ("team", "tier", "region"):
        value = getattr(key, field)
        if value and not _TAG.fullmatch(value):
            raise KeyRefused(f"bad_{field}", f"'{field}' is a short name: letters, digits, spaces and ._-@:/, "
                             f"{LONGEST_NAME} characters at most")
    for scope in key.scopes:
        if scope not in SCOPES:
            raise KeyRefused("bad_scope", f"expected scopes out of {', '.join(SCOPES)}, came '{scope[:40]}'")
    for route in key.routes:
        if route not in known:
            raise KeyRefused("bad_route", f"expected routes of the policy ({', '.join(known) or 'it has none'}), "
                             f"came '{route[:40]}'")
    if key.service not in ("", service):
        raise KeyRefused("bad_service", f"expected this policy's service ({service}) or none, came "
                         f"'{key.service[:40]}'")
    for field in ("requests", "tokens"):
        if not 0 <= getattr(key, field) <= MOST_LIMIT:
            raise KeyRefused(f"bad_{field}", f"'{field}' is how many a minute, 0 (no limit) to {MOST_LIMIT}")
    return key


def lasting(text: str, field: str, most: int) -> int:
    """A duration that a person wrote, more than nothing and at most ``most``; raises ``KeyRefused``."""
    try:
        value = int(parse_duration(text[:32]))
    except QuantityError as error:
        raise KeyRefused(f"bad_{field}", f"'{field}': {error}") from None
    if not 0 <= value <= most:
        raise KeyRefused(f"bad_{field}", f"'{field}' is at most {most // DAY}d, came {text[:32]!r}")
    return value


def rotated(key: ApiKey, digest: str, now: int, grace: int) -> ApiKey:
    """The key with a new secret; the one before lives ``grace`` longer, any older one no more.

    >>> key = ApiKey(id="1", name="n", created=0, by="", secrets=(Hashed("a"),))
    >>> [(s.digest, s.until) for s in rotated(rotated(key, "b", 10, 5), "c", 12, 5).secrets]
    [('c', 0), ('b', 17)]
    """
    newest = key.secrets[0]
    end = now + grace if not newest.until else min(newest.until, now + grace)
    kept = (Hashed(newest.digest, end),) if end > now else ()
    return msgspec.structs.replace(key, secrets=(Hashed(digest), *kept))
