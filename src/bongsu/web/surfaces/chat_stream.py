"""A streamed chat completion: chunks, each with a piece of some texts of some choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.masking import Masking
from bongsu.web.nested import Path, grown, leaves, place
from bongsu.web.replies import Channel, Unreadable
from bongsu.web.screen import MOST as MOST_READ
from bongsu.web.slots import OF_CHOICES, call_notes
from bongsu.web.surfaces.choices import ChoiceReplies, number
from bongsu.web.upstream import MOST

_PLAIN = frozenset(("role", "type", "id"))
_CALLS = {"function": "arguments", "custom": "input"}
"""Kinds of tool calls, and what of them is a text."""


class ChatReplies(ChoiceReplies):
    """Chunks whose choices have a ``delta``. Sound is sent when the words beside it are through.

    The name of a tool call goes out whole, with the first of its arguments or when the next call begins: clients take a
    name from one chunk, and nobody can tell before that it is all there. Some providers say a piece twice (``text``),
    or with it all that came before (``message``): the one is held back like a piece, the other says what went out.
    """

    noun, id_begins, nothing = "chat.completion.chunk", "chatcmpl", {"delta": {}}
    read_apart = OF_CHOICES | {"delta", "text"}

    def __init__(self, guards: Sequence[Guard], masking: Masking, *, call: str, asks_usage: bool, choices: int = 1,
                 allowing: Allowing | None = None) -> None:
        super().__init__(guards, masking, call=call, asks_usage=asks_usage, choices=choices, allowing=allowing)
        self._named: dict[tuple[int, str, int], dict[str, Any]] = {}
        self._ways: dict[Channel, Path] = {}
        self._sounds: dict[int, list[dict[str, Any]]] = {}
        self._heavy = 0
        self._raw: dict[int, str] = {}
        self._out: dict[int, list[str]] = {}

    def said(self, choice: dict[str, Any]) -> str:
        delta = choice.get("delta")
        content = delta.get("content") if isinstance(delta, dict) else None
        return content if isinstance(content, str) else ""

    def piece(self, index: int, choice: dict[str, Any]) -> bool:
        delta = choice.get("delta")
        if delta is None:
            delta = choice["delta"] = {}
        if not isinstance(delta, dict):
            raise Unreadable
        left = "role" in delta
        if isinstance(choice.get("text"), str):
            choice["text"] = self._pass((index, "beside", "text"), choice["text"])
            left = left or bool(choice["text"])
        if index in self._out or isinstance(choice.get("message"), dict):
            self._again(index, choice, delta.get("content"))
        for key, value in delta.items():
            if key in _PLAIN or value is None or value == []:
                continue
            if isinstance(value, str):
                delta[key] = self._pass((index, key, ""), value)
                left = left or bool(delta[key])
                if key == "content" and index in self._out:
                    self._out[index].append(delta[key])
            elif key == "tool_calls" and isinstance(value, list):
                delta[key] = [call for found in value for call in self._call_of(index, key, found)]
                left = left or bool(delta[key])
            elif key == "function_call" and isinstance(value, dict):
                whole = self._call_of(index, key, {"function": value})
                delta[key] = whole[0]["function"] if whole else None
                left = left or bool(whole)
            elif isinstance(value, dict | list):
                left = self._inside(index, key, value) or left
            else:
                left = True
        return left

    def _again(self, index: int, choice: dict[str, Any], content: Any) -> None:
        """Whether a choice says all that it said once more, from its first piece on. Else that is read as any text."""
        if index not in self._out:
            if (index, "content", "") in self._texts:
                return
            self._raw[index], self._out[index] = "", []
        self._raw[index] += content if isinstance(content, str) else ""
        if len(self._raw[index]) > MOST_READ:  # nobody reads that much, and it must not fill the memory
            del self._raw[index], self._out[index]
            return
        whole = choice.get("message")
        if isinstance(whole, dict) and whole.get("content") == self._raw[index]:
            whole["content"] = ""  # said by ``repeat``, when it is known what goes out

    def _inside(self, index: int, key: str, value: Any) -> bool:
        """Texts that stand deeper, each through its own gate; what only annotates is here whole."""
        if key == "audio" and isinstance(value, dict) and self.tracks and "data" in value:
            self._later(index, value)
        for box, name, way in list(leaves(value)):
            if key == "annotations":
                box[name] = self.whole(index, key, box[name])
            else:
                channel = (index, key, place(way))
                self._ways[channel] = way
                box[name] = self._pass(channel, box[name], fixed=key == "audio")
        return bool(value)

    def _later(self, index: int, sound: dict[str, Any]) -> None:
        """What a voice says is what its words say, so it waits until they are checked."""
        held: dict[str, Any] = {name: sound[name] for name in ("id", "data") if name in sound}
        del sound["data"]
        self._heavy += len(str(held["data"]))
        if self._heavy > MOST:
            raise Unreadable
        self._sounds.setdefault(index, []).append(held)

    # ---- tool calls ----

    def _call_of(self, index: int, key: str, call: Any) -> list[dict[str, Any]]:
        """A piece of a tool call, checked; what went before it and is whole now; nothing while its name may go on."""
        if not isinstance(call, dict):
            raise Unreadable
        for slot in call_notes(call):
            slot.put(self.whole(index, "call", slot.text))
        at = (index, key, number(call))
        out = [whole for other in [c for c in self._named if c[0] == index and c != at] for whole in self._whole(other)]
        kinds = [kind for kind in _CALLS if isinstance(call.get(kind), dict)]
        waiting = self._named.get(at)
        if len(kinds) > 1 or (waiting is not None and not all(kind in waiting for kind in kinds)):
            raise Unreadable
        kind = kinds[0] if kinds else ""
        box: dict[str, Any] = call.get(kind) or {}
        if isinstance(box.get("name"), str):
            if waiting is None:
                waiting = self._named[at] = {**call, kind: {**box, "name": ""}}
            waiting[kind] = {**waiting[kind], **box, "name": waiting[kind]["name"] + box["name"]}
            if not box.get(_CALLS[kind]):
                return out
            call, box = waiting, waiting[kind]
        elif waiting is not None:
            box = {**waiting[kind], **box} if kind else box
            call = {**waiting, **call, **({kind: box} if kind else {})}
        if at in self._named:
            del self._named[at]
            self._name(at, box)
        if kind and isinstance(box.get(_CALLS[kind]), str):
            name = "custom" if kind == "custom" else key
            box[_CALLS[kind]] = self._pass((index, name, at[2]), box[_CALLS[kind]], json=kind == "function")
        return [*out, call]

    def _name(self, at: tuple[int, str, int], box: dict[str, Any]) -> None:
        if isinstance(box.get("name"), str):
            box["name"] = self.name((at[0], f"{at[1]}.name", at[2]), box["name"])

    def _whole(self, at: tuple[int, str, int]) -> list[dict[str, Any]]:
        """A call whose name was waiting and has no more of it."""
        call = self._named.pop(at)
        self._name(at, next(call[kind] for kind in _CALLS if isinstance(call.get(kind), dict)))
        return [call]

    # ---- out ----

    def flush(self, index: int) -> list[bytes]:
        out = []
        for at in [c for c in self._named if c[0] == index]:
            [call] = self._whole(at)
            out.append(self.chunk(index, {"delta": {at[1]: call["function"] if at[1] == "function_call" else [call]}}))
        for channel in [c for c in self._texts if c[0] == index]:
            rest = self._pass(channel, "", last=True)
            if rest:
                key, way = str(channel[1]), self._ways.get(channel)
                if key == "content" and index in self._out:
                    self._out[index].append(rest)
                out.append(self.chunk(index, {"delta": grown((key, *way), rest)} if way else
                                      _rest(key, channel[2], rest)))
        return out + [self.chunk(index, {"delta": {"audio": sound}}) for sound in self._sounds.pop(index, ())]

    def repeat(self, index: int, choice: dict[str, Any]) -> None:
        if index in self._out and isinstance(whole := choice.get("message"), dict) and whole.get("content") == "":
            whole["content"] = "".join(self._out[index])

    def saying(self, sentence: str) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "content": sentence, "refusal": sentence}}


def _rest(key: str, which: Any, rest: str) -> dict[str, Any]:
    """The last of a text, as a piece of its choice. A plain field of a delta, whatever its name, has no ``which``."""
    if which == "":
        return {"delta": {key: rest}}
    if key == "beside":
        return {"delta": {}, which: rest}
    if key == "tool_calls":
        return {"delta": {key: [{"index": which, "function": {"arguments": rest}}]}}
    if key == "custom":
        return {"delta": {"tool_calls": [{"index": which, "custom": {"input": rest}}]}}
    return {"delta": {key: {"arguments": rest}}}
