"""A known attack: what is remembered of it so that its like is stopped, by whom, and until when.

The text itself is kept only where whoever adds it says that it is not sensitive, and then without what is personal in
it. Else nothing is kept but keyed hashes (``checks.memory_anchors``), from which no text can be read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

from bongsu.checks.memory import FEWEST, Index, Traces, traces_of
from bongsu.checks.memory_anchors import FORM, packed, unpacked
from bongsu.guard import Guard
from bongsu.overlap import resolve
from bongsu.ports import Finding
from bongsu.privacy.tokens import Tokeniser
from bongsu.quantity import DAY, QuantityError, parse_duration

LONGEST = 50_000
"""Characters of an attack."""
MOST_KEPT = 5_000
"""Attacks in memory: a gateway reads them all again when one is added (about 10 us for each)."""
MOST = 366 * DAY
SAME = 0.9
"""The share of a new attack that another has, from which on the two are one."""
LONGEST_NOTE = 200


class AttackFault(ValueError):
    """What cannot be remembered, and why: ``code`` for machines, a sentence that never repeats the text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Attack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attack. ``anchors`` are its hashes one behind the other, of this ``form``, ``length`` that of its letters.

    What is of another form than ``FORM`` was remembered by an older version, and nothing is recognised by it.
    ``text`` is the masked text, empty where it is sensitive; ``until`` is in microseconds since 1970.
    """

    id: str
    at: int
    until: int
    by: str
    note: str = ""
    text: str = ""
    length: int = 0
    anchors: bytes = b""
    form: int = 1

    @property
    def recognised(self) -> bool:
        return self.form == FORM

    def traces(self) -> Traces:
        return Traces(frozenset(unpacked(self.anchors) if self.recognised else ()), self.length)


def key_of(tokens: Tokeniser) -> bytes:
    """The key of anchors, out of that of tokens: another token key, another memory."""
    return tokens.mark("ATTACK", "anchors").encode()


def lasting(text: str) -> int:
    """For how long an attack is remembered, as it was written."""
    try:
        value = parse_duration(text[:32])
    except QuantityError as error:
        raise AttackFault("bad_for", f"'for': {error}") from None
    if not 0 < value <= MOST:
        raise AttackFault("bad_for", f"'for' is more than nothing and at most {MOST // DAY}d, came {text[:32]!r}")
    return value


def personal(text: str, masking: Sequence[Guard]) -> tuple[Finding, ...]:
    """What masking guards find in a text."""
    return resolve(found for guard in masking for found in guard.check.look(text))


def remembered(text: str, masking: Sequence[Guard], tokens: Tokeniser, known: Iterable[Attack], *, note: str,
               sensitive: bool, lasts: int, by: str, now: int) -> Attack:
    """The attack that a person tells of; raises ``AttackFault``. Nothing personal gets into it."""
    if not 0 < len(text) <= LONGEST:
        raise AttackFault("bad_text", f"'text' is the attack, 1 to {LONGEST} characters, came {len(text)}")
    if len(note) > LONGEST_NOTE or personal(note, masking):
        raise AttackFault("bad_note", f"'note' says what it is, {LONGEST_NOTE} characters at most and nothing personal")
    found, key = personal(text, masking), key_of(tokens)
    traces = traces_of(_between(text, found), key)
    if len(traces.anchors) < FEWEST:
        raise AttackFault("too_short", f"expected a text with at least {FEWEST} anchors (some 60 letters that are not "
                          f"personal), came {len(traces.anchors)}: so short a text would stop harmless ones; use a "
                          "guard of kind pattern for it")
    others = Index.of(key, {one.id: one.traces() for one in known if one.until > now})
    hits = others.seen_of(traces.anchors)
    like = max(hits, key=lambda id_: hits[id_], default="")
    if like and hits[like] >= SAME * len(traces.anchors):
        raise AttackFault("known_already", f"attack {like} is known and holds this one; remove it first to change it")
    if len(others.traces) >= MOST_KEPT:
        raise AttackFault("full", f"{MOST_KEPT} attacks are known, which is all there is room for; remove some first")
    joined = packed(traces.anchors)
    return Attack(id=blake2b(joined, digest_size=6).hexdigest(), at=now, until=now + lasts, by=by, note=note,
                  text="" if sensitive else tokens.mask(text, found), length=traces.length, anchors=joined, form=FORM)


def _between(text: str, found: Sequence[Finding]) -> list[str]:
    """The text without what was found, in pieces."""
    cuts = [0, *(place for f in found for place in (f.start, f.end)), len(text)]
    return [text[a:b] for a, b in zip(cuts[::2], cuts[1::2], strict=True)]
