"""A moderation answered by the route's own guards: what each of them, of both sides, finds in a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bongsu.access.meter import NOTHING
from bongsu.guard import Guard
from bongsu.web import errors
from bongsu.web.apart import aside
from bongsu.web.asked import encode
from bongsu.web.screen import MOST, MOST_TEXTS, Track, counts, decide
from bongsu.web.serve import ASIDE
from bongsu.web.serve_stream import Streamed
from bongsu.web.surfaces.moderations import ModerationsAsked, moderation, result


class Judging(Streamed):
    """Nobody is asked and nothing is blocked: the findings are the answer."""

    async def plain(self) -> None:
        call, asked = self.call, self.request
        if not isinstance(asked, ModerationsAsked):
            raise errors.internal(call.id)
        tracks = [Track(guard, "input", self.allowing) for guard in self._guards()]
        groups = asked.asks()
        texts = [slot.text for group in groups for slot in group]
        if (came := sum(map(len, texts))) > MOST or len(texts) > MOST_TEXTS:
            raise errors.text_too_long(MOST, came, "characters")
        guards = [track.guard for track in tracks]
        results = await aside(lambda: [_seen(tracks, [slot.text for slot in group]) for group in groups], came, guards,
                              ASIDE)
        outcome = decide(tracks)
        call.found(outcome.verdicts, counts(tracks))
        if outcome.failed:
            raise errors.guard_unavailable(outcome.failed, call.id)
        call.used(NOTHING, None)
        call.ended("ok", 200)
        await self.finish(200, encode(moderation(call.id, asked.model, results)), ())

    def _guards(self) -> list[Guard]:
        """Those of both sides, each once."""
        return list({guard.name: guard for guard in (*self.plan.before, *self.plan.after)}.values())


def _seen(tracks: Sequence[Track], texts: Sequence[str]) -> dict[str, Any]:
    """What all guards find in the texts of one input."""
    seen = [(track, track.sift(text, track.look(text))[0]) for track in tracks for text in texts]
    for track, found in seen:
        track.found += found
    return result((track.guard.name, f) for track, found in seen for f in found)
