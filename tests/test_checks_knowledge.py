"""A reply held against a folder of documents: what it speaks of is judged, and all else is left alone."""

from __future__ import annotations

import os
import random
from pathlib import Path

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.checks import knowledge
from bongsu.checks.knowledge import Knowledge, KnowledgeError, indexed
from bongsu.guard import Guard
from bongsu.policy import PolicyError, load
from bongsu.quantity import SECOND, Duration
from gatewaykit import Script, reply, standing

RETURNS = "# Returns\n\nYou may return a tent within 30 days of delivery. Refunds are paid to the card you used."
SHIPPING = "배송은 결제 후 이틀 안에 시작됩니다. 제주도 배송비는 3,000원입니다.\n\nWe ship to Korea and Japan only."
RIGHT, WRONG = "You may return a tent within 30 days.", "You may return a tent within 90 days of delivery."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "documents"
    (root / "ko").mkdir(parents=True)
    (root / "returns.md").write_text(RETURNS, encoding="utf-8")
    (root / "ko" / "shipping.txt").write_text(SHIPPING, encoding="utf-8")
    (root / "picture.png").write_bytes(b"\x89PNG no document")
    return root


@pytest.mark.req("D7", "R3")
def test_what_the_documents_say_is_supported_and_what_they_deny_is_not(folder: Path) -> None:
    check = Knowledge(str(folder))
    for good in (RIGHT, "제주도 배송비는 3,000원입니다.", "We ship to Japan and Korea."):
        assert check.support(good, []).findings == (), good
    for bad in (WRONG, "제주도 배송비는 9,000원입니다.", "You may never return a tent within 30 days of delivery."):
        support = check.support(bad, [])
        assert [f.kind for f in support.findings] == ["unsupported"], bad
        assert support.score is not None
        assert support.score < 0.5


def test_only_the_claim_that_is_wrong_is_named(folder: Path) -> None:
    text = f"{RIGHT} {WRONG}"
    [found] = Knowledge(str(folder), threshold=0.7).support(text, []).findings
    assert text[found.start : found.end] == WRONG


def test_what_the_documents_do_not_speak_of_is_not_judged(folder: Path) -> None:
    for text in ("The capital of France is Paris.", "Hello! How can I help you today?", "오늘 서울은 맑습니다.", ""):
        assert Knowledge(str(folder)).support(text, []).score is None


def test_a_claim_of_a_number_that_the_folder_lacks_is_judged_by_the_passages_that_share_its_words(folder: Path) -> None:
    """A number that no document has is as rare a word as there is: a claim that is mostly that number is spoken of by
    nobody, so it is left alone. With enough words that the documents do have, it is seen and found wrong."""
    check = Knowledge(str(folder))
    assert check.support("Order 4471 costs 8123.", []).score is None
    assert [f.kind for f in check.support(WRONG, []).findings] == ["unsupported"]


@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    index = indexed([RETURNS, SHIPPING, text])
    assert all(p in index.passages for p in index.best(text, 3))


def test_the_right_passage_is_found_among_many() -> None:
    draw = random.Random(7)
    things = ["tent", "stove", "rope", "boot", "lamp", "flask", "map", "glove"]
    texts = [f"The {draw.choice(things)} of model K{n} weighs {n + 100} grams." for n in range(500)]
    index = indexed(texts)
    for n in range(0, 500, 50):
        assert index.best(f"Model K{n} weighs {n + 100} grams", 1) == [texts[n]]


def test_a_folder_that_cannot_be_known_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KnowledgeError, match="which is none"):
        Knowledge(str(tmp_path / "none")).support(RIGHT, [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(KnowledgeError, match="expected documents"):
        Knowledge(str(tmp_path / "empty")).support(RIGHT, [])
    monkeypatch.setattr(knowledge, "MOST_BYTES", 3)
    (tmp_path / "much").mkdir()
    (tmp_path / "much" / "a.txt").write_text("more than three bytes", encoding="utf-8")
    with pytest.raises(KnowledgeError, match="split"):
        Knowledge(str(tmp_path / "much")).support(RIGHT, [])


def test_a_policy_names_the_folder(tmp_path: Path, folder: Path) -> None:
    def read(where: str) -> object:
        path = tmp_path / "p.yaml"
        path.write_text("bongsu: 1\nservice: {name: s}\nupstreams: {main: {url: 'http://127.0.0.1:9', model: m}}\n"
                        f"routes: {{s: {{primary: main}}}}\nguards:\n  house: {{check: knowledge, folder: {where}, "
                        "on: output, act: flag}\n", encoding="utf-8")
        return load(path, os.environ).guards[0].check

    assert read(str(folder)) == Knowledge(str(folder))
    with pytest.raises(PolicyError, match="an absolute path"):
        read("documents")


@pytest.mark.req("D7", "R3")
def test_the_gateway_withholds_what_the_documents_deny_though_the_model_was_given_none(tmp_path: Path,
                                                                                      folder: Path) -> None:
    guard = Guard("house", Knowledge(str(folder)), on=("output",), act="block", reply="Let me check.",
                  timeout=Duration(20 * SECOND))
    for said, told, score in ((WRONG, "Let me check.", "low"), (RIGHT, RIGHT, "high"), ("Paris.", "Paris.", "none")):
        with standing(tmp_path / score, [guard], model=Script(plain=reply(said))) as stand:
            assert stand.ask("How long may I wait?").choices[0].message.content == told
            got = stand.spool.last().grounding_score
            assert (got is None) if score == "none" else (got < 0.5 if score == "low" else got >= 0.5)


def test_a_folder_that_is_gone_makes_the_guard_fail_and_not_the_gateway(tmp_path: Path) -> None:
    guard = Guard("house", Knowledge(str(tmp_path / "gone")), on=("output",), act="block", timeout=Duration(SECOND))
    with standing(tmp_path, [guard], model=Script(plain=reply(RIGHT))) as stand:
        with pytest.raises(openai.InternalServerError):
            stand.ask("hello")
        assert stand.spool.last().verdicts[-1].error == "failed"
