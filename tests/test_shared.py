"""The table that processes share: what still counts is never lost, what is over makes room, whoever dies or invents."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.access.apikey import ApiKey
from bongsu.access.budget import Budget
from bongsu.access.lease import TABLE
from bongsu.access.pace import Pull, pulls
from bongsu.access.shared import Full, Shared
from bongsu.event import Event
from bongsu.quantity import DAY, MINUTE, SECOND, Duration
from bongsu.room.spending import Spending
from bongsu.sources.spool import SpoolReader
from bongsu.stores.log import EventLog
from bongsu.stores.state import State
from bongsu.web.purse import LASTS, Draw, NotReady, Purse, Reserved, Spent
from bongsu.web.rates import Rates
from peoplekit import T0

USERS = Budget("each", 1000, Duration(DAY), per="user")
ROOM = 8


def name(n: int) -> bytes:
    return sha256(str(n).encode()).digest()[:16]


def draw(user: object) -> list[Draw]:
    return [Draw(USERS, f"user/{user}")]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=200))
def test_what_is_not_idle_keeps_its_place_and_its_row_whoever_comes(tmp_path_factory: pytest.TempPathFactory,
                                                                    steps: list[tuple[int, int]]) -> None:
    table = Shared(tmp_path_factory.mktemp("t") / "t", 1, capacity=ROOM)
    other = Shared(table.path, 1, capacity=ROOM)
    busy: dict[int, int] = {}
    for n, (who, value) in enumerate(steps):
        mine = (table, other)[n % 2]
        try:
            place = mine.place(name(who), lambda place, mine=mine: mine.row(place) == (0,))
        except Full:
            assert who not in busy
            assert len(busy) == ROOM
            continue
        assert mine.row(place) == (busy.get(who, 0),)
        mine.put(place, value)
        busy.pop(who, None)
        if value:
            busy[who] = value
        for one, kept in busy.items():
            found = (other, table)[n % 2].find(name(one))
            assert found is not None
            assert table.row(found) == (kept,)
    assert len(table.names()) == table.used <= ROOM
    table.close()
    other.close()


class Books:
    """Control's side alone, with room for ``capacity`` counters."""

    def __init__(self, root: Path, budget: Budget, capacity: int) -> None:
        for sub in ("live", "spool"):
            (root / sub).mkdir(exist_ok=True)
        self.store, self.log = State(f"sqlite:///{root}/state.db"), EventLog(root / "events.db")
        self.reader, self.now = SpoolReader(root / "spool"), T0
        self.spending = Spending(root / "live", (budget,), self.store, T0, capacity)
        self.numbers = iter(range(10**9))

    def cycle(self, now: int = 0) -> None:
        self.now = now or self.now
        self.spending.look()
        batch = self.reader.read(dict(self.log.marks()), 1 << 30)
        self.log.append(batch.events, batch.marks)
        self.spending.cycle(self.log, self.now)

    def spends(self, user: object, cost: int, lease: str = "") -> None:
        self.log.append([Event(id=str(next(self.numbers)), time=self.now, service="shop", user=str(user), cost=cost,
                               currency="USD", lease=lease)])

    def close(self) -> None:
        self.spending.close()
        self.log.close()
        self.store.close()


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path, USERS, ROOM)
    made.cycle()
    yield made
    made.close()


def test_users_who_are_invented_and_spend_nothing_never_fill_the_table(tmp_path: Path, books: Books) -> None:
    purse = Purse(tmp_path / "live", "0", ROOM)
    lease = purse.lease((USERS,))
    for n in range(20 * ROOM):
        got = purse.reserve(draw(n), 1000, lease)
        assert isinstance(got, Reserved)
        purse.settle(got, 0, lease)
    books.spends("kim", 900)
    books.cycle()
    for n in range(20 * ROOM):
        got = purse.reserve(draw(n), 100, lease)
        assert isinstance(got, Reserved)
        purse.settle(got, 0, lease)
    left = purse.reserve(draw("kim"), 101, lease)
    assert isinstance(left, Spent)
    assert left.left == 100, "who did spend is never forgotten for them"
    purse.close()


