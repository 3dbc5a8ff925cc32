r"""Half a character (``\ud83d`` without its other half) in what models and callers say: read as U+FFFD, guarded, never
refused, and passed on byte for byte where nobody changes it."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.guard import Guard
from bongsu.web.asked import fields_of
from bongsu.web.halves import Halves, decode, mended
from gatewaykit import PII, Script, Stand, Word, chunk, sse, standing
from test_gateway_surfaces import WAYS, asking, post
from test_peer_cases import CHANNELS, PHRASE, REASON, WHOLE, wire

HIGH, LOW = "<high>", "<low>"
SECRET = Guard("secret", Word(PHRASE), on=("input", "output"))
MAIL = "kim@example.com"


def halved(data: bytes) -> bytes:
    r"""With halves where their names stand."""
    return data.replace(b"<high>", rb"\ud83d").replace(b"<low>", rb"\ude00")


def whole(name: str, text: str) -> bytes:
    return halved(json.dumps(WHOLE[name](text)).encode())


@pytest.mark.parametrize("guards", [(), (PII, SECRET)])
@pytest.mark.parametrize("name", WHOLE)
def test_a_reply_with_half_a_character_goes_out_byte_for_byte(tmp_path: Path, name: str, guards: Any) -> None:
    said = whole(name, f"a {HIGH} b {LOW} c {HIGH}{LOW} d")
    with standing(tmp_path, guards, model=Script(plain=said), change=WAYS[name].change) as stand:
        assert post(stand, WAYS[name], asking(WAYS[name])) == (200, said)
        event = next(e for e in stand.spool.events if e.kind != "content")
    assert event.outcome == "ok"
    assert [v.act for v in event.verdicts if v.on == "output"] == ["allow"] * len(guards)


@pytest.mark.parametrize("name", [n for n in WHOLE if n != "predict"])
def test_a_reply_with_half_a_character_is_guarded(tmp_path: Path, name: str) -> None:
    with standing(tmp_path, [PII, SECRET], model=Script(plain=whole(name, f"a {HIGH} b {MAIL} {LOW}")),
                  change=WAYS[name].change) as stand:
        status, said = post(stand, WAYS[name], asking(WAYS[name]))
        content = stand.spool.content()
        assert (status, MAIL in said.decode()) == (200, False)
        assert "a \ufffd b " in json.dumps(json.loads(said), ensure_ascii=False)
        stand.model.plain = whole(name, f"{HIGH}{PHRASE}{LOW}")
        said = post(stand, WAYS[name], asking(WAYS[name]))[1]
        assert PHRASE not in said.decode()
        assert stand.spool.wait(2).blocked_by == "secret"
    assert any("\ufffd" in (c.reply or "") for c in content), "a store keeps it, too"


@pytest.mark.parametrize("name", CHANNELS)
def test_a_character_that_a_model_cuts_over_two_events_is_whole_again(tmp_path: Path, name: str) -> None:
    channel = CHANNELS[name]
    pieces = ('{"say": "', f"one {HIGH}", f"{LOW} two {LOW} three {HIGH}", ' four "}')
    events = [halved(e) for e in channel.events(*pieces)]
    with standing(tmp_path, [PII, SECRET], model=Script(events), change=WAYS[channel.way].change) as stand:
        said = b"".join(wire(stand, channel.way, **dict(channel.more))[1]).decode()
        event = stand.spool.wait(1)
    assert (event.outcome, event.withheld_chars) == ("ok", 0)
    assert "\N{GRINNING FACE}" in said
    assert "\ufffd" in said, "one that comes alone"
    assert "\\ud83d" not in said


@pytest.mark.req("P1")
@pytest.mark.parametrize("name", CHANNELS)
def test_a_phrase_between_halves_of_a_stream_is_withheld(tmp_path: Path, name: str) -> None:
    channel = CHANNELS[name]
    events = [halved(e) for e in channel.events(f"well {HIGH}", "confidential pro", f"ject zeus{HIGH}", "more")]
    with standing(tmp_path, [SECRET], model=Script(events), change=WAYS[channel.way].change) as stand:
        said = b"".join(wire(stand, channel.way, **dict(channel.more))[1])
        event = stand.spool.wait(1)
    assert REASON[channel.way] in said.replace(b": ", b":")
    assert b"confidential" not in said
    assert (event.outcome, event.blocked_by) == ("blocked", "secret")


@pytest.mark.parametrize("name", ["chat", "messages", "responses", "completions"])
def test_a_stream_with_half_a_character_that_nobody_reads_goes_out_byte_for_byte(tmp_path: Path, name: str) -> None:
    events = [halved(e) for e in CHANNELS[name].events(f"one {HIGH}", "two")]
    with standing(tmp_path, model=Script(events), change=WAYS[name].change) as stand:
        said = b"".join(wire(stand, name)[1])
    assert rb"one \ud83d" in said
    assert said == b"".join(events)


@pytest.mark.parametrize("guards", [(), (PII, SECRET)])
@pytest.mark.parametrize("name", ["chat", "messages", "responses", "completions", "embeddings"])
def test_what_was_answered_can_be_sent_back(tmp_path: Path, name: str, guards: Any) -> None:
    """A conversation with such a reply in it goes on: the model reads U+FFFD, and guards what stands around it."""
    way = WAYS[name]

    def body(text: str) -> bytes:
        return halved(asking(way._replace(body=json.loads(json.dumps(way.body).replace("hi", text)))))

    model = Script(plain=WHOLE.get(name, lambda _: {"object": "list", "data": []})("fine"))
    with standing(tmp_path, guards, model=model, change=way.change) as stand:
        assert post(stand, way, body(f"cut {HIGH} and {HIGH}{LOW}"))[0] == 200
        assert "cut \ufffd and \N{GRINNING FACE}" in json.dumps(model.seen[-1], ensure_ascii=False)
        if guards:
            post(stand, way, body(f"{HIGH}{PHRASE}"))
            assert stand.spool.wait(2).blocked_by == "secret"
            assert len(model.seen) == 1


def test_what_is_no_json_with_half_a_character_is_still_none(tmp_path: Path) -> None:
    with standing(tmp_path, [PII], model=Script(plain=rb'{"choices": ["\ud83d"')) as stand:
        status, said = post(stand, WAYS["chat"], asking(WAYS["chat"]))
        assert (status, json.loads(said)["error"]["code"]) == (502, "upstream_invalid")
        assert post(stand, WAYS["chat"], rb'{"model": "support-bot", "messages": [{"content": "\ud83d}]')[0] == 400


def units(text: str) -> list[str]:
    """Each unit of UTF-16 as JSON writes it."""
    raw = text.encode("utf-16-be", "surrogatepass")
    return [f"\\u{raw[i]:02x}{raw[i + 1]:02X}" for i in range(0, len(raw), 2)]


@given(st.text(st.characters(exclude_categories=())))
def test_halves_become_what_unicode_says_and_all_else_stays(text: str) -> None:
    data = f'["{"".join(units(text))}"]'.encode()
    assert decode(data) == [text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")]
    assert mended(mended(data)) == mended(data)
    safe = json.dumps([text.encode("utf-8", "replace").decode()]).encode()
    assert mended(safe) == safe


@given(st.lists(st.sampled_from([r"\\", r"\n", r"\"", r"\ud83d", r"\uDE00", "ud83d", r"\u00e9", "x"])).map("".join))
def test_a_half_is_told_from_a_word_after_a_backslash(text: str) -> None:
    data = f'["{text}"]'.encode()
    assert decode(data) == [json.loads(data)[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")]


@pytest.mark.parametrize("escape", [rb"\n", rb"\\", rb"\u000a"])
def test_a_body_that_is_no_json_is_refused_without_a_piece_of_memory_for_each_escape(escape: bytes) -> None:
    body = b'{"model":"m","a":"' + escape * (1 << 16)
    tracemalloc.start()
    try:
        with pytest.raises(msgspec.DecodeError):
            fields_of(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(body)


CUTS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), max_size=20)


@given(st.text("a\N{GRINNING FACE}\\\N{HANGUL SYLLABLE GA}", max_size=9), CUTS)
def test_however_a_text_is_cut_into_events_its_characters_are_whole(text: str, cuts: list[tuple[int, int]]) -> None:
    """Two texts grow by turns, each cut between any two units of UTF-16."""
    told, left, halves = ["", ""], [units(text), units(text)], Halves()
    for index, size in [*cuts, (0, 99), (1, 99)]:
        piece, left[index] = left[index][:size], left[index][size:]
        event = {"id": "x", "choices": [{"index": index, "delta": {"content": "PIECE"}}]}
        found = halves.read(json.dumps(event).replace("PIECE", "".join(piece)).encode())
        told[index] += found["choices"][0]["delta"]["content"]
    assert told == [text, text]


def joined(*events: dict[str, Any]) -> list[Any]:
    """The choices of a stream, read."""
    halves = Halves()
    return [halves.read(halved(json.dumps({"choices": [{"index": 0, **event}]}).encode()))["choices"][0]
            for event in events]


def test_a_character_cut_in_the_arguments_of_a_tool_call_is_whole_though_only_its_first_piece_says_what_it_is() -> None:
    first, second = joined(
        {"delta": {"tool_calls": [{"index": 0, "id": "a", "type": "function",
                                   "function": {"name": "f", "arguments": f"x{HIGH}"}}]}},
        {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": f"{LOW}y"}}]}})
    assert first["delta"]["tool_calls"][0]["function"]["arguments"] == "x"
    assert second["delta"]["tool_calls"][0]["function"]["arguments"] == "\N{GRINNING FACE}y"


@pytest.mark.parametrize("copy", [lambda text: {"message": {"content": text}}, lambda text: {"note": text},
                                  lambda text: {"message": {"parts": [{"index": 0, "text": text}]}}])
def test_a_half_at_the_end_of_a_text_that_is_said_anew_is_not_put_before_it(copy: Any) -> None:
    assert joined(copy(f"a{HIGH}"), copy(f"a{HIGH}{LOW}b"), copy(f"a{HIGH}{LOW}b{HIGH}"), copy(f"{LOW}c")) == joined(
        copy("a"), copy(f"a{HIGH}{LOW}b"), copy(f"a{HIGH}{LOW}b"),
        copy("\ufffdc" if "message" in copy("") else f"{HIGH}{LOW}c"))


def test_a_stream_of_halves_in_odd_places_is_read(tmp_path: Path) -> None:
    """In an id, a model's name, a field nobody knows, and where a type is no text."""
    events = [halved(e) for e in sse({**chunk("a"), "id": HIGH, "model": f"m{HIGH}"},
                                     {**chunk("b"), "type": [HIGH], "x": {"y": [f"z{LOW}"]}},
                                     chunk("", reason="stop"), "[DONE]")]
    with standing(tmp_path, [PII], model=Script(events)) as stand:
        said = b"".join(wire(stand, "chat")[1]).decode()
        event = stand.spool.wait(1)
    assert (event.outcome, event.model, event.response_id) == ("ok", "m\ufffd", "\ufffd")
    assert "\\ud" not in said


def test_the_real_client_reads_both(tmp_path: Path) -> None:
    model = Script([halved(e) for e in sse(chunk(f"hi {HIGH}"), chunk(LOW), chunk("", reason="stop"), "[DONE]")],
                   plain=whole("chat", f"hi {HIGH}{LOW}{HIGH}"))

    def streamed(stand: Stand) -> str:
        return "".join(c.choices[0].delta.content or "" for c in stand.ask(stream=True) if c.choices)

    with standing(tmp_path, [PII], model=model) as stand:
        assert stand.ask().choices[0].message.content == "hi \N{GRINNING FACE}\ud83d"
        assert streamed(stand) == "hi \N{GRINNING FACE}"
