"""What breaks other gateways, one sentence each, and the test that it does not break this one.

LiteLLM
    a block in a stream cuts the connection          ``test_a_phrase_split_over_four_chunks...``, with
                                                     ``curl`` below, with the real
                                                     SDKs ``test_gateway_guards.py``, ``_messages``, ``_responses``
    spend lost on a deadlock (#34887)                ``test_spend_survives_a_locked_database`` below
    budgets over and under (#26672, #36926)          ``test_budgets.py``, ``test_budgets_killed.py``, ``test_shared.py``
    a lone deployment never cooled (#40405)          ``test_gateway_patience.py`` (a lone upstream ... left alone)
    PII tokens leak between requests (PR 19950)      ``test_callers_at_once_get_only_their_own`` below,
                                                     ``test_gateway_whole.py``
    a hook turns the stream into one chunk (#29134)  ``test_masking_leaves_a_stream_a_stream`` below
    raw keys in logs (#31620)                        ``test_keys.py`` (in no file no log and no answer)
Portkey
    a denied stream is sent in full                  ``test_a_phrase_split_over_four_chunks...`` below
    matched text is echoed to the caller             ``test_what_matched_is_never_told`` below
openai-guardrails
    sent before it is checked                        ``..._is_never_out_in_any_cutting`` of each surface
all
    a guard said to have run that never did (#35257) ``test_only_a_guard_that_looked_is_said_to_have`` below
    n > 1 choices, tool arguments, reasoning         ``CHANNELS`` below
    a token of another conversation is decrypted     ``test_gateway_surfaces.py`` (an alias of another conversation)
"""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import test_gateway_messages as messages
import test_gateway_responses as responses
from bongsu.guard import Guard
from gatewaykit import PII, Broken, Script, Stand, Word, chunk, reply, sse, standing, typed
from peoplekit import POLICY, place
from test_gateway_surfaces import WAYS, asking, post

PHRASE = "confidential project zeus"
SPLIT = ("confid", "ential pro", "ject ze", "us")
GUARD = Guard("secret", Word(PHRASE), on=("output",))
SAFE = "All is well. "


@dataclass(frozen=True)
class Channel:
    """A place in a stream where text grows: its surface, and the events that carry these pieces."""

    way: str
    events: Callable[..., list[bytes]]
    more: tuple[tuple[str, Any], ...] = ()


def _chat(key: str, wrap: Callable[[str], Any] = lambda piece: piece) -> Callable[..., list[bytes]]:
    def events(*pieces: str) -> list[bytes]:
        parts = [chunk("", **{key: wrap(piece)}) for piece in pieces]
        return sse(chunk("", role="assistant"), *parts, chunk("", reason="stop"), "[DONE]")
    return events


def _second(*pieces: str) -> list[bytes]:
    """Of two choices the other one says it."""
    parts = [c for piece in pieces for c in (chunk("fine ", 0), chunk(piece, 1))]
    return sse(*parts, chunk("", 0, "stop"), chunk("", 1, "stop"), "[DONE]")


def _call(piece: str) -> list[dict[str, Any]]:
    return [{"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": piece}}]


def _completion(*pieces: str) -> list[bytes]:
    def one(text: str, reason: str | None = None) -> dict[str, Any]:
        return {"id": "c", "object": "text_completion", "model": "scripted",
                "choices": [{"index": 0, "text": text, "finish_reason": reason}]}
    return sse(*map(one, pieces), one("", "stop"), "[DONE]")


def _message(kind: str) -> Callable[..., list[bytes]]:
    return lambda *pieces: typed(messages.START, *messages.grown(0, kind, *pieces), *messages.STOP)


def _response(kind: str) -> Callable[..., list[bytes]]:
    return lambda *pieces: typed(*responses.events_of(responses.grown(0, kind, *pieces)))


