"""Texts in new words, live: what `bongsu drift --text` finds in two files, control finds in what comes."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bongsu.cli import cli
from bongsu.drift import Reference, Vocabulary, distance
from bongsu.event import PROMPT
from bongsu.live import Live, Publisher
from bongsu.novelty import EDGES, MOST_WORDS, Known, counted, learnt, new_words, sound
from bongsu.policy import PolicyError, parse
from bongsu.quantity import SECOND
from bongsu.sources.columns import Columns, checked, reference
from bongsu.wording import LIVE, Wording, in_force, publish
from intakekit import site
from peoplekit import POLICY as PEOPLE
from peoplekit import Place, place

COLUMN = PROMPT.words
BANK = ("where is my card", "block my card please", "카드를 잃어버렸어요 재발급 해주세요", "my balance today please",
        "where is my balance", "block it today", "카드를 재발급 해주세요", "send my balance to mum", "send it to mum")
COOK = ("how long to boil an egg", "소금 대신 무엇을 넣나요", "roast a chicken", "knead dough", "what goes with basil")
POLICY = """
bongsu: 1
service: {name: bank}
references: {past: {file: "PAST"}}
signals: {words: {kind: drift, reference: past, columns: [new_words], min_events: 50}}
alerts: {words: {when: words > 0.1, over: 1h, tier: major}}
"""


def written(path: Path, texts: Sequence[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("prompt",), *((text,) for text in texts)])
    return path


def past(root: Path) -> Path:
    return written(root / "past.csv", [BANK[i % len(BANK)] for i in range(400)])


def mixed(n: int, every: int) -> list[str]:
    """Usual texts, and of ``every`` so many one of another subject."""
    return [COOK[i // every % 5] if i % every == 0 else BANK[i % len(BANK)] for i in range(n)]


TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=30), st.sampled_from((*BANK, *COOK))), max_size=30)


@given(TEXTS, TEXTS)
def test_a_vocabulary_that_went_by_json_finds_what_two_files_find(before: list[str | None],
                                                                 now: list[str | None]) -> None:
    bins, vocabulary = learnt("q", before)
    sent = msgspec.convert(msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(vocabulary))), Vocabulary)
    assert sent == vocabulary
    assert sound(sent)
    assert (bins, counted(map(Known(sent).share, now))) == new_words("q", before, now)
    assert Known(sent).share(" ".join(text for text in before if text)[:4000]) in (None, 0.0) or any(
        text and len(text) > 20 for text in before)


def test_of_more_words_than_are_kept_those_of_most_texts_are() -> None:
    rare = [" ".join(f"{n + k:06}" for k in range(100)) for n in range(0, MOST_WORDS + 2000, 100)]
    _, vocabulary = learnt("q", ["card", "card", *rare])
    assert len(vocabulary.words) == 4 * MOST_WORDS
    assert Known(vocabulary).share("card") == 0.0


@pytest.mark.req("D1")
def test_sent_texts_in_other_words_alarm_and_usual_ones_do_not_and_the_number_is_that_of_two_files(
        tmp_path: Path) -> None:
    reference_file = past(tmp_path)
    with site(tmp_path / "data", POLICY.replace("PAST", str(reference_file))) as one:
        one.cycle()
        usual, other = mixed(200, 1000)[1:], mixed(300, 5)

        def send(texts: Sequence[str], name: str) -> None:
            status, said = one.post([{"id": f"{name}{i}", "time": one.now, "kind": "prediction", "prompt": text}
                                     for i, text in enumerate(texts)])
            assert (status, said["accepted"]) == (200, len(texts))
            one.cycle()

        def phase() -> str:
            return one.control.engine.alerts["words", ()].phase

        send(usual, "a")
        assert phase() == "ok"
        send(other, "b")
        assert phase() == "firing"
        signal = next(s for s in one.control.plan.signals if s.name == "words")
        found = one.control.cells.vector(signal.key, *one.control.cells.window(one.now, 3600 * 10**6))
        bins, now = new_words("prompt", [BANK[i % len(BANK)] for i in range(400)], [*usual, *other])
        assert [found.get(f"{COLUMN}:{i}", 0) for i in range(len(EDGES) + 2)] == now
        assert float(signal.sli.evidence(found).value or 0) == pytest.approx(distance(bins, now).value, abs=1e-9)  # type: ignore[attr-defined]
        assert "chicken" not in json.dumps(one.store.references()[0][1], default=str)
    held = written(tmp_path / "now.csv", [*usual, *other])
    said = json.loads(CliRunner().invoke(cli, ["drift", str(reference_file), str(held), "--text", "prompt",
                                               "--json"]).output)
    assert said["columns"]["prompt: new words"]["psi"] == pytest.approx(distance(bins, now).value)
    assert "prompt: new words" in said["alarms"]


def asked(one: Place, texts: Sequence[str]) -> None:
    with one.client("sk-any") as client:
        for text in texts:
            client.chat.completions.create(model="shop", messages=[{"role": "user", "content": text}])
    one.cycle(SECOND)


@pytest.mark.req("D1")
@pytest.mark.req("O15")
def test_calls_through_the_gateway_say_how_new_their_words_are_and_the_cockpit_shows_it(tmp_path: Path) -> None:
    more = POLICY.replace("PAST", str(past(tmp_path))).split("service: {name: bank}")[1].replace(
        "signals: {", 'signals: {share: {kind: mean, sum: new_words, labels: [route]}, ')
    with place(tmp_path, PEOPLE + more) as one:
        one.cycle()
        asked(one, [BANK[i % len(BANK)] for i in range(54)])
        quiet: Any = one.api().get("/v1/signals/words")
        assert (quiet["n"], quiet["insufficient"]) == (54, "")
        assert quiet["value"] < 0.1
        asked(one, COOK * 4)
        found: Any = one.api().get("/v1/signals/words?lang=ko")
        assert found["n"] == 74
        assert found["value"] > 0.1
        assert found["significant"]
        assert (found["about"], "past.csv" in found["words"][2]) == (COLUMN, True)
        last = one.last()
        assert last.new_words is not None
        assert (last.new_words > 0.5, len(last.vocabulary), last.prompt) == (True, 12, None)
        phases = {a["name"]: a["phase"] for a in one.api().get("/v1/board")["alerts"]}
        assert phases["words"] == "firing"


@pytest.mark.req("D1")
def test_another_reference_has_another_vocabulary_and_what_was_found_by_the_old_one_is_not_compared(
        tmp_path: Path) -> None:
    file = past(tmp_path)
    with site(tmp_path / "data", POLICY.replace("PAST", str(file))) as one:
        one.cycle()
        rows = [{"id": f"a{i}", "time": one.now, "prompt": COOK[i % 5]} for i in range(60)]
        one.post(rows)
        one.cycle()
        written(file, [COOK[i % 5] for i in range(400)])
        one.pool.submit(one.control.refer).result()
        one.cycle()
        signal = next(s for s in one.control.plan.signals if s.name == "words")
        assert not one.control.cells.labels(signal.key), "counted anew, and no event is of these words"
        one.post([{**row, "id": f"b{row['id']}"} for row in rows])
        one.cycle()
        vector = one.control.cells.vector(signal.key, 0, one.now + 10**9)
        assert sum(vector.values()) == 60
        assert signal.sli.value(vector) < 0.1  # type: ignore[operator]


def test_a_reader_sees_a_vocabulary_when_it_is_published_and_when_it_is_taken_back(tmp_path: Path) -> None:
    from bongsu.references import compared

    policy = compared(parse(POLICY.replace("PAST", str(past(tmp_path))), "p", {}))
    none = parse("bongsu: 1\nservice: {name: bank}", "p", {})
    publisher, wording = Publisher(tmp_path / "live", LIVE), Wording(Live(tmp_path / "live", LIVE))
    assert wording.known() == {}
    publish(publisher, policy.plan, "h", 1)
    known = wording.known()
    assert {text: one.version for text, one in known.items()} == {
        text: one.version for text, one in in_force(policy.plan).items()}
    assert list(known) == ["prompt"]
    generation = publisher.last.generation
    publish(publisher, policy.plan, "h", 2)
    assert publisher.last.generation == generation, "only what is new is written"
    publish(publisher, none.plan, "h", 3)
    assert wording.known() == {}
    wording.close()


def test_a_reference_that_is_sent_in_must_have_its_own_vocabulary(tmp_path: Path) -> None:
    one = reference("past", Columns(past(tmp_path)), {COLUMN: "number"})
    sent = msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(one))), Reference)
    assert checked(sent) == one
    for wrong in (None, Vocabulary("0" * 12, b"1234"), Vocabulary("x", b"123")):
        bad = Reference(one.name, one.version, one.columns, one.rows, one.source, vocabulary=wrong)
        with pytest.raises(ValueError, match="vocabulary"):
            checked(bad)


@pytest.mark.parametrize(("references", "signals", "words"), [
    ("{a: {window: 2026-11-01..2026-11-08}}", "{s: {kind: drift, reference: a, columns: [new_words]}}",
     "expected a reference from a file or for a model's version, for new_words, came 'a', a window"),
    ("{a: {model_version: m}, b: {model_version: n}}", "{s: {kind: drift, reference: a, columns: [new_words]}, "
     "t: {kind: drift, reference: b, columns: [new_words]}}",
     "expected the reference that the other signals of new_words have ('a'), came 'b'"),
    ("{}", "{s: {kind: mean, sum: new_words}}", "expected beside it a signal of kind drift with columns: [new_words]"),
])
def test_a_policy_whose_new_words_nobody_could_tell_is_refused(references: str, signals: str, words: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse(f"bongsu: 1\nservice: {{name: s}}\nreferences: {references}\nsignals: {signals}\n", "p", {})
    assert words in str(error.value)


def test_a_sender_may_not_say_it_himself(tmp_path: Path) -> None:
    with site(tmp_path, "bongsu: 1\nservice: {name: bank}") as one:
        for field, value in ((COLUMN, 0.5), ("vocabulary", "abc")):
            status, said = one.post({"id": "a", "time": one.now, field: value})
            assert (status, said["refused"][0]["field"]) == (422, field)
