"""Texts in typed parts, as the newer APIs have them: a content is a list of objects, each of which says its type.

Every text of a part is read, whatever its type, so that a type nobody here knows yet hides nothing. Left out are words
of the API itself (types, ids, roles), signatures, and what is no text: files and images in base64. What the caller or
the model may shape freely (the input of a tool) is read with the names of its fields.
"""

from __future__ import annotations

from typing import Any

from bongsu.web.slots import APART, Slot

OPAQUE = frozenset((
    "type", "id", "call_id", "item_id", "tool_use_id", "role", "status", "phase", "signature", "encrypted_content",
    "encrypted_index", "encrypted_stdout", "media_type", "file_id", "file_data", "container_id", "server_label",
    "cache_control", "annotations_id", "b64_json", "detail", "format", "caller"))
_NAMES = frozenset(("name", "tool_name"))
_FREE = frozenset(("input", "arguments", "action", "outputs", "results", "attributes"))
_SIGNED = frozenset(("thinking",))


def part_slots(box: Any, key: Any, *, spoken: bool = False) -> list[Slot]:
    """Texts of ``box[key]``, in their order: a text, a part or a list of parts.

    Names of tools are fixed, since callers and models find each other by them, and so is what was signed, which a model
    that gets it back wants as it was; ``spoken`` says that it comes from the model now, so a signed text may be changed
    (what it says, not that it is whole, is then the caller's).
    """
    out: list[Slot] = []
    words: dict[str, None] = {}
    waiting: list[tuple[Any, Any, bool]] = [(box, key, False)]
    while waiting:  # not by recursion: how deep it goes is the caller's choice
        at, name, free = waiting.pop()
        value = at[name]
        if isinstance(value, str):
            if not free and name in _NAMES:
                out.append(Slot(at, name, fixed=True))
            elif not free and name in _SIGNED:
                out.append(Slot(at, name, fixed=not spoken, signed=True))
            elif free or not _is_data(value):
                out.append(Slot(at, name, json=name == "arguments" and not free))
        elif isinstance(value, dict):
            if free:
                words |= dict.fromkeys(map(str, value))
            if free or value.get("type") != "base64":
                waiting += [(value, inner, free or inner in _FREE) for inner in reversed(value)
                            if free or inner not in OPAQUE]
        elif isinstance(value, list):
            waiting += [(value, i, free) for i in range(len(value) - 1, -1, -1)]
    return [*out, Slot([APART.join(words)], 0, fixed=True)] if words else out


def _is_data(text: str) -> bool:
    """Whether an address is not one, but the thing itself."""
    return text.startswith("data:") and ";base64," in text[:128]
