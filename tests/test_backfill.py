"""A signal that is changed counts its past anew: from the log, and what the log no longer has from the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.event import Event
from bongsu.quantity import DAY
from bongsu.room.backfill import stored
from bongsu.stores.arrow import table
from bongsu.stores.lake import Lake, files
from bongsu.stores.log import EventLog
from intakekit import Site, site

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
