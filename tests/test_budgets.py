"""Budgets: never a unit over, nearly all of it used, the same after deaths and restarts; and what callers are told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.access.budget import Budget, grain, mark
from bongsu.access.lease import Lease
from bongsu.event import Event
from bongsu.period import Calendar
from bongsu.quantity import DAY, HOUR, SECOND, Duration
from bongsu.room.spending import Spending
from bongsu.sources.spool import SpoolReader
from bongsu.stores.log import EventLog
from bongsu.stores.state import State
from bongsu.web.purse import Draw, NotReady, Purse, Reserved, Spent
from peoplekit import T0

SMALL = Budget("small", 1_000_003, Duration(30 * DAY))
DRAW = [Draw(SMALL, "service/shop")]


class Books:
    """Control's side alone: spools are read into the log, the log into the counters."""

    def __init__(self, root: Path, *budgets: Budget, now: int = T0) -> None:
        for sub in ("live", "spool"):
            (root / sub).mkdir(exist_ok=True)
        self.root, self.now = root, now
        self.store, self.log = State(f"sqlite:///{root}/state.db"), EventLog(root / "events.db")
        self.reader = SpoolReader(root / "spool")
        self.spending = Spending(root / "live", budgets, self.store, now)

    def cycle(self, later: int = 0) -> None:
        self.now += later
        self.spending.look()
        marks = dict(self.log.marks())
        batch = self.reader.read(marks, 1 << 30)
        self.log.append(batch.events, batch.marks)
        self.spending.cycle(self.log, self.now)

    def spent(self, subject: str = "service/shop") -> int:
        return sum(a.spent for a in self.spending.accounts(self.now) if a.subject == subject)

    def add(self, id_: str, cost: int, **facts: Any) -> None:
        self.log.append([Event(id=id_, time=self.now, service="shop", cost=cost, currency="USD", **facts)])

    def close(self) -> None:
        self.spending.close()
        self.log.close()
        self.store.close()


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path, SMALL)
    yield made
    made.close()


_WORKER = """
import os, random, sys
from fractions import Fraction
from pathlib import Path
from bongsu.access.budget import Budget
from bongsu.event import Event
from bongsu.quantity import DAY, Duration
from bongsu.sources.spool import SpoolWriter
from bongsu.web.purse import Draw, Purse, Spent
root, worker, attempts, die = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "die"
budget = Budget("small", 1_000_003, Duration(30 * DAY))
dice = random.Random(int(worker))
spool = SpoolWriter(root / "spool", f"gateway-{worker}")
purse = Purse(root / "live", worker)
lease = purse.lease((budget,))
print("ready", flush=True)
sys.stdin.readline()
open_, used, n = [], 0, 0
def finish():
    global used
    reserved, cost, id_ = open_.pop(dice.randrange(len(open_)))
    spool.append([Event(id=id_, time=1_790_000_000_000_000, service="shop", cost=cost, currency="USD",
                        lease=lease.name)])
    purse.settle(reserved, cost, lease)
    used += cost
for n in range(attempts):
    got = purse.reserve([Draw(budget, "service/shop")], 1000, lease)
    if not isinstance(got, Spent):
        open_.append((got, dice.randint(0, 1000), f"{worker}-{n}"))
    while open_ and (len(open_) > 20 or isinstance(got, Spent)):
        finish()
    if die and n == attempts // 2:
        print(used, flush=True)
        sys.stdin.readline()
while open_:
    finish()
print(used, flush=True)
"""


def worker(root: Path, n: int, attempts: int, die: bool = False) -> subprocess.Popen[str]:
    made = subprocess.Popen([sys.executable, "-c", _WORKER, str(root), str(n), str(attempts), "die" if die else "live"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert made.stdout is not None
    assert made.stdout.readline() == "ready\n"
    return made


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.real
@pytest.mark.req("O4", "A4")
def test_ten_thousand_attempts_of_four_workers_spend_not_a_unit_too_much_and_all_but_one_calls_worth(
        tmp_path: Path) -> None:
    books = Books(tmp_path, SMALL)
    books.cycle()
    workers = [worker(tmp_path, n, 2500) for n in range(4)]
    for one in workers:
        go(one)
    while any(one.poll() is None for one in workers):
        books.cycle()
        assert books.spent() <= SMALL.limit
    used = sum(int(one.communicate()[0]) for one in workers)
    for _ in range(3):
        books.cycle()
    assert books.spent() == used
    assert SMALL.limit - 1000 < used <= SMALL.limit
    assert list((tmp_path / "live").glob("*.lease")) == [], "the leases of the dead are ended"
    books.close()


def test_a_killed_workers_reservations_come_back_and_nothing_it_spent_does(tmp_path: Path) -> None:
    books = Books(tmp_path, SMALL)
    books.cycle()
    victim = worker(tmp_path, 1, 200, die=True)
    go(victim)
    assert victim.stdout is not None
    used = int(victim.stdout.readline())
    purse = Purse(tmp_path / "live", "watcher")
    lease = purse.lease((SMALL,))
    held = purse.reserve(DRAW, SMALL.limit, lease)
    assert isinstance(held, Spent)
    assert held.left < SMALL.limit - used, "its reservations are held while it lives"
    victim.kill()
    victim.communicate()
    for _ in range(3):
        books.cycle()
    assert books.spent() == used
    now = purse.reserve(DRAW, SMALL.limit, lease)
    assert isinstance(now, Spent)
    assert now.left == SMALL.limit - used
    assert isinstance(purse.reserve(DRAW, now.left, lease), Reserved)
    assert isinstance(purse.reserve(DRAW, 1, lease), Spent)
    purse.close()
    books.close()


def test_what_is_spent_is_the_same_after_control_was_started_again(tmp_path: Path) -> None:
    books = Books(tmp_path, SMALL)
    books.cycle()
    purse = Purse(tmp_path / "live", "0")
    lease = purse.lease((SMALL,))
    got = purse.reserve(DRAW, 500_000, lease)
    assert isinstance(got, Reserved)
    books.add("a", 300_000, lease=lease.name)
    purse.settle(got, 300_000, lease)
    for again in range(3):
        books.cycle()
        left = purse.reserve(DRAW, SMALL.limit, lease)
        assert isinstance(left, Spent)
        assert left.left == 700_003, again
        books.close()
        books = Books(tmp_path, SMALL)
    purse.close()
    books.close()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["reserve", "settle", "event", "cycle"]), st.integers(0, 400)), max_size=60))
