"""Where texts stand in a request or a reply, and which of them can be written again.

Guards read every place that a model or its provider will. Most can also be rewritten, so what is personal goes on as an
alias: contents, refusals, reasoning, arguments of tool calls, names of speakers, values of metadata, and, in the
declarations of tools and of the wanted format, what only describes (``description``, ``title``) or gives values
(``default``, ``const``, ``enum``, ``examples``). The rest is only looked at: names of tools, names of properties and
all other words of a schema, keys of metadata, since callers and models find each other by them; and the words beside
spoken audio in a reply, since the voice would say them all the same. What should be hidden there is blocked.

Fields that this version does not know are read, too (``free_slots``): a caller's own note, a provider's new field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

_DESCRIBES = frozenset(("description", "title"))
_VALUES = frozenset(("default", "const", "enum", "example", "examples"))
_OF_MESSAGES = frozenset(("role", "content", "refusal", "reasoning_content", "reasoning", "name", "audio", "tool_calls",
                          "function_call"))
_OF_PARTS = frozenset(("type", "text", "refusal", "content", "cache_control", "image_url", "video_url", "audio_url",
                       "input_audio", "file"))
"""What is read of a part by name, and what holds a picture or a sound."""
NAMES = frozenset(("id", "type", "role", "tool_call_id", "tool_use_id", "call_id", "signature", "encrypted_content",
                    "data", "file_data", "b64_json"))
"""Fields by which programs find each other, or that hold no text: an id, a kind, a seal, a file."""
OF_CHOICES = frozenset(("index", "message", "delta", "text", "finish_reason", "native_finish_reason", "stop_reason",
                        "logprobs", "content_filter_results", "content_filter_offsets"))
"""What a choice has beside its texts, and those that are read by name."""
APART = "\n;\n"
"""Between texts that are read as one: no form of personal data and no phrase goes over it."""


class Slot(NamedTuple):
    """A place where a text stands, to be read and, only when needed, written.

    ``json`` texts hold JSON themselves; ``fixed`` ones are only looked at; ``signed`` ones keep their aliases, since
    the model that wrote them will want them back as they were.
    """

    box: Any
    key: Any
    json: bool = False
    fixed: bool = False
    signed: bool = False

    @property
    def text(self) -> str:
        return str(self.box[self.key])

    def put(self, text: str) -> None:
        self.box[self.key] = text


def message_slots(message: dict[str, Any], *, spoken: bool = False) -> Iterator[Slot]:
    """Texts of one message, asked or answered; ``spoken`` says that its audio goes with it."""
    if (isinstance(message.get("content"), str)
            and all(not value or key in ("content", "role") for key, value in message.items())):  # nearly every one
        yield Slot(message, "content")
        return
    yield from content_slots(message, "content")
    for key in ("refusal", "reasoning_content", "reasoning"):
        yield from _text(message, key)
    yield from _text(message, "name", fixed=message.get("role") in ("tool", "function"))
    yield from _text(message.get("audio"), "transcript", fixed=spoken)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield from _call(call.get("function"), "arguments", json=True)
            yield from _call(call.get("custom"), "input")
    yield from _call(message.get("function_call"), "arguments", json=True)
    if len(message) > 1 and not message.keys() <= _OF_MESSAGES:
        yield from free_slots(message, _OF_MESSAGES)


def free_slots(box: dict[str, Any], known: Collection[str]) -> Iterator[Slot]:
    """Texts of fields that are not ``known``, however deep. Their names, and numbers, are not read."""
    waiting: list[tuple[Any, Any]] = [(box, key) for key in box if key not in known and key not in NAMES]
    while waiting:  # not by recursion: how deep it goes is the caller's choice
        place, key = waiting.pop()
        value = place[key]
        if isinstance(value, str):
            yield Slot(place, key)
        elif isinstance(value, dict):
            waiting += [(value, name) for name in value if name not in NAMES]
        elif isinstance(value, list):
            waiting += [(value, i) for i in range(len(value))]


def _text(box: Any, key: str, *, json: bool = False, fixed: bool = False) -> Iterator[Slot]:
    if isinstance(box, dict) and isinstance(box.get(key), str):
        yield Slot(box, key, json, fixed)


def _call(box: Any, key: str, *, json: bool = False) -> Iterator[Slot]:
    yield from _text(box, key, json=json)
    yield from _text(box, "name", fixed=True)


def content_slots(box: dict[str, Any], key: str) -> Iterator[Slot]:
    """A content: a text, or parts that hold some."""
    content = box.get(key)
    if isinstance(content, str):
        yield Slot(box, key)
    elif isinstance(content, list):
        for i, part in enumerate(content):
            if isinstance(part, str):
                yield Slot(content, i)
            elif isinstance(part, dict):
                for name in ("text", "refusal", "content"):
                    if name == "content" and isinstance(part.get(name), list):
                        yield from content_slots(part, name)
                    elif isinstance(part.get(name), str):
                        yield Slot(part, name)
                yield from _text(part.get("file"), "filename")
                if not part.keys() <= _OF_PARTS:
                    yield from free_slots(part, _OF_PARTS)


def declared_slots(declared: Mapping[str, Any]) -> list[Slot]:
    """Texts of what stands beside the messages: tools, the wanted format, metadata.

    All that is fixed is read as one text: a schema has hundreds of short words.
    """
    out: list[Slot] = []
    fixed: dict[str, None] = {}
    waiting: list[tuple[Any, bool]] = [(declared, False)]
    while waiting:  # not by recursion: how deep it goes is the caller's choice
        box, values = waiting.pop()
        for key, value in box.items() if isinstance(box, Mapping) else enumerate(box):
            inside = values or key in _VALUES or (box is declared and key == "metadata")
            if isinstance(key, str):
                fixed[key] = None
            if isinstance(value, str):
                if inside or key in _DESCRIBES:
                    out.append(Slot(box, key))
                else:
                    fixed[value] = None
            elif isinstance(value, dict | list):
                waiting.append((value, inside))
    return [*out, Slot([APART.join(fixed)], 0, fixed=True)]
