"""Texts that stand deeper in a chat reply than a plain text, whole and streamed: parts of a content (Mistral's
thinking), details of reasoning (OpenRouter's), annotations, words beside sound, events of no choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bongsu.web.grounded import claimed
from bongsu.web.nested import grown, leaves
from bongsu.web.surfaces.chat import Chat
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


@pytest.mark.req("P1")
def test_a_word_goes_on_in_a_part_that_says_its_type_in_its_first_piece_only(tmp_path: Path) -> None:
    first, *more = (details(piece)["reasoning_details"][0] for piece in CUT)
    later = [{key: part[key] for key in ("index", "text")} for part in more]
    events = [delta(reasoning_details=[part]) for part in (first, *later)]
    with standing(tmp_path, [SECRET], model=Script(sse(*events, chunk("", reason="stop"), "[DONE]"))) as stand:
        chunks = stand.stream()
        assert stand.spool.last().blocked_by == "secret"
    assert "z" not in said(chunks).removeprefix("it is ")


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


ODD: dict[str, dict[str, Any]] = {
    "note of a call": {"tool_calls": [{"index": 0, "id": "t", "type": "function",
                                       "extra_content": {"note": "it is zeus"},
                                       "function": {"name": "f", "arguments": "{}"}}]},
    "note of a function": {"tool_calls": [{"index": 0, "id": "t", "type": "function",
                                           "function": {"name": "f", "arguments": "{}", "thought": "it is zeus"}}]},
    "object as arguments": {"tool_calls": [{"index": 0, "id": "t", "type": "function",
                                            "function": {"name": "f", "arguments": {"id": "it is zeus"}}}]},
    "older call": {"function_call": {"name": "f", "arguments": {"q": ["it is zeus"]}}},
    "note of a voice": {"audio": {"id": "a", "transcript": "fine", "note": "it is zeus"}},
    "list as reasoning": {"reasoning": [{"text": "it is zeus"}]},
    "list as a refusal": {"refusal": ["it is zeus"]},
    "object as a text": {"content": [{"type": "text", "text": {"value": "it is zeus"}}]},
    "list in a list": {"content": [[{"text": "it is zeus"}]]}}
"""Texts in a form that the API does not know."""
BESIDE: dict[str, dict[str, Any]] = {
    "message": {"message": {"content": "it is zeus"}}, "text": {"text": "it is zeus"},
    "delta": {"delta": {"content": "it is zeus"}},
    "source of a filter": {"content_filter_results": {"protected_material": {"citation": {"license": "it is zeus"}}}}}
"""Fields of a choice that are read by name in other replies only."""
TOP: dict[str, dict[str, Any]] = {
    "sources": {"citations": ["http://x.example", "it is zeus"]},
    "results": {"search_results": [{"title": "a title", "snippet": "it is zeus"}]}}


@pytest.mark.req("P1")
@pytest.mark.parametrize("where", [*ODD, *BESIDE, *TOP])
def test_a_text_in_a_form_nobody_knows_is_read_whole_and_streamed(tmp_path: Path, where: str) -> None:
    whole, piece = reply("fine"), chunk("good morning to you ")
    whole["choices"][0]["message"] |= ODD.get(where, {})
    piece["choices"][0]["delta"] |= ODD.get(where, {})
    for one, own in (whole, "message"), (piece, "delta"):
        one["choices"][0] |= {key: value for key, value in BESIDE.get(where, {}).items() if key != own}
        one |= TOP.get(where, {})
    if where == "message":  # is how a whole reply speaks
        whole = reply("it is zeus")
    if where == "delta":
        piece = chunk("it is zeus")
    model = Script(sse(piece, chunk("", reason="stop"), "[DONE]"), plain=whole)
    with standing(tmp_path, [SECRET], model=model) as stand:
        assert stand.ask().choices[0].finish_reason == "content_filter"
        assert stand.spool.last().blocked_by == "secret"
        chunks = stand.stream()
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert "zeus" not in str([c.model_dump(warnings=False) for c in chunks])


def test_sources_that_every_chunk_names_again_come_through_and_are_no_claims_of_the_reply(tmp_path: Path) -> None:
    named = {"citations": ["ask kim@example.com"], "obfuscation": "x7Yq"}
    events = [{**chunk(text), **named} for text in ("z", "e", "bra")]
    whole = {**reply("fine"), **named}
    model = Script(sse(*events, chunk("", reason="stop"), "[DONE]"), plain=whole)
    with standing(tmp_path, [SECRET, replace(PII, on=("output",))], model=model) as stand:
        assert "kim@" not in stand.ask().model_dump_json()
        chunks = stand.stream()
        assert stand.spool.last().outcome == "ok"
    told = [c.model_dump(warnings=False) for c in chunks]
    assert said(chunks) == "zebra"
    first = next(c for c in told if "citations" in c)
    assert first["choices"][0]["index"] == 0
    assert "kim@" not in str(told)
    assert claimed(Chat().texts(whole) or []) == ["fine"]


def test_the_seal_of_a_call_goes_both_ways_as_it_is(tmp_path: Path) -> None:
    call = {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "zeus"}}}
    whole = reply("fine")
    whole["choices"][0]["message"]["tool_calls"] = [call]
    with standing(tmp_path, [replace(SECRET, on=("input", "output"))], model=Script(plain=whole)) as stand:
        back = [{"role": "user", "content": "hi"}, whole["choices"][0]["message"]]
        found = stand.shared.chat.completions.create(model="support-bot", messages=back)
        assert found.choices[0].message.model_dump()["tool_calls"][0]["extra_content"] == call["extra_content"]
        assert stand.model.seen[-1]["messages"][1]["tool_calls"][0]["extra_content"] == call["extra_content"]


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
