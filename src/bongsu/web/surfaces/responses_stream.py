"""A streamed response of OpenAI's: items and their parts begin, grow and are told once more whole when they end.

A text that is told again is told as it went out, not as the model had it: what was replaced stays replaced. Where
guards or aliases are at work events come and go, so all that pass are numbered anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bongsu.access.meter import Usage
from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import encode
from bongsu.web.errors import ApiError
from bongsu.web.masking import Masking
from bongsu.web.parts import part_slots
from bongsu.web.replies import END, Broken, Replies, Unreadable
from bongsu.web.slots import Slot
from bongsu.web.surfaces.response_forms import counted, ending_of, message, read_counts, response, text_part


class Growth(NamedTuple):
    """A text that grows: in which place of its item, and under which key it is told whole."""

    place: str
    key: str
    whole: str


GROWTHS = {
    "response.output_text": Growth("content", "content_index", "text"),
    "response.refusal": Growth("content", "content_index", "refusal"),
    "response.reasoning_text": Growth("content", "content_index", "text"),
    "response.reasoning_summary_text": Growth("summary", "summary_index", "text"),
    "response.function_call_arguments": Growth("arguments", "", "arguments"),
    "response.mcp_call_arguments": Growth("arguments", "", "arguments"),
    "response.custom_tool_call_input": Growth("input", "", "input"),
    "response.code_interpreter_call_code": Growth("code", "", "code")}
_PARTS = {"response.content_part": "content", "response.reasoning_summary_part": "summary"}
_WHOLE = frozenset(("text", "refusal"))
_QUIET = (".in_progress", ".searching", ".completed", ".generating", ".interpreting", ".failed", ".partial_image")
"""Endings of events that say how far a tool is, and nothing else."""
Place = tuple[int, str, int]
"""Which text of a response: number of its item, place in it, number in that place."""


class ResponseReplies(Replies):
    """The last event waits for the fact to be written."""

    def __init__(self, guards: Sequence[Guard], masking: Masking, *, call: str,
                 allowing: Allowing | None = None) -> None:
        super().__init__(guards, masking, call=call, allowing=allowing)
        self._number = 0
        self._begun = self._said = False
        self._out: dict[Place, list[str]] = {}
        self._stems: dict[Place, str] = {}
        self._told: dict[tuple[int, str], str] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._open: dict[int, dict[str, Any]] = {}
        self._end: list[bytes] = []
        self._top: dict[str, Any] = {"id": f"resp_{call}", "created_at": 0, "model": ""}

    @property
    def finished(self) -> bool:
        return self.done

    # ---- in ----

    def event(self, block: bytes, data: bytes) -> list[bytes]:
        found = self.read(data)
        kind = found.get("type") if found is not None else None
        if found is None or not isinstance(kind, str):
            if self.changes and data != b"[DONE]":
                raise Unreadable
            return [block + END]
        if kind in ("error", "response.failed"):
            raise Broken
        if not self.changes:
            self._count(kind, found)
        if isinstance(found.get("response"), dict):
            return self._whole_response(kind, found, found["response"], block)
        if not self.changes:
            return [block + END]
        return self._changed(kind, found)

    def _count(self, kind: str, found: dict[str, Any]) -> None:
        if kind.endswith(".delta") and isinstance(found.get("delta"), str):
            self.passed((number(found, "output_index"),), found["delta"], kind == "response.output_text.delta")
        self._number = max(self._number, number(found, "sequence_number") + 1)

    def _whole_response(self, kind: str, found: dict[str, Any], told: dict[str, Any], block: bytes) -> list[bytes]:
        """How it begins, how far it is, and how it ends."""
        self._begun = True
        self._top |= {name: told[name] for name in self._top if told.get(name)}
        self.model, self.response_id = str(self._top["model"])[:256], str(self._top["id"])[:256]
        before: list[bytes] = []
        if self.changes:
            output = told.get("output")
            for at, item in enumerate(output if isinstance(output, list) else ()):
                before += self._settle(at, item)
            if told.get("output_text"):
                told["output_text"] = "".join("".join(out) for _, out in sorted(self._out.items()))
        last = self._as(found, echo=True) if self.changes else block + END
        if kind not in ("response.completed", "response.incomplete"):
            return [*before, last]
        self.done, self.finish_reason = True, ending_of(told)
        self.usage = read_counts(told.get("usage")) or self.usage
        self._end = [last]
        return before

    # ---- through the gates ----

    def _changed(self, kind: str, found: dict[str, Any]) -> list[bytes]:
        stem, _, verb = kind.rpartition(".")
        growth, at = GROWTHS.get(stem), number(found, "output_index")
        if growth and verb == "delta" and isinstance(found.get("delta"), str):
            place = (at, growth.place, number(found, growth.key))
            self._stems[place] = stem
            found["delta"] = self._grow(place, found["delta"])
            if found.get("logprobs"):
                found["logprobs"] = []
            return [self._as(found)] if found["delta"] else []
        if growth and verb == "done" and isinstance(found.get(growth.whole), str):
            place = (at, growth.place, number(found, growth.key))
            before = self._finish(place, stem, found, growth.whole)
            self._once(at, part_slots(found, "name") if "name" in found else ())
            return [*before, self._as(found)]
        if stem in _PARTS and isinstance(found.get("part"), dict):
            which = number(found, "content_index" if _PARTS[stem] == "content" else "summary_index")
            before = self._part((at, _PARTS[stem], which), found["part"]) if verb == "done" else []
            if verb != "done":
                self._once(at, part_slots(found, "part", spoken=True))
            return [*before, self._as(found)]
        if stem == "response.output_item" and isinstance(found.get("item"), dict):
            return self._item(at, found, done=verb == "done")
        if kind == "response.output_text.annotation.added":
            self._once(at, part_slots(found, "annotation") if "annotation" in found else ())
        elif self.tracks and not (kind.endswith(_QUIET) and "delta" not in found):
            raise Unreadable
        return [self._as(found)]

    def _item(self, at: int, found: dict[str, Any], *, done: bool) -> list[bytes]:
        if done:
            before = self._settle(at, found["item"])
            self._open.pop(at, None)
            self._items[at] = found["item"]
            return [*before, self._as(found)]
        self._once(at, part_slots(found, "item", spoken=True))
        self._open[at] = found["item"]
        return [self._as(found)]

    def _grow(self, place: Place, text: str, *, last: bool = False) -> str:
        out = self._pass(place, text, last=last, json=place[1] == "arguments")
        if out:
            self._out.setdefault(place, []).append(out)
            self._said = self._said or place[1] == "content"
        return out

    def _finish(self, place: Place, stem: str, box: dict[str, Any], key: str) -> list[bytes]:
        """Tell a whole text as it went out; what of it still waited goes before it as a last piece."""
        if place not in self._texts:
            self._grow(place, box[key])
        rest = self._grow(place, "", last=True)
        box[key] = "".join(self._out.get(place, ()))
        if box.get("logprobs"):
            box["logprobs"] = []
        if not rest:
            return []
        growth = GROWTHS[stem]
        where = {"output_index": place[0], **({growth.key: place[2], "logprobs": []} if growth.key else {})}
        item = box.get("item_id") or self._open.get(place[0], {}).get("id", "")
        return [self._as({"type": f"{stem}.delta", "item_id": item, **where, "delta": rest})]

    def _part(self, place: Place, part: dict[str, Any]) -> list[bytes]:
        """A part told whole: its own text, and whatever else stands in it."""
        key = next((key for key in _WHOLE if isinstance(part.get(key), str)), None)
        if key is None:
            self._once(place[0], part_slots({"part": part}, "part", spoken=True))
            return []
        stem = "response.reasoning_summary_text" if place[1] == "summary" else "response.refusal" \
            if key == "refusal" else "response.reasoning_text" if part.get("type") == "reasoning_text" \
            else "response.output_text"
        before = self._finish(place, stem, part, key)
        slots = part_slots({"part": part}, "part", spoken=True)
        self._once(place[0], [s for s in slots if not (s.box is part and s.key == key)])
        return before

    def _settle(self, at: int, item: Any) -> list[bytes]:
        """An item told whole."""
        if not isinstance(item, dict):
            raise Unreadable
        before: list[bytes] = []
        done: list[tuple[Any, str]] = []
        for place in ("content", "summary"):
            parts = item.get(place)
            for which, part in enumerate(parts if isinstance(parts, list) else ()):
                if isinstance(part, dict):
                    before += self._part((at, place, which), part)
                    done.append((part, ""))
        for stem, growth in GROWTHS.items():
            if not growth.key and isinstance(item.get(growth.whole), str) and stem in _stems(item):
                before += self._finish((at, growth.place, 0), stem, item, growth.whole)
                done.append((item, growth.whole))
        slots = part_slots({"item": item}, "item", spoken=True)
        self._once(at, [s for s in slots if not any(s.box is box and key in ("", s.key) for box, key in done)])
        return before

    def _once(self, at: int, slots: Iterable[Slot]) -> None:
        """Texts that come at once. They are told more than once, and read the first time."""
        for slot in slots:
            text = slot.text
            if not text:
                continue
            out = self._told.get((at, text))
            if out is None:
                channel = (at, "told", len(self._told))
                out = self.name(channel, text) if slot.fixed else self._pass(channel, text, last=True, json=slot.json)
                self._told[at, text] = self._told[at, out] = out
            slot.put(out)

    # ---- out ----

    def _as(self, found: dict[str, Any], *, echo: bool = False) -> bytes:
        """An event, numbered; ``echo`` says that it repeats the request, with the aliases it was sent with."""
        data = encode({**found, "sequence_number": self._number})
        self._number += 1
        if echo:
            data = self._masking.restored(data)
        return b"event: " + str(found["type"]).encode() + b"\ndata: " + data + END

    def end(self) -> list[bytes]:
        return self._end

    def usage_event(self, usage: Usage) -> list[bytes]:  # noqa: ARG002 (it stands in the last event)
        return []

    def blocked(self, sentence: str, guard: str, usage: Usage) -> list[bytes]:
        self.finish_reason = "content_filter"
        top = self._top
        whole = response(top["id"], top["created_at"], top["model"], guard, [], counted(usage))
        out = [] if self._begun else [self._as({"type": "response.created", "response": {
            **whole, "status": "in_progress", "incomplete_details": None, "usage": None}})]
        for at, item in sorted(self._open.items()):
            if item.get("type") == "message":
                self._items[at] = self._cut(at, item)
                out.append(self._as({"type": "response.output_item.done", "output_index": at, "item": self._items[at]}))
        if not self._said:
            out += self._refusing(max([*self._items, *self._open, -1]) + 1, sentence)
        whole["output"] = [item for _, item in sorted(self._items.items())]
        return [*out, self._as({"type": "response.incomplete", "response": whole})]

    def _cut(self, at: int, item: dict[str, Any]) -> dict[str, Any]:
        """A message as far as it went out."""
        return {**item, "status": "incomplete", "content": [
            self._spoken(place, "".join(out)) for place, out in sorted(self._out.items())
            if place[:2] == (at, "content")]}

    def _spoken(self, place: Place, text: str) -> dict[str, Any]:
        return {"type": "refusal", "refusal": text} if self._stems.get(place) == "response.refusal" else text_part(text)

    def _refusing(self, at: int, sentence: str) -> list[bytes]:
        """A whole message that says the sentence."""
        item = self._items[at] = message(f"msg_{self._call}", [sentence], "incomplete")
        where = {"item_id": item["id"], "output_index": at, "content_index": 0}
        part = text_part(sentence)
        return [self._as(event) for event in (
            {"type": "response.output_item.added", "output_index": at,
             "item": {**item, "status": "in_progress", "content": []}},
            {"type": "response.content_part.added", **where, "part": text_part("")},
            {"type": "response.output_text.delta", **where, "delta": sentence, "logprobs": []},
            {"type": "response.output_text.done", **where, "text": sentence, "logprobs": []},
            {"type": "response.content_part.done", **where, "part": part},
            {"type": "response.output_item.done", "output_index": at, "item": item})]

    def broken(self, error: ApiError) -> list[bytes]:
        """With ``error`` beside its fields, which makes a client that only iterates raise, too."""
        said = error.error()
        told = {name: said["error"][name] for name in ("code", "message", "param")}
        return [self._as({"type": "error", **told, **said})]

    def head(self, created: int, model: str) -> None:
        self._top |= {"created_at": created, "model": model}


_KINDS = {"function_call": "response.function_call_arguments", "mcp_call": "response.mcp_call_arguments",
          "custom_tool_call": "response.custom_tool_call_input",
          "code_interpreter_call": "response.code_interpreter_call_code"}


def _stems(item: dict[str, Any]) -> tuple[str, ...]:
    """What grows in an item of this type."""
    stem = _KINDS.get(str(item.get("type")))
    return (stem,) if stem else ()


def number(found: dict[str, Any], key: str) -> int:
    value = found.get(key) if key else 0
    if value is None:
        return 0
    if type(value) is not int:
        raise Unreadable
    return value
