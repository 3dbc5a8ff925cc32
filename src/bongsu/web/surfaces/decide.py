"""``POST /v1/decide``: what the route's guards say of a text that goes another way, for users of another gateway."""

from __future__ import annotations

from typing import Any

import msgspec

from bongsu.access.meter import NOTHING
from bongsu.web.asked import Asked, encode, fields_of
from bongsu.web.errors import malformed, missing, wrong
from bongsu.web.halves import UNREADABLE
from bongsu.web.slots import Slot, message_slots
from bongsu.web.surface import Told
from bongsu.web.surfaces.plain import Whole

GIVEN = ("system", "developer", "tool", "function", "user")
"""Roles of what a model is given; in any other it speaks."""


class DecideAsked(Asked):
    """``route`` and ``on``, and ``text`` or ``messages``. With a ``text`` of a reply, messages are its context.

    ``heard`` is, once the slots were read, where the model speaks: the text, or the messages that are its own.
    """

    __slots__ = ("heard", "on", "text")
    needs = ("route", "the name of a route")
    names_user = ("user",)

    def __init__(self, body: bytes) -> None:
        found = _object(body)
        if "route" in found:  # what every other request calls its model
            found["model"] = found["route"]
        super().__init__(encode(found))
        self.on: str = self.read("on", str, "input or output", required=True)
        if self.on not in ("input", "output"):
            raise wrong("on", "input or output", "something else")
        self.text: str | None = self.read("text", str, "a text")
        messages = self.read("messages", list, "a list of messages")
        if messages is not None and not all(isinstance(one, dict) for one in messages):
            raise wrong("messages", "a list of objects", "something else in it")
        if self.text is None and not messages:
            raise missing("text", "a text, or messages in its place")
        self.stream = False
        self.heard: list[Slot] = []

    def slots(self) -> list[Slot]:
        """What is judged: the text, or where there is none every text of the messages."""
        self.take("text", "messages")
        if self.text is not None:
            out = self.heard = [Slot(self.changed, "text")]
        else:
            spoken = [(message, list(message_slots(message))) for message in self.changed["messages"]]
            out = [slot for _, slots in spoken for slot in slots]
            self.heard = [slot for message, slots in spoken if message.get("role") not in GIVEN for slot in slots]
        self.said = len(out)
        return out

    def chars(self) -> int:
        return sum(len(bytes(self.fields[name])) for name in ("text", "messages") if name in self.fields)


def _object(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return fields_of(body)
    except UNREADABLE as error:
        raise malformed(str(error)) from None


class Decide(Whole):
    """``POST /v1/decide``. It goes to no upstream, so any route will do."""

    path = "/decide"
    operation = "decide"
    api = ""

    def read(self, body: bytes) -> Asked:
        return DecideAsked(body)

    def decode(self, body: bytes) -> dict[str, Any] | None:  # noqa: ARG002 (nobody answers but us)
        return None

    def told(self, reply: dict[str, Any]) -> Told:  # noqa: ARG002
        return Told("", "", "", NOTHING)


def decision(call: str, asked: DecideAsked, act: str, reply: str, verdicts: list[dict[str, Any]]) -> bytes:
    """The answer: ``text`` or ``messages`` as they may go on; with a block or a review, ``reply`` is what to say
    instead."""
    out: dict[str, Any] = {"id": call, "decision": act, "verdicts": verdicts}
    if act in ("block", "review"):
        out["reply"] = reply
    else:
        judged = "text" if asked.text is not None else "messages"
        out[judged] = asked.changed[judged]
    return encode(out)
