"""Retention ends what nobody needs any more: damaged segments, verdicts, what channels remember of an alert."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.quantity import DAY
from bongsu.slo import tail
from bongsu.sources.spool import SpoolReader
from gatehouse import POLICY, Gatehouse, gatehouse
from stage import T0, opened

pytestmark = pytest.mark.req("X6")
KEPT = POLICY.replace("stale_after: 60s", "stale_after: 60s, retention: {log: 1d, lake: 1d, cells: 2d}")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data", KEPT) as house:
        yield house


def test_verdicts_and_notes_of_channels_end_with_the_cells_and_that_is_on_the_record(house: Gatehouse) -> None:
    old = house.verdict()["verdictId"]
    house.store.put_note("channel/ops/bongsu/bot/cost", {"ts": "1"}, house.now)
    house.store.put_note("channel_of_another_kind", 1)
    house.now += 3 * DAY
    house.store.put_note("channel/ops/bongsu/bot/slow", {"ts": "2"}, house.now)
    new = house.verdict()["verdictId"]
    house.control.cycle()
    house.control._sweep()
    assert (house.store.verdict(old), house.store.verdict(new) is None) == (None, False)
    assert house.store.note("channel/ops/bongsu/bot/cost") is None
    assert house.store.note("channel/ops/bongsu/bot/slow") == {"ts": "2"}
    assert house.store.note("channel_of_another_kind") == 1
    record = next(r for r in house.store.trail(100) if r.action == "retention")
    assert (record.detail["verdicts"], record.detail["notes"]) == (1, 1)


def test_what_was_remembered_before_its_time_was_kept_counts_from_now(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        state.put_note("channel/ops/x", 1)
        assert state.forget(T0, DAY) == {"verdicts": 0, "notes": 0}
        assert state.forget(T0 + DAY, DAY)["notes"] == 0
        assert state.forget(T0 + DAY + 1, DAY)["notes"] == 1


def test_a_damaged_segment_is_kept_as_long_as_the_log(tmp_path: Path) -> None:
    old, new = tmp_path / "a.spool.damaged", tmp_path / "b.spool.damaged"
    for path, at in ((old, T0 - 1), (new, T0)):
        path.write_bytes(b"x")
        os.utime(path, ns=(at * 1000, at * 1000))
    assert SpoolReader(tmp_path).drop_damaged(T0) == 1
    assert (old.exists(), new.exists()) == (False, True)


# ---- what every tick asks again ----


@given(st.integers(0, 12), st.integers(1, 12), st.fractions(0, 1, max_denominator=50))
def test_the_binomial_tail_is_exact_and_remembered(k: int, n: int, p: Fraction) -> None:
    assert tail(k, n, p) == sum((comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), Fraction(0))
    hits = tail.cache_info().hits
    tail(k, n, p)
    assert tail.cache_info().hits == hits + 1
