"""Abuse is found by its words and, in Korean, by what was learned; harmless talk is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.checks import toxicity
from bongsu.checks.toxicity import Toxicity, pack, unpack, weights
from bongsu.checks.toxicity_map import SIZE, blocks, features, korean

CHECK = Toxicity()
WORDS = Toxicity(trained=False)


@pytest.mark.parametrize(("text", "kind"), [
    ("야 이 씨발놈아", "profanity"), ("ㅅㅂ 진짜", "profanity"), ("시1발 뭐야", "profanity"),
    ("병 신 같은", "profanity"),
    ("저 틀딱들 좀 봐", "slur"), ("나가 죽어라", "threat"), ("죽여버린다", "threat"),
    ("You are a worthless idiot.", "insult"), ("I will kill you tonight", "threat"), ("go kill yourself", "threat"),
    ("what the fuck", "profanity"), ("they should all be shot", "threat"),
])
def test_words_of_abuse_are_found_with_their_kind_and_place(text, kind) -> None:
    found = CHECK.look(text)
    assert kind in {f.kind for f in found}
    assert all(0 <= f.start < f.end <= len(text) for f in found)


@pytest.mark.parametrize("text", [
    "The manual describes how to kill a child process.", "Scunthorpe and Sussex are in England.", "a classic assassin",
    "오늘 회의는 10시 발표부터 시작합니다.", "새로운 기능을 추가했습니다.", "병원 신청서를 제출하세요.",
    "도시발 미세먼지가 왔다.", "다시 발 아프다.", "18시 발차 예정입니다.",
    "존나스 형제는 가수다.", "The trash is collected on Monday.", "", " \n", "\u200b",
])
def test_harmless_words_that_look_alike_are_left_alone(text) -> None:
    assert WORDS.look(text) == ()


def test_one_mild_word_is_not_enough_and_two_are() -> None:
    assert WORDS.look("정말 한심하다") == ()
    assert {f.kind for f in WORDS.look("정말 한심하다. 찌질하게 그게 뭐냐")} == {"insult"}


def test_what_was_learned_finds_abuse_that_has_no_bad_word_in_it() -> None:
    text = "이런 것들은 다 사라져야 한다 나라 망치는 것들"
    assert WORDS.score(text) == 0.0
    assert CHECK.score(text) > CHECK.score("내일 오전에 회의실을 예약해 주세요")


def test_other_languages_are_judged_by_words_alone() -> None:
    text = "Please book the meeting room for tomorrow morning."
    assert not korean(text)
    assert CHECK.score(text) == WORDS.score(text) == 0.0


@pytest.mark.parametrize("who", ["여자", "키가 아주 큰 여자", "전라도 사람", "이혼한 여성", "장애인", "동성애자 부부",
                                 "조선족 할머니"])
def test_naming_a_group_of_people_is_no_abuse(who) -> None:
    assert CHECK.look(who) == ()
    assert CHECK.look(f"어제 서점에서 {who} 한 분을 만나 책 이야기를 나누었습니다.") == ()


def test_without_the_share_alike_file_the_words_still_work(monkeypatch) -> None:
    monkeypatch.setattr(toxicity, "weights", lambda: None)
    assert CHECK.look("야 이 씨발놈아")
    assert CHECK.score("내일 오전에 회의실을 예약해 주세요") == 0.0


def test_the_packaged_weights_can_be_read_and_others_are_refused() -> None:
    assert weights() is not None
    head = {"scale": 1.0, "bias": 0.0, "cut": 0.0, "slope": 1.0}
    assert unpack(pack(head, [0] * SIZE)).score("무엇이든") == 0.5
    for bad in (b"", b"something else", pack(head, [0] * 8), pack(head, [0] * SIZE)[:-1]):
        with pytest.raises(ValueError, match="reinstall"):
            unpack(bad)


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_finding_stands_in_its_text_and_a_score_is_a_share(one, two) -> None:
    text = f"{one} 씨발 {two}"
    assert 0 <= CHECK.score(text) <= 1
    assert all(0 <= f.start < f.end <= len(text) for f in CHECK.look(text))
    assert 0 <= CHECK.hold(text) <= min(len(text), 60)


@given(st.text(alphabet="가나다라 \n", max_size=400))
def test_blocks_hold_every_word(text) -> None:
    assert {w for b in blocks(text) for w in b.split()} == set(text.split())
    assert all(0 <= n < SIZE for b in blocks(text) for n in features(b))


def test_a_hostile_text_ends() -> None:
    for text in ("씨" * 100_000, "you are " * 25_000, "개 " * 50_000, "가" * 200_000):
        assert 0 <= CHECK.score(text) <= 1


def test_a_threshold_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold"):
        Toxicity(threshold=0)
