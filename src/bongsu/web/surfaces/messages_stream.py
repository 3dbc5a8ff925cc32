"""A streamed message of Anthropic's: blocks that begin, grow and end, then the reason to stop, then the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bongsu.access.meter import MOST, Usage
from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import encode
from bongsu.web.errors import ApiError
from bongsu.web.masking import Masking
from bongsu.web.parts import part_slots
from bongsu.web.replies import END, Broken, Replies, Unreadable
from bongsu.web.slots import Slot

DELTAS = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
"""What grows a block, and where its text stands."""
_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large",
          429: "rate_limit_error", 503: "overloaded_error", 504: "timeout_error"}


def read_tokens(found: Any) -> Usage | None:
    """The ``usage`` of a message; its ``input_tokens`` are those that no cache held, ours are all.

    >>> read_tokens({"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 4})
    Usage(input=7, output=5, cache_read=4, cache_write=None, reasoning=None, estimated=False)
    """
    if not isinstance(found, dict):
        return None
    into, out, read, write = (_whole(found.get(name)) for name in (
        "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"))
    if into is None or out is None:
        return None
    details = found.get("output_tokens_details")
    thought = _whole(details.get("thinking_tokens")) if isinstance(details, dict) else None
    return Usage(into + (read or 0) + (write or 0), out, read, write, thought)


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST else None


def counted(usage: Usage) -> dict[str, int]:
    """In the API's own shape."""
    read, write = usage.cache_read or 0, usage.cache_write or 0
    return {"input_tokens": usage.input - read - write, "output_tokens": usage.output,
            "cache_read_input_tokens": read, "cache_creation_input_tokens": write}


def refused(guard: str) -> dict[str, Any]:
    """Why it stopped; which guard, never what it saw."""
    return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": {
        "type": "refusal", "category": None, "explanation": f"withheld by guard {guard}"}}


def error_body(error: ApiError, call: str) -> dict[str, Any]:
    kind = _KINDS.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message, "code": error.code}, "request_id": call}


def named(event: Mapping[str, Any]) -> bytes:
    """An event with its type as its name."""
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + encode(event) + END