def test_when_all_places_are_of_those_who_spent_nobody_new_is_let_in_and_all_are_counted(tmp_path: Path,
                                                                                        books: Books) -> None:
    purse = Purse(tmp_path / "live", "0", ROOM)
    lease = purse.lease((USERS,))
    for n in range(ROOM + 1):
        books.spends(n, 600)
    books.cycle()
    table = Shared(tmp_path / "live" / TABLE, 1, ROOM)
    assert table.shut
    missing = [n for n in range(ROOM + 1) if table.find(USERS.counter(f"user/{n}")) is None]
    assert len(missing) == 1
    with pytest.raises(Full):
        purse.reserve(draw(missing[0]), 600, lease)
    for n in range(ROOM + 1):
        if n not in missing:
            assert isinstance(purse.reserve(draw(n), 401, lease), Spent)
    books.now += 2 * DAY
    books.cycle()
    assert not table.shut
    assert isinstance(purse.reserve(draw(missing[0]), 600, lease), Reserved), "what they spent is over"
    table.close()
    purse.close()


def test_places_of_those_whose_spending_is_over_are_free_after_the_lease_has_changed(tmp_path: Path,
                                                                                     books: Books) -> None:
    purse = Purse(tmp_path / "live", "0", ROOM)
    lease = purse.lease((USERS,), books.now)
    for n in range(ROOM):
        got = purse.reserve(draw(n), 10, lease)
        assert isinstance(got, Reserved)
        books.spends(n, 10, lease.name)
        purse.settle(got, 10, lease)
    slow = purse.reserve(draw(0), 5, lease)
    assert isinstance(slow, Reserved)
    books.cycle(books.now + 2 * DAY)
    with pytest.raises(Full):
        purse.reserve(draw("new"), 10, lease)
    new = purse.lease((USERS,), books.now + LASTS + 1)
    assert new is not lease, "the table is crowded"
    for _ in range(3):
        books.cycle()
    with pytest.raises(Full):
        purse.reserve(draw("new"), 10, new)
    books.spends(0, 5, lease.name)
    purse.settle(slow, 5, lease)
    for _ in range(3):
        books.cycle()
    assert [path.name for path in (tmp_path / "live").glob("*.lease")] == [f"{new.name}.lease"]
    assert isinstance(purse.reserve(draw("new"), 10, new), Reserved)
    left = purse.reserve(draw(0), 1000, new)
    assert isinstance(left, Spent)
    assert left.left == 995
    purse.close()


def test_what_a_lease_held_of_spending_that_is_over_is_not_given_twice(tmp_path: Path, books: Books) -> None:
    """Retention forgets what no budget looks back to while the worker that spent it lives on, and then it dies."""
    purse = Purse(tmp_path / "live", "0", ROOM)
    lease = purse.lease((USERS,))
    got = purse.reserve(draw("kim"), 700, lease)
    assert isinstance(got, Reserved)
    books.spends("kim", 700, lease.name)
    purse.settle(got, 700, lease)
    books.cycle()
    books.cycle(books.now + 5 * DAY)
    books.spending.forget(books.now)
    purse.close()
    for _ in range(3):
        books.cycle()
    again = Purse(tmp_path / "live", "1", ROOM)
    left = again.reserve(draw("kim"), 1001, again.lease((USERS,)))
    assert isinstance(left, Spent)
    assert left.left == 1000
    again.close()


def test_a_bucket_that_is_full_again_makes_room_and_one_that_owes_does_not(tmp_path: Path) -> None:
    def key(n: int) -> list[Pull]:
        return pulls(ApiKey(id=f"{n:08x}", name="n", created=0, by="", requests=2, tokens=10), (), {})

    small = Rates(tmp_path)
    small.close()
    (tmp_path / "buckets.map").unlink()
    rates = Rates(tmp_path)
    rates._table.close()
    rates._table = Shared(tmp_path / "buckets.map", 5, ROOM)
    rates.take(key(0), 100, T0)
    for n in range(1, ROOM):
        rates.take(key(n), 1, T0)
    with pytest.raises(Full):
        rates.take(key(99), 1, T0 + MINUTE - 1)
    for n in range(100, 150):
        assert not rates.take(key(n), 1, T0 + MINUTE * (n - 98)).after
    assert rates.take(key(0), 1, T0 + MINUTE).after > 0, "its debt is kept"
    rates.close()


