"""What must be distinct: an event that says again what another said is found as it comes, exactly, on disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.event import Event
from bongsu.policy import PolicyError, parse
from bongsu.quantity import DAY, HOUR, MINUTE
from bongsu.stores import repeats
from bongsu.stores.arrow import table
from bongsu.stores.log import EventLog
from bongsu.stores.repeats import COLUMN, Distinct
from intakekit import site

POLICY = """
bongsu: 1
service: {name: bank}
features: {account: text, amount: number}
signals:
  twice: {kind: quality, measure: duplicate, columns: [features.account, features.amount], within: 1h}
alerts: {twice: {when: twice > 5%, over: 1d, tier: minor}}
"""
PAID = Distinct("paid", ("features.amount",), HOUR)


def paid(i: int, amount: float | None, time: int, kind: str = "prediction") -> Event:
    return Event(id=f"e{i}", time=time, kind=kind, features={"amount": amount})


def said(log: EventLog) -> list[str | None]:
    return [one for _, found in log.read() for one in found[COLUMN].to_pylist()]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.0, None]), st.integers(0, 300)), max_size=30),
       st.lists(st.integers(1, 8), max_size=5))
def test_a_repeat_is_what_a_look_at_all_before_it_says_in_any_cut_and_order_of_time(
        rows: list[tuple[float | None, int]], cuts: list[int]) -> None:
    events = [paid(i, amount, minute * MINUTE) for i, (amount, minute) in enumerate(rows)]
    db, found, at = sqlite3.connect(":memory:"), [], 0
    for size in (*cuts, len(events)):
        batch = events[at:at + size]
        at += size
        if batch:
            found += repeats.marked(db, table(batch), [PAID])[COLUMN].to_pylist() if any(
                e.features["amount"] is not None for e in batch) else [None] * len(batch)
    db.close()
    wanted = [None if amount is None else
              f"paid={any(a == amount and abs(m - minute) <= 60 for a, m in rows[:i]):d}"
              for i, (amount, minute) in enumerate(rows)]
    assert found == wanted


def test_a_log_knows_what_was_said_before_it_was_closed_and_forgets_it_after_its_time(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with EventLog(path) as log:
        log.watch([PAID], DAY)
        log.append([paid(1, 5.0, DAY), paid(2, 5.0, DAY + MINUTE), paid(3, 5.0, DAY, kind="content")])
    with EventLog(path) as log:
        log.watch([PAID], DAY)
        log.append([paid(4, 5.0, DAY + 30 * MINUTE), paid(4, 5.0, DAY), paid(5, 5.0, DAY + 3 * HOUR)])
        assert said(log) == ["paid=0", "paid=1", None, "paid=1", "paid=0"]
        log.watch([PAID], DAY + 4 * DAY)
        log.append([paid(6, 5.0, DAY + 3 * HOUR)])
        assert said(log)[-1] == "paid=0", "it came four days late"
        log.watch([], 0)
        log.append([paid(7, 5.0, DAY + 3 * HOUR)])
        assert said(log)[-1] is None
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM distinct_value").fetchone() == (0,)


def test_a_column_that_a_batch_lacks_is_an_empty_one(tmp_path: Path) -> None:
    """Whether others in the batch have a coupon is nothing that one's own purchase repeats."""
    bought = Distinct("bought", ("features.account.text", "features.coupon.text"), HOUR)

    def one(key: str, **features: str) -> Event:
        return Event(id=key, time=DAY, kind="prediction", features=features)

    with EventLog(tmp_path / "events.db") as log:
        log.watch([bought], DAY)
        log.append([one("a", account="x")])
        log.append([one("b", account="x"), one("c", account="y", coupon="z")])
        log.append([one("d", coupon="x")])
        assert said(log) == ["bought=0", "bought=1", "bought=0", "bought=0"]


@pytest.mark.req("D2")
def test_payments_sent_twice_under_other_ids_alarm_and_those_after_the_hour_do_not(tmp_path: Path) -> None:
    with site(tmp_path, POLICY) as one:
        def send(name: str, n: int, **more: Any) -> None:
            rows = [{"id": f"{name}{i}", "time": one.now, "kind": "prediction",
                     "features": {"account": f"a{i}", "amount": float(i)}, **more} for i in range(n)]
            assert one.post(rows)[1]["accepted"] == n
            one.cycle()

        def vector() -> dict[str, int]:
            [signal] = [s for s in one.control.plan.signals if s.name == "twice"]
            return one.control.cells.vector(signal.key, 0, one.now + DAY)

        send("a", 100)
        assert vector() == {"total": 100}
        one.now += 2 * HOUR
        send("b", 100)
        assert vector() == {"total": 200}
        send("c", 60)
        assert vector() == {"total": 260, "bad": 60}
        assert one.control.engine.alerts["twice", ()].phase == "firing"
        [signal] = [s for s in one.control.plan.signals if s.name == "twice"]
        assert signal.sli.value(vector()) == Fraction(60, 260)
        status, refused = one.post({"id": "z", "time": one.now, "repeats": "x=1"})
        assert (status, refused["refused"][0]["field"]) == (422, "repeats")


@pytest.mark.parametrize(("said", "words"), [
    ("columns: id, within: 1h", "ids are taken once however often they come"),
    ("columns: prompt, within: 1h", "expected a column that differs where events do"),
    ("columns: model, within: 31d", "at most 30d, came 31d"),
    ("columns: model", "a column of type bool"),
])
def test_what_nobody_can_find_repeated_is_refused(said: str, words: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse("bongsu: 1\nservice: {name: s}\nsignals: {s: {kind: quality, measure: duplicate, " + said + "}}", "p", {})
    assert words in str(error.value)
