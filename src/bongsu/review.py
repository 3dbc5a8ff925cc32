"""What a person must look at: due by when, decided by whom, and what that leads to.

A case is asked for by a guard that holds a call back, by a sample of traffic, or by a restriction of a user or a key
(and by whoever appeals against one). It is open until it is decided, or until it expires because nobody looked; while
somebody has claimed it, nobody else decides it. Nobody decides about their own calls, or about what they brought about
themselves. To let something of a priority in ``two_people`` pass takes two who agree; to keep it back takes one.

Times are microseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import msgspec
from msgspec.structs import replace

from bongsu.quantity import DAY, HOUR, MINUTE, Duration, show_duration, show_share

Priority = Literal["minor", "major", "severe"]
Source = Literal["held", "sampled", "restricted"]
State = Literal["open", "claimed", "decided", "expired"]
LETS, KEEPS = ("approve", "false_alarm"), ("deny", "confirmed")
ESCALATE = "escalate"
WORDS = (*LETS, *KEEPS, ESCALATE)
"""What may be said: it may pass (``approve``), and should not have been found (``false_alarm``); it stays back
(``deny``), and was rightly found (``confirmed``); somebody else must look, soon (``escalate``)."""
ABOUT_A_GUARD = ("false_alarm", "confirmed")
EXPIRED = "expired"
LONGEST = 4000
"""Characters of an appeal."""


class ReviewFault(ValueError):
    """What cannot be done with a case, and why: ``code`` for machines."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Due:
    """How soon a case must be decided, by its priority."""

    severe: Duration = HOUR
    major: Duration = Duration(4 * HOUR)
    minor: Duration = DAY

    def __post_init__(self) -> None:
        if not 0 < self.severe <= self.major <= self.minor:
            raise ValueError("severe: expected durations above zero, severe no longer than major and major no longer "
                             f"than minor, came {show_duration(self.severe)}, {show_duration(self.major)} and "
                             f"{show_duration(self.minor)}")


@dataclass(frozen=True)
class Terms:
    """How people look at calls. ``sample`` is the share of live traffic that is looked at as well.

    An undecided case ends after ``keep``, and so long a decided one can be used; ``claim`` is how long one person has
    a case for themselves. What has a priority in ``two_people`` passes only if two agree.
    """

    due: Due = field(default_factory=Due)
    sample: Fraction = Fraction(0)
    keep: Duration = Duration(7 * DAY)
    claim: Duration = Duration(30 * MINUTE)
    two_people: tuple[Priority, ...] = ("severe",)

    def __post_init__(self) -> None:
        if not 0 <= self.sample <= 1:
            raise ValueError(f"sample: expected a share from 0% to 100%, came {show_share(self.sample)}")
        if self.keep < self.due.minor:
            raise ValueError(f"keep: expected a duration no shorter than due.minor ({show_duration(self.due.minor)}), "
                             f"came {show_duration(self.keep)}; a case must not end before it is due")
        if self.claim <= 0:
            raise ValueError("claim: expected a duration above zero, came 0")

    def within(self, priority: Priority) -> int:
        return int(getattr(self.due, priority))


@dataclass(frozen=True)
class Person:
    """Who decides: a name, and the token that stands for it where it is a user's (``user/TOKEN``)."""

    name: str
    subject: str = ""


