"""A guard's false alarms, allowed: this guard lets this very text pass, until then.

A text that an entry allows is one that the guard itself found and that is equal to the allowed one in canonical form;
all other texts are judged as ever. An entry holds a keyed hash, never the text. The text of an entry cannot be read
back from it, and without the key a guess cannot be checked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bongsu.checks.flat import Flat
from bongsu.guard import Guard
from bongsu.quantity import DAY, QuantityError, parse_duration, show_duration

LONGEST = 4096
"""Characters of a text that can be allowed. What a guard found at greater length never is."""
TELLING = 4
"""Characters from which on a text may not stand in the reason: anything shorter stands in every sentence."""
MOST = 90 * DAY
ACTS = ("block", "review", "flag")
"""What a guard does whose findings can be allowed. One that tokenises hides values; they must stay hidden."""
PREFIX = "allow/"
Token = Callable[[str, str], str]
"""Kind and value -> keyed hash, as ``Tokeniser.mark``."""


class AllowFault(ValueError):
    """What cannot be allowed, and why: ``code`` for machines, a sentence that never repeats the text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Entry:
    """One line of the allow-list. ``id`` is the keyed hash of guard and text, ``until`` microseconds since 1970."""

    id: str
    guard: str
    until: int
    by: str
    reason: str

    @property
    def key(self) -> str:
        """Its place among the live changes."""
        return f"{PREFIX}{self.guard}/{self.id}"

    def value(self) -> dict[str, Any]:
        return {"until": self.until, "by": self.by, "reason": self.reason}


def canonical(text: str) -> str:
    """One spelling of a text, as the checks see it, whatever its case and white space.

    >>> canonical("Ｉgnore\\u200b  ALL\\nrules ") == canonical("ignore all rules")
    True
    """
    flat = unicodedata.normalize("NFKC", Flat(text).text).casefold()
    return " ".join(unicodedata.normalize("NFKC", flat).split())


def mark(guard: str, text: str, token: Token) -> str:
    """The id of the entry that would let ``guard`` pass ``text``."""
    return token("ALLOW", f"{guard}\0{canonical(text)}")


def entries(changes: Mapping[str, Any]) -> Iterator[Entry]:
    """The entries among live changes. What is not whole allows nothing, so it is passed over."""
    for key, value in changes.items():
        guard, slash, id_ = key.removeprefix(PREFIX).rpartition("/")
        if key.startswith(PREFIX) and slash and isinstance(value, Mapping) and type(value.get("until")) is int:
            yield Entry(id_, guard, value["until"], str(value.get("by", "")), str(value.get("reason", "")))


Until = Mapping[str, Mapping[str, int]]
"""Guard -> id of an entry -> when it ends."""


def by_guard(changes: Mapping[str, Any], guards: Iterable[Guard]) -> dict[str, dict[str, int]]:
    """The entries of guards that may have some."""
    may = {guard.name for guard in guards if guard.act in ACTS}
    out: dict[str, dict[str, int]] = {}
    for entry in entries(changes):
        if entry.guard in may:
            out.setdefault(entry.guard, {})[entry.id] = entry.until
    return out


class Allowing:
    """The allow-list at one moment: a call is judged by what was allowed when it began."""

    __slots__ = ("_now", "_token", "_until")

    def __init__(self, until: Until, now: int, token: Token) -> None:
        self._until, self._now, self._token = until, now, token

    def entry(self, guard: str, found: str) -> str:
        """The id of the entry that lets this guard pass what it found; empty where there is none."""
        known = self._until.get(guard)
        if not known or len(found) > LONGEST:
            return ""
        id_ = self.mark(guard, found)
        return id_ if self._now < known.get(id_, self._now) else ""

    def mark(self, guard: str, found: str) -> str:
        """The id of the entry that would let it pass; empty where there can be none."""
        return mark(guard, found, self._token) if len(found) <= LONGEST else ""


# ---- a new entry ----


def grant(guards: Iterable[Guard], guard: str, text: str, lasting: str, reason: str, by: str, now: int,
          token: Token) -> Entry:
    """The entry that a person asks for; raises ``AllowFault``. The text is forgotten with the call."""
    named = {g.name: g for g in guards}
    if guard not in named:
        raise AllowFault("unknown_guard", f"expected a guard of the policy ({', '.join(named) or 'it has none'}), "
                         f"came '{guard[:64]}'")
    if named[guard].act not in ACTS:
        raise AllowFault("guard_cannot_allow", f"guard '{guard}' hides what it finds and stops nobody: only findings "
                         f"of guards that {' or '.join(ACTS)} can be allowed; change the guard in the policy instead")
    if not 0 < len(text) <= LONGEST or not canonical(text):
        raise AllowFault("bad_text", f"'text' is what the guard found, 1 to {LONGEST} characters that can be seen; "
                         f"came {len(text)}")
    if len(canonical(text)) >= TELLING and canonical(text) in canonical(reason):
        raise AllowFault("text_in_reason", "'reason' repeats the text; reasons are kept for ever and the text must not "
                         "be: say why without it")
    return Entry(mark(guard, text, token), guard, now + lasting_of(lasting), by, reason)


def lasting_of(text: str) -> int:
    """For how long an entry has force, as it was written; raises ``AllowFault``."""
    try:
        lasting = parse_duration(text[:32])
    except QuantityError as error:
        raise AllowFault("bad_for", f"'for': {error}") from None
    if not 0 < lasting <= MOST:
        raise AllowFault("bad_for", f"'for' is more than nothing and at most {show_duration(MOST)}, came {text[:32]!r};"
                         " an entry that is still needed then is a fault of the guard")
    return lasting


def finds_alone(guard: Guard, text: str) -> bool:
    """Whether the guard, shown the text by itself, finds just that; else the entry may never have an effect."""
    try:
        found = guard.check.look(text)
    except Exception:  # noqa: BLE001 (any fault of a part; that it cannot look is said by the gateway)
        return False
    return any(canonical(text[f.start : f.end]) == canonical(text) for f in found)
