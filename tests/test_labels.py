"""Late labels: whatever order they come in, the cells are those of labels known beforehand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.alert import Signal
from bongsu.cell import Cell, Cells
from bongsu.event import Event
from bongsu.expression import read
from bongsu.label import joined
from bongsu.policy import parse
from bongsu.quantity import DAY, HOUR, SECOND
from bongsu.room import joining as joining_module
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.room.joining import Joining
from bongsu.runners.duckdb import Counter
from bongsu.runners.labelled import LabelledCounter
from bongsu.slis.count import Count
from bongsu.slis.ratio import Ratio
from bongsu.stores import arrow
from bongsu.stores.arrow import table
from bongsu.stores.formats import VERSION
from bongsu.stores.log import EventLog
from test_control import Room

BASE = 60 * SECOND
PREDICTED = "kind = 'prediction'"
SIGNALS = (
    Signal("wrong", Ratio(read("prediction <> label"), read("label IS NOT NULL")), ("model",), key="wrong"),
    Signal("unlabelled", Ratio(read("label IS NULL"), read(PREDICTED)), key="unlabelled"),
    Signal("all", Count(read("label IS NULL OR label <> 'x'")), key="all"),
    Signal("told", Count(read("kind = 'label' AND label = 'a'")), key="told"),
    Signal("thumbs", Ratio(read("label = 'down'"), read("label IS NOT NULL")), key="thumbs", label="feedback"),
)
IDS = [f"p{i}" for i in range(5)]
PREDICTIONS = st.builds(
    lambda i, t, p, own, model: Event(id=IDS[i], time=t, kind="prediction", prediction=p, label=own, model=model),
    st.integers(0, 4), st.integers(0, 4 * BASE), st.sampled_from("ab"), st.sampled_from(["", "", "a", "b"]),
    st.sampled_from("mn"))
LABELS = st.builds(
    lambda n, call, t, label, name: Event(id=f"l{n}", time=t, kind="label", call=call, label=label, name=name),
    st.integers(0, 9), st.sampled_from([*IDS, "nobody"]), st.integers(0, 9 * BASE), st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "", "feedback"]))


@pytest.fixture(scope="module")
def counting() -> Iterator[tuple[Joining, dict[str, Counter]]]:
    by_name = {name: Counter([s for s in SIGNALS if s.label == name], BASE) for name in ("", "feedback")}
    yield Joining(SIGNALS, BASE), by_name
    for counter in by_name.values():
        counter.close()


def plainly(counter: Counter, events) -> list[Cell]:
    return counter.count(events)


def known_beforehand(events: list[Event], by_name: dict[str, Counter]) -> Cells:
    """Each event once, in the way of a data set that has its labels: the first of an id counts."""
    first = list({e.id: e for e in reversed(events)}.values())
    return Cells(BASE, [c for name, counter in by_name.items() for c in counter.count(table(joined(first, name)))])


@pytest.mark.req("D5")
@settings(max_examples=50, deadline=None)
@given(sent=st.lists(st.lists(st.one_of(PREDICTIONS, LABELS, LABELS), max_size=4), max_size=8),
       stops=st.sets(st.integers(1, 8)))
def test_any_order_duplication_or_correction_gives_the_cells_of_labels_known_beforehand(sent, stops, counting):
    joining, by_name = counting
    with TemporaryDirectory() as folder, EventLog(Path(folder) / "log.db") as log:
        cells, after = Cells(BASE), 0
        for batch in sent:
            log.append(batch)
            if log.last_position() in stops:  # else several batches are counted at once
                cells.add(fold(log, joining, after))
                after = log.last_position()
        cells.add(fold(log, joining, after))
        events = [e for batch in sent for e in batch]
        assert cells.digest() == known_beforehand(events, by_name).digest()
        placed = {e.id for e in events if e.kind == "prediction"}
        waiting = {(e.call, e.name, e.time, e.id) for e in {e.id: e for e in reversed(events)}.values()
                   if e.kind == "label" and e.call not in placed}
        assert log.orphans() == len(waiting)


@settings(max_examples=30, deadline=None)
@given(sent=st.lists(st.lists(st.one_of(PREDICTIONS, LABELS, LABELS), max_size=5), max_size=8),
       stop=st.integers(1, 8), most=st.integers(1, 3))
def test_corrections_counted_a_few_at_a_time_are_those_counted_at_once(sent, stop, most, counting):
    joining, by_name = counting
    with (TemporaryDirectory() as folder, EventLog(Path(folder) / "log.db") as log,
          pytest.MonkeyPatch.context() as patch):
        patch.setattr(joining_module, "MOST_ROWS", most)
        for batch in sent[:stop]:
            log.append(batch)
        cells, after = Cells(BASE, fold(log, joining, 0)), log.last_position()
        for batch in sent[stop:]:
            log.append(batch)
        cells.add(fold(log, joining, after))
        assert cells.digest() == known_beforehand([e for batch in sent for e in batch], by_name).digest()


def fold(log: EventLog, joining: Joining, after: int) -> list[Cell]:
    batches = list(log.read(after, columns=joining.columns))
    return joining.count(log, [t for _, t in batches], after, log.last_position(), plainly)


@settings(max_examples=25, deadline=None)
@given(early=st.lists(st.one_of(PREDICTIONS, LABELS), max_size=8), late=st.lists(LABELS, max_size=6))
def test_what_was_learnt_later_can_be_taken_away_again(early, late, counting):
    joining, _ = counting
    with TemporaryDirectory() as folder, EventLog(Path(folder) / "log.db") as log:
        log.append(early, now=100)
        then = Cells(BASE, fold(log, joining, 0))
        after = log.last_position()
        log.append(late, now=200)
        told_only = [e for e in late if e.kind == "label"]
        now = Cells(BASE, [*then, *fold(log, joining, after)])
        now.add(joining.as_of(log, 150, log.last_position(), plainly))
        ours = [c for c in now if c.signal != "told"]
        assert ours == [c for c in then if c.signal != "told"], told_only


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.one_of(
    st.tuples(st.just("predict"), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=3)),
    st.tuples(st.just("label"), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=4)),
    st.tuples(st.just("sweep"), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=1))),
    max_size=12))
def test_what_is_swept_keeps_what_it_counted_and_the_rest_gets_its_labels(steps, counting):
    """Predictions by (number, time), labels by (number, time), sweeps by (log, labels): a label counts if its event
    is there or comes, whatever else is forgotten, and what is forgotten leaves nothing behind."""
    joining, by_name = counting
    alive, gone, facts, told = dict[str, int](), set[str](), list[Event](), list[Event]()
    with TemporaryDirectory() as folder, EventLog(Path(folder) / "log.db") as log:
        cells = Cells(BASE)
        for what, given_ in steps:
            if what == "sweep":
                keep = min(given_[0])
                log.drop_before(given_[0][0] * DAY, labelled=keep * DAY)
                gone |= {name for name in alive if log.find(name) is None}
                alive = {name: time for name, time in alive.items() if name not in gone}
                continue
            fresh = []
            for n, time in given_:
                name = f"p{n}"
                if what == "predict" and name not in alive and name not in gone:
                    alive[name] = time
                    fresh.append(Event(id=name, time=time * DAY, kind="prediction", prediction="a", model="m"))
                elif what == "label" and name not in gone:
                    told.append(Event(id=f"l{len(told)}", time=time * DAY, kind="label", call=name,
                                      label="ab"[time % 2]))
                    fresh.append(told[-1])
            facts += fresh
            after = log.last_position()
            log.append(fresh, now=99 * DAY)
            cells.add(fold(log, joining, after))
        ours = [cell for cell in cells if cell.signal != "told"]
        assert ours == [cell for cell in known_beforehand(facts, by_name) if cell.signal != "told"]
        assert [log.labels_of(name) for name in sorted(gone)] == [[]] * len(gone)
        kept = {call: sum(e.call == call for e in told) for call in {e.call for e in told} - gone}
        assert {call: len(log.labels_of(call)) for call in kept} == kept
        log.drop_before(100 * DAY)
        left = [log._db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("told", "waits", "related")]
        assert left == [0, 0, 0]


def prediction(i: int, time: int, label: str = "", **more) -> Event:
    return Event(id=f"p{i}", time=time, kind="prediction", prediction="a", label=label, **more)


def label(call: str, value: str, time: int, n: int = 0, **more) -> Event:
    return Event(id=f"{call}/{value}/{n}", time=time, kind="label", call=call, label=value, **more)


def test_what_may_get_a_label_is_kept_without_its_texts_and_counts_weeks_later(tmp_path, counting):
    joining, _ = counting
    events = [prediction(i, i * DAY, prompt="hello") for i in range(4)]
    content = Event(id="c", time=0, kind="content", call="p0", prompt="hello")
    with EventLog(tmp_path / "log.db") as log:
        for event in events:
            log.append([event, *([content] if event.id == "p0" else [])])
        cells = Cells(BASE, fold(log, joining, 0))
        assert log.drop_before(3 * DAY, labelled=DAY // 2) == 2, "p0 is too old for a label, and so is its content"
        assert log.find("p0") is None
        kept = log.find("p1")
        assert kept is not None
        assert (kept.prediction, kept.prompt) == ("a", None)
        assert [p for p, _ in log.read(0)] == [4], "what is kept for labels alone is no batch to read"
        after = log.last_position()
        late = [label("p1", "b", 9 * DAY), label("p3", "a", 9 * DAY), label("p0", "b", 9 * DAY)]
        log.append([*late, *events[1:3]], now=9 * DAY)
        cells.add(fold(log, joining, after))
        wrong = {c.start: c.n for c in cells if (c.signal, c.part) == ("wrong", "bad")}
        assert wrong == {DAY // BASE * BASE: 1}
        assert log.orphans() == 1
        assert log.drop_before(20 * DAY, labelled=15 * DAY) == 3 + 3
        assert (log.orphans(), log.labels_of("p1"), log.size().batches) == (0, [], 0)


@pytest.mark.parametrize("names", [[f"p{i:03d}" for i in range(40)], [f"p{i * 7 % 40:03d}" for i in range(40)],
                                   ["p000"]], ids=["ordered", "random", "few"])
def test_a_label_is_related_as_long_as_its_batch_is_kept_whatever_order_its_events_came_in(tmp_path, names):
    with EventLog(tmp_path / "log.db") as log:
        log.append([Event(id=name, time=1, kind="prediction") for name in names])
        log.append([Event(id=f"l/{name}", time=9, kind="label", call=name) for name in names])
        log.append([Event(id="other", time=12, kind="prediction", call="p000")])
        log.drop_before(5)
        assert (log.find("p000"), log.labels_of("p000")) == (None, [])
        assert [event.id for event in log.related("p000")] == ["l/p000", "other"]
        log.drop_before(10)
        assert [event.id for event in log.related("p000")] == ["other"]
        log.drop_before(20)
        assert [log._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("told", "related", "span", "seen")] == [0, 0, 0, 0]


OLDER = """
DROP TABLE span; ALTER TABLE batch DROP COLUMN sent; DROP TABLE past; DROP TABLE waits; DROP TABLE told;
"""
ROWS = """
CREATE TABLE label (call TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, label TEXT NOT NULL,
                    annotator TEXT NOT NULL, position INTEGER NOT NULL, place INTEGER, known INTEGER NOT NULL,
                    PRIMARY KEY (call, name, at, id)) WITHOUT ROWID;
