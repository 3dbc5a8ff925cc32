"""A feature of type ``words``: a text that a model is given, compared by its words, of which only a cell is kept."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bongsu.cli import cli
from bongsu.drift import Bins, distance
from bongsu.policy import parse
from bongsu.policy.model import Policy
from bongsu.prompt import cell
from bongsu.references import wanted
from bongsu.sources.columns import Columns, bins_of, counts_of, reference
from gatewaykit import standing
from intakekit import site
from test_prompt import BANK, COOK

POLICY = """
bongsu: 1
service: {name: bank}
settings: {base_window: 1s}
features: {note: words, age: number}
references: {past: {file: PAST}}
signals:
  notes: {kind: drift, reference: past, columns: [features.note], min_events: 50}
  each: {kind: count, labels: [features.note]}
alerts: {notes: {when: notes > 0.25, over: 1h}}
"""


def written(path: Path, texts: Sequence[str], column: str = "note") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([(column, "age"), *((text, i % 50) for i, text in enumerate(texts))])
    return path


@pytest.mark.req("D1")
def test_sent_texts_of_a_feature_drift_live_as_of_two_files_and_none_of_them_is_kept(tmp_path: Path) -> None:
    before = written(tmp_path / "past.csv", [BANK[i % 5] for i in range(400)])
    usual, other = [BANK[i % 5] for i in range(200)], [COOK[i % 5] for i in range(300)]
    with site(tmp_path / "data", POLICY.replace("PAST", str(before))) as one:
        one.cycle()
        phases = []
        for name, texts in (("a", usual), ("b", other)):
            one.post([{"id": f"{name}{i}", "time": one.now, "kind": "prediction", "features": {"note": text, "age": 1}}
                      for i, text in enumerate(texts)])
            one.cycle()
            phases.append(one.control.engine.alerts["notes", ()].phase)
        assert phases == ["ok", "firing"]
        signal = next(s for s in one.control.plan.signals if s.name == "notes")
        found = signal.sli.evidence(one.control.cells.vector(signal.key, 0, 1 << 62))
        kept = {event.features["note"] for event in one.kept()}
        assert kept == {cell(text) for text in (*BANK, *COOK)}
        each = next(s for s in one.control.plan.signals if s.name == "each")
        assert {labels[0] for labels in one.control.cells.labels(each.key)} == kept
    now = written(tmp_path / "now.csv", [*usual, *other])
    said = json.loads(CliRunner().invoke(cli, ["drift", str(before), str(now), "--text", "note", "--json"]).output)
    assert float(found.value or 0) == pytest.approx(said["columns"]["note"]["psi"], abs=1e-9)


@pytest.mark.req("D1")
def test_the_gateway_keeps_the_cell_of_such_a_feature_too(tmp_path: Path) -> None:
    with standing(tmp_path, change=lambda p: replace(p, worded=frozenset({"note"}))) as stand:
        given = json.dumps({"note": "where is my card kim@example.com", "plan": "gold", "age": 3})
        stand.ask("hello", extra_headers={"x-bongsu-features": given})
        event = stand.spool.last()
    assert event.features == {"note": cell("where is my card kim@example.com"), "plan": "gold", "age": 3}


@pytest.mark.req("D1")
def test_the_call_that_meets_a_policy_first_keeps_no_more_than_that_policy_says(tmp_path: Path) -> None:
    known: list[Policy] = []

    def keep(policy: Policy) -> Policy:
        known.append(policy)
        return policy

    def reload(digest: str) -> Policy:
        return replace(known[0], hash=digest, worded=frozenset({"note"}))

    with standing(tmp_path, change=keep, reload=reload) as stand:
        stand.publisher.publish({}, "hash-2", 1)
        stand.ask("hello", extra_headers={"x-bongsu-features": json.dumps({"note": "where is my card"})})
        event = stand.spool.last()
    assert (event.policy, event.features) == ("hash-2", {"note": cell("where is my card")})


@pytest.mark.req("D1", "O2")
@pytest.mark.parametrize(("asked", "breached"), [(BANK, False), (COOK, True)])
def test_a_data_set_is_read_in_the_same_way(tmp_path: Path, asked: Sequence[str], breached: bool) -> None:
    before = written(tmp_path / "past.csv", [BANK[i % 5] for i in range(400)])
    (tmp_path / "policy.yaml").write_text(POLICY.replace("PAST", before.name), encoding="utf-8")
    now = written(tmp_path / "now.csv", [asked[i % 5] for i in range(200)])
    result = CliRunner().invoke(cli, ["evaluate", str(now), "--policy", str(tmp_path / "policy.yaml"), "--map",
                                      "time=age", "--map", "features.note=note", "--set", "kind=prediction", "--json"])
    assert result.exit_code == breached, result.output


@given(st.lists(st.sampled_from([*BANK, *COOK, "", None]), min_size=1, max_size=60))
def test_cells_that_are_cells_already_stay_what_they_are(texts: list[str | None]) -> None:
    """A pinned window is made of what was stored; a file, of texts."""
    raw = pa.chunked_array([pa.array(texts, pa.string())])
    stored = pa.chunked_array([pa.array([cell(text) or None if text else None for text in texts], pa.string())])
    bins: Bins = bins_of(raw, "features.note", "words")
    assert bins == bins_of(stored, "features.note", "words")
    assert counts_of(raw, bins) == counts_of(stored, bins) == list(bins.counts)
    assert distance(bins, counts_of(raw, bins)).value == 0


@pytest.mark.req("D1")
def test_whoever_registers_a_reference_is_told_to_make_cells_of_it(tmp_path: Path) -> None:
    policy = parse(POLICY, "p.yaml", {})
    assert (policy.features["note"], policy.worded) == ("text", {"note"})
    assert wanted(policy)["features.note"] == "words"
    made = reference("past", Columns(written(tmp_path / "past.csv", BANK)), wanted(policy)).get("features.note")
    assert made is not None
    assert set(made.categories) == {cell(text) for text in BANK}
