"""The one writer: collect spools -> event log -> cells -> tick -> decisions -> live policy.

Everything that can be lost is written before it is relied on: spool offsets with the batch they belong to, cells with
the log position they stand for, decisions with the engine state that made them. A ``kill -9`` between any two of these
repeats nothing and skips nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa

from bongsu import gate, wording
from bongsu.alert import Burn, Burning, Rule, Signal, State, read_burn
from bongsu.cell import FOREVER, MOST_GROUPS, MOST_LABELS, OTHER, Cell, Cells, Labels, Seats, merged
from bongsu.engine import Plan, born, standings, tick
from bongsu.event import Event
from bongsu.expression import read
from bongsu.host.epochs import EpochFiles, of_files
from bongsu.host.folder import Folder
from bongsu.host.shelf import Shelf
from bongsu.live import Publisher
from bongsu.policy.model import Policy
from bongsu.quantity import HOUR, SECOND, Duration, show_duration
from bongsu.references import register
from bongsu.room.advice import ADVICE, FAULTS
from bongsu.room.aside import Aside
from bongsu.room.backfill import past
from bongsu.room.binding import bound_plan, counting, distinct, exposed_by
from bongsu.room.clock import SLACK, came_back
from bongsu.room.epochs import Epochs
from bongsu.room.joining import batches as grouped
from bongsu.room.people import People, of_traffic
from bongsu.room.remarks import remarks
from bongsu.room.reviewing import Reviewing
from bongsu.room.rollout import Rollout
from bongsu.room.saving import TOKENS, advised
from bongsu.room.spending import Spending
from bongsu.room.upkeep import Upkeep
from bongsu.room.upstreams import Upstreams
from bongsu.room.vaulting import Vaulting
from bongsu.room.verdicts import judge_now
from bongsu.runners.duckdb import Counter, CountError
from bongsu.slis.count import Count
from bongsu.slo import Standing
from bongsu.sources.spool import SpoolReader
from bongsu.stores.arrow import joined
from bongsu.stores.lake import Lake
from bongsu.stores.log import Appended, EventLog
from bongsu.stores.state import State as Store
from bongsu.wraps.wrapping import WrapError

REPUBLISH = 2 * SECOND
COMMIT_EVERY = 5 * SECOND
SPOOL_BYTES = 16 << 20
FOLD_BATCHES = 256
CALLS = Signal("calls", Count(read("kind = 'call'")), ("route", "upstream", "outcome"), "any", "bongsu/calls")
"""Always counted: how many calls there were, and where they went."""


@dataclass(frozen=True)
class View:
    """What people are shown: everything judged at one moment. ``burning`` are the windows that decide, by alert."""

    now: int
    watermark: int
    standings: tuple[Standing, ...] = ()
    alerts: tuple[tuple[Rule, Labels, State], ...] = ()
    troubles: tuple[str, ...] = ()
    changes: dict[str, object] = field(default_factory=dict)
    automation: bool = True
    burning: dict[str, Burning] = field(default_factory=dict)
BIRTH = "/service"
"""When control first ran on a folder is kept among the birthdays of objectives, whose names have no slash."""


class Control:
    """One service's engine room. ``cycle`` is called again and again, by one thread at a time."""

    def __init__(self, policy: Policy, folder: Folder, store: Store, clock: Callable[[], int],
                 decided: Callable[[], None] = lambda: None) -> None:
        self.policy, self.folder, self.store, self.clock, self.decided = policy, folder, store, clock, decided
        self.log = EventLog(folder.events)
        self.lake = Lake(folder.lake)
        self.reader = SpoolReader(folder.spool)
        self.publisher, self.people = Publisher(folder.live), People(folder.live, store, policy.rate_limits)
        self.words = Publisher(folder.live, wording.LIVE)
        self.spending = Spending(folder.live, policy.budgets, store, clock())
        self.upstreams, self.gateways = Upstreams(folder.live, policy.upstreams), Shelf(folder.live, "", clock)
        self.vault, self.reviews = Vaulting(policy, folder, store), Reviewing(policy, folder, store)
        self.aside, files = Aside("vault", self.attempt), EpochFiles(folder.keys, clock)
        self.tokens, self.epochs = of_files(folder.keys, files), Epochs(policy, files, store, self.vault)
        self.troubles: dict[str, str] = {}
        self.lock = threading.Lock()  # of the cells and the engine's state: people read them while we count
        self.revision = 0
        self.orphans = self.log.orphans()
        self._committed = 0
        self._full: set[str] = set()
        self._seats = Seats(Cells(self.policy.plan.base))
        self._released: frozenset[str] = frozenset()
        self.engine, self.now = came_back(remembered := store.engine_state(), clock())
        self.attempt("references", lambda: register(policy, store, folder.lake, self.now))
        self.plan = self._bound()
        self.log.watch(distinct(self.plan), self.now)
        store.begin({}, {s.key for s in self.plan.signals})  # what is not counted from now on has no end to go on from
        self.counter, self.joining = counting(self._begun())
        self._adopted, self._since = False, self.now - policy.retention.cells
        self.exposed = exposed_by(self.plan)
        self.cells = Cells(self.plan.base, store.cells(self.oldest_needed()))
        self.upkeep = Upkeep(self)
        self._marks = dict(self.log.marks())
        self.counted = 0
        self.attempt("signals", self.adopt)
        self.cells.since = min(store.created([BIRTH], self.now)[BIRTH], self.cells.earliest())
        self.rollout = Rollout(self)
        self.attempt("versions", self.rollout.declared)
        self.attempt("steps", lambda: store.free_leases(self.now))  # a folder has one control: the others are dead
        self.attempt("live", self.publish)
        if (back := remembered.watermark - self.now) > 0:
            self.attempt("clock", lambda: self._record_the_clock(back))

    def _bound(self) -> Plan:
        return self._with_creation(bound_plan(self.policy, (CALLS, TOKENS), self.store))

    def refer(self) -> None:
        """Look whether references came or changed; signals bound to another version begin again."""
        register(self.policy, self.store, self.folder.lake, self.now)
        if self._bound().signals != self.plan.signals:
            # Nothing is judged meanwhile, so the lake is read only as far back as the plan needs.
            self._adopted, self._since = False, self.oldest_needed() if self._adopted else self._since
            self.upkeep.soon("signals")

    def adopt(self) -> None:
        """Count the past of signals that are new, and then by the plan that has them: all of it, or nothing changes."""
        if self._adopted:
            return
        plan, begun, base = self._bound(), self.store.begun(), self.plan.base
        fresh, keys = [s for s in plan.signals if s.key not in begun], {s.key for s in plan.signals}
        self._seats = Seats(Cells(base))
        upto = self.store.position("cells")
        counted = past(fresh, base, self.log, self.folder.lake, upto, self._since, self._count)
        self.store.begin(counted, keys)
        with self.lock:
            self.plan = plan
            self.cells.keep(keys - counted.keys())
            for cells in counted.values():
                self.cells.add(cells)
        self._count_by_the_plan()
        self._adopted = True
        self._note_full()

    def _count_by_the_plan(self) -> None:
        self.counter.close()
        self.joining.close()
        self.counter, self.joining = counting(self._begun())

    def _begun(self) -> Plan:
        """The plan, but of its signals only those whose past is counted."""
        begun = self.store.begun()
        return replace(self.plan, signals=tuple(s for s in self.plan.signals if s.key in begun))

    def referred(self) -> None:
        """A reference was registered: bind to it soon."""
        self.upkeep.soon("references")

    def cycle(self) -> int:
        """Read what there is, judge, and publish. Returns how many events were new."""
        self._look_at_the_clock()
        before, known = self.now, self.counted
        self.attempt("budgets", self.spending.look)
        # While events cannot be stored the spools keep them; the watermark stands still, so the gate says inconclusive.
        if not self.attempt("ingest", self._collect):
            return 0
        self.attempt("budgets", lambda: self.spending.cycle(self.log, self.now))
        with self.lock:
            self.engine = replace(self.engine, watermark=before)
        if not self.attempt("decisions", self.judge):
            return 0
        self.upkeep.tick()
        self.aside.turn(partial(self._aside, self.now))
        self.attempt("reviews", lambda: self.reviews.cycle(self))
        self.revision += self.counted > known
        self.attempt("live", lambda: self.publish(always=False))
        return self.counted - known

    def _aside(self, now: int) -> None:
        """What may wait for whoever keeps the master key. The end of an epoch does not, and its key is put away also
        where one key of the vault opens no more."""
        try:
            self.vault.settle(now)
        except WrapError as error:
            if error.lasting:
                self.epochs.put_away(now)
            raise
        else:
            self.epochs.put_away(now)
        finally:
            self.epochs.expire(now)

    def attempt(self, what: str, work: Callable[[], object]) -> bool:
        """Do it. Where a store cannot be used, that is a trouble which everybody is shown until it can be again."""
        try:
            work()
        except FAULTS as error:
            self.trouble(what, error)
            return False
        self.trouble(what, None)
        return True

    def trouble(self, what: str, error: BaseException | None) -> None:
        """Show a trouble, or that it is over. Never the values of a statement: they may hold what people wrote."""
        with self.lock:
            rest = {name: words for name, words in self.troubles.items() if name != what}
            said = getattr(error, "orig", None) or error
            self.troubles = rest if error is None else {**rest, what: f"{ADVICE[what]} ({said})"}

    def judge(self) -> None:
        """One tick at ``now``; what it decided is durable before anybody acts on it."""
        asked = self.store.asked()
        with self.lock:
            # A base window behind is what always is; what is longer unread was not quiet.
            stalled = self.now - self.engine.watermark > self.plan.base
            self.cells.upto = self.engine.watermark if stalled else FOREVER
            state, decisions = tick(self.plan, self.cells, self.engine, self.now, self._released, asked)
            decisions = tuple(advised(self.policy, self.plan.rules, decisions, self.cells, self.now))
        # Phases change only with a decision; values and the watermark alone can wait for the next commit.
        if decisions or self.now - self._committed >= COMMIT_EVERY:
            self.store.commit(state, decisions, self.plan, self.policy.hash, self.now)
            self._committed = self.now
        with self.lock:
            self.engine = state
        if decisions:
            self.revision += 1
            self.decided()

    def revised(self) -> None:
        """There is something new to show."""
        self.revision += 1

    def release(self, incident: str) -> None:
        """A person took an incident's actions back: it may close once its alert is clear."""
        self._released |= {incident}

    def publish(self, *, always: bool = True) -> None:
        """Make the changes now in force live in every gateway: where there are new ones, or to show that we live."""
        changes = self.store.changes()
        self.people.publish(self.epochs.beside(changes), self.policy.hash, self.now)
        wording.publish(self.words, self.plan, self.policy.hash, self.now)
        traffic, last = of_traffic(changes), self.publisher.last
        if always or traffic != last.changes or self.now - last.at >= REPUBLISH:
            self.publisher.publish(traffic, self.policy.hash, self.now)

    def view(self) -> View:
        rules = {rule.name: rule for rule in self.plan.rules}
        alerts = tuple((rules[name], labels, state) for (name, labels), state in sorted(self.engine.alerts.items())
                       if name in rules)
        with self.lock:
            judged = standings(self.plan, self.cells, self.engine, self.now)
            burning = {name: one for name, rule in rules.items() if isinstance(rule.when, Burn)
                       and (one := read_burn(self.cells, rule.when, self.now, self.engine.watermark).burning)}
        return View(self.now, self.engine.watermark, tuple(judged), alerts, (*self.troubles.values(), *self.remarks()),
                    self.store.changes(), self.store.automation(), burning)

    def verdict(self, stage: str) -> gate.Verdict:
        """The deploy gate's answer, now."""
        return judge_now(self, stage)

    def unread(self) -> int:
        """Bytes of spools that are not stored yet."""
        return self.reader.waiting(self._marks)

    def close(self) -> None:
        try:
            self.attempt("used", self.people.keep)
            self.attempt("checkpoint", lambda: self.store.checkpoint(self.now))
        finally:
            self.vault.stop()
            self.aside.close()
            self.spending.close()
            self.upstreams.close()
            self.vault.close()
            self.log.close()

    # ---- time ----

    def _look_at_the_clock(self) -> None:
        """Time does not go back a little (it waits), and goes back a lot only on the record."""
        clock = self.clock()
        if clock > self.now + HOUR:
            self.upkeep.put_off_sweep(clock)
        if clock >= self.now - SLACK:
            self.now = max(self.now, clock)
            return
        back = self.now - clock
        with self.lock:
            self.engine, self.now = came_back(self.engine, clock)
        self.plan = born(self.plan, {o.name: min(o.created, clock) for o in self.plan.objectives})
        self._committed = 0
        self.upkeep.clock_went_back(clock)
        self.attempt("clock", lambda: self._record_the_clock(back))
        self.attempt("live", self.publish)

    def _record_the_clock(self, back: int) -> None:
        self.store.free_leases(self.now)  # a retry that was put off by seconds is not put off by what went back
        self.store.record("clock.back", "bongsu", "clock", f"the clock went back by {show_duration(Duration(back))}",
                          {"by_us": back}, self.now, self.policy.hash)
        self.store.checkpoint(self.now, force=True)
        self.decided()

    # ---- the path of an event ----

    def _collect(self) -> None:
        """Take in what is there now; what comes meanwhile waits, or steady traffic would put off judging for ever."""
        left = self.reader.waiting(self._marks)
        while True:
            batch = self.reader.read(self._marks, SPOOL_BYTES)
            left -= sum(end - self._marks.get(name, 0) for name, end in batch.marks.items())
            for sentence in batch.torn:  # first: a crash may say it twice, but never not at all
                self.store.record("spool.torn", "bongsu", "spool", sentence, {}, self.now)
            if batch.marks != self._marks:
                events = self.vault.take(self.reviews.take(batch.events, self.now))
                taken = self.log.append(events, batch.marks, self.now)
                self.counted += taken.n
                self.people.saw(batch.events)
                self._marks = dict(batch.marks)
                if gone := self.reader.discard(self._marks):
                    self.log.forget_marks(gone)
                for sentence in taken.refused:
                    self.store.record("event.refused", "bongsu", "event log", sentence, {}, self.now, self.policy.hash)
            self._fold()
            if not batch.events or left <= 0:
                return

    def take(self, table: pa.Table, boxes: Sequence[Event] = ()) -> Appended:
        """Events that were submitted, as columns, and boxes for the vault: durable when this returns, counted in the
        next cycle."""
        self.vault.take(boxes)
        taken = self.log.append_table(table, now=self.clock())
        self.counted += taken.n
        self.revision += taken.n > 0
        return taken

    def _fold(self) -> None:
        """Count every batch that the cells do not stand for yet, many at a time: a query costs more than its rows."""
        columns = tuple(dict.fromkeys([*self.counter.columns, *self.joining.columns]))
        while True:
            after = self.store.position("cells")
            tables, upto = next(grouped(self.log.read(after, columns=columns), FOLD_BATCHES), ([], after))
            if not tables:
                return
            self._seats = Seats(self.cells)
            cells = self._count(self.counter, joined(tables))
            cells = merged(cells + self.joining.count(self.log, tables, after, upto, self._count))
            self._note_full()
            self.store.fold(cells, upto)
            with self.lock:
                self.cells.add(cells)
                self.exposed.add(cells)
            self.orphans = self.log.orphans()

    def _note_full(self) -> None:
        """Label values beyond the cap are counted together; that is shown, and recorded once a signal and start."""
        for signal in sorted(self._seats.full - self._full):
            self._full.add(signal)
            self.store.record("labels.full", "bongsu", signal, f"more than {MOST_LABELS} combinations of label values, "
                              f"or {MOST_GROUPS} groups: the others are counted as {OTHER}", {}, self.now,
                              self.policy.hash)

    def remarks(self) -> tuple[str, ...]:
        """What people should know though nothing is broken here."""
        return tuple(remarks(self, sorted(self._full), MOST_LABELS))

    def _count(self, counter: Counter, table: pa.Table) -> list[Cell]:
        """Count a table. An event that cannot be counted (a sum would overflow) is left out, and that is recorded."""
        try:
            return counter.count(table, self._seats)
        except CountError as error:
            if table.num_rows == 1:
                place = {name: table.column(name)[0].as_py() for name in ("id", "time") if name in table.column_names}
                self.store.record("event.uncountable", "bongsu", str(place.get("id", "an event")), str(error), place,
                                  self.now, self.policy.hash)
                return []
            half = table.num_rows // 2
            return self._count(counter, table.slice(0, half)) + self._count(counter, table.slice(half))

    # ---- beginnings ----

    def _with_creation(self, plan: Plan) -> Plan:
        """Objectives are judged from the day they were first seen, not from the day of this process."""
        created = self.store.created([o.name for o in plan.objectives], self.now)
        return born(plan, {name: min(since, self.now) for name, since in created.items()})

    def oldest_needed(self) -> int:
        return self.now - self.plan.longest_window() - HOUR
