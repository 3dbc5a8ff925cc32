"""What a request asks, whatever its API: the part that all of them share.

Only what must be known is decoded; every other field of a request goes on byte for byte. Fields that a guard has read
are written again from what it read, so that no second key of the same name can hide from it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import msgspec

from bongsu.web.errors import malformed, missing, wrong
from bongsu.web.halves import UNREADABLE, decode, mended
from bongsu.web.slots import Slot, free_slots

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
encode = msgspec.json.Encoder().encode
_NO_TEXTS = frozenset(("model", "stream", "logit_bias", "previous_response_id", "conversation", "container"))
"""Fields that are numbers or ids, and that others find again by them."""
def fields_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object, each as it came; half a character goes on as U+FFFD, since models refuse it. Raises
    one of ``UNREADABLE``."""
    try:
        return _fields.decode(body)
    except UNREADABLE:
        if (whole := mended(body)) == body:
            raise
        return _fields.decode(whole)


def decode_object(body: bytes) -> dict[str, Any] | None:
    """A JSON object, or None where it is something else."""
    try:
        found = decode(body)
    except UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


class Asked(ABC):
    """A request. ``needs`` names the field without which it asks nothing; ``said`` is how many of the slots are of the
    conversation (the others stand beside it) and is known once they were read. One that is not ``rewritable`` is only
    looked at: what a guard would replace in it is counted, and hidden from every store."""

    fields: dict[str, msgspec.Raw]
    __slots__ = ("beside", "changed", "fields", "model", "said", "stream", "user")
    needs: ClassVar[tuple[str, str]]
    rewritable: ClassVar[bool] = True
    names_user: ClassVar[tuple[str, ...]] = ("user", "safety_identifier")

    def __init__(self, body: bytes) -> None:
        try:
            if not body.isascii():
                body.decode()  # what no guard reads is not decoded, but no model can read what is no text
            self.fields = fields_of(body)
        except UNREADABLE as error:
            raise malformed(str(error)) from None
        self.model: str = self.read("model", str, "the name of a route", required=True)
        if self.needs[0] not in self.fields:
            raise missing(*self.needs)
        self.stream: bool = self.read("stream", bool, "true or false") or False
        self.user = self._user()
        self.changed: dict[str, Any] = {}
        self.beside: dict[str, Any] = {}
        self.said = 0

    def _user(self) -> str:
        for name in self.names_user:
            if name in self.fields and (found := self.read(name, str, "a text")):
                return str(found)
        return ""

    def read(self, name: str, kind: type | tuple[type, ...], expected: str, *, required: bool = False) -> Any:
        """A field's value; None where it is not there, or null."""
        raw = self.fields.get(name)
        if raw is None:
            if required:
                raise missing(name, expected)
            return None
        try:
            value = decode(raw)
        except UNREADABLE as error:
            raise malformed(f"{name}: {error}") from None
        if value is None and not required:
            return None
        if not isinstance(value, kind):
            raise wrong(name, expected, type(value).__name__)
        return value

    def take(self, *names: str) -> dict[str, Any]:
        """Fields, as far as they are there, to be written again from what is read now."""
        found = {name: self.read(name, object, "") for name in names if name in self.fields}
        self.changed |= found
        return found

    @abstractmethod
    def slots(self) -> list[Slot]:
        """Every text that a model will read."""

    def others(self) -> list[Slot]:
        """Texts of the fields that ``slots`` did not take: a note of the caller's, a parameter that is newer than we.
        Such a field goes on as it came unless a text in it is replaced, or it names something twice."""
        if not self.rewritable:
            return []
        known = {*_NO_TEXTS, *self.names_user, *self.changed}
        for name, raw in self.fields.items():
            if name not in known and b'"' in bytes(raw):
                self.beside[name] = self.read(name, object, "")
        return list(free_slots(self.beside, ()))

    def body(self, model: bytes) -> bytes:
        """The request as sent on: ``model`` (JSON) is the upstream's."""
        new = {name: value for name, value in self.beside.items() if _differs(self.fields[name], value)}
        return encode({**self.fields, **new, **self.changed, "model": msgspec.Raw(model)})

    def name_user(self, token: str) -> None:
        """Send ``token`` on in place of whatever named the person."""
        for name in self.names_user:
            if name in self.fields:
                self.fields[name] = msgspec.Raw(encode(token))

    def chars(self) -> int:
        """How long it is, for an estimate."""
        return len(bytes(self.fields[self.needs[0]]))


def _differs(raw: msgspec.Raw, value: Any) -> bool:
    """Whether a field says anything beside this value: a text was replaced, or of two names alike only one was read."""
    twice: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            twice.append("")

    if decode(raw) != value:
        return True
    try:
        json.loads(bytes(raw), object_pairs_hook=note)
    except RecursionError:
        return True
    return bool(twice)
