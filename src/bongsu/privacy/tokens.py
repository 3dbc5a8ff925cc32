"""What stands in for personal data: stable tokens for what we store, short aliases for what a model sees.

A token is a keyed hash: equal values have equal tokens, so records still join, and without the key nothing can be
guessed from one. The key is as sensitive as the data, since with it a guess can be checked; it belongs to one tenant,
and each epoch has another beside it (``epochs``). An alias (``[[EMAIL_1]]``) means something inside one request only.
Only aliases that an object issued are turned back by it, and what a user typed in the shape of an alias is itself
hidden first, so it comes back as typed and never as somebody's data.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from bongsu.checks.flat import Flat
from bongsu.overlap import resolve
from bongsu.ports import Finding
from bongsu.privacy.epochs import FIRST, FORM, SIZE, Epoch

_SHAPE = re.compile(r"(?:\[\[|\\\[\\\[) ?([A-Za-z][A-Za-z0-9_\\]{0,40}_)([0-9]{1,6}) ?(?:\]\]|\\\]\\\])")
"""An alias as models write it back: any case, ``\\_`` for ``_``, a space inside the brackets, Markdown's ``\\[``."""
_INSIDE = r"(?: ?(?:[A-Za-z][A-Za-z0-9_\\]{0,48} ?(?:\\(?:\]\\?)?|\])?)?)?"
_BEGUN = re.compile(rf"(?:\\(?:\[(?:\\(?:\[{_INSIDE})?)?)?|\[(?:\[{_INSIDE})?)\Z")
_LONGEST = 64
TYPED = "text"
"""The kind of what somebody typed in the shape of an alias."""
_SPACED = re.compile(r"[\s().-]+")
_GROUPED = ("phone", "card", "iban", "us_ssn", "kr_")
"""Kinds whose values are the same however their groups are parted."""


