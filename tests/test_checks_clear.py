"""A check that says at once that there is nothing to find says what it would have said after a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bongsu.checks.escapes import plainly
from bongsu.checks.pattern import Pattern
from bongsu.checks.pii import BOUND, Pii
from bongsu.guard import Guard
from bongsu.ports import Check, Finding
from bongsu.quantity import SECOND, Duration
from bongsu.web.screen import Freed, Gate, Stopped, Track
from gatewaykit import Word
from test_checks_pii import KNOWN

CHECKS: list[Any] = [
    Pii(), Pii(least=0.9), Pii(entities=("email", "phone")), Pattern(), Pattern(patterns=(r"CONF-\d{4}", "x+y")),
    Pattern(phrases=("Project Zeus", "기밀 문서", "end."), builtin=False), Pattern(phrases=("zeus",))]
PIECES = st.lists(st.one_of(
    st.sampled_from(("The committee met ", "회의는 금요일까지 ", "문의해 주세요. ", "call us ", "2026 ", "project ",
                     "zeus", " 기밀", "CONF-12", "x", "y ", "%40", "&#64;", "\\u0040", "ignore ", "all previous ",
                     "instructions", "-----BEGIN ", "서울 강남구 ", "A" * 30, "０", "％41", ". ")),
    st.sampled_from([f"{before}{value}{after}" for _, before, value, after in KNOWN]), st.text(max_size=3)), max_size=8)
CUTS = st.lists(st.integers(0, 400), max_size=12)
PROSE = ("The committee met on Tuesday to discuss the budget for 2026 and the 14 open positions; it will be sent. ",
         "주문하신 부츠는 월요일에 도착했고 재킷은 14일에 출고되어 배송 중입니다. 추가 문의는 고객센터로 남겨 주세요. ")


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CHECKS), PIECES)
@example(Pii(), ["write to kim%4"])
@example(Pii(), ["a" * (BOUND + 1)])
def test_what_is_clear_holds_as_much_and_has_no_finding(check: Any, parts: list[str]) -> None:
    text = "".join(parts)
    clear = check.clear(text)
    assert clear is None or (clear, tuple(check.look(text))) == (check.hold(text), ())


@pytest.mark.parametrize("text", PROSE)
@pytest.mark.parametrize("check", [Pii(), Pattern()], ids=["pii", "pattern"])
def test_prose_is_clear_wherever_it_ends(check: Check, text: str) -> None:
    assert [n for n in range(len(text) + 1) if check.clear(text[:n]) is None] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["a%", "50% of a&b or %41", "a&", "a\\", "％41", "too long",
                                  "aWdub3JlIGFsbCBwcmV2aW91cyBydWxlcw=="])
def test_what_is_escaped_or_may_begin_to_be_is_not_plain(text: str) -> None:
    assert plainly(text, 50 if text != "too long" else 7) is None


def test_a_sign_that_begins_no_escape_is_plain() -> None:
    found = plainly("50% of R&D, C:\\temp or so", 50)
    assert found is not None
    assert found.text == "50% of R&D, C:\\temp or so"


@dataclass(frozen=True)
class Unhurried:
    """The same check, which never says anything at once."""

    check: Check
    version: str = "1"

    @property
    def name(self) -> str:
        return self.check.name

    def look(self, text: str) -> Sequence[Finding]:
        return self.check.look(text)

    def hold(self, text: str) -> int:
        return self.check.hold(text)

    def __getattr__(self, name: str) -> Any:
        if name == "above":  # what it reads a piece behind is the same
            return getattr(self.check, name)
        raise AttributeError(name)


def freed(checks: Sequence[Check], pieces: Sequence[str]) -> tuple[list[Freed], list[list[Finding]], int]:
    """What a gate lets go for each piece, what its guards found, and what was withheld where one of them blocked."""
    tracks = [Track(Guard(f"g{n}", check, act="block" if check.name == "pattern" else "tokenise",
                          timeout=Duration(60 * SECOND)), "output") for n, check in enumerate(checks)]
    gate, out, withheld = Gate(tracks), [], -1
    try:
        out += [gate.feed(piece) for piece in pieces]
        out.append(gate.feed("", last=True))
    except Stopped as stopped:
        withheld = stopped.withheld
    return out, [track.found for track in tracks], withheld


@pytest.mark.req("P1")
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(CHECKS), min_size=1, max_size=3), PIECES, CUTS)
@example([Pii(), Pattern()], ["x" * 20_000, "kim@example.com "], [])
def test_a_stream_goes_out_as_if_every_guard_had_looked_at_every_piece(checks: list[Any], parts: list[str],
                                                                     cuts: list[int]) -> None:
    text = "".join(parts)
    edges = [0, *sorted({c % (len(text) + 1) for c in cuts}), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert freed(checks, pieces) == freed([Unhurried(check) for check in checks], pieces)


@dataclass(frozen=True)
class Hasty(Word):
    """Says that all is clear, or fails to."""

    fails: bool = False

    def clear(self, text: str) -> int | None:
        if self.fails:
            raise ValueError(text)
        return None if self.word in text else self.hold(text)


def test_a_check_that_fails_before_it_looks_has_failed() -> None:
    track = Track(Guard("g", Hasty(fails=True), fails="closed"), "output")
    with pytest.raises(Stopped) as stopped:
        Gate([track]).feed("nothing of it ")
    assert stopped.value.outcome.failed == "g"
    track = Track(Guard("g", Hasty(fails=True), fails="open"), "output")
    assert Gate([track]).feed("nothing of it ").text == "nothing of it "
    assert track.failed


def test_one_that_takes_too_long_to_say_so_has_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    class Watched(Hasty):
        def look(self, text: str) -> Sequence[Finding]:
            looked.append(text)
            return super().look(text)

    guard = Guard("g", Watched(), timeout=Duration(20_000))
    ticks = iter((0, 1, 2, 30_000_002, 40_000_000, 40_000_001))
    monkeypatch.setattr("bongsu.web.screen.clock", lambda: next(ticks))
    gate = Gate([track := Track(guard, "output")])
    assert gate.feed("in time ").text == "in time "
    assert looked == []
    assert gate.feed("too late ").text == "too late "
    assert looked == ["in time too late "]
    assert not track.failed
    assert track.took_ns == 1 + 30_000_000 + 1