def test_at_no_moment_does_more_seem_left_than_is(tmp_path_factory: pytest.TempPathFactory,
                                                  steps: list[tuple[str, int]]) -> None:
    """An event is written before it is settled, and counted before or after: in any order of all that."""
    root = tmp_path_factory.mktemp("books")
    budget = Budget("b", 1000, Duration(DAY))
    books = Books(root, budget)
    books.cycle()
    purse = Purse(root / "live", "0")
    lease, draw = purse.lease((budget,)), [Draw(budget, "service/shop")]
    open_: list[tuple[Reserved, int]] = []
    written: list[tuple[Reserved, int]] = []
    spent = 0
    for n, (what, amount) in enumerate(steps):
        if what == "reserve":
            got = purse.reserve(draw, amount, lease)
            truth = budget.limit - spent - sum(r.amount for r, _ in open_)
            held = sum(r.amount for r, _ in written)
            if isinstance(got, Reserved):
                assert amount <= truth
                open_.append((got, amount * 2 // 3))
            else:
                assert got.left <= truth
                assert got.left >= truth - held, "and no more is kept back than what is not settled yet"
        elif what == "event" and open_:
            reserved, cost = open_.pop(0)
            books.add(str(n), cost, lease=lease.name)
            spent += cost
            written.append((reserved, cost))
        elif what == "settle" and written:
            purse.settle(*written.pop(0), lease)
        elif what == "cycle":
            books.cycle()
    purse.close()
    books.close()


def test_a_rolling_window_frees_what_is_older_and_a_month_begins_anew(tmp_path: Path) -> None:
    seoul = Budget("m", 1000, Duration(30 * DAY), Calendar("month", "Asia/Seoul"))
    day = Budget("d", 1000, Duration(DAY))
    books = Books(tmp_path, seoul, day)
    books.add("a", 700)
    books.cycle()

    def spent() -> dict[str, int]:
        return {a.budget.name: a.spent for a in books.spending.accounts(books.now)}

    assert spent() == {"m": 700, "d": 700}
    books.cycle(DAY - 1)
    assert spent()["d"] == 700
    books.cycle(grain([day]) + 1)
    assert spent() == {"m": 700, "d": 0}
    books.cycle(seoul.end(books.now) - books.now - 1)
    assert spent()["m"] == 700
    books.cycle(1)
    assert spent()["m"] == 0
    books.spending.forget(books.now + 100 * DAY)
    assert spent() == {}
    books.close()


@given(st.integers(T0, T0 + 400 * DAY), st.sampled_from([SECOND, HOUR, DAY, 30 * DAY]))
def test_no_window_that_ends_now_has_spending_that_is_not_counted(now: int, length: int) -> None:
    budget = Budget("b", 1, Duration(length))
    step = grain([budget])
    assert budget.begin(now, step) <= (now - length) // step * step + step
    assert budget.begin(now, step) > now - length - step


def test_other_counters_are_not_used_before_control_has_said_what_is_in_them(tmp_path: Path) -> None:
    purse = Purse(tmp_path, "0")
    with pytest.raises(NotReady):
        purse.reserve(DRAW, 1, purse.lease((SMALL,)))
    assert mark([SMALL]) == mark([Budget("renamed", 5, Duration(30 * DAY))])
    assert mark([SMALL]) != mark([SMALL, Budget("x", 5, Duration(DAY))])
    purse.close()


def test_a_lease_looks_dead_only_when_its_worker_is(tmp_path: Path) -> None:
    mine = Lease.take(tmp_path, "0")
    seen = Lease.look(mine.path)
    assert seen is not None
    assert not seen.dead()
    mine.close()
    assert seen.dead()
    seen.close()
