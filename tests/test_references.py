"""References: read once, versioned by what is in them, kept without rows; cells of two of them never mix."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from bongsu.drift import Reference
from bongsu.event import Event
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.offline.checkup import check_policy
from bongsu.policy import load
from bongsu.quantity import DAY, HOUR, MINUTE, SECOND
from bongsu.room.control import Control
from bongsu.sources.columns import Columns, ColumnsError, reference
from bongsu.sources.spool import SpoolWriter
from bongsu.stores.state import State

T0 = 1_790_000_000 * SECOND
POLICY = """
bongsu: 1
service: {name: loans}
features: {age: number, plan: text}
references: {training: {file: training.csv}, REST}
signals: {age: {kind: drift, reference: training, columns: [features.age, features.plan], min_events: 50}}
alerts: {age: {when: age > 0.25, over: 10m, tier: major}}
objectives: {steady: {signal: age, target: 50%, window: 1h, good: <= 0.25, slice: 10m}}
"""


def write(path: Path, rows: list[tuple[object, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("age", "plan"), *rows])


ROWS = [(20 + i % 50, ("gold", "basic", "basic")[i % 3]) for i in range(600)]


class Loans:
    def __init__(self, root: Path, rest: str = "") -> None:
        self.root, self.now = root, T0
        write(root / "training.csv", ROWS)
        (root / "policy.yaml").write_text(POLICY.replace(", REST", rest), encoding="utf-8")
        self.folder = Folder(root / "data").create()
        self.store = State(f"sqlite:///{self.folder.state}", keys.audit_key(self.folder.keys))
        self.spool = SpoolWriter(self.folder.spool, "gateway-0")
        self.control = self.begin()

    def begin(self) -> Control:
        return Control(load(self.root / "policy.yaml", {}), self.folder, self.store, lambda: self.now)

    def restart(self) -> None:
        self.control.log.close()
        self.control = self.begin()

    def predict(self, tag: str, rows: list[tuple[object, str]]) -> None:
        self.spool.append(Event(id=f"{tag}{i}", time=self.now, kind="prediction",
                                features={"age": float(age), "plan": plan}) for i, (age, plan) in enumerate(rows))
        self.now += SECOND
        self.control.cycle()

    def phase(self) -> tuple[str, str]:
        return next((state.phase, state.data) for rule, _, state in self.control.view().alerts if rule.name == "age")


@pytest.fixture
def loans(tmp_path: Path) -> Iterator[Loans]:
    one = Loans(tmp_path)
    yield one
    one.spool.close()
    one.control.close()
    one.store.close()


@pytest.mark.req("D1")
def test_drift_from_a_training_file_alarms_and_what_looks_like_it_does_not(loans: Loans):
    loans.predict("few", ROWS[:10])
    assert loans.phase() == ("ok", "insufficient")
    loans.predict("same", ROWS[:300])
    assert loans.phase() == ("ok", "seen")
    loans.predict("old", [(age + 40, plan) for age, plan in ROWS])
    assert loans.phase() == ("firing", "seen")


def test_a_reference_is_registered_once_with_its_version_on_the_record_and_without_rows(loans: Loans):
    loans.restart()
    [(at, one)] = loans.store.references()
    assert (at, one.name, one.rows, one.source) == (T0, "training", 600, "training.csv")
    assert [b.column for b in one.columns] == ["features.age", "features.plan"]
    assert loans.control.plan.signals[0].key.endswith(f".{one.version}")
    assert [r.action for r in loans.store.trail() if r.action.startswith("reference")] == ["reference.register"]


def test_another_content_is_another_version_whose_cells_begin_anew_from_the_log(loans: Loans):
    loans.predict("same", ROWS[:300])
    before = loans.control.plan.signals[0].key
    write(loans.root / "training.csv", [(age + 40, plan) for age, plan in ROWS])
    loans.control.referred()
    loans.now += SECOND
    loans.control.cycle()
    loans.control.cycle()
    after = loans.control.plan.signals[0].key
    assert before != after
    assert [one.version for _, one in loans.store.references()] == [after.rpartition(".")[2], before.rpartition(".")[2]]
    assert loans.phase() == ("firing", "seen"), "the same events, counted again in the new bins"
    vectors = [loans.control.cells.vector(key, 0, loans.now + HOUR) for key in (before, after)]
    assert [sum(one.values()) for one in vectors] == [0, 600], "what is no longer counted is forgotten"


def test_a_file_that_cannot_be_read_is_a_trouble_that_stops_nothing_else(tmp_path: Path):
    one = Loans(tmp_path)
    (tmp_path / "training.csv").unlink()
    one.restart()
    one.predict("same", ROWS[:100])
    assert any("a reference cannot be read" in words for words in one.control.view().troubles)
    assert one.phase()[1] == "seen", "what was registered stays in force"
    one.spool.close()
    one.control.close()
    one.store.close()


def test_a_window_and_a_models_training_set_can_be_references(tmp_path: Path):
    one = Loans(tmp_path, ', past: {window: 2026-09-21..2026-09-22}, v2: {model_version: "2"}')
    path = tmp_path / "policy.yaml"
    path.write_text(path.read_text().replace("reference: training", "reference: past"))
    one.restart()
    one.predict("same", ROWS[:300])
    assert one.phase()[1] != "seen"
    one.now += HOUR + SECOND
    one.predict("more", ROWS[300:])
    one.control.cycle()
    assert "past" not in {r.name for _, r in one.store.references()}, "half a window is not what was pinned"
    one.now = T0 - T0 % DAY + DAY + 6 * MINUTE
    one.control.cycle()
    one.control.cycle()
    assert {r.name: r.rows for _, r in one.store.references()}["past"] == len(ROWS)
    assert {r.name: r.source for _, r in one.store.references()}["past"] == "window 2026-09-21..2026-09-22"
    path.write_text(path.read_text().replace("reference: past", "reference: v2"))
    training = reference("whatever", Columns(tmp_path / "training.csv"), {"features.age": "number"}, "t", "2")
    one.store.register(training, "ann", one.now)
    one.restart()
    assert one.control.plan.signals[0].key.endswith(training.version)
    one.spool.close()
    one.control.close()
    one.store.close()


def come_late(one: Loans, path: Path) -> None:
    """Bind to a pinned window, whose events come only then; and some minutes."""
    path.write_text(path.read_text().replace("reference: training", "reference: past"))
    one.restart()
    one.control.cycle()
    one.spool.append(Event(id=f"old{i}", time=T0 - 2 * DAY, kind="prediction",
                           features={"age": float(age), "plan": plan}) for i, (age, plan) in enumerate(ROWS))
    for _ in range(4):
        one.now += MINUTE
        one.control.cycle()


def test_a_pinned_window_whose_events_come_later_is_bound_to_within_a_minute(tmp_path: Path):
    one = Loans(tmp_path, ", past: {window: 2026-09-19..2026-09-20}")
    come_late(one, tmp_path / "policy.yaml")
    past = {r.name: r for _, r in one.store.references()}["past"]
    assert past.rows == len(ROWS)
    assert one.control.plan.signals[0].key.endswith(past.version)
    one.spool.close()
    one.control.close()
    one.store.close()


def test_a_reference_whose_bins_are_of_another_type_than_the_policy_says_is_made_anew(tmp_path: Path):
    """A pinned window by itself; that of a model's version is lacking until somebody registers it again."""
    one = Loans(tmp_path, ', past: {window: 2026-09-19..2026-09-20}, v2: {model_version: "2"}')
    come_late(one, tmp_path / "policy.yaml")
    path = tmp_path / "policy.yaml"
    path.write_text(path.read_text().replace("plan: text}", "plan: words}"))
    one.restart()
    for _ in range(4):
        one.now += MINUTE
        one.control.cycle()
    found = [r for _, r in one.store.references() if r.name == "past"]
    assert [{b.column: b.kind for b in r.columns}["features.plan"] for r in found] == ["words", "text"]
    assert one.control.plan.signals[0].key.endswith(found[0].version)
    given = reference("v2", Columns(tmp_path / "training.csv"), {"features.age": "number", "features.plan": "text"},
                      "t", "2")
    one.store.register(given, "ann", one.now)
    path.write_text(path.read_text().replace("reference: past", "reference: v2"))
    one.restart()
    assert "." not in one.control.plan.signals[0].key, "lacking, until it is registered anew"
    again = reference("v2", Columns(tmp_path / "training.csv"), {"features.age": "number", "features.plan": "words"},
                      "t", "2")
    one.store.register(again, "ann", one.now)
    one.restart()
    assert one.control.plan.signals[0].key.endswith(again.version)
    one.spool.close()
    one.control.close()
    one.store.close()


