"""A decision served: the guards look, and what they come to is the answer; no model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bongsu.access.meter import NOTHING
from bongsu.event import Verdict
from bongsu.guard import STOPS, Guard, Outcome
from bongsu.web import errors
from bongsu.web.apart import aside
from bongsu.web.grounded import claimed
from bongsu.web.screen import MOST, MOST_TEXTS, screen, unwritable
from bongsu.web.serve import ASIDE
from bongsu.web.serve_stream import Streamed
from bongsu.web.surfaces.decide import DecideAsked, decision

DECISIONS = {"allow": "allow", "flag": "flag", "tokenise": "redact", "review": "review", "block": "block"}


class Deciding(Streamed):
    """An event of kind ``decision``, with the same guards, restrictions and record as a call.

    Of an input, what is personal comes back as aliases, as a model would read it; of an output as stable tokens.
    """

    async def plain(self) -> None:
        call, asked = self.call, self.request
        if not isinstance(asked, DecideAsked):
            raise errors.internal(call.id)
        call.facts["kind"] = "decision"
        guards = self.plan.before if asked.on == "input" else self.reading
        outcome = await aside(lambda: self._look(asked, guards), asked.chars(), guards, ASIDE)
        if asked.on == "output" and outcome.act != "block":
            ungrounded = await self.ground(self.claims)
            outcome = ungrounded or outcome
            if outcome.act == "allow" and any(v.act == "flag" and v.on == "output" for v in call.verdicts):
                outcome = replace(outcome, act="flag")  # by who held the reply against what it rests on
        call.used(NOTHING, None)
        call.ended("ok", 200)
        if outcome.act == "block":
            call.blocked(outcome.by)
        elif outcome.act == "review":
            call.held(outcome.by)
        said = [_told(v) for v in call.verdicts if v.on == asked.on]
        body = decision(call.id, asked, DECISIONS[outcome.act], self.sentence(outcome), said)
        await self.finish(200, body, ())

    def _look(self, asked: DecideAsked, guards: Sequence[Guard]) -> Outcome:
        """Every guard of the side; what is to be hidden is, in the request as it will be answered."""
        call, on = self.call, asked.on
        slots = asked.slots()
        texts = [slot.text for slot in slots]
        if (came := sum(map(len, texts))) > MOST:
            raise errors.text_too_long(MOST, came, "characters")
        if len(texts) > MOST_TEXTS:
            raise errors.text_too_long(MOST_TEXTS, len(texts), "texts")
        self.claims = claimed(asked.heard)
        seen = screen(guards, "input" if on == "input" else "output", texts, allowing=self.allowing)
        seen = unwritable(seen, guards, [slot.fixed for slot in slots])
        call.found(seen.outcome.verdicts, seen.counts)
        kept = call.keep(texts, seen.hidden)
        call.prompt, call.reply = (kept, None) if on == "input" else (None, kept)
        if seen.outcome.failed:
            raise errors.guard_unavailable(seen.outcome.failed, call.id)
        if seen.outcome.act in STOPS or not any(seen.spans):
            return seen.outcome
        new = (call.masking.for_model(texts, seen.spans) if on == "input"
               else [call.masking.for_store(t, f) for t, f in zip(texts, seen.spans, strict=True)])
        for slot, text in zip(slots, new, strict=True):
            if not slot.fixed:
                slot.put(text)
        return replace(seen.outcome, act="tokenise")


def _told(verdict: Verdict) -> dict[str, Any]:
    said = {"guard": verdict.guard, "version": verdict.version, "act": verdict.act, "kinds": list(verdict.kinds),
            "took_us": verdict.took_us}
    return said | ({"error": verdict.error} if verdict.error else {})
