"""A streamed reply on its way through: chunks in, checked chunks out.

Each text of the reply (every choice, its refusal, its reasoning, each tool call) has its own gate, so a phrase cut over
many chunks is seen whole, and only what may still become a match waits. Chunks nobody has to change pass as they are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from bongsu.allow import Allowing
from bongsu.guard import Guard, Outcome
from bongsu.meter import Usage, read_usage
from bongsu.web.chat import annotation, encode
from bongsu.web.masking import KEPT, Masking, Text
from bongsu.web.screen import MOST, Gate, Timer, Track, counts, decide, fail_all, keepable

_any = msgspec.json.Decoder()
Channel = tuple[int, str, int]
"""Choice, the name of its text, and which of them (tool calls have many)."""
_PLAIN = frozenset(("role", "name", "type", "id"))


class Unreadable(Exception):
    """A chunk whose texts cannot be found, where they would have to be checked."""


class Broken(Exception):
    """The model itself ended the stream with an error."""


class ChatStream:
    """One streamed reply. ``chunk`` and ``end`` answer the data to send; ``Stopped`` means that a guard ended it."""

    def __init__(self, guards: Sequence[Guard], masking: Masking, *, call: str, asks_usage: bool, choices: int = 1,
                 timer: Timer = time.thread_time_ns, allowing: Allowing | None = None) -> None:
        self.tracks = [Track(guard, "output", allowing) for guard in guards]
        self.changes = bool(guards) or masking.active
        self.usage: Usage | None = None
        self.model = self.response_id = self.finish_reason = ""
        self.chars = 0
        self.finished: set[int] = set()
        self._seen = set(range(choices))
        self._masking, self._asks_usage, self._timer, self._call = masking, asks_usage, timer, call
        self._texts: dict[Channel, Text] = {}
        self._top: dict[str, Any] = {}
        self._started = self._spoke = False
        self._usage_data: bytes | None = None

    # ---- in ----

    def chunk(self, data: bytes) -> list[bytes]:
        try:
            chunk = _any.decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            chunk = None
        if not isinstance(chunk, dict) or not isinstance(chunk.get("choices", []), list):
            if self.changes:
                raise Unreadable
            return [data]
        if chunk.get("error"):
            raise Broken
        self._note(chunk)
        choices = chunk.get("choices")
        if not choices:
            return self._without_choices(chunk, data)
        if not self.changes:
            self._count(choices)
            return [data if chunk.get("usage") is None else encode({**chunk, "usage": None})]
        out = self._changed(chunk, choices)
        self._started = self._spoke
        return out

    def _note(self, chunk: dict[str, Any]) -> None:
        usage = read_usage(chunk.get("usage"))
        if usage is not None:
            self.usage = usage
        if not self._top:
            self._top = {k: chunk[k] for k in ("id", "object", "created", "model", "system_fingerprint") if k in chunk}
            self.model, self.response_id = str(chunk.get("model") or "")[:256], str(chunk.get("id") or "")[:256]

    def _without_choices(self, chunk: dict[str, Any], data: bytes) -> list[bytes]:
        """The usage chunk waits for the end, so that it follows the last text; other empty ones pass."""
        if chunk.get("usage") is None:
            return [data]
        self._usage_data = data
        return []

    def _count(self, choices: list[Any]) -> None:
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            delta = choice.get("delta")
            if isinstance(delta, dict) and isinstance(delta.get("content"), str):
                self.chars += len(delta["content"])
                self._started = self._started or bool(delta["content"])
            if isinstance(choice.get("finish_reason"), str):
                self._finish(choice, _number(choice))

    def _finish(self, choice: dict[str, Any], index: int) -> None:
        self.finish_reason = self.finish_reason or choice["finish_reason"][:64]
        self.finished.add(index)

    # ---- through the gates ----

    def _changed(self, chunk: dict[str, Any], choices: list[Any]) -> list[bytes]:
        before: list[bytes] = []
        kept = []
        for choice in choices:
            if not isinstance(choice, dict):
                raise Unreadable
            index = _number(choice)
            self._seen.add(index)
            last = isinstance(choice.get("finish_reason"), str)
            delta = choice.get("delta")
            if delta is None:
                delta = choice["delta"] = {}
            full = self._delta(index, delta)
            if choice.get("logprobs") is not None:
                choice["logprobs"] = None
            if last:  # only now is the choice finished: the last of its text may still be blocked
                before += self._flush(index)
                self._finish(choice, index)
            if full or last or "role" in delta:
                kept.append(choice)
        if not kept:
            return before
        if not self._asks_usage:
            chunk.pop("usage", None)
        elif chunk.get("usage") is not None:  # it is sent once, at the end
            chunk["usage"] = None
        chunk["choices"] = kept
        return [*before, encode(chunk)]

    def _delta(self, index: int, delta: Any) -> bool:
        """Pass every text of a delta through its gate; False where nothing of it is left to send."""
        if not isinstance(delta, dict):
            raise Unreadable
        left = False
        for key, value in delta.items():
            if key in _PLAIN or value is None or value == []:
                continue
            if isinstance(value, str):
                delta[key] = self._pass((index, key, 0), value)
                left = left or bool(delta[key])
            elif key == "tool_calls" and isinstance(value, list):
                left = True
                for call in value:
                    self._call_text(index, key, call)
            elif key == "function_call" and isinstance(value, dict):
                left = True
                self._arguments((index, key, 0), value, "arguments")
            elif self.tracks and key != "annotations":
                raise Unreadable
            else:
                left = True
        return left

    def _call_text(self, index: int, key: str, call: Any) -> None:
        if not isinstance(call, dict):
            raise Unreadable
        number = _number(call)
        self._arguments((index, key, number), call.get("function"), "arguments")
        self._arguments((index, "custom", number), call.get("custom"), "input")

    def _arguments(self, channel: Channel, box: Any, key: str) -> None:
        if isinstance(box, dict) and isinstance(box.get(key), str):
            box[key] = self._pass(channel, box[key])

    def _pass(self, channel: Channel, text: str, *, last: bool = False) -> str:
        found = self._texts.get(channel)
        if found is None:
            json = channel[1] in ("tool_calls", "function_call")
            found = self._texts[channel] = Text(Gate(self.tracks, self._timer), self._masking, json=json)
        self.chars += len(text)
        if self.chars > MOST:
            fail_all(self.tracks)
        out = found.feed(text, last=last)
        self._spoke = self._spoke or bool(out)
        return out

    def _flush(self, index: int) -> list[bytes]:
        """What still waited in the texts of a choice, each as a chunk of its own."""
        out = []
        for channel in [c for c in self._texts if c[0] == index]:
            rest = self._pass(channel, "", last=True)
            if rest:
                out.append(self._chunk(index, _rest(channel, rest)))
        return out

    # ---- out ----

    def end(self) -> list[bytes]:
        """After the upstream's last chunk: all that waited."""
        return [data for index in sorted(self._seen) for data in self._flush(index)]

    def usage_chunk(self, usage: Usage) -> list[bytes]:
        """What the client gets if it asked: the model's own words, or an estimate."""
        if not self._asks_usage:
            return []
        return [self._usage_data or encode({**self._head(), "choices": [], "usage": usage.reply()})]

    def blocked(self, sentence: str, guard: str) -> list[bytes]:
        """The end a client reads as a refusal: the sentence, if nothing was said yet, and a reason for every choice."""
        out = []
        for index in sorted(self._seen - self.finished):
            if not self._started:
                out.append(self._chunk(index, {"role": "assistant", "content": sentence, "refusal": sentence}))
            out.append(self._chunk(index, {}, "content_filter", content_filter_results=annotation(guard)))
        self.finish_reason = "content_filter"
        return out

    def _chunk(self, index: int, delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
        return encode({**self._head(), "choices": [{"index": index, "delta": delta, "finish_reason": reason, **more}]})

    def _head(self) -> dict[str, Any]:
        return self._top or {"id": f"chatcmpl-{self._call}", "object": "chat.completion.chunk"}

    def head(self, created: int, model: str) -> None:
        """How chunks begin if the upstream never sent one."""
        self._top = {**self._head(), "created": created, "model": model}

    # ---- afterwards ----

    def outcome(self) -> Outcome:
        return decide(self.tracks)

    def counts(self) -> tuple[int, int]:
        return counts(self.tracks)

    @property
    def withheld(self) -> int:
        """Characters that still wait, never to be sent once a guard has ended the stream."""
        return sum(text.waiting for text in self._texts.values())

    def kept(self) -> str | None:
        """The reply as it may be stored, or None where nobody masked it."""
        if not keepable(self.tracks):
            return None
        return "\n".join(t.kept() for _, t in sorted(self._texts.items()) if t.kept())[:KEPT]


def _number(found: dict[str, Any]) -> int:
    """The ``index`` of a choice or a call."""
    index = found.get("index") or 0
    if not isinstance(index, int):
        raise Unreadable
    return index


def _rest(channel: Channel, rest: str) -> dict[str, Any]:
    _, key, number = channel
    if key == "tool_calls":
        return {key: [{"index": number, "function": {"arguments": rest}}]}
    if key == "custom":
        return {"tool_calls": [{"index": number, "custom": {"input": rest}}]}
    return {key: {"arguments": rest}} if key == "function_call" else {key: rest}