CHANNELS = {
    "chat": Channel("chat", _chat("content")),
    "chat, reasoning": Channel("chat", _chat("reasoning_content")),
    "chat, refusal": Channel("chat", _chat("refusal")),
    "chat, tool arguments": Channel("chat", _chat("tool_calls", _call)),
    "chat, second of two choices": Channel("chat", _second, (("n", 2),)),
    "completions": Channel("completions", _completion),
    "messages": Channel("messages", _message("text")),
    "messages, thinking": Channel("messages", _message("thinking")),
    "messages, tool arguments": Channel("messages", _message("input_json")),
    "responses": Channel("responses", _response("text")),
    "responses, reasoning": Channel("responses", _response("summary")),
    "responses, refusal": Channel("responses", _response("refusal")),
    "responses, tool arguments": Channel("responses", _response("arguments"))}
LAST = {"chat": b"data: [DONE]", "completions": b"data: [DONE]", "messages": b'"message_stop"}',
        "responses": b"response.incomplete"}
"""What the last event of a stream of each API holds."""
REASON = {"chat": b'"finish_reason":"content_filter"', "completions": b'"finish_reason":"content_filter"',
          "messages": b'"stop_reason":"refusal"', "responses": b'"reason":"content_filter"'}


def wire(stand: Stand, name: str, **more: Any) -> tuple[list[tuple[str, str]], list[bytes]]:
    """Headers, and the pieces of a streamed answer as they come; an answer that is cut off raises."""
    way, line = WAYS[name], http.client.HTTPConnection("127.0.0.1", stand.server.port, timeout=30)
    with closing(line):
        line.request("POST", f"/v1/{way.path}", asking(way, stream=True, **more), {"Content-Type": "application/json"})
        answer, pieces = line.getresponse(), []
        assert answer.status == 200
        while piece := answer.read1(1 << 16):
            pieces.append(piece)
        return answer.getheaders(), pieces


@pytest.mark.req("P1")
@pytest.mark.parametrize("name", CHANNELS)
def test_a_phrase_split_over_four_chunks_is_withheld_and_the_stream_ends_as_its_api_ends_streams(
        tmp_path: Path, name: str) -> None:
    channel = CHANNELS[name]
    model = Script(channel.events('{"say": "' + SAFE, *SPLIT, ' and more"}'))
    with standing(tmp_path, [GUARD], model=model, change=WAYS[channel.way].change) as stand:
        headers, pieces = wire(stand, channel.way, **dict(channel.more))
        event = stand.spool.wait(1)
    said = b"".join(pieces)
    assert LAST[channel.way] in said.rstrip().split(b"\n\n")[-1], "not cut off: it has the last event of its API"
    assert REASON[channel.way] in said.replace(b": ", b":")
    for told in (*SPLIT[:3], "zeus", "and more"):
        assert told.encode() not in said, "nothing of it was sent, nor what came after it"
        assert all(told not in value for _, value in headers)
    assert (event.outcome, event.blocked_by, event.blocked) == ("blocked", "secret", True)
    assert event.withheld_chars >= len(PHRASE) - len(SPLIT[-1]), "it says how much was withheld"
    assert [v.act for v in event.verdicts if v.guard == "secret"][-1] == "block"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("name", REASON)
def test_curl_reads_a_blocked_stream_to_its_end(tmp_path: Path, name: str) -> None:
    """Where a gateway cuts the connection curl ends with 18: a transfer that is not complete."""
    model = Script(CHANNELS[name].events(SAFE, *SPLIT, " and more"))
    with standing(tmp_path, [GUARD], model=model, change=WAYS[name].change) as stand:
        done = subprocess.run(["curl", "-sN", "--max-time", "30", "-H", "content-type: application/json", "-d", "@-",
                               f"{stand.server.url}/v1/{WAYS[name].path}"], capture_output=True, check=False,
                              input=asking(WAYS[name], stream=True))
    assert done.returncode == 0
    assert REASON[name] in done.stdout.replace(b": ", b":")
    assert LAST[name] in done.stdout.rstrip().split(b"\n\n")[-1]
    assert b"confid" not in done.stdout


