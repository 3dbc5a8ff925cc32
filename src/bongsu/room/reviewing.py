"""The review queue in control: cases out of calls and restrictions, what time makes of them, and who is told.

A case is written down before the event log has its call, and has the id of the call, so that a crash in between opens
it once and never not at all. What the event log is to hear of a case waits in the same transaction that changed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bongsu.access.restriction import Restriction
from bongsu.event import Event
from bongsu.host.folder import Folder
from bongsu.live import Publisher
from bongsu.policy.model import Policy
from bongsu.quantity import MINUTE, SECOND
from bongsu.review import EXPIRED, Case, timed, waiting
from bongsu.split import sampled
from bongsu.stores.reviews import Altered
from bongsu.stores.state import State

if TYPE_CHECKING:
    from bongsu.room.control import Control

LIVE = "reviews"
"""The snapshot that says what people have decided: ``review/CALL`` -> the word, while it can be used."""
PREFIX = "review/"
KINDS = frozenset(("call", "prediction"))
MOST = 100_000
ENOUGH = 500
"""So many calls of a sample may wait; while they do the sample takes no more, since nobody would get to them."""
YOUNG = 10 * MINUTE
"""So long a sealed reply may be there before its case is."""


class Reviewing:
    """One service's queue. Cheap where nobody reviews anything."""

    def __init__(self, policy: Policy, folder: Folder, store: State) -> None:
        self.policy, self.terms, self.store, self.folder = policy, policy.review, store, folder
        self._priority = {guard.name: guard.priority for guard in policy.guards}
        self._publisher = Publisher(folder.live, LIVE)
        self._open = store.reviews(most=MOST)
        self._blank = store.blank_reviews()
        self._read = -1
        self._next = self._minute = 0
        self._told_queue = False

    # ---- cases out of calls ----

    def take(self, events: Sequence[Event], now: int) -> Sequence[Event]:
        """The same events; what people must look at of them is written down when this returns."""
        asked = list(self._asked(events))
        if asked:
            self.store.ask_review([(case, (heard(case, "asked", now),)) for case in asked], now, self.policy.hash)
            self._blank.update(case.id for case in asked)
        for event in events:
            if event.kind == "appeal":
                self._appeal(event, now)
        if self._blank:
            texts = {e.call: (e.prompt, e.reply) for e in events if e.kind == "content" and e.call in self._blank}
            if texts:
                self.store.show_review(texts)
                self._blank.difference_update(texts)
        return events

    def _asked(self, events: Sequence[Event]) -> Iterator[Case]:
        share, terms = self.terms.sample, self.terms
        room = ENOUGH - sum(case.source == "sampled" for case in self._open)
        for event in events:
            if event.origin != "live":  # a red team breaks rules all day: nobody need look at each time
                continue
            if event.review == "held":
                priority = self._priority.get(event.blocked_by, "major")
                yield replace(_of_call(event), source="held", priority=priority,
                              due=event.time + terms.within(priority))
            elif share and room > 0 and event.kind in KINDS and sampled(event.id, "review", share):
                room -= 1
                yield replace(_of_call(event), due=event.time + terms.within("minor"))

    def _appeal(self, event: Event, now: int) -> None:
        """Somebody says why a restriction should end: a case, if there is none yet, with their words in it."""
        one = next((r for r in self.store.restrictions() if r.id == event.name and r.holds(now)), None)
        if one is None:
            return
        case = _of_restriction(one, now, self.terms.within("major"))
        self.store.ask_review([(case, (heard(case, "asked", now),))], now, self.policy.hash)
        self.store.alter_review(one.id, lambda known: Altered(
            replace(known, appeal=event.prompt or ""), "bongsu", "review.appeal", "who is restricted appeals",
        ) if not (known.appeal or known.word) else None, now, self.policy.hash)

    # ---- what time makes of them ----

    def cycle(self, control: Control) -> None:
        """Look at the clock, tell the event log, and publish what was decided."""
        now, store = control.now, self.store
        if now >= self._next or now < self._next - MINUTE:
            self._next = now + SECOND
            self._restricted(now)
            for case in self._open:
                if timed(case, now, self.terms) != case:
                    store.alter_review(case.id, lambda one: self._timed(one, now), now, self.policy.hash)
            if now // MINUTE != self._minute:
                self._minute = now // MINUTE
                self._queue(now)
                self._sweep(now)
        if self._read != store.reviews_changed:
            read = store.reviews_changed
            while told := store.untold():
                taken = control.log.append([replace(event, time=now) for event in told], None, now)
                control.counted += taken.n
                store.told(told)
            self._open = store.reviews(most=MOST)
            self._publish(now)
            self._read = read
            control.revised()

    def _timed(self, case: Case, now: int) -> Altered | None:
        new = timed(case, now, self.terms)
        if new == case:
            return None
        over = bool(new.word)
        told = [heard(new, "overdue", now)] if new.overdue and not case.overdue else []
        return Altered(new, "bongsu", "review.expire" if over else "review.overdue",
                       "nobody decided it in time" if over else "it is due, and nobody has decided it",
                       [*told, *([heard(new, EXPIRED, now)] if over else [])])

    def _restricted(self, now: int) -> None:
        """A case for every restriction that waits for a person; one whose restriction ended otherwise is over."""
        holding = [one for one in self.store.restrictions() if one.holds(now)]
        known = {case.id: case for case in self._open if case.source == "restricted"}
        fresh = [_of_restriction(one, now, self.terms.within("major")) for one in holding
                 if one.rung == "review" and one.id not in known and self.store.review(one.id) is None]
        if fresh:
            self.store.ask_review([(case, (heard(case, "asked", now),)) for case in fresh], now, self.policy.hash)
        for id_ in known.keys() - {one.id for one in holding}:
            self.store.alter_review(id_, lambda case: _moot(case, now), now, self.policy.hash)

    def _queue(self, now: int) -> None:
        """How many wait and how old the oldest is; where none waits that is said once."""
        if self._open or self._told_queue:
            oldest = max((now - case.asked for case in self._open), default=0)
            self.store.tell([Event(id=f"review-queue-{self._minute}", time=now, kind="review", review="queue",
                                   service=self.policy.service.name, review_queue=len(self._open),
                                   review_age_s=oldest / 1e6)])
        self._told_queue = bool(self._open)

    def _publish(self, now: int) -> None:
        """Tell gateways what was decided of what they hold."""
        wanted = {PREFIX + case.id: case.word for case in self._decided()}
        if wanted != self._publisher.last.changes or not self._publisher.last.generation:
            self._publisher.publish(wanted, self.policy.hash, now)

    def _sweep(self, now: int) -> None:
        """Forget what can be used no more, and the sealed replies that nobody will get."""
        self.store.forget_reviews(now - self.terms.keep)
        keep = {case.id for case in (*self._open, *self._decided()) if not case.word or case.lets}
        for path in self.folder.held.glob("*"):
            if path.name not in keep and path.stat().st_mtime * 10**6 < now - YOUNG:
                path.unlink(missing_ok=True)

    def _decided(self) -> list[Case]:
        """What gateways hold and people have decided."""
        over = self.store.reviews(ended=True, most=MOST)
        return [case for case in over if case.source == "held" and case.word != EXPIRED]