def test_a_version_is_its_content_whatever_the_order_of_the_rows(tmp_path: Path):
    write(tmp_path / "a.csv", ROWS)
    write(tmp_path / "b.csv", ROWS[::-1])
    write(tmp_path / "c.csv", ROWS[1:])
    a, b, c = (reference("r", Columns(tmp_path / f"{name}.csv")) for name in "abc")
    assert a.version == b.version != c.version
    assert isinstance(a, Reference)


@pytest.mark.parametrize(("name", "text", "words"), [
    ("a.txt", "", "ending in .parquet or .csv"), ("a.csv", "", "expected a table in Parquet or CSV"),
    ("a.parquet", "no", "expected a table in Parquet or CSV"), ("gone.csv", None, "expected a table")])
def test_a_file_that_is_no_table_is_named(tmp_path: Path, name: str, text: str | None, words: str):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ColumnsError, match=name) as caught:
        Columns(tmp_path / name)
    assert words in str(caught.value)


def test_a_policy_rehearses_drift_against_its_file(tmp_path: Path):
    write(tmp_path / "training.csv", ROWS)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.replace(", REST", "") + """
tests:
  - name: everybody is old
    events: [{at: 00:00..00:30, every: 10ms, kind: prediction, features.age: 70, features.plan: gold}]
    expect: [{alert: age, state: firing, at: 01:00}]
""", encoding="utf-8")
    assert check_policy(policy, "en")["failures"] == []
    assert check_policy(policy, "en")["tests"] == 1
    (tmp_path / "training.csv").unlink()
    assert "training.csv" in check_policy(policy, "en")["faults"][0]
