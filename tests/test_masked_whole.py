"""Findings overlap: whatever any masking guard covers is gone, in whole texts, in streams, and in what is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bongsu.checks.pii import Pii
from bongsu.event import Event
from bongsu.guard import Act, Guard
from bongsu.overlap import winners
from bongsu.quantity import SECOND, Duration
from bongsu.web.masking import Masking
from bongsu.web.screen import screen
from bongsu.web.veil import veiled
from gatewaykit import TOKENS, Word
from test_gateway_stream import CUTS, cut, streamed

WORDS = ("alphabet", "betamax", "maxim", "imagine", "tam")
"""Each overlaps the next, and one lies within two others."""
TEXTS = st.lists(st.sampled_from([*WORDS, "alphabetamaximagine", "betamaxim", "a", "max", " ", "é", "봉수", "im"]),
                 max_size=10).map("".join)
ACTS = st.lists(st.sampled_from(["tokenise", "mask"]), min_size=len(WORDS), max_size=len(WORDS))
STOOD = re.compile(r"PATTERN_[A-Z2-7]{16}|<gone>")


def guards(acts: Sequence[Act]) -> list[Guard]:
    return [Guard(f"g{n}", Word(word), act=act, on=("output",), reply="<gone>" if act == "mask" else "")
            for n, (word, act) in enumerate(zip(WORDS, acts, strict=True))]


def left(text: str) -> str:
    """The characters that no word covers."""
    hidden = {at for word in WORDS for m in re.finditer(f"(?={word})", text)
              for at in range(m.start(), m.start() + len(word))}
    return "".join(ch for at, ch in enumerate(text) if at not in hidden)


@given(TEXTS, ACTS)
@example("alphabetamaximagine", ["tokenise"] * len(WORDS))
@example("alphabetamax", ["mask", *["tokenise"] * 4])
def test_of_a_whole_reply_no_character_that_a_finding_covers_stays(text: str, acts: list[Act]) -> None:
    seen = screen(guards(acts), "output", [text])
    assert STOOD.sub("", Masking(TOKENS).for_caller(text, seen.spans[0])) == left(text)


@given(TEXTS, ACTS, CUTS)
@example("alphabetamaximagine", ["tokenise"] * len(WORDS), [8, 12])
@example("alphabetamaximagine", ["mask", *["tokenise"] * 4], list(range(19)))
def test_of_a_stream_none_stays_however_it_is_cut(text: str, acts: list[Act], places: list[int]) -> None:
    said, _, _ = streamed(guards(acts), cut(text, places), Masking(TOKENS))
    assert said == Masking(TOKENS).for_caller(text, screen(guards(acts), "output", [text]).spans[0])
    assert STOOD.sub("", said) == left(text)


@given(TEXTS)
def test_of_what_is_kept_none_stays(text: str) -> None:
    slow = [Guard(f"g{n}", Word(word), act="tokenise", on=("store",)) for n, word in enumerate(WORDS)]
    kept = veiled(Event(id="E1", time=0, prompt=text, reply=text), slow, TOKENS.mask)
    assert kept is not None
    assert STOOD.sub("", kept.prompt or "") == STOOD.sub("", kept.reply or "") == left(text)


def test_a_guard_that_blocks_wins_over_one_that_masks_the_same_place() -> None:
    both = [Guard("mask", Word("alphabet"), act="mask", on=("output",)), Guard("stop", Word("betamax"), on=("output",))]
    assert screen(both, "output", ["alphabetamax"]).outcome.act == "block"
    assert streamed(both, ["alphabetamax"])[2]


FORMS = st.lists(st.sampled_from([
    "https://bob:s3cret@example.com", "110-123-456789", "010-1234-5678", "4111 1111 1111 1111", "kim@example.com",
    "계좌 ", "여권 ", "900101-1234568", "0x52908400098527886E0F7030069857D2E4169EE7", "1", "-", " ", "@corp.com",
    "서울특별시 중구 세종대로 110", "192.168.0.1", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"]),
    max_size=8).map("".join)


@given(FORMS)
@pytest.mark.req("D3")
def test_of_forms_too_a_loser_does_not_stay_in_part(text: str) -> None:
    """What one reading of a number covers is masked, though another, surer one says what it is."""
    guard = Guard("pii", Pii(), act="tokenise", on=("output",), timeout=Duration(SECOND))
    found = Pii().look(text)
    hidden = {at for f in found for at in range(f.start, f.end)}
    masked = Masking(TOKENS).for_caller(text, screen([guard], "output", [text]).spans[0])
    assert re.sub(r"[A-Z][A-Z_]*_[A-Z2-7]{16}", "", masked) == "".join(
        ch for at, ch in enumerate(text) if at not in hidden)
    assert set(winners(found)) <= set(found)
