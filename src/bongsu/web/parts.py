"""Texts in typed parts, as the newer APIs have them: a content is a list of objects, each of which says its type.

Every text of a part is read, whatever its type, so that a type nobody here knows yet hides nothing. Left out are words
of the API itself (types, ids, roles), signatures, and what is no text: files, images and sound in base64. What the
caller or the model may shape freely (the input of a tool) is read with the names of its fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bongsu.web.slots import APART, Slot

OPAQUE = frozenset((
    "type", "id", "call_id", "item_id", "tool_use_id", "role", "status", "phase", "signature", "encrypted_content",
    "encrypted_index", "encrypted_stdout", "media_type", "file_id", "file_data", "container_id", "server_label",
    "cache_control", "b64_json", "detail", "format", "logprobs"))
_NAMES = frozenset(("name", "tool_name"))
_FREE = frozenset(("input", "arguments", "action", "outputs", "results", "attributes"))
_ADDRESSES = frozenset(("image_url", "file_url", "url"))
_SOUNDS = frozenset(("input_audio", "audio"))


def part_slots(box: Any, key: Any, *, spoken: bool = False, free: bool = False) -> list[Slot]:
    """Texts of ``box[key]``, in their order: a text, a part or a list of parts.

    Names of tools are fixed, since callers and models find each other by them, and so is what was signed, which a model
    that gets it back wants as it was; ``spoken`` says that it comes from the model now, so a signed text may be changed
    (what it says, not that it is whole, is then the caller's); ``free`` says that nobody has said what its names mean.
    """
    out: list[Slot] = []
    words: dict[str, None] = {}
    waiting: list[tuple[Any, Any, bool]] = [(box, key, free)]
    while waiting:  # not by recursion: how deep it goes is the caller's choice
        at, name, free = waiting.pop()
        value = at[name]
        if isinstance(value, str):
            if free or not (name in _ADDRESSES and value.startswith("data:")):
                signed = not free and name == "thinking"
                out.append(Slot(at, name, json=not free and name == "arguments", signed=signed,
                                fixed=not free and (name in _NAMES or (signed and not spoken))))
        elif isinstance(value, dict):
            if free:
                words |= dict.fromkeys(map(str, value))
            waiting += reversed([*_inside(value, name, free)])
        elif isinstance(value, list):
            waiting += [(value, i, free) for i in range(len(value) - 1, -1, -1)]
    return [*out, Slot([APART.join(words)], 0, fixed=True)] if words else out


def free_slots(found: Any) -> list[Slot]:
    """Texts of any JSON, and its names, as one."""
    return part_slots([found], 0, free=True)


def _inside(found: dict[str, Any], name: Any, free: bool) -> Iterator[tuple[Any, Any, bool]]:
    """Where texts may stand in an object; with whether its names are free."""
    for key, value in found.items():
        if free:
            yield found, key, True
        elif key == "data" and (name in _SOUNDS or found.get("type") == "base64"):
            continue
        elif key not in OPAQUE:
            yield found, key, key in _FREE and not isinstance(value, str)
