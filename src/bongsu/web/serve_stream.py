"""One streamed call: what is checked goes out at once, the fact is written before the last chunk."""

from __future__ import annotations

import asyncio
from functools import partial

from bongsu.access.meter import NOTHING, Usage, estimate
from bongsu.event import REPLY
from bongsu.guard import Outcome
from bongsu.web import errors
from bongsu.web.apart import aside, crews_of
from bongsu.web.ask import Answer, Open, fault_of
from bongsu.web.errors import ApiError, Fault
from bongsu.web.grounded import waits
from bongsu.web.holding import Found, holds
from bongsu.web.replies import Broken, Replies, Unreadable
from bongsu.web.screen import MOST, Stopped
from bongsu.web.serve import ASIDE, Served, log_fault, outcome_of
from bongsu.web.sse import Overlong
from bongsu.web.upstream import UpstreamError
from bongsu.web.wire import begin_stream, piece


class Streamed(Served):
    """Errors before the first chunk are plain answers; after it they are an error event, then the end."""

    async def serve(self) -> None:
        """By whichever way it goes."""
        if self.cleared is not None and self.cleared.on == "output":
            await self.release(self.cleared)
        else:
            await (self.stream() if self.request.stream else self.plain())

    async def stream(self) -> None:
        blocked = await self.checked_request()
        out = self._replies()
        if blocked is not None:
            out.head(self.call.at // 1_000_000, self.request.model)
            await self.stopped(blocked)
            if self.errs(blocked):
                await self.refused(blocked, "input", NOTHING, ())
                return
            said = out.blocked(self.sentence(blocked), blocked.by, NOTHING)
            await self._last(out, [*said, *out.usage_event(NOTHING)])
            return
        got = await self.asking.stream()
        if isinstance(got, Answer):
            await self.passed_on(got)
            return
        try:
            await self._flow(got, out)
        except ApiError as error:
            await self._broke(got, out, error)
        except Exception as error:  # noqa: BLE001 (a fault of ours, logged; the stream must still end as streams end)
            log_fault(self.call, error)
            await self._broke(got, out, errors.internal(self.call.id))
        except asyncio.CancelledError:
            if not self.call.cut:
                self._note(got, out)
                raise
            await self._broke(got, out, errors.shutting_down(self.call.id))
        finally:
            got.flow.close()

    async def release(self, found: Found) -> None:
        """What was held goes out as it was, now that a person has let it pass. It was paid for when it was held."""
        call = self.call
        call.ended("ok", 200)
        self.costs_nothing()
        call.facts.update(review="released", pii_passed=found.passed)
        if not found.stream:
            await self.finish(200, found.body, ())
            return
        if not await self.ledger.keep(call.seal(), self.policy, call.stored):
            raise errors.log_unavailable()
        call.settle()
        *most, last = found.body.removesuffix(b"\n\n").split(b"\n\n")
        self._begin()
        piece(self.caller, self._receipted([*(event + b"\n\n" for event in most), last + b"\n\n"]), last=True)

    async def _broke(self, got: Open, out: Replies, error: ApiError) -> None:
        """End with an error: a plain answer if nothing was sent yet, else an error event and the end."""
        if isinstance(error, Fault):
            self.asking.broke(got.target)
        self._withhold()
        self._note(got, out)
        if self.call.sealed or not (self.call.started or self.ready):
            raise error
        self.call.ended(outcome_of(error), 200, error.code)
        await self._last(out, out.broken(error))

    def _replies(self) -> Replies:
        out = self.call.surface.replies(self.request, self.reading, self.call.masking, self.call.id, self.allowing)
        whole = (*self.grounding, *self.judges)
        if whole:
            out.listen()
        elif self.reads(REPLY):
            out.overhear()
        self.held = waits(whole) or (self.plan.reviews and holds(self.reading))
        return out

    def _withhold(self) -> None:
        """What waits for a guard's word will not be sent."""
        if self.held:
            self.ready = []

    def _fresh(self, out: Replies) -> Replies:
        """How a refusal goes out: after what was sent, or, where all of it waited, as if nothing had been said."""
        if not self.held:
            return out
        self._withhold()
        fresh = self._replies()
        fresh.head(self.call.at // 1_000_000, self.request.model)
        return fresh

    async def _flow(self, got: Open, out: Replies) -> None:
        """From the first event to the last."""
        try:
            await self._pump(got, out)
            if not out.done and not out.finished:
                raise errors.unreachable(self.call.id)
            rest = await aside(out.end, 0, self.reading, ASIDE)
            ungrounded = await self.ground(out.heard())
            if ungrounded is not None and ungrounded.act == "block":
                raise Stopped(ungrounded, sum(map(len, out.heard())))
        except Stopped as stopped:
            if stopped.outcome.failed:
                raise errors.guard_unavailable(stopped.outcome.failed, self.call.id) from None
            got.flow.close()
            self._note(got, out)
            self.call.blocked(stopped.outcome.by, max(out.withheld, stopped.withheld))
            usage = self._usage(out)
            out = self._fresh(out)
            if self.call.errs:
                await self._erred(out, stopped.outcome, usage)
                return
            tail = out.blocked(self.sentence(stopped.outcome), stopped.outcome.by, usage)
            await self._last(out, [*tail, *out.usage_event(usage)])
            return
        except UpstreamError as error:
            raise fault_of(error, self.call) from error
        except (Overlong, Broken) as error:
            raise errors.not_a_reply(self.call.id) from error
        except Unreadable as error:
            raise errors.unreadable(self.call.id) from error
        self._note(got, out)
        waiting = ungrounded or out.outcome() if self.plan.reviews else None
        if waiting is not None and waiting.act == "review" and self.held:
            await self._hold(out, waiting, rest)
            return
        self.call.ended("ok", 200)
        if self.held:
            self.call.first_token()
        await self._last(out, [*rest, *out.usage_event(self._usage(out))])

    async def _hold(self, out: Replies, outcome: Outcome, rest: list[bytes]) -> None:
        """All of it waits for a person; nothing was sent yet."""
        usage = self._usage(out)
        whole = b"".join([*self.ready, *rest, *out.usage_event(usage), out.closing])
        await self.hold(outcome, "output", whole, stream=True)
        self.call.facts["withheld_chars"] = out.chars
        if self.errs(outcome):
            self.ready = []
            await self.refused(outcome, "output", usage, ())
            return
        out = self._fresh(out)
        await self._last(out, [*out.blocked(self.sentence(outcome), outcome.by, usage), *out.usage_event(usage)])

    async def _erred(self, out: Replies, outcome: Outcome, usage: Usage) -> None:
        """Blocked, for who wants errors: a plain one where nothing was sent yet, else an error event and the end."""
        if not (self.call.started or self.ready):
            await self.refused(outcome, "output", usage, ())
            return
        await self._last(out, out.broken(errors.filtered(outcome.by, "output", self.call.id)))

    async def _pump(self, got: Open, out: Replies) -> None:
        """Pass pieces on until the model is done: the moment they come, unless guards look beside."""
        crews = crews_of(self.reading)
        self.fresh, ended, since = got.first, False, 0

        def take(data: bytes) -> bool:
            nonlocal ended, since
            self.call.waited(since)
            ended = not data
            self.fresh = got.events.end() if ended else got.events.feed(data)
            if crews is None:
                self._feed(out)
                self._let_go(out)
                since = self.timer()
            return crews is None and not (ended or out.done) and self.caller.keeps_up

        while True:
            if crews is None:
                self._feed(out)
            else:
                await crews.beside(partial(self._feed, out))
            self._let_go(out)
            if ended or out.done:
                return
            await self.caller.ready()
            since = self.timer()
            await got.flow.pour(take)

    def _feed(self, out: Replies) -> None:
        """Have the events that came looked at."""
        events, self.fresh = self.fresh, []
        for block in events:
            self.ready += out.feed(block)
            if out.done:
                break

    def _let_go(self, out: Replies) -> None:
        """Send what is ready, unless all waits for the end."""
        if self.held and out.chars > MOST:
            self._overlong()
        if self.ready and not self.held:
            if not self.call.started:
                self._begin()
                self.call.first_token()
            ready, self.ready = self.ready, []
            piece(self.caller, ready)

    def _overlong(self) -> None:
        """More waits than guards look at: what that means is their policy."""
        closed = next((g for g in (*self.grounding, *self.judges) if g.fails == "closed" and not g.shadow), None)
        if closed is not None:
            raise errors.guard_unavailable(closed.name, self.call.id)
        self.held = False

    def _begin(self) -> None:
        if not self.call.started:
            self.call.started = True
            begin_stream(self.caller, self.call.headers())

    def _usage(self, out: Replies) -> Usage:
        return out.usage or estimate(self.request.chars(), out.chars)

    def _note(self, got: Open, out: Replies) -> None:
        """What the stream told, for the event."""
        call = self.call
        if self.noted:
            return
        self.noted = True
        call.used(self._usage(out), got.target.meter)
        call.facts.update(model=out.model or call.facts["model"], response_id=out.response_id,
                          finish_reason=out.finish_reason)
        call.found(out.outcome().verdicts, out.counts())
        call.reply = out.kept()
        if self.reads(REPLY):
            self.answered(out.heard())

    async def _last(self, out: Replies, events: list[bytes]) -> None:
        """Write the fact, then send the end: with what came before a fault in the very first piece."""
        if self.ready:
            self.call.first_token()
        kept = await self.ledger.keep(self.call.seal(), self.policy, self.call.stored)
        self.call.settle()
        if not kept:
            error = errors.log_unavailable()
            if not self.call.started:
                raise error
            self.ready, events = [], out.broken(error)
        self._begin()
        piece(self.caller, self._receipted([*self.ready, *events, out.closing]), last=True)

    def _receipted(self, pieces: list[bytes]) -> list[bytes]:
        """With what it cost, where that is asked for: inside the last event, as some readers trip over an empty one."""
        if not (receipt := self.call.receipt()):
            return pieces
        *most, last = [one for one in pieces if one] or [b"\n"]
        return [*most, receipt + last]