class MessageReplies(Replies):
    """Each block has a gate for its growing text; what stands in a block when it begins is read whole.

    The last event waits for the fact to be written; what is known of the tokens is gathered from the first and the
    last but one.
    """

    def __init__(self, guards: Sequence[Guard], masking: Masking, *, call: str,
                 allowing: Allowing | None = None) -> None:
        super().__init__(guards, masking, call=call, allowing=allowing)
        self._begun = self._stopped = self._said = False
        self._wholes = 0
        self._open: dict[int, str] = {}
        self._blocks = 0
        self._end = named({"type": "message_stop"})
        self._tokens: dict[str, Any] = {}
        self._head: dict[str, Any] = {"id": f"msg_{call}", "model": ""}

    @property
    def finished(self) -> bool:
        return self._stopped

    # ---- in ----

    def event(self, block: bytes, data: bytes) -> list[bytes]:
        found = self.read(data)
        if found is None:
            return [block + END]
        match found.get("type"):
            case "message_start":
                self._start(found)
            case "content_block_start":
                self._grow(found)
            case "content_block_delta":
                return self._piece(found, block)
            case "content_block_stop":
                return self._close(_index(found), self._as(found, block))
            case "message_delta":
                return [*self._stop(found), self._as(found, block)]
            case "message_stop":
                self.done, self._end = True, self._as(found, block)
                return []
            case "error":
                raise Broken
            case kind if kind != "ping" and self.tracks:
                raise Unreadable
        return [self._as(found, block)]

    def _as(self, found: dict[str, Any], block: bytes) -> bytes:
        return named(found) if self.changes and "type" in found else block + END

    def _start(self, found: dict[str, Any]) -> None:
        message = found.get("message")
        if not isinstance(message, dict) or message.get("content"):
            if self.changes:
                raise Unreadable
            return
        self._begun = True
        self.model, self.response_id = str(message.get("model") or "")[:256], str(message.get("id") or "")[:256]
        self._count(message.get("usage"))

    def _count(self, found: Any) -> None:
        """Counts are cumulative: a later one takes the place of an earlier."""
        if isinstance(found, dict):
            self._tokens |= {name: value for name, value in found.items() if value is not None}
            self.usage = read_tokens(self._tokens) or self.usage

    def _stop(self, found: dict[str, Any]) -> list[bytes]:
        delta = found.get("delta")
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        self._count(found.get("usage"))
        before = self._flush()
        if isinstance(reason, str):
            self.finish_reason, self._stopped = reason[:64], True
        return before

    # ---- blocks ----

    def _grow(self, found: dict[str, Any]) -> None:
        block, index = found.get("content_block"), _index(found)
        if self.changes:
            if not isinstance(block, dict):
                raise Unreadable
            self._whole((index, "begun"), part_slots({"part": block}, "part", spoken=True))
        self._open[index] = ""
        self._blocks = max(self._blocks, index + 1)

    def _whole(self, channel: tuple[int, str], slots: Iterable[Slot]) -> None:
        """Texts that come at once."""
        for slot in slots:
            if slot.text:
                self._wholes += 1
                at = (*channel, self._wholes)
                slot.put(self.name(at, slot.text) if slot.fixed else
                         self._pass(at, slot.text, last=True, json=slot.json, signed=slot.signed))

    def _piece(self, found: dict[str, Any], block: bytes) -> list[bytes]:
        delta, index = found.get("delta"), _index(found)
        if not isinstance(delta, dict):
            raise Unreadable
        kind = str(delta.get("type"))
        text = delta.get(DELTAS.get(kind, ""))
        if not isinstance(text, str):
            return self._apart(found, block, kind, delta)
        if not self.changes:
            self.passed((index,), text, kind == "text_delta")
        else:
            self._open[index] = kind
            text = delta[DELTAS[kind]] = self._through(index, kind, text)
        self._said = self._said or (bool(text) and kind == "text_delta")
        return [self._as(found, block)] if text or not self.changes else []

    def _apart(self, found: dict[str, Any], block: bytes, kind: str, delta: dict[str, Any]) -> list[bytes]:
        """A piece that says all it says at once: a quotation, or the signature of what went before."""
        index, before = _index(found), []
        if kind == "citations_delta" and self.changes:
            self._whole((index, "cited"), part_slots(delta, "citation") if "citation" in delta else ())
        elif kind == "signature_delta":
            before = self._rest(index)
        elif self.tracks:
            raise Unreadable
        return [*before, self._as(found, block)]

    def _through(self, index: int, kind: str, text: str, *, last: bool = False) -> str:
        return self._pass((index, kind, 0), text, last=last, json=kind == "input_json_delta",
                          signed=kind == "thinking_delta")

    def _rest(self, index: int) -> list[bytes]:
        """What still waited in a block."""
        kind = self._open.get(index)
        text = self._through(index, kind, "", last=True) if kind else ""
        self._said = self._said or (bool(text) and kind == "text_delta")
        return [self._delta(index, kind, text)] if kind and text else []

    def _close(self, index: int, out: bytes) -> list[bytes]:
        rest = self._rest(index)
        self._open.pop(index, None)
        return [*rest, out]

    def _flush(self) -> list[bytes]:
        """What waited in blocks that were never ended."""
        return [event for index in sorted(self._open)
                for event in self._close(index, named({"type": "content_block_stop", "index": index}))]

    # ---- out ----

    def _delta(self, index: int, kind: str, text: str) -> bytes:
        return named({"type": "content_block_delta", "index": index, "delta": {"type": kind, DELTAS[kind]: text}})

    def end(self) -> list[bytes]:
        return [*self._flush(), self._end]

    def usage_event(self, usage: Usage) -> list[bytes]:  # noqa: ARG002 (it stands in the events themselves)
        return []

    def blocked(self, sentence: str, guard: str, usage: Usage) -> list[bytes]:
        self.finish_reason = "refusal"
        out = [] if self._begun else [self._beginning()]
        out += [named({"type": "content_block_stop", "index": index}) for index in sorted(self._open)]
        if not self._said:
            at, empty = self._blocks, {"type": "text", "text": ""}
            out += [named({"type": "content_block_start", "index": at, "content_block": empty}),
                    self._delta(at, "text_delta", sentence), named({"type": "content_block_stop", "index": at})]
        tokens = counted(usage)
        return [*out, named({"type": "message_delta", "delta": refused(guard), "usage": tokens}),
                named({"type": "message_stop"})]

    def _beginning(self) -> bytes:
        return named({"type": "message_start", "message": {
            **self._head, "type": "message", "role": "assistant", "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0}}})

    def broken(self, error: ApiError) -> list[bytes]:
        return [named(error_body(error, self._call))]

    def head(self, created: int, model: str) -> None:  # noqa: ARG002 (a message has no date)
        self._head["model"] = model


def _index(found: dict[str, Any]) -> int:
    index = found.get("index")
    if type(index) is not int:
        raise Unreadable
    return index
