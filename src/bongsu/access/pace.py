"""Rate limits: how many requests and tokens a minute, of a key, a user, a team or the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from bongsu.access.apikey import ApiKey
from bongsu.access.budget import Per, subject_of


@dataclass(frozen=True)
class RateLimit:
    """At most so many a minute, 0 for no limit. ``only`` names the teams or keys it is for, each with a count of its
    own; every one where it is empty."""

    name: str
    per: Per = "service"
    only: tuple[str, ...] = ()
    requests: int = 0
    tokens: int = 0


class Pull(NamedTuple):
    """A count that a call draws on: its name in the shared table, whose it is in words, what a minute brings."""

    name: bytes
    whose: str
    requests: int
    tokens: int


def pulls(key: ApiKey | None, limits: Iterable[RateLimit], facts: Mapping[str, Any]) -> list[Pull]:
    """Every count that a call with these facts draws on; none where nothing limits it.

    >>> [pull.whose for pull in pulls(None, [RateLimit("people", "user", requests=9)], {"user": "USER_A"})]
    ["rate limit 'people': this user"]
    """
    found = [] if key is None or not (key.requests or key.tokens) else [
        Pull(_counter(key.id), "this key", key.requests, key.tokens)]
    for limit in limits:
        if subject := subject_of(limit.per, limit.only, facts):
            found.append(Pull(_counter(f"{limit.name}\0{subject}"), f"rate limit {limit.name!r}: this {limit.per}",
                              limit.requests, limit.tokens))
    return found


def _counter(of: str) -> bytes:
    return sha256(f"rate\0{of}".encode()).digest()[:16]