INSERT INTO label VALUES ('p1', '', 7, 'p1/b/0', 'b', '', 1, 1, 99), ('p1', '', 8, 'p1/a/1', 'a', 'kim', 2, 1, 100),
                         ('p2', '', 8, 'p2/a/0', 'a', '', 1, 2, 99), ('p9', '', 8, 'p9/a/0', 'a', '', 1, NULL, 99);
DELETE FROM related WHERE call = 'p9';
"""


BACK = {1: OLDER + "DROP TABLE kept;", 2: OLDER + "ALTER TABLE kept DROP COLUMN sent;" + ROWS, 3: "DROP TABLE span;",
        4: ""}


def _without_places(db: sqlite3.Connection) -> None:
    """Labels as they were written before format 5: they do not say where their events are."""
    for position, data in db.execute("SELECT position, data FROM told").fetchall():
        block = arrow.plain(data)
        assert "place" in block.column_names
        db.execute("UPDATE told SET data = ? WHERE position = ?", (arrow.pack(block.drop_columns("place")), position))


@pytest.mark.parametrize("version", BACK)
def test_a_log_of_an_older_bongsu_gets_its_index(tmp_path, counting, version):
    joining, by_name = counting
    path = tmp_path / "log.db"
    events = [[prediction(1, 5), label("p1", "b", 7), label("p2", "a", 8), label("p9", "a", 8)],
              [prediction(2, 6), label("p1", "a", 8, 1, annotator="kim")]]
    with EventLog(path) as log:
        log.append(events[0], now=99)
        log.append(events[1], now=100)
    db = sqlite3.connect(path)
    db.executescript(BACK[version])
    if version > 2:
        _without_places(db)
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()
    with EventLog(path) as log:
        found = [(k.label.label, k.annotator, k.position, k.place, k.known) for k in log.labels_of("p1")]
        assert found == [("b", "", 1, 1, 7 if version == 1 else 99), ("a", "kim", 2, 1, 8 if version == 1 else 100)]
        assert log.orphans() == 1
        first = Cells(BASE, joining.count(log, [t for _, t in log.read(0, 1, joining.columns)], 0, 1, plainly))
        assert first.digest() == known_beforehand(events[0], by_name).digest()
        first.add(fold(log, joining, 1))
        assert first.digest() == known_beforehand(events[0] + events[1], by_name).digest(), "p2's label waited for it"
        log.append([label("p1", "", 9)], now=101)
        assert log.drop_before(10) == 7
        assert (log.labels_of("p1"), log.orphans()) == ([], 0 if version == 1 else 1)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    db.close()


POLICY = """
bongsu: 1
service: {name: shop}
settings: {base_window: 1s, stale_after: 10s, retention: {log: 2d, cells: 60d, labels: 30d}}
signals:
  wrong: {kind: ratio, bad: "label <> prediction", total: "label IS NOT NULL"}
  unlabelled: {kind: ratio, bad: "label IS NULL", total: "kind = 'prediction'"}
  disliked: {kind: ratio, bad: "label = 'down'", total: "label IS NOT NULL", label: feedback}
