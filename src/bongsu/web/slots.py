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

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_DESCRIBES = frozenset(("description", "title"))
_VALUES = frozenset(("default", "const", "enum", "example", "examples"))
_OF_MESSAGES: Mapping[str, type] = {
    "content": str, "refusal": str, "reasoning_content": str, "reasoning": str, "name": str, "audio": dict,
    "tool_calls": list, "function_call": dict}
"""What is read of a message by name, where it has this form; a content may be a list, too."""
_OF_PARTS = frozenset(("type", "cache_control", "image_url", "video_url", "audio_url", "input_audio"))
"""What of a part is no text: what holds a picture or a sound."""
_OF_FILES = frozenset(("filename", "file_id", "file_data"))
_OF_CALLS = {"function": "arguments", "custom": "input"}
"""Kinds of tool calls, and what of them is a text."""
NAMES = frozenset(("id", "type", "role", "tool_call_id", "tool_use_id", "call_id", "signature", "thought_signature",
                    "thoughtSignature", "encrypted_content",
                    "data", "file_data", "b64_json"))
"""Fields by which programs find each other, or that hold no text: an id, a kind, a seal, a file."""
OF_CHOICES = frozenset(("index", "finish_reason", "native_finish_reason", "stop_reason", "logprobs",
                        "content_filter_offsets"))
"""What a choice has beside its texts."""
OF_REPLIES = frozenset(("id", "object", "model", "system_fingerprint", "service_tier", "provider", "choices", "usage"))
"""Words of the API itself at the top of a reply, or of an event."""
_WITH_TEXTS = (str, dict, list)
"""What is a text in JSON, or may hold some."""
LEVELS = frozenset(("safe", "low", "medium", "high"))
"""What a provider's own filter says of every reply, many times: no text."""
APART = "\n;\n"
"""Between texts that are read as one: no form of personal data and no phrase goes over it."""


class Slot(NamedTuple):
    """A place where a text stands, to be read and, only when needed, written.

    ``json`` texts hold JSON themselves; ``fixed`` ones are only looked at; ``signed`` ones keep their aliases, since
    the model that wrote them will want them back as they were; ``beside`` ones accompany what is said, and
    claim nothing.
    """

    box: Any
    key: Any
    json: bool = False
    fixed: bool = False
    signed: bool = False
    beside: bool = False

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
    audio = message.get("audio")
    if isinstance(audio, dict):
        yield from _text(audio, "transcript", fixed=spoken)
        yield from free_slots(audio, _are(audio, "transcript"))
    calls = message.get("tool_calls")
    for i, call in enumerate(calls) if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield from _call(call.get("function"), "arguments", json=True)
            yield from _call(call.get("custom"), "input")
            yield from call_notes(call)
        else:
            yield from inside(calls, i)
    if isinstance(message.get("function_call"), dict):
        yield from _call(message["function_call"], "arguments", json=True)
        yield from call_notes({"function": message["function_call"]})
    read = {key for key, form in _OF_MESSAGES.items() if isinstance(message.get(key), form)}
    yield from free_slots(message, read | {"content"} if isinstance(message.get("content"), list) else read)


def call_notes(call: dict[str, Any]) -> Iterator[Slot]:
    """What a tool call says that is not read by name: a provider's own field, arguments that are no text but an object.
    """
    boxes = {kind: call[kind] for kind in _OF_CALLS if isinstance(call.get(kind), dict)}
    found = [*free_slots(call, boxes)]
    for kind, box in boxes.items():
        said = _OF_CALLS[kind]
        found += free_slots(box, {*_are(box, "name"), said})
        if said in box and not isinstance(box[said], str):
            found += inside(box, said, ())
    return (slot._replace(beside=True) for slot in found)


def noted_slots(box: dict[str, Any], known: Collection[str]) -> Sequence[Slot]:
    """``free_slots`` of a reply or a choice, but for the levels that filters give."""
    for key in box:
        if key not in known and isinstance(box[key], _WITH_TEXTS):
            return [slot for slot in free_slots(box, known) if slot.text not in LEVELS]
    return ()  # nearly always, and of each event of a stream


def free_slots(box: dict[str, Any], known: Collection[str]) -> Iterator[Slot]:
    """Texts of fields that are not ``known``, however deep. Their names, and numbers, are not read."""
    for key in box:
        if key not in known and key not in NAMES:
            yield from inside(box, key)


def inside(box: Any, at: Any, names: Collection[str] = NAMES) -> Iterator[Slot]:
    """Every text in one field, however deep, but those under ``names``."""
    waiting: list[tuple[Any, Any]] = [(box, at)]
    while waiting:  # not by recursion: how deep it goes is the caller's choice
        place, key = waiting.pop()
        value = place[key]
        if isinstance(value, str):
            yield Slot(place, key)
        elif isinstance(value, dict):
            waiting += [(value, name) for name in value if name not in names]
        elif isinstance(value, list):
            waiting += [(value, i) for i in range(len(value))]


def _are(box: dict[str, Any], *keys: str) -> set[str]:
    """Which of these fields are plain texts."""
    return {key for key in keys if isinstance(box.get(key), str)}


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
                yield from _part(part)
            else:
                yield from inside(content, i)
    elif isinstance(content, dict):
        yield from inside(box, key)


def _part(part: dict[str, Any]) -> Iterator[Slot]:
    read = _are(part, "text", "refusal", "content")
    for name in ("text", "refusal", "content"):
        if name in read:
            yield Slot(part, name)
        elif name == "content" and isinstance(part.get(name), list):
            read.add(name)
            yield from content_slots(part, name)
    if isinstance(part.get("file"), dict):
        read.add("file")
        yield from _text(part["file"], "filename")
        yield from free_slots(part["file"], _OF_FILES)
    if not part.keys() <= _OF_PARTS | read:
        yield from free_slots(part, _OF_PARTS | read)


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
