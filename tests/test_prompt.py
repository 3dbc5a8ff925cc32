"""Texts drift as categories do: the map is fixed, cells carry no text, an alarm says that people ask other things."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import evaldata
from bongsu.alert import Signal
from bongsu.cli import cli
from bongsu.drift import Distance, distance
from bongsu.engine import Plan
from bongsu.novelty import new_words
from bongsu.policy import load, parse
from bongsu.privacy.tokens import Tokeniser
from bongsu.prompt import CELLS, LONGEST, cell
from bongsu.slis.drift import Drift
from bongsu.sources.columns import bins_of, cells, counts_of
from bongsu.sources.submitted import Span, read_json
from bongsu.web.cloak import Cloak
from bongsu.web.clusters import clustered
from gatewaykit import PII, standing

BANK = ("where is my card", "block the card please", "카드를 잃어버렸어요", "my balance today", "send money to mum")
COOK = ("how long to boil an egg", "소금 대신 무엇을 넣나요", "roast a chicken", "knead dough", "what goes with basil")


def far(reference: Sequence[str], current: Sequence[str]) -> Distance:
    bins = bins_of(cells(pa.chunked_array([list(reference)])), "prompt_cluster", "text")
    return distance(bins, counts_of(cells(pa.chunked_array([list(current)])), bins))


def test_cells_are_the_same_on_every_machine_and_in_every_release() -> None:
    """Stored references hold them: another map needs another ``VERSION``."""
    assert [cell(text) for text in ("Where is my card?", "카드를 잃어버렸어요", "日本語", "1234", " \n.")] == GOLDEN


GOLDEN = ["1.05", "1.31", "1.29", "1.21", ""]


@given(st.text())
def test_every_text_has_one_cell_whatever_the_order_and_number_of_its_words(text: str) -> None:
    found = cell(text)
    assert found == "" or 0 <= int(found.removeprefix("1.")) < CELLS
    assert cell(f"{text} {text}"[:LONGEST]) == found or len(text) > LONGEST // 2
    words = ["card", "blocked", "since", "monday", "카드"]
    assert len({cell(" ".join(random.Random(text).sample(words, 5)))}) == 1


def test_what_is_said_beyond_the_first_4000_characters_does_not_count() -> None:
    assert cell("card " * 800 + "zebra " * 50) == cell("card " * 800)


@pytest.mark.req("D1")
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_has_the_cell_of_what_was_asked_last_where_a_signal_reads_it(tmp_path: Path, stream: bool) -> None:
    signal = Signal("texts", Drift("r", ("prompt_cluster",)), key="texts")
    with standing(tmp_path, [PII], change=lambda p: replace(p, plan=Plan("s", signals=(signal,)))) as stand:
        with stand.client() as client:
            messages = [{"role": "system", "content": "You sell shoes."}, {"role": "user", "content": COOK[0]},
                        {"role": "assistant", "content": "Nine minutes."},
                        {"role": "user", "content": f"{BANK[0]} a@b.com"}]
            said = client.chat.completions.create(model="support-bot", messages=messages, stream=stream)  # type: ignore[call-overload]
            list(said)
        assert stand.spool.wait(1).prompt_cluster == cell(f"{BANK[0]} a@b.com")
    with standing(tmp_path / "without") as stand:
        stand.ask(BANK[0])
        assert stand.spool.last().prompt_cluster == ""


def test_events_that_are_sent_get_the_cells_of_their_prompts_and_no_text_stays_with_them() -> None:
    cloak = Cloak(Tokeniser(bytes(32)), "s", "h", lambda: "id", clusters=frozenset({"prompt"}))
    rows = [{"id": "a", "time": 1, "prompt": BANK[0]}, {"id": "b", "time": 1},
            {"id": "c", "time": 1, "prompt": BANK[0], "prompt_cluster": "1.31"}]
    table, texts, _ = cloak.masked(read_json(json.dumps(rows).encode(), "s", Span(0, 1)).table)
    assert table["prompt_cluster"].to_pylist() == [cell(BANK[0]), None, "1.31"]
    assert table["prompt"].null_count == 3
    assert [event.prompt for event in texts] == [BANK[0], BANK[0]]


def policy(root: Path, rows: Sequence[str]) -> Path:
    with (root / "past.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("prompt",), *((text,) for text in rows)])
    (root / "policy.yaml").write_text("""
