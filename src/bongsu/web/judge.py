"""Judges at work: somebody else is asked what they make of a reply, within the guard's time-out: another model whether
it rests on its context, a service of fact checkers what was found of its claims (``factcheck``).

They are asked with what is personal hidden, on the loop, so that nobody else waits; what a model costs is booked on the
call. A model that fails too often is left alone for a while, as upstreams of calls are; its circuit is the guard's own,
for its time-out is, and calls may well wait longer. Who cannot be asked, is too slow, or answers something else has
failed: that is counted apart from verdicts, and means what the guard's ``fails`` says.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bongsu.access.meter import Meter, Usage, estimate, read_usage
from bongsu.allow import Allowing
from bongsu.checks.judge import Judge
from bongsu.checks.pii import Pii
from bongsu.guard import Guard
from bongsu.ports import Check
from bongsu.privacy.tokens import Aliases
from bongsu.quantity import show_duration
from bongsu.support import FactChecks, JudgeError, Support
from bongsu.web.asked import decode_object, encode
from bongsu.web.errors import by_status
from bongsu.web.factcheck import looked_up
from bongsu.web.grounded import Grounded, context_of
from bongsu.web.plan import FactSource, Target
from bongsu.web.screen import Track, decide
from bongsu.web.upstream import Overlarge, Reply, Transport, UpstreamError

PATH = "/chat/completions"
LONGEST = 300
"""Most tokens of a judge's answer; it is asked for twenty, and some models think aloud before."""
Spent = Callable[[Usage, Meter], None]


def hidden(texts: Sequence[str], masks: Sequence[Check]) -> list[str]:
    """Texts with aliases for whatever these checks find, the same for the same value."""
    names = Aliases()
    return [names.hide(text, [f for check in masks for f in check.look(text)]) for text in texts]


class Judging:
    """How the judges of one call are asked: over which way, where each is, who hides what, who is told the cost."""

    def __init__(self, transport: Transport, targets: Mapping[str, Target], sources: Mapping[str, FactSource],
                 hiding: Sequence[Guard], allowing: Allowing | None, spent: Spent,
                 timer: Callable[[], int] = time.perf_counter_ns) -> None:
        self._transport, self._targets, self._sources = transport, targets, sources
        self._allowing, self._spent, self._timer = allowing, spent, timer
        self._masks: list[Check] = [Pii(), *(guard.check for guard in hiding)]

    async def judged(self, guards: Sequence[Guard], texts: Sequence[str], fields: Mapping[str, Any]) -> Grounded:
        """What all of them say of a reply; ``score`` is the least support that any gave it."""
        text = "\n\n".join(filter(None, texts))
        seen = await asyncio.gather(*(self._one(guard, text, fields) for guard in guards))
        return Grounded(decide([track for track, _ in seen]), min((s for _, s in seen if s is not None), default=None))

    async def _one(self, guard: Guard, text: str, fields: Mapping[str, Any]) -> tuple[Track, float | None]:
        track, begun = Track(guard, "output", self._allowing), self._timer()
        support = Support(None)
        try:
            support = await self.verdict(guard, text, fields)
        except JudgeError as error:
            known = error.why == "left_alone"  # was told, each time that it failed
            track.fail(f"no verdict: {error}", error.why, logging.DEBUG if known else logging.ERROR)
        except Exception as error:  # noqa: BLE001 (any fault of a part is the guard's; its text could hold the caller's)
            track.fail(type(error).__name__)
        track.unread = support.unread
        track.found, track.passed = map(list, track.sift(text, support.findings))
        track.took_ns = self._timer() - begun
        return track, support.score

    async def verdict(self, guard: Guard, text: str, fields: Mapping[str, Any]) -> Support:
        """What one of them says. Raises ``JudgeError``, also where it does not within the guard's time-out."""
        try:
            async with asyncio.timeout(guard.limit / 1e6) as within:
                return await self._asked(guard, text, fields, within)
        except TimeoutError:
            raise JudgeError(f"it did not answer within {show_duration(guard.limit)}", "timeout") from None

    async def _asked(self, guard: Guard, text: str, fields: Mapping[str, Any], within: asyncio.Timeout) -> Support:
        if isinstance(guard.check, FactChecks):
            return await looked_up(self._transport, self._sources.get(guard.name), guard.check, text, self._masks)
        judge, target = guard.check, self._targets.get(guard.name)
        assert isinstance(judge, Judge)
        context = context_of(fields, judge.roles)
        if not context:
            return Support(None)
        if target is None:
            raise JudgeError("its upstream cannot be called, or not within the borders of this call", "unable")
        answer, *sources = await asyncio.to_thread(hidden, [text, *context], self._masks)
        mark = secrets.token_hex(8)
        body = encode({"model": target.upstream.model, "messages": judge.question(answer, sources, mark),
                       "temperature": 0, "max_tokens": LONGEST, "response_format": {"type": "json_object"}})
        got = await self._sent(target, body, within)
        if got.status != 200:
            raise JudgeError(f"it answered with status {got.status}", "status")
        found = decode_object(got.body) or {}
        said = _said(found)
        if target.meter is not None:
            self._spent(read_usage(found.get("usage")) or estimate(len(body), len(said)), target.meter)
        return judge.verdict(said, text, mark)

    async def _sent(self, target: Target, body: bytes, within: asyncio.Timeout) -> Reply:
        leave, well = target.circuit.ask(self._timer()), None
        if leave is None:
            raise JudgeError("it failed too often of late and is left alone for a while", "left_alone")
        try:
            got = await self._transport.send(target.endpoint.at(PATH), body, {})
            well = None if got.status == 429 else by_status(got.status, None, "") is None
        except UpstreamError as error:
            well = None if isinstance(error, Overlarge) else False
            raise JudgeError(f"it did not answer ({type(error).__name__})", "unreachable") from None
        finally:
            leave.back(False if within.expired() else well, self._timer())
        return got


def _said(found: Mapping[str, Any]) -> str:
    try:
        said = found["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        said = None
    if not isinstance(said, str):
        raise JudgeError("it answered in another form than chat completions", "malformed")
    return said
