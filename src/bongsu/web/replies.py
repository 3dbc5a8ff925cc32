"""A streamed reply on its way through: events in, checked events out; the part that all APIs share.

Each text of a reply (a choice's content, its refusal, its reasoning, the name and the arguments of each tool call) has
its own gate, so a phrase cut over many events is seen whole, and only what may still become a match waits. Events
nobody has to change pass as they are, comments and unknown fields included.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from msgspec.structs import replace as changed

from bongsu.access.meter import Usage
from bongsu.allow import Allowing
from bongsu.guard import Guard, Outcome
from bongsu.web.errors import ApiError
from bongsu.web.grounded import NOT_SAID
from bongsu.web.halves import UNREADABLE, Halves
from bongsu.web.masking import KEPT, Masking, Text, Unwritable
from bongsu.web.screen import MOST, REPLACES, Counts, Gate, Stopped, Track, counts, decide, fail_all, keepable
from bongsu.web.sse import data_of

END = b"\n\n"
_ALIVE = b":\n\n"
Channel = tuple[Hashable, ...]
"""Which text of a reply: names and numbers, as the API tells them apart."""


class Unreadable(Exception):
    """An event whose texts cannot be found, where they would have to be checked."""


class Broken(Exception):
    """The model itself ended the stream with an error."""


class Replies(ABC):
    """One streamed reply. ``feed`` and ``end`` answer what to send; ``Stopped`` means that a guard ended it.

    ``done`` says that the model has said its last; ``finished`` that it has said why it stopped, which is enough.
    """

    closing: ClassVar[bytes] = b""
    """What follows the last event of every stream."""

    def __init__(self, guards: Sequence[Guard], masking: Masking, *, call: str,
                 allowing: Allowing | None = None) -> None:
        self.tracks = [Track(guard, "output", allowing) for guard in guards]
        self.changes = bool(guards) or masking.active
        self.usage: Usage | None = None
        self.model = self.response_id = self.finish_reason = ""
        self.chars = 0
        self.done = False
        self._masking, self._call = masking, call
        self._halves = Halves()
        self._texts: dict[Channel, Text] = {}
        self._spoke = False
        self._stuck = ""
        self._heard: dict[Channel, list[str]] | None = None

    def listen(self) -> None:
        """Keep what the reply tells its caller, for who judges it when it is whole."""
        self.changes, self._heard = True, {}

    def overhear(self) -> None:
        """Keep it, but let the stream pass as it comes where nobody else reads it."""
        self._heard = {}

    def passed(self, channel: Channel, text: str, told: bool = True) -> None:
        """A piece that goes out as it came; ``told``: it tells the caller something."""
        self.chars += len(text)
        if told and self._heard is not None and self.chars <= MOST:
            self._heard.setdefault(channel, []).append(text)

    def heard(self) -> list[str]:
        return ["".join(pieces) for _, pieces in sorted((self._heard or {}).items(), key=_order)]

    # ---- in ----

    def feed(self, block: bytes) -> list[bytes]:
        """An event as it came, without the blank line that ended it; what is to be sent for it."""
        data = data_of(block)
        if data is None:  # a comment keeps the connection alive; where guards read, it does no more than that
            return [] if not block else [_ALIVE] if self.changes else [block + END]
        return self.event(block, data)

    @abstractmethod
    def event(self, block: bytes, data: bytes) -> list[bytes]: ...

    def read(self, data: bytes) -> dict[str, Any] | None:
        """The event as an object; None where it is none and nobody has to read it."""
        try:
            found = self._halves.read(data)
        except UNREADABLE:
            found = None
        if isinstance(found, dict):
            return found
        if self.changes:
            raise Unreadable
        return None

    # ---- through the gates ----

    def _pass(self, channel: Channel, text: str, *, last: bool = False, json: bool = False,
              fixed: bool = False, signed: bool = False, after: str | None = None) -> str:
        """What of a text may go out now; ``last`` lets all go that is not blocked. One that is ``fixed`` is blocked
        where it would have to be replaced. ``after`` says what it follows, if not what came last."""
        found = self._texts.get(channel)
        if found is None:
            found = self._texts[channel] = Text(Gate(self.tracks), self._masking, json=json, fixed=fixed, signed=signed)
        self.chars += len(text)
        if self._heard is not None and not json and not fixed and self.chars <= MOST and NOT_SAID.isdisjoint(channel):
            self._heard.setdefault(channel, []).append(text)
        if self.chars > MOST:
            fail_all(self.tracks)
        try:
            out = found.feed(text, last=last, after=after)
        except Unwritable as error:
            by = next(t.guard for t in self.tracks if t.guard.act in REPLACES and not t.guard.shadow
                      and any(f.kind == error.kind for f in t.found))
            self._stuck = by.name
            raise Stopped(Outcome("block", by=by.name, reply=by.reply), 0) from None
        self._spoke = self._spoke or bool(out)
        return out

    def name(self, channel: Channel, text: str) -> str:
        """A word by which a caller finds a thing: whole, and blocked where it would have to be replaced."""
        return self._pass(channel, text, last=True, fixed=True)

    # ---- out ----

    @property
    @abstractmethod
    def finished(self) -> bool: ...

    @abstractmethod
    def end(self) -> list[bytes]:
        """After the upstream's last event: all that waited."""

    @abstractmethod
    def usage_event(self, usage: Usage) -> list[bytes]:
        """What a client that asked for it is told at the end."""

    @abstractmethod
    def blocked(self, sentence: str, guard: str, usage: Usage) -> list[bytes]:
        """The end a client reads as a refusal: the sentence, if nothing was said yet, and the reason."""

    @abstractmethod
    def broken(self, error: ApiError) -> list[bytes]:
        """The end a client reads as an error."""

    @abstractmethod
    def head(self, created: int, model: str) -> None:
        """How the reply begins if the upstream never sent one; ``created`` is in seconds since 1970."""

    # ---- afterwards ----

    def outcome(self) -> Outcome:
        outcome = decide(self.tracks)
        if not self._stuck:
            return outcome
        return replace(outcome, act="block", by=self._stuck, verdicts=tuple(
            changed(v, act="block") if v.guard == self._stuck else v for v in outcome.verdicts))

    def counts(self) -> Counts:
        return counts(self.tracks)

    @property
    def withheld(self) -> int:
        """Characters that still wait, never to be sent once a guard has ended the stream."""
        return sum(text.waiting for text in self._texts.values())

    def kept(self) -> str | None:
        """The reply as it may be stored, or None where nobody masked it."""
        if not keepable(self.tracks):
            return None
        return "\n".join(t.kept() for _, t in sorted(self._texts.items(), key=_order) if t.kept())[:KEPT]


def _order(found: tuple[Channel, Any]) -> list[tuple[bool, Any]]:
    """By channel, numbers before names: which of the two a model gives is its choice."""
    return [(isinstance(step, str), step) for step in found[0]]