bongsu: 1
service: {name: bank}
references: {past: {file: past.csv}}
signals: {texts: {kind: drift, reference: past, columns: [prompt_cluster], min_events: 50}}
alerts: {texts: {when: texts > 0.25, over: 1d, tier: major}}
""", encoding="utf-8")
    return root / "policy.yaml"


@pytest.mark.req("D1")
@pytest.mark.parametrize(("asked", "breached"), [(BANK, False), (COOK, True)])
def test_a_policy_alarms_when_people_ask_other_things_and_not_when_they_ask_the_same(
        tmp_path: Path, asked: Sequence[str], breached: bool) -> None:
    written = policy(tmp_path, [BANK[i % 5] for i in range(400)])
    assert clustered(load(written, {}).plan)
    with (tmp_path / "now.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("at", "said"), *((i, asked[i % 5]) for i in range(200))])
    result = CliRunner().invoke(cli, ["evaluate", str(tmp_path / "now.csv"), "--policy", str(written), "--map",
                                      "time=at", "--map", "prompt=said", "--json"])
    assert result.exit_code == breached, result.output
    [signal] = json.loads(result.output)["signals"]
    assert (signal["n"], bool(signal["breached"])) == (200, breached)


@pytest.mark.req("D1")
def test_two_files_are_compared_by_their_texts(tmp_path: Path) -> None:
    for name, texts in (("ref", BANK), ("cur", COOK)):
        with (tmp_path / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("q", "n"), *((f"{texts[i % 5]} ({i})", i) for i in range(300))])
    paths = [str(tmp_path / "ref.csv"), str(tmp_path / "cur.csv")]
    found = json.loads(CliRunner().invoke(cli, ["drift", *paths, "--text", "q", "--json"]).output)
    assert found["alarms"] == ["q", "q: new words"]
    assert all(name.startswith(("1.", "__")) for name in found["columns"]["q"]["names"])
    wrong = CliRunner().invoke(cli, ["drift", *paths, "--text", "n"])
    assert (wrong.exit_code, "expected texts in column 'n', came int64" in wrong.output) == (2, True)


@pytest.mark.req("D1")
def test_questions_out_of_scope_are_found_on_clinc_and_halves_of_the_reference_are_alike() -> None:
    rows = evaldata.rows("text_drift_clinc.jsonl")
    reference = [row["text"] for row in rows if row["period"] == "reference"]
    other = [row["text"] for row in rows if row["period"] == "current" and not row["in_scope"]]
    alike = [row["text"] for row in rows if row["period"] == "current" and row["in_scope"]]
    found = far(reference, other)
    assert found.value > 0.25
    assert found.p < 1e-6
    assert far(reference, alike).p > 0.01
    for seed in range(8):
        random.Random(seed).shuffle(reference)
        assert far(reference[:513], reference[513:]).p > 0.01


@pytest.mark.req("D1")
def test_a_fifth_of_questions_out_of_scope_is_found_by_its_new_words_and_alike_halves_are_not(tmp_path: Path) -> None:
    rows = evaldata.rows("text_drift_clinc.jsonl")
    before = [row["text"] for row in rows if row["period"] == "reference"]
    later = [row["text"] for row in rows if row["period"] == "current"]
    alike = [row["text"] for row in rows if row["period"] == "current" and row["in_scope"]]
    for name, texts in (("ref", before), ("later", later), ("alike", alike)):
        pq.write_table(pa.table({"q": texts}), tmp_path / f"{name}.parquet")

    def said(current: str) -> Any:
        args = ["drift", str(tmp_path / "ref.parquet"), str(tmp_path / f"{current}.parquet"), "--text", "q", "--json"]
        return json.loads(CliRunner().invoke(cli, args).output)

    found = said("later")
    assert found["alarms"] == ["q: new words"]
    assert found["columns"]["q: new words"]["p"] < 1e-20
    assert said("alike")["alarms"] == []
    beyond = 0
    for seed in range(200):
        random.Random(seed).shuffle(before)
        bins, now = new_words("q", before[:513], before[513:])
        one = distance(bins, now)
        assert not (one.value > 0.1 and one.p < 0.01)
        beyond += one.p < 0.01
    assert beyond <= 6, "2 are expected"


@given(st.lists(st.text(max_size=20), max_size=8), st.lists(st.text(max_size=20), max_size=8), st.randoms())
def test_new_words_count_every_text_once_in_any_order(reference: list[str], current: list[str],
                                                      chance: random.Random) -> None:
    bins, now = new_words("q", reference, current)
    assert (sum(bins.counts), sum(now)) == (len(reference), len(current))
    chance.shuffle(reference)
    chance.shuffle(current)
    assert new_words("q", reference, current) == (bins, now)
    known = new_words("q", reference, [text for text in reference if text])[1]
    assert sum(known[1:-1]) == 0, "what is in the reference is not new"


def test_a_policy_that_reads_no_cells_costs_no_call_anything() -> None:
    head = "bongsu: 1\nservice: {name: s}\nsignals: "
    assert not clustered(parse(head + "{n: {kind: count}}", "p", {}).plan)
    assert clustered(parse(head + '{n: {kind: count, of: "prompt_cluster IS NOT NULL"}}', "p", {}).plan)