@pytest.mark.parametrize("name", CHANNELS)
def test_what_is_allowed_comes_as_it_was_in_every_channel(tmp_path: Path, name: str) -> None:
    channel = CHANNELS[name]
    with standing(tmp_path, [GUARD], model=Script(channel.events('{"say": "' + SAFE, *SPLIT[:3], 'n"}')),
                  change=WAYS[channel.way].change) as stand:
        said = b"".join(wire(stand, channel.way, **dict(channel.more))[1])
        event = stand.spool.wait(1)
    assert REASON[channel.way] not in said.replace(b": ", b":")
    assert (event.outcome, event.withheld_chars) == ("ok", 0)
    assert [v.act for v in event.verdicts] == ["allow"]


WHOLE: dict[str, Callable[[str], Any]] = {
    "chat": reply,
    "completions": lambda text: {"id": "c", "object": "text_completion", "model": "m", "choices": [
        {"index": 0, "text": text, "finish_reason": "stop"}]},
    "messages": messages.message, "responses": lambda text: responses.told(responses.said(text)),
    "predict": lambda text: {"prediction": text}}


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("name", WHOLE)
def test_what_matched_is_never_told(tmp_path: Path, name: str, side: Any) -> None:
    """Neither in the body nor in a header: a caller learns which guard it was, and which call."""
    way, guard = WAYS[name], Guard("secret", Word(PHRASE), on=(side,))
    body = json.loads(json.dumps(way.body).replace("hi", PHRASE).replace("[1]", f'["{PHRASE}"]'))
    asked = way._replace(body=body if side == "input" else way.body)
    with standing(tmp_path, [guard], model=Script(plain=WHOLE[name](f"It is {PHRASE}.")), change=way.change) as stand:
        line = http.client.HTTPConnection("127.0.0.1", stand.server.port, timeout=30)
        with closing(line):
            line.request("POST", f"/v1/{way.path}", asking(asked), {"Content-Type": "application/json"})
            answer = line.getresponse()
            told = answer.read() + repr(answer.getheaders()).encode()
        event = stand.spool.events[-1]
    assert b"zeus" not in told
    assert b"confidential" not in told
    assert b"secret" in told
    assert (event.blocked_by, event.outcome) == ("secret", "blocked")


@pytest.mark.parametrize("name", ["chat", "messages", "responses", "completions"])
def test_masking_leaves_a_stream_a_stream(tmp_path: Path, name: str) -> None:
    """Words go out while the model still speaks: each piece waits for the one before to have arrived."""
    words = [f"word{n} " for n in range(20)]
    heard: list[bytes] = []
    model = Waiting(CHANNELS[name].events(*words), heard)
    with standing(tmp_path, [PII], model=model, change=WAYS[name].change) as stand:
        way, line = WAYS[name], http.client.HTTPConnection("127.0.0.1", stand.server.port, timeout=30)
        with closing(line):
            body = json.loads(json.dumps(way.body).replace("hi", "mail kim@example.com"))
            line.request("POST", f"/v1/{way.path}", asking(way._replace(body=body), stream=True),
                         {"Content-Type": "application/json"})
            answer = line.getresponse()
            while piece := answer.read1(1 << 16):
                heard.append(piece)
    said = b"".join(heard)
    assert all(word.strip().encode() in said for word in words)
    assert model.waited_for >= 15, "the model was heard word by word"


class Waiting(Script):
    """Says the next word only when the caller has heard the one before the last."""

    def __init__(self, pieces: list[bytes], heard: list[bytes]) -> None:
        super().__init__(pieces)
        self.heard, self.waited_for = heard, 0

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            continue
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            before = [n for n in range(20) if f"word{n} ".encode() in piece]
            if before and 2 <= before[0] < 19:
                await self._until(f"word{before[0] - 2}".encode())
        await send({"type": "http.response.body"})

    async def _until(self, word: bytes) -> None:
        for _ in range(2000):
            if word in b"".join(self.heard):
                self.waited_for += 1
                return
            await asyncio.sleep(0.01)


