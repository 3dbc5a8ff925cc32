"""What providers of OpenAI's chat API say in a streamed choice beside its ``delta``: the piece once more (``text``),
all that came before it (``message``), and fields that nobody knows."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bongsu.guard import Guard
from bongsu.web.masking import Masking
from bongsu.web.surfaces.chat_stream import ChatReplies
from gatewaykit import PII, SECRET, TOKENS, Script, Word, sse, standing
from test_gateway_stream import fed, loaded
from test_peer_cases import GUARD, PHRASE, REASON, SPLIT, wire

MAIL = "kim@example.com"


def event(content: str | None = None, reason: str | None = None, **beside: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    return {"id": "c", "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **beside}]}


def said(folder: Path, guards: Any, *events: Any) -> tuple[bytes, list[Any], Any]:
    """What came over the wire, its choices, and the fact of the call."""
    with standing(folder, guards, model=Script(sse(*events, event(None, "stop"), "[DONE]"))) as stand:
        raw = b"".join(wire(stand, "chat")[1])
        fact = stand.spool.wait(1)
    found = [json.loads(line[6:]) for line in raw.split(b"\n\n") if line.startswith(b"data: {")]
    return raw, [choice for one in found for choice in one["choices"]], fact


@pytest.mark.req("P1")
def test_a_piece_that_is_said_twice_is_held_back_twice(tmp_path: Path) -> None:
    raw, _, fact = said(tmp_path / "1", [GUARD], *(event("", text=piece) for piece in ("well ", *SPLIT, " more")))
    assert REASON["chat"] in raw.replace(b": ", b":")
    assert fact.blocked_by == "secret"
    for told in (*SPLIT[:3], "zeus", "more"):
        assert told.encode() not in raw
    pieces = ("write ", "to kim@exam", "ple.com", " or zeu", "x", " fin")
    raw, choices, fact = said(tmp_path / "2", [PII, SECRET], *(event(piece, text=piece) for piece in pieces))
    told = ["".join(c.get("text") or "" for c in choices),
            "".join(c["delta"].get("content") or "" for c in choices)]
    assert told[0] == told[1]
    assert told[0].startswith("write to ")
    assert told[0].endswith(" or zeux fin")
    assert b"kim@" not in raw
    assert fact.outcome == "ok"


def test_with_each_piece_all_that_went_out_before_it_is_said_and_no_more(tmp_path: Path) -> None:
    pieces = ("write ", "to kim@exam", "ple.com", " or zeu", "x", " fin")
    whole = ["".join(pieces[: n + 1]) for n in range(len(pieces))]
    raw, choices, fact = said(tmp_path, [PII, SECRET], *(event(piece, message={"role": "assistant", "content": all_})
                                                         for piece, all_ in zip(pieces, whole, strict=True)))
    grown = ""
    for choice in choices:
        grown += choice["delta"].get("content") or ""
        if "message" in choice:
            assert choice["message"] == {"role": "assistant", "content": grown}
    assert grown.startswith("write to ")
    assert grown.endswith(" or zeux fin")
    assert b"kim@" not in raw
    assert fact.outcome == "ok"


def test_all_of_a_reply_told_once_at_its_end_is_read_like_any_text(tmp_path: Path) -> None:
    _, choices, fact = said(tmp_path / "1", [PII], event("write to ", message={}), event(MAIL),
                            event("", message={"content": f"write to {MAIL}"}))
    assert [c["message"]["content"].startswith("write to ") for c in choices if c.get("message")] == [True]
    assert MAIL not in str(choices)
    assert fact.outcome == "ok"
    raw, _, fact = said(tmp_path / "2", [GUARD], event("fine"), event("", message={"content": PHRASE}))
    assert PHRASE.encode() not in raw
    assert fact.blocked_by == "secret"


def test_a_long_reply_that_is_said_again_with_each_piece_is_not_too_much_to_read(tmp_path: Path) -> None:
    """Two thousand words are two million characters, said so."""
    words = [f"w{n} " for n in range(2000)]
    _, choices, fact = said(tmp_path, [PII], *(event(word, message={"content": "".join(words[: n + 1])})
                                               for n, word in enumerate(words)))
    assert "".join(c["delta"].get("content") or "" for c in choices) == "".join(words)
    assert fact.outcome == "ok"


@pytest.mark.parametrize("beside", [lambda piece: {"note": piece}, lambda piece: {"x": {"y": [piece]}}])
def test_a_phrase_that_grows_in_a_field_nobody_knows_is_stopped_before_it_is_whole(tmp_path: Path, beside: Any) -> None:
    raw, _, fact = said(tmp_path, [GUARD], *(event("hi ", **beside(piece)) for piece in ("well ", *SPLIT, " more")))
    assert (fact.outcome, fact.blocked_by) == ("blocked", "secret")
    assert REASON["chat"] in raw.replace(b": ", b":")
    assert f'"{SPLIT[-1]}"'.encode() not in raw
    assert b"more" not in raw


def test_an_address_that_grows_in_a_field_nobody_knows_is_never_whole(tmp_path: Path) -> None:
    pieces = ("to kim@exam", "ple.com", " x", "y")
    raw, choices, fact = said(tmp_path, [PII], *(event("hi ", note=piece) for piece in pieces))
    assert "@example.com" not in "".join(c.get("note", "") for c in choices)
    assert b"ple.com" not in raw
    assert "".join(c.get("note", "") for c in choices).endswith(" xy")
    assert fact.outcome == "ok"


def test_fields_that_say_all_they_say_at_once_come_as_they_are(tmp_path: Path) -> None:
    notes = ["running", "running", "ha", "ha", "", "12", "12 ", "done", "running", MAIL, " after"]
    _, choices, fact = said(tmp_path, [PII, SECRET], *(event("hi ", note=note) for note in notes))
    told = [c["note"] for c in choices if "note" in c]
    assert told[:9] + told[10:] == notes[:9] + notes[10:]
    assert "@" not in told[9]
    assert fact.outcome == "ok"
    assert PHRASE not in str(choices)


def told(choices: list[Any]) -> str:
    return "".join(choice.get("note", "") for choice in choices)


def test_what_a_field_said_is_counted_once_and_kept_once(tmp_path: Path) -> None:
    flag = replace(PII, act="flag")
    pieces = (f"mail {MAIL} now", " and", " then", " go")
    with standing(tmp_path, [flag], model=Script(sse(*(event("hi ", note=piece) for piece in pieces),
                                                     event(None, "stop"), "[DONE]"))) as stand:
        b"".join(wire(stand, "chat")[1])
        fact, content = stand.spool.wait(1), stand.spool.content()
    assert fact.pii_findings == 1
    assert [c.reply.count(" now") for c in content if c.reply] == [1]


@pytest.mark.req("P1")
@pytest.mark.parametrize("pieces", [("call 010-22", "22", "-4455 ok"), tuple("010-2222-4455"), ("0", "10-2222-4455"),
                                    ("9", "9", "-2222-4455")])
def test_a_piece_that_says_what_was_said_before_it_goes_on_all_the_same(tmp_path: Path, pieces: Any) -> None:
    guard = Guard("secret", Word("".join(pieces).removeprefix("call ").removesuffix(" ok")), on=("output",))
    _, choices, fact = said(tmp_path, [guard], *(event("hi ", note=piece) for piece in pieces))
    assert fact.blocked_by == "secret"
    assert told(choices) == "".join(pieces[:-1])


@pytest.mark.parametrize("shape", [lambda one, two: {"a": {"text": one}, "b": {"text": two}},
                                   lambda one, two: {"a": [one, two]},
                                   lambda one, two: {"a": [{"index": 4, "text": one}, {"index": 5, "text": two}]}])
def test_fields_of_one_name_do_not_run_into_each_other(tmp_path: Path, shape: Any) -> None:
    _, choices, fact = said(tmp_path / "1", [SECRET], event("hi ", x=shape("ze", "us")))
    assert fact.outcome == "ok"
    assert shape("ze", "us") in [c.get("x") for c in choices]
    fact = said(tmp_path / "2", [SECRET], *(event("hi ", x=shape(*pair)) for pair in (("ze", "o"), ("us", "k"))))[2]
    assert fact.blocked_by == "secret"


def test_a_field_that_says_all_it_said_with_each_piece_is_read_once(tmp_path: Path) -> None:
    words = [f"w{n} " for n in range(1000)] + ["of kim@exam", "ple.com", " end"]
    _, choices, fact = said(tmp_path, [PII], *(event(word, note="".join(words[: n + 1]))
                                               for n, word in enumerate(words)))
    assert fact.outcome == "ok"
    assert fact.pii_findings == 2, "of the text, and of the copies"
    assert "example.com" not in str(choices)
    last = [c["note"] for c in choices if "note" in c][-1]
    assert last.startswith("".join(words[:1000]))
    assert last.endswith(" end")


@pytest.mark.parametrize("name", ["beside", "choice", "custom", "function_call", "tool_calls", "tool_calls.name"])
def test_a_plain_field_goes_out_under_its_own_name_whatever_that_is(tmp_path: Path, name: str) -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    events = [{"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
              for delta in ({name: "it is z"}, {name: "e"}, {"tool_calls": [call]})]
    _, choices, fact = said(tmp_path, [PII, SECRET], *events)
    assert "".join(found for c in choices if isinstance(found := c["delta"].get(name), str)) == "it is ze"
    assert fact.outcome == "ok"
    assert not any("" in c or "" in c["delta"] for c in choices)


def test_what_is_said_again_with_each_piece_is_not_remembered_without_end() -> None:
    guard = Guard("secret", Word("zeus"), on=("output",), fails="open")
    replies = ChatReplies([guard], Masking(TOKENS), call="C1", asks_usage=False)
    fed(replies, event("", message={"content": ""}))
    tracemalloc.start()
    try:
        for n in range(50):
            fed(replies, event(f"{n:05} " * 10_000))
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 1_500_000, "of three million characters"
    [choice] = loaded(fed(replies, event("x", message={"content": "y"}))[0])["choices"]
    assert choice["message"] == {"content": "y"}
