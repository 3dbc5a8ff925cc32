"""How near everybody is to their rate limits, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.web.access import Visit, Way, answer


class Limits(Protocol):
    """What is asked of the rate limits."""

    def limits(self) -> Sequence[dict[str, Any]]:
        """Each subject's standing with each limit it has, if it called within the minute or was refused within the day;
        the most strained first."""
        ...


def limit_ways(desk: Limits) -> tuple[Way, ...]:
    """The rows of the table for these limits."""

    async def listed(_visit: Visit) -> Response:
        """Who has called within the minute, or was refused within the day, and what is left of this minute's requests
        and tokens (`requests` and `tokens` are the limits, 0 for none). `wait_us` is how long until one more call is
        let in; `refused` calls were refused by this limit since `since`. `limit` is empty for a key's own."""
        return answer({"limits": desk.limits()})

    return (Way("GET", "/v1/limits", listed, "admin"),)
