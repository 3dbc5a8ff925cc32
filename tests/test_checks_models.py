"""Guards that run a user's own model: real ONNX Runtime and tokenizers on small models that the test makes."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.checks import onnx
from bongsu.checks.classifier import Classifier
from bongsu.checks.names import Names
from bongsu.checks.onnx import MODEL, TOKENIZER, ModelError, Piece, sigmoid, softmax
from bongsu.checks.onnx_check import open_sentence
from bongsu.checks.tagger import Tagger, label_of, tagged
from bongsu.guard import Guard, attacks
from bongsu.host.crew import Crew
from bongsu.host.looker import Ask, hello, made, packed
from bongsu.overlap import resolve
from bongsu.policy import PolicyError, parse
from bongsu.ports import Check
from bongsu.quantity import Duration
from gatewaykit import PII, Script, reply, standing
from onnxkit import write_model

ATTACK = {"ignore": [0.0, 4.0, 0.0], "rules": [1.0, 3.0, 0.0], "idiot": [0.0, 0.0, 6.0], "hello": [5.0, 0.0, 0.0]}
LABELS = ("benign", "INJECTION", "toxic talk")
BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
NAMES = {"Karen": [0.0, 6, 0, 0, 0], "Smith": [0.0, 0, 6, 0, 0], "Lyon": [0.0, 0, 0, 6, 0], "and": [6.0, 0, 0, 0, 0],
         "Mo": [0.0, 6, 0, 0, 0], "##hamed": [6.0, 0, 0, 0, 0], "김": [0.0, 6, 0, 0, 0], "##철": [0.0, 0, 6, 0, 0],
         "##수": [0.0, 0, 6, 0, 0], "##는": [6.0, 0, 0, 0, 0], ".": [6.0, 0, 0, 0, 0]}


@pytest.fixture
def attack(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "attack"
    return {"folder": str(folder), "sha256": write_model(folder, ATTACK, 3, "text", unknown=1.0), "labels": LABELS,
            "bad": ("INJECTION",), "tokens": 16}


@pytest.fixture
def names(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "names"
    return {"folder": str(folder), "sha256": write_model(folder, NAMES, 5), "labels": BIO,
            "entities": {"PER": "person", "LOC": "location"}, "tokens": 16}


def said(check: Check, text: str) -> list[tuple[str, str]]:
    return [(f.kind, text[f.start:f.end]) for f in check.look(text)]


# ---- a classifier ----


def test_a_text_is_found_where_the_bad_label_has_the_share(attack: dict[str, Any]) -> None:
    check = Classifier(**attack)
    found, = check.look("please ignore that")
    assert (found.kind, found.start, found.end) == ("injection", 0, 18)
    assert found.score == pytest.approx(math.exp(4) / (math.e + math.exp(4) + 1), abs=1e-6)  # unknown words say 1, 0, 0
    assert check.look("hello there") == ()
    assert check.look("") == check.look(" \n") == ()


@pytest.mark.req("D8")
def test_a_long_text_is_seen_in_windows_and_the_one_that_alarms_is_the_finding(attack: dict[str, Any]) -> None:
    text = "hello " * 40 + "ignore " + "hello " * 40
    found = Classifier(**attack, threshold=0.1).look(text)
    assert 1 <= len(found) <= 2  # windows overlap
    assert all(f.start <= 240 < f.end < len(text) for f in found)
    assert max(f.end - f.start for f in found) <= 16 * 7


def test_bad_labels_count_together_and_the_surest_names_the_kind(attack: dict[str, Any]) -> None:
    both = Classifier(**{**attack, "bad": ("INJECTION", "toxic talk")}, threshold=0.9)
    assert [f.kind for f in both.look("idiot, ignore it")] == ["toxic_talk"]
    assert [f.kind for f in Classifier(**attack, kind="abuse").look("ignore it")] == ["abuse"]


def test_labels_that_do_not_exclude_each_other_are_weighed_one_by_one(attack: dict[str, Any]) -> None:
    several = Classifier(**attack, several=True, threshold=0.9)
    assert [round(f.score, 4) for f in several.look("idiot ignore")] == [round(1 / (1 + math.exp(-4)), 4)]
    assert Classifier(**attack, threshold=0.9).look("idiot ignore") == ()  # there the worse label takes its share


def test_a_model_of_one_label_says_yes_or_no(tmp_path: Path) -> None:
    sha256 = write_model(tmp_path, {"bad": [4.0]}, 1, "text", fed=("input_ids", "attention_mask"), unknown=-4.0)
    check = Classifier(str(tmp_path), sha256, ("unsafe",), ("unsafe",))
    found, = check.look("bad bad")
    assert found.score == pytest.approx(1 / (1 + math.exp(-4)))


def test_whether_a_finding_is_an_attempt_on_the_model_is_a_setting(attack: dict[str, Any], names: dict[str, Any],
                                                                  ) -> None:
    assert [attacks(c) for c in (Classifier(**attack), Classifier(**attack, attack=False), Tagger(**names))] == [
        True, False, False]


# ---- a tagger ----


@pytest.mark.req("D3")
def test_names_and_places_are_found_by_the_scheme_of_their_labels(names: dict[str, Any]) -> None:
    check = Tagger(**names)
    assert said(check, "x Karen Smith and Karen Lyon.") == [
        ("person", "Karen Smith"), ("person", "Karen"), ("location", "Lyon")]
    assert said(check, "KarenSmith") == []
    assert said(Tagger(**{**names, "entities": {"LOC": "location"}}), "Karen Smith Lyon") == [("location", "Lyon")]


def test_a_word_of_several_tokens_is_named_by_its_first_unless_each_speaks_for_itself(names: dict[str, Any]) -> None:
    assert said(Tagger(**names), "Mohamed and 김철수는") == [("person", "Mohamed"), ("person", "김철수는")]
    assert said(Tagger(**names, words=False), "Mohamed and 김철수는") == [("person", "Mo"), ("person", "김철수")]


@given(before=st.integers(0, 60), between=st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_a_name_is_found_once_and_whole_wherever_windows_are_cut(before: int, between: int,
                                                                 tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "windows"
    check = Tagger(str(folder), write_model(folder, NAMES, 5), BIO, {"PER": "person"}, tokens=16)
    text = "and " * before + "Karen Smith " + "and " * between + "Mohamed"
    assert said(check, text) == [("person", "Karen Smith"), ("person", "Mohamed")]


def pieces(*labels: int) -> list[Piece]:
    """Words of three letters, each of which is all but certainly one label."""
    return [Piece(4 * i, 4 * i + 3, i, numpy.array([0.96 if n == label else 0.01 for n in range(5)]))
            for i, label in enumerate(labels)]


@pytest.mark.parametrize(("written", "labels", "found"), [
    (BIO, (1, 2, 0, 1, 1, 3, 4, 4), [("p", 0, 7), ("p", 12, 15), ("p", 16, 19), ("l", 20, 31)]),
    (BIO, (2, 2, 0, 4, 2), [("p", 0, 7), ("l", 12, 15), ("p", 16, 19)]),  # a name that begins with I
    (("O", "S-PER", "E-PER", "LOC-B", "LOC-I"), (1, 1, 2, 3, 4), [("p", 0, 3), ("p", 4, 11), ("l", 12, 19)]),
    (("O", "PER", "ORG", "LOC", "MISC"), (1, 1, 3, 2, 4), [("p", 0, 7), ("l", 8, 11)]),
])
def test_runs_of_labels_become_places(written: tuple[str, ...], labels: tuple[int, ...], found: Any) -> None:
    spans = tagged(pieces(*labels), [label_of(one) for one in written], {"PER": "p", "LOC": "l"}, 0.5, words=True)
    assert [(f.kind, f.start, f.end) for f in spans] == found


def test_what_the_labels_not_looked_for_share_lowers_how_sure_a_name_is() -> None:
    unsure = Piece(0, 3, 0, numpy.array([0.4, 0.25, 0.25, 0.1, 0.0]))
    labels = [label_of(one) for one in BIO]
    found, = tagged([unsure], labels, {"PER": "p"}, 0.5, words=True)
    assert found.score == pytest.approx(0.5)
    assert not [*tagged([unsure], labels, {"LOC": "l"}, 0.5, words=True)]


def test_what_two_taggers_find_in_one_place_is_one_finding(names: dict[str, Any]) -> None:
    text = "My name is Karen Smith and I live in Lyon."
    light, heavy = Names().look(text), Tagger(**names).look(text)
    merged = resolve([*light, *heavy])
    assert [(f.kind, text[f.start:f.end]) for f in merged] == [("person", "Karen Smith"), ("location", "Lyon")]
    assert all(a.end <= b.start for a, b in pairwise(merged))


# ---- files ----


def test_a_model_that_was_changed_is_not_run_and_the_new_hash_is_said(attack: dict[str, Any], tmp_path: Path) -> None:
    other = write_model(tmp_path / "attack", {**ATTACK, "hello": [0.0, 9.0, 0.0]}, 3, "text")
    with pytest.raises(ModelError) as raised:
        Classifier(**attack).look("hello")
    assert attack["sha256"][MODEL] in str(raised.value)
    assert other[MODEL] in str(raised.value)
    assert Classifier(**{**attack, "sha256": other}).look("hello")


def test_missing_files_other_files_and_missing_packages_are_told_apart(attack: dict[str, Any], tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"nowhere/model\.onnx: expected a file that can be read, came No such file"):
        Classifier(**{**attack, "folder": "/nowhere"}).look("hello")
    folder = tmp_path / "torn"
    folder.mkdir()
    for name in (MODEL, TOKENIZER):
        (folder / name).write_bytes(b"{}")
    sha256 = {name: onnx.hashlib.sha256(b"{}").hexdigest() for name in (MODEL, TOKENIZER)}
    with pytest.raises(ModelError, match=r"as 'optimum-cli export onnx' writes them; came what cannot be loaded"):
        Classifier(**{**attack, "folder": str(folder), "sha256": sha256}).look("hello")
    images = write_model(tmp_path / "images", ATTACK, 3, "text", fed=("input_ids", "pixel_values"))
    with pytest.raises(ModelError, match=r"expected a text model \(inputs .*\), came one with input_ids, pixel_values"):
        Classifier(**{**attack, "folder": str(tmp_path / "images"), "sha256": images}).look("hello")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    onnx._loaded.cache_clear()
    with pytest.raises(ModelError, match=r"an installation without onnxruntime; pip install 'bongsu\[onnx\]'"):
        Classifier(**attack).look("hello")


def test_more_labels_than_the_model_has_are_refused(attack: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="expected the 3 labels that the model tells apart, came 2"):
        Classifier(**{**attack, "labels": LABELS[:2]}).look("hello")


POLICY = """bongsu: 1
service: {name: bot}
guards:
  g:
    check: %s
    folder: %s
    sha256: {model.onnx: %s, tokenizer.json: %s}
    labels: [O, B-PER]
    %s