def _name(kind: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", kind.upper()).strip("_")[:32]
    name = re.sub(r"_E(?=[0-9]+\Z)", "_E_", name)  # which would be taken for that of an epoch
    return name if name[:1].isalpha() else f"DATA_{name}".strip("_")


def canonical(kind: str, value: str) -> str:
    """One spelling of a value, so that the same number in another layout has the same token.

    >>> canonical("phone", "+82 10-1234-5678") == canonical("phone", "０１０.1234.5678")
    True
    """
    value = Flat(value).text.strip()
    if kind.startswith(_GROUPED):
        value = _SPACED.sub("", value).upper()
    if kind == "phone" and value.startswith("+82"):
        value = "0" + value[3:].lstrip("0")
    return value.lower() if kind in ("email", "mac", "ip") else value


_TOKEN = re.compile(rf"(?<![A-Za-z0-9]){FORM}(?![A-Za-z0-9])")


def beside_tokens(text: str, findings: Iterable[Finding]) -> list[Finding]:
    """The findings without what is a token already: in a text that is masked twice, that is no name or postcode.

    >>> text = "Kim EMAIL_QQWHN65O6KGV3CSM"
    >>> [text[f.start : f.end] for f in beside_tokens(text, [Finding("person", 0, 26), Finding("address", 10, 13)])]
    ['Kim ']
    """
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    out = list(findings)
    for begin, end in tokens:
        parts = [[replace(f, end=min(f.end, begin)), replace(f, start=max(f.start, end))]
                 if f.start < end and begin < f.end else [f] for f in out]
        out = [f for some in parts for f in some if text[f.start : f.end].strip()]
    return out


def _replace(text: str, findings: Iterable[Finding], stand_in: Callable[[str, str], str]) -> str:
    """The text with something else in place of all that findings cover (``resolve``)."""
    out, done = [], 0
    for f in resolve(findings):
        if not 0 <= f.start < f.end <= len(text):
            raise ValueError(f"finding {f.kind!r}: expected a place inside {len(text)} characters, came "
                             f"{f.start}..{f.end}; was it found in another text?")
        out += [text[done : f.start], f.instead or stand_in(f.kind, text[f.start : f.end])]
        done = f.end
    return "".join([*out, text[done:]])


class Tokeniser:
    """Stable tokens under one root key and the key of the epoch that ``epoch`` says it is."""

    __slots__ = ("_epoch", "_key")

    def __init__(self, key: bytes, epoch: Callable[[], Epoch] = lambda: FIRST) -> None:
        if len(key) < 16:
            raise ValueError(f"key: expected at least 16 bytes, came {len(key)}; make one with secrets.token_bytes(32)")
        self._key, self._epoch = key, epoch

    def token(self, kind: str, value: str) -> str:
        """``EMAIL_`` and 80 bits of HMAC-SHA256 over kind and value.

        >>> Tokeniser(bytes(32)).token("email", "a@example.com")
        'EMAIL_QQWHN65O6KGV3CSM'
        """
        return self._epoch().token(_name(kind), self._root(kind, value))

    def mark(self, kind: str, value: str) -> str:
        """The same over all epochs: of what is only compared, and stands for nobody in any record."""
        return FIRST.token(_name(kind), self._root(kind, value))

    def key_of(self, name: str) -> bytes:
        """A key of 32 bytes for another use, which says nothing of this one."""
        return hmac.digest(self._key, f"key\0{name}".encode(), "sha256")

    def _root(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\0{canonical(kind, value)}".encode(), "sha256")[:SIZE]

    def mask(self, text: str, findings: Iterable[Finding]) -> str:
        """The text with a token for every finding."""
        return _replace(text, findings, self.token)


def in_json(value: str) -> str:
    """A value as it must stand between the quotes of a JSON string (arguments of a tool call)."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _as_typed(value: str) -> str:
    return value


class Aliases:
    """The aliases of one request, in both directions. Hide every message of the request with the same object."""

    __slots__ = ("_alias", "_count", "_value", "kinds")

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        """What of each value that has an alias; not of what only looked like one."""
        self._alias: dict[tuple[str, str], str] = {}
        self._value: dict[str, str] = {}
        self._count: dict[str, int] = {}

    def hide(self, text: str, findings: Iterable[Finding]) -> str:
        """The text with an alias for every finding, and one for whatever only looks like an alias.

        >>> names = Aliases()
        >>> names.hide("write to a@b.co", [Finding("email", 9, 15)])
        'write to [[EMAIL_1]]'
        >>> names.restore("Sent to [[EMAIL_1]]; [[EMAIL_2]] is unknown.")
        'Sent to a@b.co; [[EMAIL_2]] is unknown.'
        """
        typed = [Finding(TYPED, m.start(), m.end(), 0.0) for m in _SHAPE.finditer(text)]
        return _replace(text, [*findings, *typed], self._issue)

    def restore(self, text: str, quote: Callable[[str], str] = _as_typed) -> str:
        """Issued aliases become their values again, each passed through ``quote``; all else stays."""
        return _SHAPE.sub(lambda m: self._back(m, quote), text) if self._value else text

    def _issue(self, kind: str, value: str) -> str:
        name = _name(kind)
        alias = self._alias.get((name, value))
        if alias is None:
            n = self._count[name] = self._count.get(name, 0) + 1
            alias = self._alias[name, value] = f"[[{name}_{n}]]"
            self._value[alias] = value
            if kind != TYPED:
                self.kinds.setdefault(value, kind)
        return alias

    def _back(self, match: re.Match[str], quote: Callable[[str], str]) -> str:
        value = self._value.get(f"[[{match[1].replace(chr(92), '').upper()}{match[2]}]]")
        return match[0] if value is None else quote(value)

    def begun(self, text: str) -> int:
        """How many characters at the end of a text may still become an alias that was issued."""
        at = max(0, len(text) - _LONGEST)
        while self._value and (match := _BEGUN.search(text, at)):
            start = match[0].replace("\\", "").replace(" ", "").upper()
            if any(alias.startswith(start) for alias in self._value):
                return len(match[0])
            at = match.start() + 1  # no alias begins like this, but a later bracket may still begin one
        return 0


class Restorer:
    """``restore`` for a stream: what it gives out, joined, is the whole restored at once, however it was cut."""

    __slots__ = ("_aliases", "_pending", "_quote")

    def __init__(self, aliases: Aliases, quote: Callable[[str], str] = _as_typed) -> None:
        self._aliases, self._quote, self._pending = aliases, quote, ""

    def feed(self, chunk: str) -> str:
        """What may be sent now; the rest may still become an alias."""
        text = self._pending + chunk
        cut = len(text) - self._aliases.begun(text)
        self._pending = text[cut:]
        return self._aliases.restore(text[:cut], self._quote)

    def close(self) -> str:
        """What is left at the end of the stream."""
        text, self._pending = self._pending, ""
        return self._aliases.restore(text, self._quote)
