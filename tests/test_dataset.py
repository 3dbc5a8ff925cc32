"""Data sets: measured offline with the definitions of production, and imported into a running bongsu once."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner

from bongsu.cli import cli
from servers import serving
from test_intake import SENDER, Door, Room, kept

POLICY = """
bongsu: 1
service: {name: shop}
features: {age: number}
signals:
  right: {kind: performance, measure: accuracy, labels: [model]}
  unlabelled: {kind: ratio, bad: "label IS NULL", total: "kind = 'prediction'"}
  old: {kind: ratio, bad: "features.age > 40", total: "features.age IS NOT NULL"}
  liked: {kind: ratio, bad: "label = 'down'", total: "label IS NOT NULL", label: feedback}
alerts:
  worse: {when: right < 0.9, over: 1h, by: [model]}
  gaps: {when: unlabelled > 10%, over: 1h}
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    with (tmp_path / "my data.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["key", "at", "said", "truth", "model", "years"])
        for i in range(200):
            out.writerow([f"k{i}", 1_790_000_000 + i, "1", "" if i >= 180 else str(int(i % 4 > 0 or i % 2)),
                          "mn"[i % 2], 20 + i % 40])
    return tmp_path


def run(*words: str):
    return CliRunner().invoke(cli, [*map(str, words)])


MAP = ("--map", "time=at", "--unit", "s", "--map", "prediction=said", "--map", "label=truth",
       "--map", "features.age=years", "--set", "kind=prediction")


@pytest.mark.req("O2", "D5")
def test_a_data_set_is_measured_with_the_definitions_of_production(files):
    ended = run("evaluate", files / "my data.csv", "--policy", files / "policy.yaml", *MAP, "--json")
    assert ended.exit_code == 1, ended.output
    said = json.loads(ended.output)
    rows = {(r["signal"], *(r["labels"] or {}).values()): r for r in said["signals"]}
    assert said["events"] == 200
    assert rows["right",]["value"] == 135 / 180
    assert rows["right", "n"]["value"] == 1.0
    assert rows["right", "m"]["value"] == 0.5
    assert rows["right", "m"]["breached"] == ["worse (< 0.9)"]
    assert rows["right", "n"]["breached"] == rows["right",]["breached"] == []
    assert rows["unlabelled",]["value"] == 0.1
    assert rows["unlabelled",]["breached"] == []
    assert rows["old",]["value"] == 95 / 200
    assert rows["liked",]["value"] is None
    shown = run("evaluate", files / "my data.csv", "--policy", files / "policy.yaml", *MAP).output
    assert "worse" in shown
    assert "0.5" in shown


@pytest.mark.req("O2")
def test_labels_in_rows_of_their_own_join_in_a_data_set(files):
    rows = [{"id": "a", "time": 1, "kind": "prediction", "prediction": "x"},
            {"id": "b", "time": 1, "kind": "prediction", "prediction": "x"},
            {"id": "l", "time": 9, "kind": "label", "call": "a", "label": "y"},
            {"id": "m", "time": 8, "kind": "label", "call": "b", "label": "down", "name": "feedback"}]
    (files / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ended = run("evaluate", files / "rows.jsonl", "--policy", files / "policy.yaml", "--id", "id", "--json",
                *(word for name in ("call", "label", "name") for word in ("--map", f"{name}={name}")))
    said = {r["signal"]: r for r in json.loads(ended.output)["signals"] if not r["labels"]}
    assert said["unlabelled"]["value"] == 0.5
    assert said["liked"]["value"] == 1.0
    assert (said["right"]["value"], said["right"]["insufficient"]) == (None, "30 labels are needed, 1 came")


def test_events_are_imported_once_with_their_own_ids(files, tmp_path_factory):
    room = Room(tmp_path_factory.mktemp("room"))
    door = Door(room)
    with serving(door.app()) as server:
        words = ("import", "events", files / "my data.csv", *MAP, "--url", server.url, "--token", SENDER)
        first = run(*words, "--id", "key", "--origin", "evaluation")
        assert (first.exit_code, first.output) == (0, "200 taken, 0 known before, 0 refused\n")
        assert run(*words, "--id", "key").output == "0 taken, 200 known before, 0 refused\n"
        assert run(*words).output == "200 taken, 0 known before, 0 refused\n"
        late = run("import", "events", files / "my data.csv", "--map", "time=at", "--set", "kind=content",
                   "--unit", "s", "--url", server.url, "--token", SENDER)
        assert late.exit_code == 1
        assert "row 1, kind: expected" in late.output
        assert late.output.endswith("0 taken, 0 known before, 200 refused\n")
    events = kept(door)
    assert {e.id for e in events if e.origin == "evaluation"} == {f"k{i}" for i in range(200)}
    assert {e.origin for e in events} == {"evaluation", "replay"}
    assert events[0].features == {"age": 20.0}
    door.close()
    room.spool.close()
    room.store.close(room.now)
