"""Personal data on its way: aliases towards the model, originals back to the caller, stable tokens for every store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache

from bongsu import registry
from bongsu.ports import Check, Finding
from bongsu.privacy.sealing import Sealer
from bongsu.privacy.tokens import Aliases, Restorer, Tokeniser, in_json
from bongsu.privacy.told import told
from bongsu.prompt import celled
from bongsu.web.screen import Gate

KEPT = 256 << 10
"""Most characters kept of a prompt or a reply."""
TAG = 128
"""Longest tag kept."""


def _plain(value: str) -> str:
    return value


@cache
def _forms() -> Check:
    """Every form of personal data, whatever the policy's guards look for."""
    check: Check = registry.part("checks", "pii")()
    return check


class Masking:
    """What one call hides, and from whom."""

    __slots__ = ("_aliases", "_sealer", "_stable", "_tokens")

    def __init__(self, tokens: Tokeniser, sealer: Sealer | None = None) -> None:
        self._tokens, self._sealer = tokens if sealer is None else sealer.noting(tokens), sealer
        self._aliases: Aliases | None = None
        self._stable: dict[str, str] = {}

    @property
    def active(self) -> bool:
        """Whether the model sees aliases."""
        return self._aliases is not None

    def token(self, kind: str, value: str) -> str:
        return self._tokens.token(kind, value)

    def mark(self, kind: str, value: str) -> str:
        """What is only compared, the same over all epochs."""
        return self._tokens.mark(kind, value)

    def told(self, name: str, stored: str) -> str:
        """Words that a caller is to be told as they are (``privacy/told.py``)."""
        return told(self._tokens.key_of(name), name, stored)

    def sealed(self, subject: str, at: int) -> tuple[str, str] | None:
        """What the tokens made so far stand for, in the vault's box: its id, and what only control can open."""
        return None if self._sealer is None else self._sealer.sealed(self._tokens, subject, at)

    def tag(self, text: str) -> str:
        """A tag as it may be stored."""
        return self._tokens.mask(text, _forms().look(text))

    def features(self, given: Mapping[str, float | str | bool | None],
                 worded: Collection[str]) -> dict[str, float | str | bool | None]:
        """Features as they may be stored: texts by the rule of tags; of those ``worded``, compared by their words, the
        cell."""
        return {name: value if not isinstance(value, str) else celled(value) or None if name in worded
                else self.tag(value)[:TAG] for name, value in given.items()}

    def for_model(self, texts: Sequence[str], spans: Sequence[Sequence[Finding]]) -> list[str]:
        """Every text of a request, with aliases for what is personal."""
        aliases = self._aliases = self._aliases or Aliases()
        hidden = [aliases.hide(text, found) for text, found in zip(texts, spans, strict=True)]
        self._stable = {value: self._tokens.token(kind, value) for value, kind in aliases.kinds.items()}
        return hidden

    def for_store(self, text: str, hidden: Sequence[Finding]) -> str:
        return self._tokens.mask(text, hidden) if hidden else text

    def unaliased(self, text: str) -> str:
        """Aliases as stable tokens."""
        return text if self._aliases is None else self._aliases.restore(text, lambda v: self._stable.get(v, v))

    def for_caller(self, text: str, spans: Sequence[Finding], *, json: bool = False, signed: bool = False) -> str:
        """A whole text of a reply, as the caller reads it."""
        text = self.for_store(text, spans)
        return text if self._aliases is None or signed else self._aliases.restore(text, in_json if json else _plain)

    def restored(self, body: bytes) -> bytes:
        """Words of an upstream about the request, with the caller's own values in them again."""
        if self._aliases is None:
            return body
        try:
            return self._aliases.restore(body.decode(), in_json).encode()
        except UnicodeError:  # no text, so no alias
            return body

    def restorer(self, *, json: bool) -> Restorer | None:
        """The way back for a streamed text."""
        return None if self._aliases is None else Restorer(self._aliases, in_json if json else _plain)


class Unwritable(Exception):
    """Something of this kind would have to be replaced in a text that cannot be."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Text:
    """One text of a streamed reply: checked, then restored for the caller; a masked copy is kept.

    One that is ``fixed`` is never rewritten; where it would have to be, ``Unwritable`` is raised. A ``signed`` one
    keeps its aliases.
    """

    __slots__ = ("_fixed", "_gate", "_kept", "_masking", "_restorer", "_room")

    def __init__(self, gate: Gate, masking: Masking, *, json: bool = False, fixed: bool = False,
                 signed: bool = False) -> None:
        self._gate, self._masking = gate, masking
        self._restorer = None if signed else masking.restorer(json=json)
        self._fixed = fixed
        self._kept: list[str] = []
        self._room = KEPT

    def feed(self, text: str, *, last: bool = False, after: str | None = None) -> str:
        if after is not None:
            self._gate.follow(after)
        out, spans, hidden = self._gate.feed(text, last=last)
        if self._fixed and spans:
            raise Unwritable(spans[0].kind)
        if out and self._room > 0:  # a reply without end must not fill the memory
            kept = self._masking.for_store(out, hidden) if hidden else out
            self._kept.append(kept)
            self._room -= len(kept)
        if spans:
            out = self._masking.for_store(out, spans)
        if self._restorer is not None:
            out = self._restorer.feed(out) + (self._restorer.close() if last else "")
        return out

    @property
    def waiting(self) -> int:
        """Characters not let go yet."""
        return len(self._gate.pending)

    def kept(self) -> str:
        return self._masking.unaliased("".join(self._kept))
