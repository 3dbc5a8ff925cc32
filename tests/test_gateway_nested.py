"""Texts that stand deeper in a chat reply than a plain text, whole and streamed: parts of a content (Mistral's
thinking), details of reasoning (OpenRouter's), annotations, words beside sound, events of no choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bongsu.web.surfaces.nested import grown, leaves
from gatewaykit import PII, SECRET, Script, chunk, reply, sse, standing

CUT = ("it is z", "e", "us", " indeed")


def details(text: str, n: int = 0) -> dict[str, Any]:
    return {"reasoning_details": [{"type": "reasoning.text", "text": text, "index": n, "format": None}]}


def thinking(text: str) -> dict[str, Any]:
    return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}


def part(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}


def voice(text: str) -> dict[str, Any]:
    return {"audio": {"id": "a", "transcript": text}}


def cited(text: str) -> dict[str, Any]:
    return {"annotations": [{"type": "url_citation", "url_citation": {"title": text, "url": "http://x.example"}}]}


KINDS = {"details of reasoning": details, "thinking parts": thinking, "text parts": part, "words of a voice": voice}


def delta(**more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": more, "finish_reason": None}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


def texts(found: Any) -> str:
    """Everything that is said in a delta, in the order of its fields."""
    return "".join(box[key] for box, key, _ in leaves(found)) if isinstance(found, dict | list) else ""


def said(chunks: list[Any]) -> str:
    return "".join(texts(c.choices[0].delta.model_dump(exclude_none=True, warnings=False)) for c in chunks if c.choices)


@pytest.mark.req("P1")
@pytest.mark.parametrize("kind", KINDS)
def test_a_forbidden_word_that_is_cut_over_pieces_deep_in_a_stream_is_never_sent(tmp_path: Path, kind: str) -> None:
    model = Script(sse(*(delta(**KINDS[kind](piece)) for piece in CUT), chunk("", reason="stop"), "[DONE]"))
    with standing(tmp_path, [SECRET], model=model) as stand:
        chunks = stand.stream()
        assert stand.spool.last().blocked_by == "secret"
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert "z" not in said(chunks).removeprefix("it is ")


@pytest.mark.parametrize("kind", KINDS)
def test_what_nothing_forbids_comes_through_whole_and_in_its_own_shape(tmp_path: Path, kind: str) -> None:
    pieces = ("it is z", "e", "bra and ", "kim")
    model = Script(sse(*(delta(**KINDS[kind](piece)) for piece in pieces), chunk("", reason="stop"), "[DONE]"))
    with standing(tmp_path, [SECRET], model=model) as stand:
        chunks = stand.stream()
        assert stand.spool.last().outcome == "ok"
    assert said(chunks) == "it is zebra and kim"
    shapes = [grown(way, "") for c in chunks if c.choices
              for box, key, way in leaves(c.choices[0].delta.model_dump(exclude_none=True, warnings=False)) if box[key]]
    (only,) = {str(shape) for shape in shapes}
    assert only == str(grown(next(iter(leaves(KINDS[kind]("x")))).path, ""))


def test_a_callers_own_value_is_restored_deep_in_a_stream_though_its_alias_is_cut(tmp_path: Path) -> None:
    pieces = ("mail [[EM", "AIL_", "1]] now")
    model = Script(sse(*(delta(**details(piece)) for piece in pieces), chunk("", reason="stop"), "[DONE]"))
    with standing(tmp_path, [PII], model=model) as stand:
        assert said(stand.stream("I am kim@example.com")) == "mail kim@example.com now"


def test_two_details_that_go_on_side_by_side_do_not_run_into_each_other(tmp_path: Path) -> None:
    events = [delta(**details(text, n)) for text, n in (("it is z", 0), ("eus", 1), ("ebra", 0), (" fine", 1))]
    model = Script(sse(*events, chunk("", reason="stop"), "[DONE]"))
    with standing(tmp_path, [SECRET], model=model) as stand:
        chunks = stand.stream()
        assert stand.spool.last().outcome == "ok"
    found: dict[int, str] = {0: "", 1: ""}
    for c in chunks:
        for one in (c.choices[0].delta.model_dump(warnings=False).get("reasoning_details") or []) if c.choices else []:
            found[one["index"]] += one["text"]
    assert found == {0: "it is zebra", 1: "eus fine"}


def test_sound_waits_for_its_words_and_is_not_sent_where_they_are_forbidden(tmp_path: Path) -> None:
    def play(*words: str) -> list[Any]:
        sounds = [delta(audio={"id": "a", "data": f"AAA{n}"}) for n in range(2)]
        spoken = [delta(**voice(word)) for word in words]
        return sse(sounds[0], *spoken, sounds[1], chunk("", reason="stop"), "[DONE]")

    with standing(tmp_path / "a", [SECRET], model=Script(play("good ", "day"))) as stand:
        heard = [c.choices[0].delta.model_dump(warnings=False).get("audio") or {} for c in stand.stream() if c.choices]
    assert [one["data"] for one in heard if one.get("data")] == ["AAA0", "AAA1"]
    assert "".join(one.get("transcript") or "" for one in heard) == "good day"
    with standing(tmp_path / "b", [SECRET], model=Script(play(*CUT))) as stand:
        chunks = stand.stream()
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert "AAA" not in str([c.model_dump(warnings=False) for c in chunks])
    with standing(tmp_path / "c", [PII], model=Script(play("ask boss@co", "rp.com please"))) as stand:
        assert stand.stream()[-1].choices[0].finish_reason == "content_filter", "the voice says it all the same"
        assert stand.spool.last().blocked_by == "pii"


@pytest.mark.parametrize("told", [thinking("it is zeus"), cited("it is zeus"), details("it is zeus"),
                                  {"content": [{"type": "reference", "title": "it is zeus"}]}])
def test_the_same_is_read_in_a_whole_reply(tmp_path: Path, told: dict[str, Any]) -> None:
    found = reply("fine")
    found["choices"][0]["message"] |= told
    with standing(tmp_path, [SECRET], model=Script(plain=found)) as stand:
        assert stand.ask().choices[0].finish_reason == "content_filter"


@pytest.mark.parametrize("event", [delta(**cited("it is zeus")), {"object": "search.results", "found": ["it is zeus"]},
                                   {"choices": [], "note": {"deep": "it is zeus"}}])
def test_what_a_stream_says_beside_its_texts_is_read_whole(tmp_path: Path, event: dict[str, Any]) -> None:
    model = Script(sse(chunk("good "), event, chunk("", reason="stop"), "[DONE]"))
    with standing(tmp_path, [SECRET], model=model) as stand:
        chunks = stand.stream()
        assert stand.spool.last().blocked_by == "secret"
    assert "zeus" not in str([c.model_dump(warnings=False) for c in chunks])


def test_what_a_choice_says_beside_its_message_is_read(tmp_path: Path) -> None:
    found, beside = reply("fine"), chunk("fine ")
    for one in (found, beside):
        one["choices"][0]["note"] = {"deep": ["it is zeus"]}
    model = Script(sse(beside, chunk("", reason="stop"), "[DONE]"), plain=found)
    with standing(tmp_path, [SECRET], model=model) as stand:
        assert stand.ask().choices[0].finish_reason == "content_filter"
        chunks = stand.stream()
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert "zeus" not in str([c.model_dump(warnings=False) for c in chunks])


def test_events_of_no_choice_that_say_nothing_forbidden_pass_as_they_are(tmp_path: Path) -> None:
    event = {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "hate": {"severity": "safe"}}], "x": 1}
    model = Script(sse(event, delta(**cited("a title")), chunk("good "), chunk("", reason="stop"), "[DONE]"))
    with standing(tmp_path, [SECRET], model=model) as stand:
        first, second, *_ = stand.stream()
    told = first.model_dump(exclude_none=True, warnings=False)
    assert told | event == told
    assert second.choices[0].delta.annotations == cited("a title")["annotations"]


def test_a_hidden_part_of_a_request_is_read(tmp_path: Path) -> None:
    asks_zeus = [{"role": "user", "content": [{"type": "text", "text": "hi"}, *thinking("it is zeus")["content"]]}]
    named = [{"role": "user", "content": [{"type": "file", "file": {"filename": "zeus.pdf", "file_data": "zeus"}}]}]
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,zeus"}},
                                          {"type": "input_audio", "input_audio": {"data": "zeus", "format": "wav"}}]}]
    with standing(tmp_path, [replace(SECRET, on=("input",))]) as stand:
        reasons = [stand.shared.chat.completions.create(model="support-bot", messages=messages).choices[0].finish_reason
                   for messages in (asks_zeus, named, image)]
    assert reasons == ["content_filter", "content_filter", "stop"]