# ---- processes ----

_WORKER = """
import json, random, sys, time
from pathlib import Path
from bongsu.access.budget import Budget
from bongsu.event import Event
from bongsu.quantity import SECOND, Duration
from bongsu.access.shared import Full
from bongsu.sources.spool import SpoolWriter
from bongsu.web import purse as module
root, worker, room = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
module.LASTS = SECOND // 4
now = lambda: time.time_ns() // 1000
budget = Budget("each", 1000, Duration(SECOND), per="user")
dice, spool = random.Random(int(worker)), SpoolWriter(root / "spool", worker)
purse = module.Purse(root / "live", worker, room)
end, open_, n, full, refused = now() + 4 * SECOND, [], 0, 0, 0
tried = 0
while now() < end or tried < 1500 or open_:
    lease = purse.lease((budget,), now())
    epoch = (now() // SECOND) % 100_000
    user = f"{epoch}-{dice.randrange(room // 3)}" if dice.random() < 0.6 else f"hot-{dice.randrange(2)}"
    if now() < end or tried < 1500:
        tried += 1
        try:
            got = purse.reserve([module.Draw(budget, f"user/{user}")], dice.randint(1, 400), lease)
            if isinstance(got, module.Spent):
                refused += 1
            else:
                open_.append((got, lease, user))
        except Full:
            full += 1
        except module.NotReady:
            pass
        time.sleep(0.0005)
    while open_ and (len(open_) > 10 or (now() >= end and tried >= 1500) or dice.random() < 0.5):
        got, held, user = open_.pop(dice.randrange(len(open_)))
        cost = dice.choice((0, dice.randint(0, got.amount), got.amount))
        spool.append([Event(id=f"{worker}-{n}", time=now(), service="shop", user=user, cost=cost, currency="USD",
                            lease=held.name)])
        purse.settle(got, cost, held)
        n += 1
print(json.dumps({"events": n, "full": full, "refused": refused}))
"""


@pytest.mark.timeout(120)
@pytest.mark.req("A4")
def test_two_processes_that_invent_users_in_a_small_table_overspend_nobody(tmp_path: Path) -> None:
    """Names come and go in the table while leases are changed, ended and counted; by the events, nobody ever has more
    than the limit in any window."""
    import time

    room, budget = 96, Budget("each", 1000, Duration(SECOND), per="user")
    books = Books(tmp_path, budget, room)
    books.cycle(time.time_ns() // 1000)
    running = [subprocess.Popen([sys.executable, "-c", _WORKER, str(tmp_path), str(n), str(room)],
                                stdout=subprocess.PIPE, text=True) for n in (1, 2)]
    while any(one.poll() is None for one in running):
        books.cycle(time.time_ns() // 1000)
    told = [json.loads(one.communicate()[0]) for one in running]
    for _ in range(3):
        books.cycle(time.time_ns() // 1000)
    spent: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for _, table in books.log.read(0, columns=("time", "cost", "user")):
        for row in table.to_pylist():
            spent[row["user"]].append((row["time"], row["cost"]))
    books.close()
    assert sum(map(len, spent.values())) == sum(one["events"] for one in told)
    assert len(spent) > room, "more users than the table has places were served"
    assert all(one["refused"] for one in told), "limits were reached"
    for user, rows in spent.items():
        rows.sort()
        for at, _ in rows:
            within = sum(cost for when, cost in rows if at - SECOND < when <= at)
            assert within <= budget.limit, (user, at)


def test_what_control_has_not_said_is_not_spent(tmp_path: Path) -> None:
    purse = Purse(tmp_path, "0", ROOM)
    with pytest.raises(NotReady):
        purse.reserve(draw("kim"), 1, purse.lease((USERS,)))
    purse.close()
