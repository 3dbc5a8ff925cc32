"""What is sent again is known as long as its time is believed, however long ago the log forgot it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.event import Event
from bongsu.policy import parse
from bongsu.quantity import DAY, HOUR, SECOND
from bongsu.stores import ids
from bongsu.stores.arrow import table
from bongsu.stores.log import EventLog
from test_control import Room
from test_labels import label, prediction, value

POLICY = """
bongsu: 1
service: {name: shop}
settings:
  base_window: 1s
  retention: {log: 2d, cells: 60d, labels: 30d}
  ingest: {behind: 20d}
signals:
  all: {kind: count, of: "kind = 'prediction'"}
  wrong: {kind: ratio, bad: "label <> prediction", total: "label IS NOT NULL"}
"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    room.policy = parse(POLICY, "policy.yaml", {})
    room.restart()
    yield room
    room.close()


def swept(room: Room) -> None:
    room.control.cycle()
    room.now += HOUR
    room.control.cycle()
    room.control.upkeep.sweep()


@pytest.mark.req("D5")
@pytest.mark.parametrize("reads_labels", [True, False])
def test_old_events_that_are_sent_again_after_a_sweep_count_once(room: Room, reads_labels: bool) -> None:
    if not reads_labels:
        room.policy = parse(POLICY.partition("  wrong:")[0], "policy.yaml", {})
        room.restart()
    old = [prediction(i, room.now - 10 * DAY - i * HOUR) for i in range(40)]
    late = [label("p0", "b", room.now - 9 * DAY), label("p1", "a", room.now - 9 * DAY)]
    assert room.control.take(table([*old, *late])).n == 42
    swept(room)
    assert room.control.log.size().events == 0, "all of it is older than the log keeps"
    again = room.control.take(table([*late, *old, prediction(99, room.now - 10 * DAY)]))
    assert (again.n, again.duplicates) == (1, 42)
    room.restart()
    assert room.control.take(table(old)).duplicates == 40
    swept(room)
    assert value_of(room, "all") == 41
    if reads_labels:
        assert value(room.control, "wrong") == 0.5


def value_of(room: Room, name: str) -> int:
    signal = next(s for s in room.control.plan.signals if s.name == name)
    return sum(cell.n for cell in room.control.store.cells() if cell.signal == signal.key)


def test_ids_are_forgotten_with_the_day_that_nobody_believes_any_more(room: Room) -> None:
    days = "SELECT count(*) FROM past"
    room.control.take(table([prediction(i, room.now - 10 * DAY) for i in range(10)]))
    room.spool.append([Event(id="ours", time=room.now - 10 * DAY)])
    room.policy = parse(POLICY.partition("  wrong:")[0], "policy.yaml", {})
    room.now += SECOND
    room.restart()
    swept(room)
    db = room.control.log._db
    assert db.execute(days).fetchone() == (1,)
    kept = ids.known(db, table([prediction(3, room.now - 10 * DAY), Event(id="ours", time=room.now - 10 * DAY)]))
    assert kept is not None
    assert kept.to_pylist() == [True, False], "what came from a spool comes once, so its ids need no memory"
    room.now += 9 * DAY
    swept(room)
    assert db.execute(days).fetchone() == (1,)
    room.now += 2 * DAY
    swept(room)
    assert db.execute(days).fetchone() == (0,)


def test_a_batch_that_goes_in_parts_is_known_whole(room: Room) -> None:
    """Labels go with the log, and what they are about weeks later: both were one batch."""
    room.policy = parse(POLICY.replace("behind: 20d", "behind: 50d"), "policy.yaml", {})
    room.restart()
    for day in range(45):
        room.control.take(table([prediction(day, room.now), label(f"p{day}", "a", room.now)]))
        room.now += DAY
        room.control.cycle()
        room.control.upkeep.sweep()
    assert room.control.log.size().events < 40
    again = [one for i in range(45) for one in (prediction(i, room.now - (45 - i) * DAY),
                                                label(f"p{i}", "a", room.now - (45 - i) * DAY))]
    assert room.control.take(table(again)).duplicates == 90


SENT = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30)), max_size=5)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(SENT, st.integers(0, 8), st.booleans()), max_size=10),
       keep=st.integers(0, 5), behind=st.integers(0, 25), labels=st.integers(0, 10))
def test_whatever_is_sent_and_swept_an_event_is_taken_once_while_its_time_is_believed(
        steps: list[tuple[list[tuple[int, int]], int, bool]], keep: int, behind: int, labels: int) -> None:
    """Days pass, batches of (number, age in days) come, the log is swept: each event is new exactly once."""
    now, taken = 30 * DAY, set[str]()
    with TemporaryDirectory() as folder, EventLog(Path(folder) / "log.db") as log:
        for batch, wait, sweep in steps:
            now += wait * DAY
            believed = now - behind * DAY
            fit = [e for e in (Event(id=f"{n}@{now // DAY - age}", time=now - age * DAY) for n, age in batch)
                   if e.time >= believed]
            got = log.append_table(table(fit), now=now)
            fresh = {e.id for e in fit} - taken
            assert (got.n, got.duplicates) == (len(fresh), len(fit) - len(fresh))
            taken |= fresh
            if sweep:
                log.drop_before(now - keep * DAY, min(now - keep * DAY, now - labels * DAY), believed)