alerts: {often wrong: {when: wrong > 50%, over: 60s}}
"""


@pytest.fixture
def room(tmp_path) -> Iterator[Room]:
    room = Room(tmp_path)
    room.policy = parse(POLICY.replace("often wrong", "often_wrong"), "policy.yaml", {})
    room.restart()
    yield room
    room.close()


def value(control: Control, name: str, since: int = 0) -> float | None:
    signal = next(s for s in control.plan.signals if s.name == name)
    found = signal.sli.value(Cells(control.plan.base, control.store.cells()).vector(signal.key, since, 2**62))
    return None if found is None else float(found)


@pytest.mark.req("D5", "D12")
def test_labels_that_come_late_move_the_past_and_survive_a_kill(room):
    room.spool.append([prediction(i, room.now) for i in range(4)])
    room.now += SECOND
    room.control.cycle()
    assert (value(room.control, "wrong"), value(room.control, "unlabelled")) == (None, 1.0)
    born = room.now
    room.now += 20 * DAY  # further back than the log keeps
    room.control.cycle()
    room.now += HOUR
    room.control.cycle()
    assert room.control.log.size().events == 0
    room.spool.append([label("p0", "b", room.now), label("p1", "a", room.now),
                       label("p1", "down", room.now, name="feedback")])
    room.now += SECOND
    room.control.cycle()
    assert (value(room.control, "wrong"), value(room.control, "unlabelled")) == (0.5, 0.5)
    assert value(room.control, "disliked") == 1.0
    room.spool.append([label("p0", "a", room.now + 1), label("p0", "b", room.now - 5, 7)])
    room.now += SECOND
    room.control.cycle()
    room.restart()
    room.control.cycle()
    assert (value(room.control, "wrong"), value(room.control, "wrong", born)) == (0.0, None), "booked on its own time"


def test_a_signal_that_is_new_counts_what_the_log_keeps_for_labels(room):
    room.spool.append([prediction(i, room.now) for i in range(3)])
    room.now += SECOND
    room.control.cycle()
    room.now += 5 * DAY
    room.control.cycle()
    room.now += HOUR
    room.spool.append([label("p0", "b", room.now)])
    room.control.cycle()
    text = POLICY.replace("often wrong", "often_wrong").replace(
        "alerts:", "  right: {kind: ratio, bad: \"label = prediction\", total: \"label IS NOT NULL\"}\nalerts:")
    room.policy = parse(text, "policy.yaml", {})
    room.restart()
    room.spool.append([label("p1", "a", room.now)])
    room.now += SECOND
    room.control.cycle()
    assert value(room.control, "right") == 0.5


@pytest.mark.req("D5")
def test_a_verdict_is_judged_again_on_the_labels_that_were_known_then(tmp_path):
    room = Room(tmp_path)
    try:
        room.policy = parse(POLICY.replace("often wrong", "often_wrong").replace(
            "alerts:", "objectives: {right: {signal: wrong, target: 60%, window: 1h}}\nalerts:"), "policy.yaml", {})
        room.restart()
        desk = ControlDesk(room.control)
        room.spool.append([prediction(i, room.now, label="a") for i in range(4)])
        for _ in range(5):
            room.now += SECOND
            room.control.cycle()
        then = desk.verdict_for("shop", "")["data"]
        room.now += 5 * SECOND
        room.spool.append([label(f"p{i}", "b", room.now) for i in range(3)])
        room.now += SECOND
        room.control.cycle()
        now = desk.verdict_for("shop", "")["data"]
        assert [o["bad"] for o in (then["objectives"][0], now["objectives"][0])] == [0, 3]
        again = desk.gates.replay(then["verdictId"])
        assert again is not None
        assert again["now"]["objectives"][0]["bad"] == 0
        assert desk.explain("p0")["labels"][0]["label"] == "b"
        room.spool.append([label("nobody", "b", room.now)])
        room.control.cycle()
        assert any("1 labels wait" in remark for remark in room.control.view().troubles)
    finally:
        room.close()


def test_a_list_of_events_is_counted_with_the_labels_among_them():
    events = [prediction(1, 5), prediction(2, 5), label("p1", "b", 9), label("p2", "down", 9, name="feedback")]
    counter = LabelledCounter(SIGNALS, BASE)
    cells = Cells(BASE, counter.count(events))
    counter.close()
    found = {s.name: s.sli.value(cells.vector(s.key, 0, BASE)) for s in SIGNALS}
    assert found == {"wrong": 1, "unlabelled": Fraction(1, 2), "all": 2, "told": 0, "thumbs": 1}