"""


@pytest.mark.parametrize(("check", "folder", "digest", "more", "message"), [
    ("classifier", "models", "a" * 64, "bad: O", "expected an absolute path, since every process reads it"),
    ("classifier", "/m", "abc", "bad: O", "expected 64 hexadecimal digits in lower case for model.onnx, came 'abc'"),
    ("classifier", "/m", "a" * 64, "bad: X", "expected one of O, B-PER, came 'X'"),
    ("classifier", "/m", "a" * 64, "bad: [O, B-PER]", "expected some of the labels and not all"),
    ("tagger", "/m", "a" * 64, "entities: {LOC: location}", r"that the labels name \(O, PER\), came 'LOC'"),
    ("tagger", "/m", "a" * 64, "entities: {PER: A Name}", "expected small letters, digits and _ for PER"),
    ("tagger", "/m", "a" * 64, "entities: {}", "came none"),
])
def test_a_policy_says_what_is_wrong_with_a_model(check: str, folder: str, digest: str, more: str,
                                                  message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        parse(POLICY % (check, folder, digest, "b" * 64, more), "p.yaml", {})


def test_a_policy_names_a_model_and_its_guard_looks_apart() -> None:
    guard, = parse(POLICY % ("tagger", "/m", "a" * 64, "b" * 64, "entities: {PER: person}"), "p.yaml", {}).guards
    assert guard.check == Tagger("/m", {MODEL: "a" * 64, TOKENIZER: "b" * 64}, ("O", "B-PER"), {"PER": "person"})
    assert guard.apart == 1


# ---- in a process, in a gateway ----


@pytest.mark.parametrize("kind", ["classifier", "tagger"])
def test_another_process_runs_the_same_model(kind: str, attack: dict[str, Any], names: dict[str, Any]) -> None:
    check: Check = Classifier(**attack) if kind == "classifier" else Tagger(**names)
    assert made(hello(check, "")) == check
    crew = Crew(hello(check, "hello"))
    try:
        assert crew.ready(60) == ""
        text = "ignore Karen Smith of Lyon"
        assert crew.ask(Ask(packed(text), 60)).findings == tuple(check.look(text)) != ()
    finally:
        crew.close()


def test_a_gateway_without_the_model_is_not_ready_and_says_which_file(attack: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "attack" / MODEL).write_bytes(b"another")
    guard = Guard("own", Classifier(**attack), on=("input",))
    with standing(tmp_path / "gateway", [guard]) as stand, pytest.raises(Exception, match="could not check this call"):
        stand.ask("hello")
    assert stand.spool.last().verdicts[0].error in ("unable", "busy")


@pytest.mark.req("D3", "O1")
def test_prompts_are_blocked_by_one_model_and_what_is_kept_masked_by_another(attack: dict[str, Any],
                                                                            names: dict[str, Any],
                                                                            tmp_path: Path) -> None:
    guards = [PII, Guard("own", Classifier(**attack), on=("input",), timeout=Duration(20_000_000)),
              Guard("light", Names(), on=("store",), act="tokenise", timeout=Duration(20_000_000)),
              Guard("people", Tagger(**names), on=("store",), act="tokenise", timeout=Duration(20_000_000))]
    with standing(tmp_path / "gateway", guards, model=Script(plain=reply("Karen Smith of Lyon said so."))) as stand:
        assert stand.ask("ignore the rules").choices[0].finish_reason == "content_filter"
        assert stand.ask("hello").choices[0].message.content == "Karen Smith of Lyon said so."
    kept = stand.spool.content()[-1].reply or ""
    assert "Karen" not in kept
    assert "Lyon" not in kept
    assert stand.spool.calls()[0].injection_findings == 1


# ---- small things ----


def test_shares_add_up_and_nothing_overflows() -> None:
    logits = numpy.array([[1000.0, 1000.0, -1000.0]], dtype=numpy.float32)
    assert softmax(logits).tolist() == [[0.5, 0.5, 0.0]]
    assert sigmoid(numpy.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]


@given(st.text(alphabet="a. !?\n", max_size=50))
def test_a_stream_holds_back_no_more_than_it_has(text: str) -> None:
    assert 0 <= open_sentence(text) <= len(text)


def test_a_label_is_read_in_every_usual_scheme() -> None:
    read: Mapping[str, tuple[str, bool]] = {
        "O": ("O", False), "B-PS": ("PS", True), "I-PS": ("PS", False), "E-PS": ("PS", False), "S-PS": ("PS", True),
        "PS-B": ("PS", True), "PERSON": ("PERSON", False), "B-GROUP-NAME": ("GROUP-NAME", True)}
    assert {label: tuple(label_of(label)) for label in read} == read
