"""One call, served: checked, asked, checked again, written down, answered."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bongsu.access.meter import NOTHING, Usage, estimate
from bongsu.allow import Allowing
from bongsu.event import PROMPT, REPLY, TextColumns
from bongsu.guard import STOPS, Guard, Outcome
from bongsu.host.caller import Caller
from bongsu.policy.model import Policy
from bongsu.quantity import SECOND
from bongsu.web import errors
from bongsu.web.apart import aside
from bongsu.web.ask import Answer, Asking
from bongsu.web.asked import Asked, encode
from bongsu.web.call import Call
from bongsu.web.clusters import asked_last, read_of
from bongsu.web.errors import ApiError, Fault, Header
from bongsu.web.grounded import Grounded, claimed, judge_aside
from bongsu.web.holding import HEADER, TEXTS, Found, Holding
from bongsu.web.judge import Judging as Judges
from bongsu.web.ledger import Ledger
from bongsu.web.plan import RoutePlan
from bongsu.web.screen import MOST, MOST_TEXTS, REPLACES, screen, unwritable
from bongsu.web.surface import Blocked
from bongsu.web.upstream import Transport
from bongsu.web.wire import answer

log = logging.getLogger("bongsu.gateway")
ASIDE = 20_000
"""Characters from which on guards look in a thread: what is shorter takes them a few milliseconds at most."""


class Served:
    """What serving one call needs; ``extra`` are headers for the upstream. ``found`` is what a person has let pass."""

    def __init__(self, call: Call, request: Asked, plan: RoutePlan, policy: Policy, ledger: Ledger,
                 transport: Transport, timer: Callable[[], int], caller: Caller, extra: Mapping[str, str],
                 holding: Holding | None = None, found: Found | None = None) -> None:
        self.call, self.request, self.plan, self.policy = call, request, plan, policy
        self.ledger, self.caller, self.timer, self.holding, self.cleared = ledger, caller, timer, holding, found
        self.asking = Asking(transport, timer, call, plan, request, extra)
        self.allowing = Allowing(plan.allowed, call.at, call.masking.mark) if plan.allowed or plan.reviews else None
        self.reading, self.grounding, self.judges = plan.reading, plan.grounding, plan.judging
        self.judging: Judges | None = None
        if self.judges:
            hiding = (*plan.stored, *(g for g in self.reading if g.act == "tokenise"))
            self.judging = Judges(transport, plan.judges, plan.sources, hiding, self.allowing, call.judged, timer)
        self.claims: list[str] = []
        self.noted = False
        self.digest = ""
        self.usage = NOTHING
        self.waiting: Outcome | None = None
        self.fresh: list[bytes] = []
        self.ready: list[bytes] = []

    # ---- before the model ----

    async def checked_request(self) -> Outcome | None:
        """``check_request``, where no other call waits for it."""
        return await aside(self.check_request, self.request.chars(), self.plan.before, ASIDE)

    def check_request(self) -> Outcome | None:
        """The input guards; the outcome if the call ends here. What is to be tokenised goes on as aliases."""
        call, request, plan = self.call, self.request, self.plan
        if self.reads(PROMPT):  # before anything is replaced by an alias
            call.facts |= read_of(asked_last(request), PROMPT, plan.clusters, call.known)
        if request.user:  # on every route: what names a person is no business of the model's
            request.name_user(call.facts["user"])
        if not plan.before and not self.grounding and not self.judges and call.past is None:
            return None
        slots = [*request.slots(), *request.others()]
        call.asks([slot.text for slot in slots[: request.said] if not slot.fixed])
        before = plan.before if request.rewritable else tuple(map(_looking, plan.before))
        if not before:
            return None
        texts = [slot.text for slot in slots]
        if self.cleared is not None:
            before = self.cleared.lets(before, call, texts)
        if (came := sum(map(len, texts))) > MOST:
            raise errors.text_too_long(MOST, came, "characters")
        if len(texts) > MOST_TEXTS:
            raise errors.text_too_long(MOST_TEXTS, len(texts), "texts")
        seen = screen(before, "input", texts, allowing=self.allowing)
        seen = unwritable(seen, before, [slot.fixed for slot in slots])
        call.found(seen.outcome.verdicts, seen.counts)
        said = request.said
        call.prompt = call.keep(texts[:said], None if seen.hidden is None else seen.hidden[:said])
        if seen.outcome.failed:
            raise errors.guard_unavailable(seen.outcome.failed, call.id)
        if seen.outcome.act in STOPS:
            self.digest = call.masking.mark(TEXTS, "\0".join(texts))
            return seen.outcome
        if any(seen.spans):
            for slot, text in zip(slots, call.masking.for_model(texts, seen.spans), strict=True):
                if not slot.fixed:
                    slot.put(text)
        return None

    def reads(self, of: TextColumns) -> bool:
        """Whether a signal asks what a text of this kind says, beside guards."""
        return of.text in self.plan.clusters or of.text in self.call.known

    def answered(self, texts: Sequence[str]) -> None:
        """What is read of a reply, as the model gave it, with the caller's own values in place of aliases."""
        said = self.call.masking.restored("\n".join(texts).encode("utf-8", "replace")).decode()
        self.call.facts |= read_of(said, REPLY, self.plan.clusters, self.call.known)

    def sentence(self, outcome: Outcome) -> str:
        return outcome.reply or self.policy.apology

    # ---- a whole reply ----

    async def plain(self) -> None:
        blocked = await self.checked_request()
        if blocked is not None:
            await self.stopped(blocked)
            await self.refused(blocked, "input", NOTHING, ())
            return
        got = await self.asking.whole()
        if got.found is None:
            await self.passed_on(got)
            return
        found = got.found
        checked = await aside(lambda: self._checked(got, found), len(got.reply.body), self.reading, ASIDE)
        if isinstance(checked, Outcome):
            await self.refused(checked, "output", self.usage, got.reply.headers)
            return
        ungrounded = await self.ground(self.claims)
        if ungrounded is not None and ungrounded.act == "block":
            await self.refused(ungrounded, "output", self.usage, got.reply.headers)
            return
        if (waiting := ungrounded or self.waiting) is not None:
            await self.hold(waiting, "output", checked)
            await self.refused(waiting, "output", self.usage, got.reply.headers)
            return
        await self.finish(200, checked, got.reply.headers)

    def _checked(self, got: Answer, found: dict[str, Any]) -> bytes | Outcome:
        """The reply as the caller gets it; the outcome if a guard withholds it."""
        call, masking = self.call, self.call.masking
        told, unread = call.surface.told(found), not self.plan.after and not masking.active
        skipped = unread and told.usage is not None and not self.reads(REPLY)
        slots = None if skipped else call.surface.texts(found)
        usage = self.usage = told.usage or estimate(self.request.chars(), sum(len(s.text) for s in slots or ()))
        call.used(usage, got.target.meter)
        call.facts.update(model=told.model or call.facts["model"], response_id=told.id, finish_reason=told.finish)
        call.ended("ok", 200)
        if slots is not None and self.reads(REPLY):
            self.answered(claimed(slots))
        if unread:
            return got.reply.body
        if slots is None:
            raise errors.unreadable(call.id)
        texts, self.claims = [slot.text for slot in slots], claimed(slots)
        seen = screen(self.reading, "output", texts, allowing=self.allowing)
        seen = unwritable(seen, self.reading, [slot.fixed for slot in slots])
        call.found(seen.outcome.verdicts, seen.counts)
        call.reply = call.keep(texts, seen.hidden)
        if seen.outcome.failed:
            raise errors.guard_unavailable(seen.outcome.failed, call.id)
        if seen.outcome.act == "block":
            call.blocked(seen.outcome.by, sum(map(len, texts)))
            return seen.outcome
        self.waiting = seen.outcome if seen.outcome.act == "review" else None
        new = [masking.for_caller(t, f, json=s.json, signed=s.signed)
               for s, t, f in zip(slots, texts, seen.spans, strict=True)]
        if new == texts and not (call.surface.echoes and masking.active):
            return got.reply.body
        for slot, text in zip(slots, new, strict=True):
            slot.put(text)
        return call.surface.rewritten(found, masking)

    async def ground(self, texts: Sequence[str]) -> Outcome | None:
        """Hold the reply against its context; the outcome if it must not go out."""
        if not any(texts):
            return None
        if self.grounding:
            seen = await judge_aside(self.grounding, texts, self.request.changed, self.allowing, self.request.chars())
            if (ended := self._weighed(seen, texts)) is not None:
                return ended
        if self.judging is not None:  # what it is asked costs money: not where the reply is withheld already
            since = self.timer()
            seen = await self.judging.judged(self.judges, texts, self.request.changed)
            self.call.waited(since)
            return self._weighed(seen, texts)
        return None

    def _weighed(self, seen: Grounded, texts: Sequence[str]) -> Outcome | None:
        """What was said of the reply, as a fact of the call; the outcome if that ends it."""
        call, outcome = self.call, seen.outcome
        call.found(outcome.verdicts)
        scores = [s for s in (call.facts.get("grounding_score"), seen.score) if s is not None]
        call.facts["grounding_score"] = min(scores, default=None)
        if outcome.failed:
            raise errors.guard_unavailable(outcome.failed, call.id)
        if outcome.act not in STOPS:
            return None
        if outcome.act == "block":
            call.blocked(outcome.by, sum(map(len, texts)))
        return outcome

    # ---- what goes no further ----

    async def stopped(self, outcome: Outcome) -> None:
        """Nobody is asked: a guard blocks the request, or a person must look at it first."""
        if outcome.act == "review":
            await self.hold(outcome, "input", self.digest.encode())
        else:
            self.call.blocked(outcome.by)
        self.costs_nothing()

    async def hold(self, outcome: Outcome, on: str, body: bytes, stream: bool = False) -> None:
        """Keep it, sealed, until a person has decided; the caller gets the ticket that opens it."""
        withheld = sum(map(len, self.claims)) if on == "output" else 0
        self.call.held(outcome.by, withheld)
        if self.holding is not None:
            self.call.told += await self.holding.hold(self.call, on, body, stream)

    async def refused(self, outcome: Outcome, on: str, usage: Usage, upstream: Sequence[Header]) -> None:
        """Answer what a guard has ended: as a reply where the API has a form for that, else as an error."""
        call = self.call
        blocked = Blocked(call.id, call.at // 1_000_000, self.sentence(outcome), outcome.by, on, usage)
        said = None if self.errs(outcome) else call.surface.refusal(self.request, blocked)
        if said is not None:
            await self.finish(200, encode(said), upstream)
            return
        error = self.error_of(outcome, on)
        call.facts["status"] = error.status
        body = encode(call.surface.error(error, call.id))
        await self.finish(error.status, body, upstream, error.headers())

    def errs(self, outcome: Outcome) -> bool:
        """Whether the caller is told by an error: they want that, or there is nothing else to be said."""
        return self.call.errs or (outcome.act == "review" and not outcome.reply)

    def error_of(self, outcome: Outcome, on: str) -> ApiError:
        if outcome.act != "review":
            return errors.filtered(outcome.by, on, self.call.id)
        guard = next(g for g in (*self.plan.before, *self.plan.after) if g.name == outcome.by)
        kept = any(name == HEADER for name, _ in self.call.told)
        return errors.held(self.call.id, self.policy.review.within(guard.priority) // SECOND, kept)

    def costs_nothing(self) -> None:
        """No model is asked."""
        self.call.used(NOTHING, self.plan.chain[0].meter if self.plan.chain else None)

    async def passed_on(self, got: Answer) -> None:
        """An upstream's 4xx is about the caller's request: it is answered as it came, but for aliases."""
        status = got.reply.status
        self.call.ended("error" if status == 404 else "refused", status, f"upstream_{status}")
        await self.finish(status, self.call.masking.restored(got.reply.body), got.reply.headers)

    # ---- the end ----

    async def finish(self, status: int, body: bytes, upstream: Sequence[Header], more: Sequence[Header] = ()) -> None:
        """Write the fact, then answer."""
        if not await self.ledger.keep(self.call.seal(), self.policy, self.call.stored):
            await refuse(self.caller, self.call, errors.log_unavailable())
            return
        self.call.settle()
        self.call.started = True
        await answer(self.caller, status, [*self.call.headers(upstream), *more], body)


def _looking(guard: Guard) -> Guard:
    """A guard of what nobody may rewrite."""
    return replace(guard, act="flag") if guard.act in REPLACES else guard


async def refuse(caller: Caller, call: Call, error: ApiError) -> None:
    """Answer with an error, unless an answer has begun. The fact has been written."""
    if call.started:
        return
    call.started = True
    await answer(caller, error.status, [*call.headers(), *error.headers()], encode(call.surface.error(error, call.id)))


def log_fault(call: Call, error: Exception) -> None:
    """A fault of ours, with its place but without its message, which could hold a text of the call."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("call %s failed in the gateway: %s\n%s", call.id, type(error).__name__, where)


def outcome_of(error: ApiError) -> str:
    """How the event names it: what failed, we (500) or the model (502), is no refusal."""
    return error.outcome if isinstance(error, Fault) else "error" if error.status in (500, 502) else "refused"