def heard(case: Case, what: str, now: int) -> Event:
    """What the event log is told of a case. It names nobody: signals about users count calls, not reviews."""
    return Event(id=f"{case.id}-review-{what}", time=now, kind="review", review=what, name=case.source, call=case.call,
                 route=case.route, blocked_by=case.guard, tier=case.priority,
                 review_age_s=max(0, now - case.asked) / 1e6)


def queue(cases: Sequence[Case], now: int) -> list[Case]:
    """Those that wait, the most urgent first."""
    return waiting(tuple(case for case in cases if case.state(now) in ("open", "claimed")))


def _moot(case: Case, now: int) -> Altered | None:
    """There is nothing left to decide."""
    if case.word:
        return None
    over = replace(case, word=EXPIRED, ended=now, claimant="", claimed_until=0)
    return Altered(over, "bongsu", "review.moot", "the restriction has ended", [heard(over, "moot", now)])


def _of_call(event: Event) -> Case:
    """The case of a call, as one of a sample."""
    held = next((v for v in event.verdicts if v.act in ("review", "block")), None)
    return Case(id=event.id, source="sampled", asked=event.time, due=event.time, priority="minor", call=event.id,
                subject=f"user/{event.user}" if event.user else f"key/{event.key}" if event.key else "",
                route=event.route, guard=held.guard if held else "", side=held.on if held else "",
                kinds=held.kinds if held else (), marks=held.marks if held else (),
                why=f"guard {held.guard} found {', '.join(held.kinds)}" if held else "one of a sample of all calls")


def _of_restriction(one: Restriction, now: int, within: int) -> Case:
    return Case(id=one.id, source="restricted", asked=now, due=now + within, subject=one.subject, why=one.reason,
                by=one.by)
