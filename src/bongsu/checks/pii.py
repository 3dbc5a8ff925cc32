"""Personal data and secrets that have a form: numbers, addresses, keys.

One RE2 automaton says which forms occur at all; only those are then searched for, and a rule judges each candidate.
Time is linear in the text. Offsets are those of the original text, whatever was rewritten to read it.

A stream may release what comes before ``hold``: for findings of up to ``BOUND`` characters, no later text makes a
finding out of a character that stands there and is not in one already. A finding that reaches into the held part may
still grow, so who masks keeps it back whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import ClassVar

from bongsu.checks.escapes import held, plainly, readings
from bongsu.checks.flat import Flat
from bongsu.checks.linear import Glance, Linear, Which
from bongsu.checks.pii_columns import above
from bongsu.checks.pii_forms import BORN_OPEN, ENTITIES, FORMS, MAIL_OPEN, PEM_BODY, PEM_HEAD, Form, compiled
from bongsu.checks.pii_places import EN_OPEN, KR_OPEN
from bongsu.checks.pii_rules import Candidate
from bongsu.overlap import outstanding
from bongsu.ports import Finding

BOUND = 4096
"""Longest finding (and longest hold) of a stream; ``look`` itself knows no bound."""

_DIGIT = frozenset(b"0123456789")
_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_SPOILS = {"digit": _DIGIT, "number": _DIGIT, "word": _WORD, "hex": _WORD | frozenset(b":-"), "": frozenset[int]()}
_REST = {"digit": re.compile(rb"[0-9]+"), "number": re.compile(rb"[0-9]+"), "word": re.compile(rb"[0-9A-Za-z]+"),
         "hex": re.compile(rb"[0-9A-Za-z]+")}
"""After a candidate fails, the next can only begin behind the run of characters that this one began in."""

_NEAR = 160
"""Bytes at the end of a text in which a number with spaces, or its context, may still be open."""
_RUN = bytes(range(33, 127))
_OPEN_NUMBER = "|".join((
    r"[A-Za-z]{0,2}[0-9(+*][0-9()+*./xX ●○•년월일-]*",
    r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]*(?: [A-Za-z0-9]+){0,8} ?",  # IBAN in groups
    r"[0-9]{2,6}(?:-[0-9]{1,8}){1,3}[\s\S]{0,12}",               # an account that a bank may follow
))
_OPENED = rf"(?:{_OPEN_NUMBER}|{KR_OPEN}|{EN_OPEN}|{BORN_OPEN}|{MAIL_OPEN})\z"
_OPEN = Linear(_OPENED)
_KEY = "-----BEGIN"
_OPEN_KEY = Linear(rf"(?:{_KEY} [A-Z0-9 ]{{0,60}}-{{0,5}}|{PEM_HEAD}{PEM_BODY}(?:-[A-Z0-9 -]{{0,70}})?)\z")


Hit = tuple[str, float, int, int]
"""Kind, how sure, from where, to where."""


@dataclass(frozen=True)
class Pii:
    """Finds ``entities`` (all, if empty) that are at least ``least`` sure."""

    name: ClassVar[str] = "pii"
    version: ClassVar[str] = "1"

    entities: tuple[str, ...] = ()
    least: float = 0.5

    def __post_init__(self) -> None:
        for entity in self.entities:
            if entity not in ENTITIES:
                close = get_close_matches(entity, ENTITIES, 1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise ValueError(f"entities: expected one of {', '.join(ENTITIES)}, came {entity!r}{hint}")

    def look(self, text: str) -> Sequence[Finding]:
        """Findings in order of place; two overlap only where the less sure one stands out of the other."""
        found: list[Finding] = []
        for flat in readings(text):
            if seen := self._engine.which(flat.data):
                found += self._hits(flat, seen)
        return outstanding(found) if len(found) > 1 else tuple(found)

    def _hits(self, flat: Flat, seen: Sequence[int]) -> list[Finding]:
        """What one reading shows by the rows that were seen, by places in the text as it was written."""
        found: list[Hit] = []
        for i in seen:
            found += [hit for hit in self._engine.rows[i].hits(flat.data)
                      if hit[1] >= self.least and (not self.entities or hit[0] in self.entities)]
        places = flat.spans([(start, end) for _, _, start, end in found]) if found else ()
        return [Finding(kind, *place, score) for (kind, score, _, _), place in zip(found, places, strict=True)]

    def hold(self, text: str) -> int:
        """How many trailing characters may still become, or change, a finding: the open word, number, key or escape."""
        return held(text, BOUND, _open)

    def clear(self, text: str) -> int | None:
        """``hold`` where it is plain that there is nothing to find; None where it has to be looked at."""
        flat = plainly(text, BOUND)
        if flat is None:
            return None
        rows, opened = self._engine.glance(flat.data)
        if rows and self._hits(flat, rows):
            return None
        return _open(flat, len(text), opened=opened)

    def above(self, gone: str, least: int) -> str:
        """Of the text that a stream has let go, what the rest is to be read behind: its last ``least`` characters, or
        the heads of the table that it ends in and whole rows."""
        return above(gone, least)

    @cached_property
    def _engine(self) -> _Engine:
        return _engine(self.entities)


def _open(flat: Flat, size: int, *, opened: bool = True) -> int:
    """``hold`` for one reading of a text of this size; unless it is ``opened``, only the run at its end is open."""
    data = flat.data
    place = len(data.rstrip(_RUN))
    if opened:
        near = max(0, len(data) - _NEAR)
        while near and data[near] & 0xC0 == 0x80:
            near -= 1
        if 0 <= (found := _OPEN.first(data, near)) < place:
            place = found
        if _KEY.encode() in data and 0 <= (found := _OPEN_KEY.first(data)) < place:
            place = found
    return size - flat.origin(place) if place < len(data) else 0


class _Row:
    """One form, compiled."""

    def __init__(self, form: Form) -> None:
        self.form = form
        # the boundary is in the pattern too, so that a hostile word is not tried again at each of its letters
        self.pattern = Linear(rf"\b(?:{form.pattern})" if form.edge == "word" else form.pattern)
        self.context = compiled(f"(?i){form.context}") if form.context else None
        self.spoils, self.rest = _SPOILS[form.edge], _REST.get(form.edge)

    def hits(self, data: bytes) -> Iterator[Hit]:
        form, pos = self.form, 0
        while spans := self.pattern.spans(data, pos):
            start, end = spans[form.group]
            upto = end
            if not self._spoiled(data, start, end):
                candidate = Candidate(data, start, end, self.context, form.reach)
                answer = form.judge(candidate)
                if answer:
                    yield *answer, candidate.start, candidate.end
                    pos = max(candidate.end, pos + 1)
                    continue
                upto = candidate.end  # a rule may have read less of it
            run = self.rest.match(data, start) if self.rest else None
            pos = run.end() if run else max(start + 1, 0 if self.rest else upto)

    def _spoiled(self, data: bytes, start: int, end: int) -> bool:
        before = data[start - 1] if start else 32
        after = data[end] if end < len(data) else 32
        if before in self.spoils or after in self.spoils:
            return True
        if self.form.edge != "number":
            return False
        more_before = before == 45 and start > 1 and data[start - 2] in _DIGIT
        return more_before or (after == 45 and end + 1 < len(data) and data[end + 1] in _DIGIT)


class _Engine:
    """The forms of some entities behind one automaton."""

    def __init__(self, entities: tuple[str, ...]) -> None:
        self.rows = [_Row(f) for f in FORMS if not entities or set(f.kinds) & set(entities)]
        hints = [_hint(row.form) for row in self.rows]
        self.which, self.glance = Which(hints), Glance(hints, [_OPENED, _KEY])


def _hint(form: Form) -> str:
    """What is there wherever the form is."""
    return f"(?i){form.hint}" if form.hint == form.context and form.hint else form.hint or form.pattern


@lru_cache(maxsize=64)
def _engine(entities: tuple[str, ...]) -> _Engine:
    return _Engine(entities)
