"""Whether a reply rests on its context: what must count against it, in English and Korean."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bongsu.checks.grounding import Grounding, claims, unsupported, weights
from bongsu.checks.grounding_map import FEATURES, features, ground, sentences, stem

CHECK = Grounding()
BRIDGE = ("The Golden Gate Bridge opened on 27 May 1937. It is 2,737 metres long and was designed by Joseph Strauss. "
          "Pedestrians may not cross it at night.")
PARCEL = ("배송은 결제 후 영업일 기준 3일 안에 시작됩니다. 제주와 도서 지역은 2일이 더 걸립니다. "
          "환불은 수령 후 7일 이내에 신청할 수 있습니다.")


def score(text: str, *context: str) -> float:
    found = CHECK.support(text, context or [BRIDGE]).score
    assert found is not None
    return found


@pytest.mark.req("R3", "D7")
@pytest.mark.parametrize(("right", "wrong", "context"), [
    ("The bridge opened in 1937.", "The bridge opened in 1947.", BRIDGE),
    ("It was designed by Joseph Strauss.", "It was designed by Irving Morrow.", BRIDGE),
    ("Pedestrians may not cross it at night.", "Pedestrians may cross it at night.", BRIDGE),
    ("It is 2,737 metres long.", "It is 1,280 metres long.", BRIDGE),
    ("The bridge is 2737 metres long.", "The bridge has 14 lanes for lorries.", BRIDGE),
    ("환불은 수령 후 7일 이내에 신청할 수 있습니다.", "환불은 수령 후 30일 이내에 신청할 수 있습니다.", PARCEL),
    ("환불을 신청할 수 있습니다.", "환불을 신청할 수 없습니다.", PARCEL),
    ("제주 지역은 2일이 더 걸립니다.", "부산 지역은 2일이 더 걸립니다.", PARCEL),
    ("배송은 3일 안에 시작됩니다.", "우리 회사는 1998년에 세워졌습니다.", PARCEL),
])
def test_a_changed_number_name_or_denial_costs_support(right, wrong, context) -> None:
    assert score(right, context) > score(wrong, context) + 0.1


def test_what_the_context_says_is_supported_and_what_it_does_not_say_is_not() -> None:
    for text, context in ((BRIDGE, BRIDGE), (PARCEL, PARCEL)):
        assert score(text, context) > 0.9
        assert CHECK.support(text, [context]).findings == ()
    assert score("Maria Lopez painted it blue in 1988.") < 0.1
    assert score("김철수 대표가 1998년 부산에서 창업했습니다.", PARCEL) < 0.1


def test_the_unsupported_claim_is_named_and_the_supported_one_is_not() -> None:
    text = "The bridge opened in 1937. In 1988 Maria Lopez painted it blue for the Olympic Games in Seoul."
    found = Grounding(threshold=0.6).support(text, [BRIDGE])
    assert [text[f.start : f.end] for f in found.findings] == [text[27:]]
    assert all(f.kind == "unsupported" for f in found.findings)


def test_korean_particles_and_endings_do_not_part_words() -> None:
    assert stem("환불을") == stem("환불은") == "환불"
    assert stem("지역에서는") == stem("지역의") == "지역"
    assert stem("adapted") == stem("adapts")
    assert score("제주는 2일이 더 걸립니다.", PARCEL) > 0.5


def test_numbers_meet_by_value_however_they_are_written() -> None:
    assert score("There are two doors.", "There are 2 doors.") > 0.8
    assert score("It cost 1,200 won.", "It cost 1200 won.") > 0.8


@pytest.mark.parametrize("text", ["I'm sorry, I could not find that in the documents.", "Let me know if you need more.",
                                  "죄송하지만 문서에서 찾을 수 없습니다.", "안녕하세요!", "?!", ""])
def test_a_reply_that_claims_nothing_has_no_score(text) -> None:
    assert CHECK.support(text, [BRIDGE]).score is None


def test_a_claim_behind_a_courtesy_still_counts() -> None:
    text = "Thanks to Maria Lopez it was painted blue in 1988. Thank you!"
    assert [text[a:b] for a, b in claims(text)] == [text[:50]]
    assert score(text) < 0.2


def test_without_a_context_nothing_is_said() -> None:
    assert CHECK.support("The bridge opened in 1937.", []).score is None
    assert CHECK.support("The bridge opened in 1937.", [" \n"]).score is None
    assert CHECK.look("The bridge opened in 1937.") == ()
    assert unsupported("The bridge opened in 1937.", []) > 0.5


WORDS = st.lists(st.sampled_from(["the", "bridge", "Strauss", "1937", "2", "not", "제주는", "환불", "없다", ".",
                                  "?", "\n", "metres", "I", "you", "…", "\u200b", "é", "''", "more", "less"]),
                 max_size=40).map(" ".join)


@example("Strauss 1937 not metres 환불 bridge", "", "Strauss 1937 not metres 환불 bridge")
@given(WORDS, WORDS, WORDS)
def test_every_feature_is_a_share_and_more_context_never_takes_words_away(claim, context, more) -> None:
    few, many = features(claim, ground([context])), features(claim, ground([context, more]))
    assert len(few) == len(FEATURES)
    assert all(0 <= x <= 1 for x in few + many)
    for name in ("plain", "letters", "missing", "scattered", "pairs", "numbers", "names", "novel"):
        at = FEATURES.index(name)
        assert many[at] <= few[at] + 1e-9, name


@given(WORDS, WORDS)
def test_findings_stand_in_the_text_and_the_score_is_a_share(text, context) -> None:
    found = CHECK.support(text, [context])
    assert found.score is None or 0 <= found.score <= 1
    assert bool(found.findings) == (found.score is not None and found.score < CHECK.threshold)
    assert all(0 <= f.start < f.end <= len(text) for f in found.findings)


@given(st.text(max_size=60))
def test_sentences_hold_every_letter_once(text) -> None:
    places = list(sentences(text))
    assert all(a < b for a, b in places)
    assert all(b <= c for (_, b), (c, _) in pairwise(places))
    inside = "".join(text[a:b] for a, b in places)
    assert sorted(c for c in inside if c.isalnum()) == sorted(c for c in text if c.isalnum())


def test_no_weight_lets_what_is_missing_count_as_support() -> None:
    assert all(w >= 0 for w in weights().weights)
    assert weights().slope > 0


@pytest.mark.parametrize("settings", [{"threshold": 0.0}, {"threshold": 1.0}, {"roles": ()}])
def test_a_setting_that_cannot_be_is_refused(settings) -> None:
    with pytest.raises(ValueError, match="expected"):
        Grounding(**settings)


def test_a_long_reply_does_not_cost_its_square() -> None:
    """200,000 sentences against as many would be 4 * 10^10 comparisons: this ends only if they are not made."""
    text = "a. " * 60_000
    assert CHECK.support(text, [text]).score is not None
