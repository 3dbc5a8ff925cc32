"""Rate limits as they are written in a policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bongsu.access.apikey import MOST_LIMIT
from bongsu.access.budget import Per
from bongsu.access.pace import RateLimit
from bongsu.policy.fault import Misfit
from bongsu.policy.spend import check_only


@dataclass(frozen=True)
class RateLimitDecl:
    """At most so many ``requests`` and ``tokens`` a minute, for each key, user or team (``per``), or for the whole
    service, over all workers. ``only`` names the teams or keys that it is for."""

    per: Per = "service"
    only: tuple[str, ...] = ()
    requests: int = 0
    tokens: int = 0

    def __post_init__(self) -> None:
        for name in ("requests", "tokens"):
            if not 0 <= getattr(self, name) <= MOST_LIMIT:
                raise Misfit(f"how many a minute, up to {MOST_LIMIT}", str(getattr(self, name)), field=name)
        if not self.requests and not self.tokens:
            raise Misfit("'requests' or 'tokens', how many a minute", "neither")
        check_only(self.only, self.per, "rate limit")


def rate_limits(declared: Mapping[str, RateLimitDecl]) -> Iterator[RateLimit]:
    return (RateLimit(name, d.per, d.only, d.requests, d.tokens) for name, d in declared.items())
