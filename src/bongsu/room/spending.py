"""What was spent, as the events say it: kept by subject of a budget, told to the workers, leases of the dead ended.

For each counter workers read one number: what its subject spent over the window (S), less what of that the leases of
living workers still hold as settled (F). Limit - (S - F) - all that leases hold is what is left, at every moment: an
event that has been counted is in S and F, one that has not is in neither, but its worker holds it.

A dead worker's lease is ended once every event of its has been counted. What it had reserved for calls that it never
finished is free again; what it had spent is in S.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.access.budget import Budget, grain, longest, mark
from bongsu.access.lease import TABLE, Leases
from bongsu.access.shared import CAPACITY, Full, Shared
from bongsu.quantity import DAY, show_share
from bongsu.stores.log import EventLog
from bongsu.stores.state import State

BATCHES = 64
COLUMNS = ("time", "cost", "lease")
FULL = "more users and keys spend of budgets than can be counted at once, so nobody new is let in"


@dataclass(frozen=True)
class Account:
    """One subject's standing with one budget, in nano-units."""

    budget: Budget
    subject: str
    spent: int

    @property
    def left(self) -> int:
        return self.budget.limit - self.spent


class Spending:
    """Control's side of the budgets of one policy. Belongs to control's thread."""

    def __init__(self, folder: Path, budgets: Sequence[Budget], store: State, now: int,
                 capacity: int = CAPACITY) -> None:
        self.budgets, self.store, self._grain = tuple(budgets), store, grain(budgets)
        self._kinds = tuple(dict.fromkeys(b.per for b in budgets))
        self._table = Shared(folder / TABLE, 1, capacity)
        self._leases = Leases(folder, self._table)
        self._since = now - longest(budgets) - DAY
        self._rows, self._drawn = self._kept()
        self._dead: set[str] = set()
        self._dying: set[str] = set()
        self._counted = 0
        self.standing: tuple[Account, ...] = ()  # for other threads: replaced, never changed
        self._seen: tuple[int, int, frozenset[str]] | None = None
        self._told: dict[bytes, int] | None = None

    def _kept(self) -> tuple[dict[str, dict[int, int]], dict[tuple[str, str], int]]:
        rows: dict[str, dict[int, int]] = {}
        for subject, start, n in self.store.spent(self._since):
            rows.setdefault(subject, {})[start] = n
        return rows, self.store.drawn()

    def carried(self) -> None:
        """People have other tokens now: what they spent is read again, by these."""
        self._rows, self._drawn = self._kept()
        self._counted += 1

    def close(self) -> None:
        self._leases.close()
        self._table.close()

    def look(self) -> None:
        """Who is dead: asked before spools are read, for nothing is written by the dead afterwards."""
        self._dead = self._who_died()

    def _who_died(self) -> set[str]:
        if not self.budgets and not any(self._leases.folder.glob("*.lease")):
            return set()
        with self._table.locked():
            self._table.changed()  # a worker may have died between making its lease and saying so
            found = self._leases.all()
        return {lease.name for lease in found.values() if lease.dead()}

    def cycle(self, log: EventLog, now: int) -> None:
        """Count what is new in the log, tell the workers, end leases of those who were dead before spools were read."""
        for kind in self._kinds:
            self._count(log, kind)
        over = self._dying & self._dead  # twice seen dead: their spools have been read to the end
        self._tell(now, over)
        self._end(over)
        self._dying = self._dead - over

    # ---- counting ----

    def _count(self, log: EventLog, kind: str) -> None:
        name = f"spent/{kind}"
        while batches := list(log.read(self.store.position(name), BATCHES, (*COLUMNS, kind))):
            table = pa.concat_tables([one for _, one in batches])
            spent: dict[tuple[str, int], int] = {}
            drawn: dict[tuple[str, str], int] = {}
            for subject, start, lease, n in self._sums(table, kind):
                spent[subject, start] = spent.get((subject, start), 0) + n
                if lease:
                    drawn[lease, subject] = drawn.get((lease, subject), 0) + n
            if self.store.spend(spent, drawn, batches[-1][0], name):
                self._counted += 1
                for (subject, start), n in spent.items():
                    rows = self._rows.setdefault(subject, {})
                    rows[start] = rows.get(start, 0) + n
                for key, n in drawn.items():
                    self._drawn[key] = self._drawn.get(key, 0) + n

    def _sums(self, table: pa.Table, kind: str) -> Iterator[tuple[str, int, str, int]]:
        table = table.filter(pc.and_(pc.is_valid(table["cost"]), pc.is_valid(table[kind])))
        start = pc.multiply(pc.divide(table["time"], self._grain), self._grain)
        grouped = table.append_column("start", start).group_by([kind, "start", "lease"]).aggregate([("cost", "sum")])
        for row in grouped.to_pylist():
            yield f"{kind}/{row[kind]}", row["start"], row["lease"] or "", row["cost_sum"]

    # ---- telling ----

    def _tell(self, now: int, over: set[str]) -> None:
        """Put S - F of every subject where it has changed, and only then say that the table is filled."""
        living = frozenset(lease.name for lease in self._leases.all().values()) - over
        if (seen := (self._counted, now // self._grain, living)) == self._seen:
            return
        held: dict[str, int] = {}
        for (lease, subject), n in self._drawn.items():
            if lease in living:
                held[subject] = held.get(subject, 0) + n
        wanted = {budget.counter(subject): n for budget, subject, spent in self._standing(now, held)
                  if (n := spent - held.get(subject, 0))}
        about = mark(self.budgets)
        with self._table.locked():
            whole = self._write(wanted)
            if self._table.mark != about:
                self._table.mark = about
        self._seen = seen if whole else None
        self.standing = tuple(self.accounts(now))

    def _write(self, wanted: Mapping[bytes, int]) -> bool:
        """Put what has changed since it was last told; whether all of it has room. What is not in the table is
        nothing, so while something is missing nobody new is let in: it could be one of those."""
        told, table, missing = self._told, self._table, False
        if told is None:
            told = self._told = dict.fromkeys(table.names(), 1 << 62)  # whatever it says: it is written anew
        for name in told.keys() - wanted.keys():
            if (place := table.find(name)) is not None:
                table.put(place, 0)
            del told[name]
        for name, n in wanted.items():
            if told.get(name) == n:
                continue
            try:
                table.put(table.place(name, self._leases.idle), n)
                told[name] = n
            except Full:
                missing = True
        table.shut = missing
        return not missing

    def _end(self, over: set[str]) -> None:
        """After telling: for a moment too much is counted, never too little."""
        if not over:
            return
        with self._table.locked():
            for name in over:
                (self._leases.folder / f"{name}.lease").unlink(missing_ok=True)
            self._table.changed()
        self.store.forget_leases(over)
        self._drawn = {key: n for key, n in self._drawn.items() if key[0] not in over}

    # ---- asked ----

    def accounts(self, now: int) -> Iterator[Account]:
        """Every subject that has spent anything, with every budget it has."""
        return (Account(*one) for one in self._standing(now, {}))

    def _standing(self, now: int, more: Iterable[str]) -> Iterator[tuple[Budget, str, int]]:
        for budget in self.budgets:
            begin = budget.begin(now, self._grain)
            for subject in dict.fromkeys((*self._rows, *more)):
                kind, _, who = subject.partition("/")
                if kind == budget.per and (not budget.only or who in budget.only):
                    rows = self._rows.get(subject, {})
                    yield budget, subject, sum(n for start, n in rows.items() if start >= begin)

    def remarks(self) -> tuple[str, ...]:
        """Budgets that are nearly spent, or spent: one line each, however many people it is about."""
        out = [FULL] if self._table.shut else []
        for budget in self.budgets:
            mine = [a.spent for a in self.standing if a.budget is budget and budget.is_soft(a.spent)]
            if mine:
                share = show_share(Fraction(max(mine), budget.limit), 1)
                out.append(f"budget {budget.name}: {share} spent ({len(mine)} over its soft limit)")
        return tuple(out)

    def forget(self, now: int) -> None:
        """Retention: what no budget looks back to."""
        before = now - longest(self.budgets) - DAY
        self.store.forget_spent(before)
        self._rows = {s: kept for s, rows in self._rows.items()
                      if (kept := {start: n for start, n in rows.items() if start >= before})}