class Said(msgspec.Struct, frozen=True):
    """What one person said of a case, and why."""

    by: str
    word: str
    reason: str
    at: int


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to look at. Texts are masked; ``marks`` are the allow-list's ids of what the guard found.

    ``call`` is the call it is about, ``subject`` whose it is (``user/TOKEN``, ``key/ID``), ``by`` who brought it about.
    ``word`` is what it came to. ``overdue`` says that nobody had decided it when it was due.
    """

    id: str
    source: Source
    asked: int
    due: int
    priority: Priority = "major"
    call: str = ""
    subject: str = ""
    route: str = ""
    guard: str = ""
    side: str = ""
    kinds: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    why: str = ""
    by: str = ""
    appeal: str = ""
    prompt: str | None = None
    reply: str | None = None
    claimant: str = ""
    claimed_until: int = 0
    said: tuple[Said, ...] = ()
    word: str = ""
    ended: int = 0
    overdue: bool = False

    def state(self, now: int) -> State:
        if self.word:
            return "expired" if self.word == EXPIRED else "decided"
        return "claimed" if self.claimant and now < self.claimed_until else "open"

    @property
    def lets(self) -> bool:
        """Whether what it is about may pass."""
        return self.word in LETS

    def words(self) -> tuple[str, ...]:
        """What may be said of it now: of a guard only where there is one; what is severe is with others already."""
        said = WORDS if self.guard else tuple(word for word in WORDS if word not in ABOUT_A_GUARD)
        return said if self.priority != "severe" else tuple(word for word in said if word != ESCALATE)


def claimed(case: Case, who: Person, now: int, terms: Terms) -> Case:
    """Somebody looks at it; raises ``ReviewFault``. Claiming it again makes the time longer."""
    _may(case, who, now)
    return replace(case, claimant=who.name, claimed_until=now + terms.claim)


def decided(case: Case, who: Person, word: str, reason: str, now: int, terms: Terms) -> Case:
    """Somebody said something of it; raises ``ReviewFault``. It is over, or waits for a second person.

    >>> case = Case(id="c", source="held", asked=0, due=9, priority="severe", guard="g")
    >>> one = decided(case, Person("kim"), "approve", "it is harmless", 1, Terms())
    >>> two = decided(one, Person("lee"), "approve", "so it is", 2, Terms())
    >>> one.state(1), two.state(2), two.lets
    ('open', 'decided', True)
    """
    _may(case, who, now)
    if word not in case.words():
        raise ReviewFault("bad_verdict", f"expected one of {', '.join(case.words())}, came '{word[:40]}'")
    if any(one.by == who.name for one in case.said):
        raise ReviewFault("said_already", "you have said what you think of it; somebody else must say it too")
    case = replace(case, said=(*case.said, Said(who.name, word, reason, now)), claimant="", claimed_until=0)
    if word == ESCALATE:
        return replace(case, priority="severe", due=min(case.due, now + terms.within("severe")))
    agreed = [one.word for one in case.said if one.word in LETS]
    if word in LETS and case.priority in terms.two_people and len(agreed) < 2:
        return case
    if word in LETS and set(agreed) != {word}:
        word = "approve"  # only where all say so was it a false alarm
    return replace(case, word=word, ended=now)


def _may(case: Case, who: Person, now: int) -> None:
    if case.word:
        raise ReviewFault("over", f"this case is over: {case.word}")
    if who.subject and who.subject == case.subject:
        raise ReviewFault("own_call", "this is about your own calls; somebody else must decide it")
    if case.by and case.by == who.name:
        raise ReviewFault("own_doing", "you brought this about yourself; somebody else must decide it")
    if case.state(now) == "claimed" and case.claimant != who.name:
        raise ReviewFault("claimed", f"{case.claimant} looks at it just now; ask them, or wait until they are done")


def timed(case: Case, now: int, terms: Terms) -> Case:
    """What time has made of it: overdue, or over because nobody decided it."""
    if case.word:
        return case
    if now >= case.asked + terms.keep:
        return replace(case, word=EXPIRED, ended=now, overdue=True, claimant="", claimed_until=0)
    return case if case.overdue or now < case.due else replace(case, overdue=True)


def waiting(cases: tuple[Case, ...]) -> list[Case]:
    """Those nobody has decided, the most urgent first.

    >>> a = Case(id="a", source="sampled", asked=1, due=9, priority="minor")
    >>> [one.id for one in waiting((a, replace(a, id="b", priority="severe"), replace(a, id="c", due=3)))]
    ['b', 'c', 'a']
    """
    rank = ("severe", "major", "minor")
    return sorted((one for one in cases if not one.word), key=lambda c: (rank.index(c.priority), c.due, c.id))
