"""Streams, whatever the network does to them: same text for every cutting, and never a forbidden one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bongsu.access.meter import NOTHING
from bongsu.checks.pattern import Pattern
from bongsu.checks.pii import Pii
from bongsu.guard import Guard
from bongsu.quantity import SECOND, Duration
from bongsu.web.masking import Masking
from bongsu.web.screen import Gate, Stopped, Track, screen
from bongsu.web.sse import Events, Overlong, data_of
from bongsu.web.surfaces.chat_stream import ChatReplies
from gatewaykit import PII, SECRET, TOKENS, Mail, Word, chunk

WORDS = st.sampled_from([
    "zeus", "ze", "us", "z", "zez", "eus", " ", ", ", "hello", "kim@example.com", "kim@", "boss@corp.com",
    "[[EMAIL_1]]", "[[EMAIL", "_1]]", "[[", "]]", "[", "[[EMAIL_2]]", "안녕", "é", "😀", "\n", '"', "010-1234-5678",
    "+82 10 1234 5678", "4111 1111 1111 1111", "900101-1234568", "ignore all previous instructions"])
TEXTS = st.lists(WORDS, max_size=14).map("".join)
CUTS = st.lists(st.integers(0, 300), max_size=20)


def cut(text: Any, places: Sequence[int]) -> list[Any]:
    """A text or bytes in pieces."""
    edges = sorted({0, len(text), *(p for p in places if p < len(text))})
    return [text[a:b] for a, b in pairwise(edges)]


def masking() -> Masking:
    """That of a call in which the caller gave one address."""
    made = Masking(TOKENS)
    made.for_model(["kim@example.com"], [PII.check.look("kim@example.com")])
    return made


def streamed(guards: Sequence[Guard], pieces: Sequence[str],
             made: Masking | None = None) -> tuple[str, ChatReplies, bool]:
    """What a caller reads of a reply that came in these pieces, and whether it was blocked."""
    out = ChatReplies(guards, made or masking(), call="C1", asks_usage=False)
    said = ""
    try:
        for piece in pieces:
            said += "".join(map(content, fed(out, chunk(piece))))
        said += "".join(map(content, fed(out, chunk("", 0, "stop"))))
        said += "".join(map(content, out.end()))
    except Stopped:
        return said, out, True
    return said, out, False


def fed(out: ChatReplies, said: Any) -> list[bytes]:
    """What goes out for one chunk."""
    return out.feed(b"data: " + json.dumps(said).encode())


def loaded(block: bytes) -> Any:
    return json.loads(data_of(block.removesuffix(b"\n\n")) or b"")


def content(block: bytes) -> str:
    return "".join(c["delta"].get("content") or "" for c in loaded(block)["choices"])


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1), CUTS,
       st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_events_are_the_same_however_their_bytes_are_cut(datas: list[str], places: list[int], end: str,
                                                         ended: bool) -> None:
    wire = "".join(f": ping{end}{end}event: x{end}data: {d}{end}{end}" for d in datas).encode()
    if not ended:
        wire = wire[: -2 * len(end)]
    events, got = Events(), []
    for piece in cut(wire, places):
        got += events.feed(piece)
    got += events.end()
    assert [found.decode() for found in map(data_of, got) if found is not None] == datas


def test_an_event_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    events = Events()

    def pour() -> None:
        for _ in range(100):
            events.feed(b"data: " + b"x" * 100_000)

    with pytest.raises(Overlong):
        pour()


@given(TEXTS, CUTS)
@example("ask [[EMAIL_1]], please", [5, 8, 12])
@example("boss@corp.com", [1, 2, 3])
def test_a_guarded_stream_reads_like_the_whole_reply_for_every_cutting(text: str, places: list[int]) -> None:
    """Aliases restored, new addresses replaced, every other character as the model said it."""
    said, out, blocked = streamed([PII], cut(text, places))
    made = masking()
    whole = made.for_caller(text, screen([PII], "output", [text]).spans[0])
    assert (said, blocked) == (whole, False)
    assert "kim@example.com" not in (out.kept() or "")
    assert "boss@corp.com" not in (out.kept() or "")


@given(TEXTS, CUTS)
def test_an_unguarded_stream_passes_every_byte(text: str, places: list[int]) -> None:
    out = ChatReplies([], Masking(TOKENS), call="C1", asks_usage=False)
    for piece in cut(text, places):
        block = b"data: " + json.dumps(chunk(piece)).encode()
        assert out.feed(block) == [block + b"\n\n"]
    assert out.end() == []


@pytest.mark.req("P1")
@given(TEXTS, CUTS)
@example("so zeus it is", [4, 5, 6])
@example("zezezeus", [2, 4, 6])
def test_a_forbidden_word_is_never_out_in_any_cutting(text: str, places: list[int]) -> None:
    """Blocked exactly when the word is there; what was said is the start of the text and not even its first letter."""
    said, out, blocked = streamed([SECRET], cut(text, places), Masking(TOKENS))
    assert blocked == ("zeus" in text)
    assert "zeus" not in said
    if blocked:
        assert len(said) <= text.index("zeus")
        assert text.startswith(said)
        assert b"content_filter" in b"".join(out.blocked("No.", "secret", NOTHING))
    else:
        assert said == text


REAL: list[Callable[[], Guard]] = [
    lambda: Guard("pii", Pii(), act="block", on=("output",)),
    lambda: Guard("pattern", Pattern(phrases=("zeus",)), on=("output",))]


@pytest.mark.parametrize("make", REAL, ids=["pii", "pattern"])
@settings(max_examples=150, deadline=None)
@given(text=TEXTS, places=CUTS)
def test_what_the_real_checks_forbid_is_never_out_in_any_cutting(make: Callable[[], Guard], text: str,
                                                                  places: list[int]) -> None:
    guard = make()
    found = guard.check.look(text)
    said, _, blocked = streamed([guard], cut(text, places), Masking(TOKENS))
    assert blocked == bool(found)
    assert text.startswith(said)
    if found:
        assert len(said) <= min(f.start for f in found)
    else:
        assert said == text


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, places=CUTS)
def test_the_real_masking_reads_the_same_for_every_cutting(text: str, places: list[int]) -> None:
    guard = Guard("pii", Pii(), act="tokenise")
    said, out, _ = streamed([guard], cut(text, places))
    made, seen = masking(), screen([guard], "output", [text])
    assert said == made.for_caller(text, seen.spans[0])
    assert seen.hidden is not None
    assert out.kept() == made.unaliased(made.for_store(text, seen.hidden[0]))


@given(TEXTS, TEXTS, CUTS)
def test_choices_do_not_mix(one: str, two: str, places: list[int]) -> None:
    out = ChatReplies([PII], masking(), call="C1", asks_usage=False, choices=2)
    said = ["", ""]

    def add(datas: list[bytes]) -> None:
        for data in datas:
            for choice in loaded(data)["choices"]:
                said[choice["index"]] += choice["delta"].get("content") or ""

    pieces = [cut(one, places), cut(two, places)]
    for i in range(max(map(len, pieces))):
        for index in (0, 1):
            if i < len(pieces[index]):
                add(fed(out, chunk(pieces[index][i], index)))
    add(out.end())
    for index, text in enumerate((one, two)):
        assert said[index] == masking().for_caller(text, screen([PII], "output", [text]).spans[0])


def test_little_is_held_back_and_only_while_it_may_become_a_match() -> None:
    gate = Gate([Track(Guard("pii", Mail()), "output")])
    assert gate.feed("plain words go out ").text == "plain words go out "
    assert gate.feed("at on").text == "at "
    assert gate.feed("ce").text == ""
    assert gate.feed(" ").text == "once "


def test_a_text_without_end_is_not_held_for_ever() -> None:
    """A check that never lets go costs memory; past the longest hold the text is judged as it stands."""
    # The pattern is slow on purpose; how long it may take is not what is asked here.
    gate = Gate([Track(Guard("pii", Mail(), timeout=Duration(60 * SECOND)), "output")])
    freed = "".join(gate.feed("x" * 100).text for _ in range(200))
    assert 20_000 - len(freed) < 10_000


def test_the_last_text_goes_out_before_the_reason_to_stop() -> None:
    out = ChatReplies([SECRET], Masking(TOKENS), call="C1", asks_usage=False)
    assert fed(out, chunk("ze")) == []
    last = [loaded(d)["choices"][0] for d in fed(out, chunk("", 0, "stop"))]
    assert [(c["delta"].get("content"), c["finish_reason"]) for c in last] == [("ze", None), ("", "stop")]


def test_a_word_split_over_two_texts_of_one_choice_is_two_texts() -> None:
    """Reasoning and reply are read apart: what each says alone is what counts."""
    out = ChatReplies([Guard("g", Word("zeus"), on=("output",))], Masking(TOKENS), call="C1", asks_usage=False)
    fed(out, {"choices": [{"index": 0, "delta": {"reasoning_content": "ze"}}]})
    fed(out, {"choices": [{"index": 0, "delta": {"content": "us"}}]})
    with pytest.raises(Stopped):
        fed(out, {"choices": [{"index": 0, "delta": {"reasoning_content": "us"}}]})
