"""Channels: which there are, and a test of each, for scripts and for the person at the desk."""

from __future__ import annotations

from typing import Any, Protocol

from starlette.responses import Response

from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.cockpit import page


class Outlets(Protocol):
    """What is asked of the channels."""

    def kinds(self) -> dict[str, str]:
        """Name -> kind."""
        ...

    async def test(self, channel: str, actor: str) -> Any:
        """What came of a test notice; KeyError where there is no such channel."""
        ...


def channel_ways(outlets: Outlets) -> tuple[Way, ...]:
    """The rows of the table for these channels."""

    async def listed(_visit: Visit) -> Response:
        """Every channel with its kind."""
        return answer({"channels": [{"name": name, "kind": kind} for name, kind in outlets.kinds().items()]})

    async def test(visit: Visit) -> Response:
        """Send a test notice: the receipt, or why there is none."""
        return answer(await _test(outlets, visit))

    async def shown(visit: Visit) -> Response:
        """Channels, each with a button."""
        return _page(outlets, visit, None)

    async def tested(visit: Visit) -> Response:
        """The same, with what came of one test."""
        return _page(outlets, visit, await _test(outlets, visit))

    return (
        Way("GET", "/v1/channels", listed, "admin"),
        Way("POST", "/v1/channels/{name}/test", test, "admin"),
        Way("GET", "/channels", shown, "admin", page=True),
        Way("POST", "/channels/{name}/test", tested, "admin", page=True),
    )


async def _test(outlets: Outlets, visit: Visit) -> Any:
    try:
        return await outlets.test(visit.request.path_params["name"], visit.actor)
    except KeyError:
        known = ", ".join(outlets.kinds()) or "none"
        raise Wrong(404, "unknown_channel", f"the policy has no channel of this name (it has: {known})") from None


def _page(outlets: Outlets, visit: Visit, trial: Any) -> Response:
    return page("channels.html", visit.request, session=visit.session, secure=visit.site.secure,
                channels=outlets.kinds(), trial=trial)
