"""Streams of choices, as OpenAI's chat and text completions send them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from bongsu.access.meter import Usage, read_usage
from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import encode
from bongsu.web.errors import ApiError
from bongsu.web.masking import Masking
from bongsu.web.nested import leaves, place
from bongsu.web.replies import END, Broken, Channel, Replies, Unreadable
from bongsu.web.slots import LEVELS, OF_REPLIES, noted_slots
from bongsu.web.surfaces.field import Field
from bongsu.web.wire import DONE, frame


def annotation(guard: str) -> dict[str, Any]:
    """Which guard filtered, in Azure's shape; never what it saw."""
    return {guard: {"filtered": True, "detected": True}}


class Beside(NamedTuple):
    """Whether fields of an event that nobody knows had to be changed, and whether they say anything new."""

    changed: bool
    new: bool


_NOTHING = Beside(changed=False, new=False)


class ChoiceReplies(Replies):
    """What streams of choices have in common: chunks with a list of them, one reason each, usage apart, ``[DONE]``."""

    closing = DONE
    noun: ClassVar[str]
    id_begins: ClassVar[str]
    read_apart: ClassVar[frozenset[str]]
    """The fields of a choice that ``piece`` reads, and those without texts."""
    nothing: ClassVar[dict[str, Any]]
    """A piece of a choice that says nothing."""

    def __init__(self, guards: Sequence[Guard], masking: Masking, *, call: str, asks_usage: bool, choices: int = 1,
                 allowing: Allowing | None = None) -> None:
        super().__init__(guards, masking, call=call, allowing=allowing)
        self.over: set[int] = set()
        self._seen = set(range(choices))
        self._asks_usage = asks_usage
        self._top: dict[str, Any] = {}
        self._started = False
        self._usage_block: bytes | None = None
        self._wholes = 0
        self._told: dict[str, str] = {}
        self._fields: dict[Channel, Field] = {}

    @property
    def finished(self) -> bool:
        return bool(self.over)

    # ---- in ----

    def event(self, block: bytes, data: bytes) -> list[bytes]:
        if data == b"[DONE]":
            self.done = True
            return []
        chunk = self.read(data)
        if chunk is None or not isinstance(chunk.get("choices", []), list):
            if self.changes:
                raise Unreadable
            return [block + END]
        if chunk.get("error"):
            raise Broken
        if not self._top or chunk.get("usage") is not None:
            self._note(chunk)
        choices = chunk.get("choices")
        if not choices:
            changed = self.changes and self._beside(chunk).changed
            return self._without_choices(chunk, frame(encode(chunk)) if changed else block + END)
        if not self.changes:
            self._count(choices)
            return [block + END if chunk.get("usage") is None else frame(encode({**chunk, "usage": None}))]
        out = self._changed(chunk, choices)
        self._started = self._spoke
        return out

    def _note(self, chunk: dict[str, Any]) -> None:
        if (told := chunk.get("usage")) is not None:
            self.usage = read_usage(told) or self.usage
        if not self._top:
            self._top = {k: chunk[k] for k in ("id", "object", "created", "model", "system_fingerprint") if k in chunk}
            self.model, self.response_id = str(chunk.get("model") or "")[:256], str(chunk.get("id") or "")[:256]

    def _without_choices(self, chunk: dict[str, Any], event: bytes) -> list[bytes]:
        """The usage chunk waits for the end, so that it follows the last text; other empty ones pass."""
        if chunk.get("usage") is None:
            return [event]
        self._usage_block = event
        return []

    def _beside(self, chunk: dict[str, Any]) -> Beside:
        """Check each text of an event's fields that nobody knows, whole; most say the same in every event."""
        chunk.pop("obfuscation", None)  # it hides how long an event was that is cut anew here
        changed = new = False
        slots = noted_slots(chunk, OF_REPLIES)
        if not slots:
            return _NOTHING
        for slot in slots:
            text = slot.text
            if text not in self._told:
                self._told[text] = self.whole(-1, "beside", text)
                new = True
            if self._told[text] != text:
                slot.put(self._told[text])
                changed = True
        return Beside(changed, new)

    def whole(self, index: int, key: str, text: str) -> str:
        """A text that does not go on in the next event, checked."""
        self._wholes += 1
        return self._pass((index, key, f"whole {self._wholes}"), text, last=True)

    def _noted(self, index: int, choice: dict[str, Any]) -> bool:
        """Check the texts of a choice's fields that nobody knows; whether there are any."""
        if choice.keys() <= self.read_apart:
            return False
        noted = {key: value for key, value in choice.items() if key not in self.read_apart}
        found = False
        for leaf in leaves(noted):
            if (text := leaf.box[leaf.key]) not in LEVELS:
                leaf.box[leaf.key] = self._grown((index, "choice", f"beside {place(leaf.path)}"), text)
                found = True
        choice |= noted
        return found

    def _grown(self, channel: Channel, text: str) -> str:
        """A text that may go on, checked with what its field said before. It does not wait for what comes next, since
        most such fields say all they say at once, a reason or an id."""
        if not text:
            return text
        field = self._fields.setdefault(channel, Field())
        new, after = field.read(text)
        return field.say(self._pass(channel, new, last=True, after=after) if new else "")

    def _count(self, choices: list[Any]) -> None:
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            said = self.said(choice)
            if said:
                self.passed((number(choice),), said)
                self._started = True
            if isinstance(choice.get("finish_reason"), str):
                self._finish(choice, number(choice))

    def _finish(self, choice: dict[str, Any], index: int) -> None:
        self.finish_reason = self.finish_reason or choice["finish_reason"][:64]
        self.over.add(index)

    # ---- through the gates ----

    def _changed(self, chunk: dict[str, Any], choices: list[Any]) -> list[bytes]:
        before: list[bytes] = []
        kept = []
        for choice in choices:
            if not isinstance(choice, dict):
                raise Unreadable
            index = number(choice)
            self._seen.add(index)
            last = isinstance(choice.get("finish_reason"), str)
            full = self.piece(index, choice)
            full = self._noted(index, choice) or full
            if choice.get("logprobs") is not None:
                choice["logprobs"] = None
            if last:  # only now is the choice finished: the last of its text may still be blocked
                before += self.flush(index)
                self._finish(choice, index)
            self.repeat(index, choice)
            if full or last:
                kept.append(choice)
        if self._beside(chunk).new and not kept:
            kept = [{"index": number(choices[0]), **self.nothing, "finish_reason": None}]
        if not kept:
            return before
        if not self._asks_usage:
            chunk.pop("usage", None)
        elif chunk.get("usage") is not None:  # it is sent once, at the end
            chunk["usage"] = None
        chunk["choices"] = kept
        return [*before, frame(encode(chunk))]

    @abstractmethod
    def said(self, choice: dict[str, Any]) -> str:
        """The text of a choice that is counted where nobody reads it."""

    @abstractmethod
    def piece(self, index: int, choice: dict[str, Any]) -> bool:
        """Pass every text of a choice through its gate; False where nothing of it is left to send."""

    def repeat(self, index: int, choice: dict[str, Any]) -> None:
        """Say anew what a choice says once more of all that was said before."""

    @abstractmethod
    def flush(self, index: int) -> list[bytes]:
        """What still waited in the texts of a choice, each as a chunk of its own."""

    # ---- out ----

    def end(self) -> list[bytes]:
        return [data for index in sorted(self._seen) for data in self.flush(index)]

    def usage_event(self, usage: Usage) -> list[bytes]:
        """The model's own words, or an estimate."""
        if not self._asks_usage:
            return []
        return [self._usage_block or frame(encode({**self._head(), "choices": [], "usage": usage.reply()}))]

    def blocked(self, sentence: str, guard: str, usage: Usage) -> list[bytes]:  # noqa: ARG002
        """A reason for every choice."""
        out = []
        for index in sorted(self._seen - self.over):
            if not self._started:
                out.append(self.chunk(index, self.saying(sentence)))
            out.append(self.chunk(index, self.nothing, "content_filter", content_filter_results=annotation(guard)))
        self.finish_reason = "content_filter"
        return out

    @abstractmethod
    def saying(self, sentence: str) -> dict[str, Any]:
        """A refusal as a piece of a choice."""

    def broken(self, error: ApiError) -> list[bytes]:
        return [frame(encode(error.error()))]

    def chunk(self, index: int, said: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": index, **said, "finish_reason": reason, **more}
        return frame(encode({**self._head(), "choices": [choice]}))

    def _head(self) -> dict[str, Any]:
        return self._top or {"id": f"{self.id_begins}-{self._call}", "object": self.noun}

    def head(self, created: int, model: str) -> None:
        self._top = {**self._head(), "created": created, "model": model}


def number(found: dict[str, Any]) -> int:
    """The ``index`` of a choice or a call."""
    index = found.get("index") or 0
    if not isinstance(index, int):
        raise Unreadable
    return index
