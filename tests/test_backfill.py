"""A signal that is changed counts its past anew: from the log, and what the log no longer has from the lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.event import Event
from bongsu.host.folder import Folder
from bongsu.policy import PolicyError, parse
from bongsu.quantity import DAY, SECOND
from bongsu.room.backfill import past, stored
from bongsu.room.control import Control
from bongsu.room.upkeep import SIGNALS_EVERY
from bongsu.runners.duckdb import reads_label
from bongsu.stores.arrow import joined, table
from bongsu.stores.lake import Lake, files
from bongsu.stores.log import EventLog
from bongsu.stores.state import State
from intakekit import T0, Site, site

POLICY = """
bongsu: 1
service: {name: bank}
features: {age: number}
settings: {retention: {log: 7d, RETENTIONlake: 365d}}
signals:
  spend: {kind: sum, of: cost}
ADDED
"""
BEFORE = POLICY.replace("ADDED", "").replace("RETENTION", "")
CHANGED = POLICY.replace("ADDED", """  each: {kind: mean, sum: features.age, labels: [route]}
  calls: {kind: count, of: cost > 0}""").replace("RETENTION", "")
DAYS = 12


def lived(one: Site, days: int) -> None:
    """Two events a day; each night what is too old goes from the log."""
    for day in range(days):
        one.post([{"id": f"{day}-{i}", "time": one.now, "route": "shop", "cost": 10, "features": {"age": day}}
                  for i in range(2)])
        one.cycle()
        one.pool.submit(one.control.upkeep.sweep).result()
        one.now += DAY
    one.cycle()
    one.pool.submit(one.control.upkeep.sweep).result()


def sums(one: Site, name: str) -> dict[str, int]:
    signal = next(s for s in one.control.plan.signals if s.name == name)
    return one.control.cells.vector(signal.key, 0, one.now + DAY)


def test_a_signal_that_is_changed_counts_from_the_lake_what_the_log_no_longer_has(tmp_path: Path) -> None:
    with site(tmp_path, BEFORE) as one:
        lived(one, DAYS)
        assert len(one.kept()) < 2 * DAYS, "the log has let some go"
        end = one.now
    with site(tmp_path, CHANGED) as one:
        one.now = end
        found = sums(one, "each")
        assert (found["n"], found["sum"]) == (2 * DAYS, 2 * 10**6 * sum(range(DAYS)))
        assert sums(one, "calls") == {"n": 2 * DAYS}
        assert sums(one, "spend")["sum"] == 2 * DAYS * 10, "what was counted stays"
        one.post([{"id": "later", "time": one.now, "route": "shop", "cost": 10, "features": {"age": 1}}])
        one.cycle()
        assert sums(one, "calls") == {"n": 2 * DAYS + 1}
    with site(tmp_path, CHANGED) as one:
        one.now = end
        assert sums(one, "calls") == {"n": 2 * DAYS + 1}, "it is counted once only"


def test_of_the_lake_only_what_cells_are_kept_of_is_read(tmp_path: Path) -> None:
    with site(tmp_path, BEFORE) as one:
        lived(one, DAYS)
        end, log, lake = one.now, one.control.log, one.folder.lake
        found = one.pool.submit(lambda: list(stored(log, lake, 10**6, end - 9 * DAY, ("time",)))).result()
        days = {at // DAY for one in found for at in one["time"].to_pylist()}
    assert min(days) == end // DAY - 9
    assert len(days) == 9


@settings(max_examples=25)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=8), cuts=st.sets(st.integers(1, 8), max_size=4),
       dropped=st.integers(0, 8), upto=st.integers(0, 9))
def test_whatever_the_lake_holds_and_the_log_has_dropped_each_event_comes_once(
    tmp_path_factory: Any, sizes: list[int], cuts: set[int], dropped: int, upto: int,
) -> None:
    root = tmp_path_factory.mktemp("lake")
    batches: list[list[Event]] = [[Event(id=f"{n}-{i}", time=n * DAY // 2 + i) for i in range(size)]
                                  for n, size in enumerate(sizes)]
    lake = Lake(root / "lake")
    ends = sorted({cut for cut in cuts if cut <= len(batches)})
    for begin, end in zip([0, *ends], ends, strict=False):
        lake.write(table([e for batch in batches[begin:end] for e in batch]), begin + 1, end)
    held = max(ends, default=0)
    with EventLog(root / "log") as log:
        for batch in batches:
            log.append(batch, now=batch[0].time)
        gone = min(dropped, held, len(batches))
        log.drop_before(batches[gone][0].time if gone < len(batches) else 10 * DAY)
        there = {position for position, _ in log.read()}
        found = sorted(i for t in stored(log, lake.folder, upto, 0, ("time", "id")) for i in t["id"].to_pylist())
    spanning = {n for one in files(lake.folder) if one.last <= upto for n in range(one.first, one.last + 1)}
    known = [n for n in range(1, len(batches) + 1) if n <= upto and (n in there or n in spanning)]
    assert found == sorted(e.id for n in known for e in batches[n - 1])


A, B = (POLICY.replace("RETENTION", "").replace("log: 7d", "log: 2d").replace(
    "ADDED", f"  calls: {{kind: count, of: cost > {n}}}\n"
    f"  wrong: {{kind: ratio, bad: label = 'bad', total: label != '' and cost > {n}}}\n"
    "alerts:\n  high: {when: calls > 1000000, over: 30d, tier: minor}") for n in (0, 1))


class Room:
    """Control on a folder, on a clock in the hand, with policies that come and go."""

    def __init__(self, root: Path) -> None:
        self.folder, self.now, self.sent = Folder(root).create(), T0, 0
        self.store, self.hidden = State(f"sqlite:///{self.folder.state}"), dict[Path, bytes]()
        self.control = self.begun(A)

    def begun(self, policy: str) -> Control:
        return Control(parse(policy, "policy.yaml", {}), self.folder, self.store, lambda: self.now)

    def send(self, days: int) -> None:
        self.control.take(table([Event(id=f"e{self.sent + i}", time=self.now - days * DAY, cost=10) for i in range(3)]))
        self.sent += 3
        self.cycle()

    def cycle(self) -> None:
        self.now += SECOND
        self.control.cycle()

    def restart(self, policy: str) -> None:
        self.control.close()
        self.control = self.begun(policy)
        self.cycle()

    def change(self, policy: str) -> None:
        """As when a reference comes: other signals while control runs."""
        self.control.policy = parse(policy, "policy.yaml", {})
        self.control.upkeep.soon("references")
        self.cycle()

    def sweep(self) -> None:
        self.now += DAY
        self.cycle()
        self.control.upkeep.sweep()

    def damage(self) -> None:
        for path in sorted(self.folder.lake.rglob("*.parquet"))[:1]:
            self.hidden.setdefault(path, path.read_bytes())
            path.write_bytes(b"PAR1 and no more")

    def mend(self) -> None:
        for path, data in self.hidden.items():
            if path.exists():
                path.write_bytes(data)
        self.hidden.clear()
        self.now += SIGNALS_EVERY
        self.cycle()

    def found(self) -> tuple[int, int]:
        """How many events were counted: as stored, and in memory."""
        key = next(s.key for s in self.control.plan.signals if s.name == "calls")
        return (sum(c.n for c in self.store.cells() if c.signal == key),
                self.control.cells.vector(key, 0, self.now + DAY).get("n", 0))

    def close(self) -> None:
        self.control.close()
        self.store.close(self.now)


@contextmanager
def room(root: Path) -> Iterator[Room]:
    made = Room(root)
    try:
        yield made
    finally:
        made.close()


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 8)),
    st.tuples(st.sampled_from(["restart", "change"]), st.sampled_from([A, B])),
    st.tuples(st.sampled_from(["sweep", "damage", "mend"])))


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(STEPS, max_size=12))
def test_whatever_comes_between_each_event_is_counted_once(tmp_path_factory: Any, steps: list[tuple[Any, ...]]) -> None:
    with room(tmp_path_factory.mktemp("room")) as one:
        for what, *given_ in [("send", 0), ("send", 8), *steps]:
            getattr(one, what)(*given_)
        one.mend()
        assert one.found() == (one.sent, one.sent)
        for policy in (B, A):
            one.restart(policy)
            assert one.found() == (one.sent, one.sent)
        assert "signals" not in one.control.troubles


@pytest.mark.parametrize("how", ["restart", "change"])
def test_a_past_that_cannot_be_read_is_a_trouble_that_names_the_file_and_is_counted_once_when_it_can(
    tmp_path: Path, how: str,
) -> None:
    with room(tmp_path) as one:
        for _ in range(5):
            one.send(0)
            one.sweep()
        one.damage()
        getattr(one, how)(B)
        assert ".parquet" in one.control.troubles["signals"]
        one.send(0)
        assert one.found() == ((0, 0) if how == "restart" else (one.sent, one.sent)), "the old plan goes on"
        one.mend()
        assert "signals" not in one.control.troubles
        assert one.found() == (one.sent, one.sent)
        one.restart(B)
        assert one.found() == (one.sent, one.sent)


def test_a_definition_that_comes_back_counts_what_came_meanwhile(tmp_path: Path) -> None:
    with room(tmp_path) as one:
        for policy in (A, B, A):
            one.restart(policy)
            one.send(0)
        assert one.found() == (9, 9)


def test_what_is_only_forgotten_in_the_middle_of_the_log_comes_from_the_lake(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with EventLog(tmp_path / "log") as log:
        for n, day in enumerate((30, 10, 30)):
            log.append([Event(id=f"{n}-{i}", time=day * DAY + i) for i in range(2)], now=30 * DAY)
        lake.write(joined([t for _, t in log.read()]), 1, 3)
        log.drop_before(20 * DAY)
        found = [i for t in stored(log, lake.folder, 3, 0, ("time", "id")) for i in t["id"].to_pylist()]
    assert sorted(found) == [f"{n}-{i}" for n in range(3) for i in range(2)]


def test_signals_that_read_labels_alone_read_nothing_of_the_lake(tmp_path: Path) -> None:
    with room(tmp_path) as one:
        for _ in range(5):
            one.send(0)
            one.sweep()
        one.damage()
        labelled = [s for s in one.control.plan.signals if reads_label(s)]
        assert labelled
        counter = one.control._count
        assert past(labelled, one.control.plan.base, one.control.log, one.folder.lake, 10**6, 0, counter).keys() == {
            s.key for s in labelled}


def test_a_lake_that_forgets_before_the_log_does_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"no shorter than retention\.log"):
        parse(BEFORE.replace("lake: 365d", "lake: 6d"), "policy.yaml", {})
