"""The page of the gate: why it is as it is, denials that a person must clear, and deployments among incidents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response

from bongsu.room.board import Storyboard
from bongsu.web.access import Visit, Way, Wrong
from bongsu.web.api import reason_of
from bongsu.web.cockpit import show_page

PAGE = "/gate"


@dataclass(frozen=True)
class Happened:
    """One line of the timeline: ``kind`` is deployment, opened, cleared or closed."""

    at: int
    kind: str
    what: str
    text: str
    link: str = ""


async def shown(visit: Visit) -> Response:
    """The verdict now, latches, overrides, and the timeline."""
    desk = visit.site.desk
    board = desk.board()
    timeline = sorted((*_deployments(desk.gates.markers()), *_incidents(board.incidents)),
                      key=lambda one: -one.at)
    return show_page(visit, "gate.html", board=board, latches=desk.gates.latches(), timeline=timeline,
                     overrides=desk.gates.overrides(board.service))


def _deployments(markers: Any) -> Iterator[Happened]:
    for one in markers:
        source = " / ".join(filter(None, (one["source"], one["kind"], one["detail"].get("phase", ""))))
        yield Happened(one["at"], "deployment", source, one["text"])


def _incidents(stories: tuple[Storyboard, ...]) -> Iterator[Happened]:
    for story in stories:
        for kind in ("opened", "cleared", "closed"):
            at = getattr(story, kind)
            if at is not None:
                said = story.cause if kind == "opened" else ""
                yield Happened(at, kind, story.alert, said, f"/incidents/{story.id}")


async def confirm_clear(visit: Visit) -> Response:
    """Ask before the gate is cleared."""
    return show_page(visit, "confirm.html", kind="clear_gate", story_id="", hidden={}, back=PAGE)


async def clear(visit: Visit) -> Response:
    """Let deploys go on after alerts that are over, with a reason."""
    desk, reason = visit.site.desk, reason_of(visit)
    done = desk.gates.clear(desk.board().service, reason, visit.actor)
    if not done["cleared"]:
        firing = ", ".join(done["firing"])
        raise Wrong(409, "nothing_to_clear", f"{firing} is firing still; clear the gate when it is over" if firing else
                    "no alert holds the gate shut, so there is nothing to clear")
    return RedirectResponse(PAGE, 303)


GATE_PAGES: tuple[Way, ...] = (
    Way("GET", PAGE, shown, "admin", page=True),
    Way("GET", f"{PAGE}/clear", confirm_clear, "admin", page=True),
    Way("POST", f"{PAGE}/clear", clear, "admin", page=True),
)