def test_callers_at_once_get_only_their_own(tmp_path: Path) -> None:
    """Fifty callers at once, plain and streamed, each with an address of its own behind the same alias."""
    with standing(tmp_path, [PII], model=Echo()) as stand:
        def ask(n: int) -> tuple[int, str]:
            mine = f"person{n}x@example.com"
            way = WAYS["chat"]
            body = way._replace(body={"messages": [{"role": "user", "content": f"mail {mine} now"}]})
            return n, post(stand, way, asking(body, **({"stream": True} if n % 2 else {})))[1].decode()

        with ThreadPoolExecutor(25) as pool:
            found = list(pool.map(ask, range(50)))
    for n, said in found:
        others = {m for m in range(50) if f"person{m}x@" in said} - {n}
        assert f"person{n}x@example.com" in said
        assert not others
        assert "EMAIL_1" not in said


class Echo(Script):
    """Says back what it was asked, slowly, cut in the middle of the alias."""

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        asked = json.loads(message["body"])
        text = asked["messages"][-1]["content"]
        await asyncio.sleep(0.02)
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        if asked.get("stream"):
            for event in sse(*(chunk(text[at : at + 7]) for at in range(0, len(text), 7)), chunk("", reason="stop"),
                             "[DONE]"):
                await send({"type": "http.response.body", "body": event, "more_body": True})
                await asyncio.sleep(0.001)
            await send({"type": "http.response.body"})
        else:
            await send({"type": "http.response.body", "body": json.dumps(reply(text)).encode()})


@pytest.mark.parametrize("stream", [False, True])
def test_only_a_guard_that_looked_is_said_to_have(tmp_path: Path, stream: bool) -> None:
    """A verdict is made by the look itself: where there was none, there is no verdict, whatever the policy lists."""
    on_input = Guard("asks", Word("never"), on=("input",))
    rare = Guard("rare", Word("never"), on=("output",), sample=Fraction(1, 10**12))
    failing = Guard("failing", Broken(), on=("output",), fails="open")

    def acts(folder: str, text: str = "hi", **settings: Any) -> dict[str, tuple[str, str]]:
        model = Script(CHANNELS["chat"].events("fine"), plain=reply("fine"), **settings)
        with standing(tmp_path / folder, [on_input, GUARD, rare, failing], model=model) as stand:
            way = WAYS["chat"]._replace(body={"messages": [{"role": "user", "content": text}]})
            post(stand, way, asking(way, **({"stream": True} if stream else {})))
            return {v.guard: (v.act, v.error) for v in stand.spool.wait(1).verdicts}

    assert acts("served") == {"asks": ("allow", ""), "secret": ("allow", ""), "rare": ("skipped", ""),
                              "failing": ("allow", "failed")}
    assert set(acts("blocked", "never")) <= {"asks", "rare"}, "no model was asked, so nobody looked at a reply"
    assert set(acts("broken", status=500)) <= {"asks", "rare"}, "there was no reply to look at"


@pytest.mark.req("A4", "O4")
def test_spend_survives_a_locked_database(tmp_path: Path) -> None:
    """Somebody holds the database while calls are made and control wants to count them: calls go on, the budget
    holds, and every unit is counted once the lock is gone."""
    budgets = "\nbudgets: {all: {limit: 0.001 USD, window: 1d}}\n"
    with place(tmp_path, POLICY + budgets) as one:
        assert one.post(max_tokens=5).status == 200
        with closing(sqlite3.connect(one.folder.state, timeout=30, isolation_level=None,
                                     check_same_thread=False)) as other:
            other.execute("BEGIN EXCLUSIVE")
            statuses = [one.post(max_tokens=5).status for _ in range(20)]
            release = threading.Timer(0.5, lambda: other.execute("ROLLBACK"))
            release.start()
            one.cycle()
            release.join()
        assert 200 in statuses
        assert statuses[-1] == 429, "the budget held while nobody could write anything down"
        one.cycle()
        one.cycle()
        events = one.events()
        spent = sum(event.cost or 0 for event in events)
        assert sum(event.outcome == "ok" for event in events) == 1 + statuses.count(200)
        assert [account.spent for account in one.control.spending.accounts(one.now)] == [spent]
        assert spent <= 1_000_000
