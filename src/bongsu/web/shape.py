"""What a route's version makes of a request: numbers that are set or capped, and a system's message put first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bongsu.policy.routing import Version

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_SAME = ({"max_tokens", "max_completion_tokens", "max_output_tokens"},)
"""Names that the APIs have for one thing: a cap on one holds for whichever the request uses."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A version's hand in the body of a request. One that is ``empty`` leaves bodies as they are, byte for byte."""

    prompt: str = ""
    fixed: Mapping[str, float] = field(default_factory=dict)
    cap: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, version: Version) -> Shape:
        return cls(version.prompt, {k: _plain(v) for k, v in version.fixed.items()},
                   {k: _plain(v) for k, v in version.cap.items()})

    @property
    def empty(self) -> bool:
        return not (self.prompt or self.fixed or self.cap)

    def put(self, body: bytes, api: str) -> bytes:
        """The body as this version sends it to an upstream that speaks ``api``. It is a JSON object of our own."""
        if self.empty:
            return body
        found: dict[str, Any] = dict(_fields(body))
        for name, value in self.fixed.items():
            _drop(found, name)
            found[name] = value
        for name, most in self.cap.items():
            _limit(found, name, most)
        if self.prompt:
            _lead(found, self.prompt, api)
        return _encode(found)


def _plain(value: float) -> float:
    """Whole numbers as such: no API takes 400.0 tokens."""
    return int(value) if value == int(value) else value


def _names(name: str) -> set[str]:
    return next((same for same in _SAME if name in same), {name})


def _drop(found: dict[str, Any], name: str) -> None:
    for other in _names(name):
        found.pop(other, None)


def _limit(found: dict[str, Any], name: str, most: float) -> None:
    """The caller's own number where it is not more; the cap where it is more, missing, or no number."""
    given = [other for other in found if other in _names(name)]
    for other in given or [name]:
        came = _any(found[other]) if given else None
        if isinstance(came, bool) or not isinstance(came, int | float) or came > most:
            found[other] = most


def _lead(found: dict[str, Any], prompt: str, api: str) -> None:
    """Before all that the caller says: a message in chat, the system's text or the instructions elsewhere."""
    if api == "anthropic":
        said = _any(found["system"]) if "system" in found else []
        parts = [{"type": "text", "text": said}] if isinstance(said, str) else said
        found["system"] = [{"type": "text", "text": prompt}, *parts]
    elif "messages" in found:
        found["messages"] = [{"role": "system", "content": prompt}, *_any(found["messages"])]
    elif "input" in found:
        said = _any(found["instructions"]) if "instructions" in found else None
        found["instructions"] = f"{prompt}\n\n{said}" if said else prompt
