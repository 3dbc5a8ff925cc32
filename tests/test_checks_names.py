"""Names of people: what has no form, by a small trained tagger, in Korean and English."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evaldata
from bongsu.checks.names import KINDS, Names, WeightsError, model, pack, unpack
from bongsu.checks.names_map import BITS, features, pieces, tokens
from bongsu.evaluation.run import report
from bongsu.privacy.tokens import Tokeniser

NAMES = Names()


def said(text: str, names: Names = NAMES) -> list[tuple[str, str]]:
    return [(f.kind, text[f.start:f.end]) for f in names.look(text)]


@pytest.mark.req("D3")
@pytest.mark.parametrize(("text", "person"), [
    ("담당자 박지영 대리에게 보내 주세요.", "박지영"), ("저는 김민수입니다.", "김민수"),
    ("이 계약은 최영호 대표가 서명했다.", "최영호"), ("My name is Karen Smith.", "Karen Smith"),
    ("Please call Mr. John Miller back.", "John Miller")])
def test_a_name_is_found_without_what_sticks_to_it(text: str, person: str) -> None:
    assert ("person", person) in said(text)


@pytest.mark.req("D3")
@pytest.mark.parametrize("text", [
    "안녕하세요, 환불 문의드립니다.", "이 문서를 요약해 줘.", "오늘 회의는 3시에 시작합니다.", "감사합니다.",
    "What time does the library close on Sunday?", "please summarise this document", "", " \n ", "1234"])
def test_what_people_write_to_an_assistant_is_no_name(text: str) -> None:
    assert said(text) == []


def test_each_language_is_read_in_its_own_lines() -> None:
    text = "My name is Karen Smith.\n저는 김민수입니다.\n"
    assert [text[a:b] for _, a, b in pieces(text)] == ["My name is Karen Smith.\n", "저는 김민수입니다."]
    assert said(text) == [("person", "김민수"), ("person", "Karen Smith")]


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("김민수는 저 이박가을.!?\n Aa1-'\ud800"), max_size=80))
def test_no_text_raises_and_findings_stay_inside_and_apart(text: str) -> None:
    found = sorted(Names(KINDS, 0.05).look(text), key=lambda f: f.start)
    assert all(0 <= f.start < f.end <= len(text) and 0 < f.score <= 1 for f in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert 0 <= NAMES.hold(text) <= len(text)


def test_a_lower_threshold_finds_no_less() -> None:
    text = "응답하라 1988 연출을 맡은 신원호 PD는 Karen과 이야기했다. 수진이도 왔다."
    covered = [{i for f in Names(KINDS, t).look(text) for i in range(f.start, f.end)} for t in (0.8, 0.4, 0.1)]
    assert covered[0] <= covered[1] <= covered[2]


def test_every_feature_has_a_place_in_the_table() -> None:
    for language, text in (("ko", "저는 김민수 Kim 12입니다."), ("en", "I'm José, 12 St.")):
        rows = features(text, tokens(text, language, 0, len(text)), language)
        assert all(0 <= i < 1 << BITS[language] for row in rows for i in row)


def test_weights_of_another_kind_are_refused_with_what_to_do() -> None:
    packed = model("en").packed()
    assert unpack(packed, "en").packed() == packed
    other, empty = packed.replace(b'"map": 2', b'"map": 9'), pack({"language": "en", "labels": []}, b"x")
    for wrong in (b"", packed[:-9], other, empty):
        with pytest.raises(WeightsError, match=r"reinstall bongsu, or train again with training/names\.py"):
            unpack(wrong, "en")
    with pytest.raises(WeightsError):
        unpack(packed, "ko")


@pytest.mark.parametrize(("settings", "words"), [
    ({"entities": ("persn",)}, r"entities\[0\]: expected one of person"), ({"threshold": 1.0}, "threshold: expected")])
def test_settings_that_cannot_be_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Names(**settings)


def test_a_name_becomes_a_token_in_what_is_stored() -> None:
    text = "My name is Karen Smith."
    masked = Tokeniser(bytes(32)).mask(text, NAMES.look(text))
    assert masked.startswith("My name is PERSON_")
    assert "Karen" not in masked


def test_the_packaged_weights_belong_to_this_feature_map(tmp_path: Path) -> None:
    """They have seen these rows, so this says nothing of how good they are; a changed feature map ruins it."""
    rows = evaldata.file("pii_spans.jsonl").read_text(encoding="utf-8").splitlines()
    file = tmp_path / "some.jsonl"
    file.write_text("\n".join(rows[::20]) + "\n", encoding="utf-8")
    by_entity = report("pii", file)["by_entity"]
    assert by_entity["person"]["f2"] > 0.95
    assert json.loads(json.dumps(by_entity))["address"]["f2"] > 0.9
