"""Guards at work on texts: whole ones, and streams of which only what can no longer become a match is let go.

A guard that raises or takes longer than its time-out has failed; what that means is its policy. The time-out is for a
text of up to 50,000 characters; a longer one, a whole book say, has it again for every further 50,000 (fewer, where the
check says so). Its time is what the clock says, which costs a sixth of asking for processor time; past the time-out it
looks once more by processor time, so that a busy machine does not count as a slow guard. One that looks in a process of
its own (``apart``) is ended there.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from msgspec.structs import replace as changed

from bongsu.allow import Allowing
from bongsu.event import Verdict
from bongsu.guard import Guard, On, Outcome, attacks, judge
from bongsu.overlap import resolve
from bongsu.ports import Finding
from bongsu.web.apart import Apart, LookError, usual

log = logging.getLogger("bongsu.gateway")
clock, processor = time.perf_counter_ns, time.thread_time_ns

_NEVER = 1 << 62
REASONS = ("busy", "timeout", "died", "unable")
"""Why a guard that looks in a process of its own did not, as its verdict says it; any other fault is ``failed``."""
MOST = 200_000
"""Characters of all texts of one side that guards look at. They look where every other call waits for them."""
MOST_TEXTS = 10_000
"""Texts of one side: each costs a look, however short it is."""
CONTEXT = 128
"""Characters already released that guards still see: a word that announces a number stands before it. A check that
needs others, the heads of a table, says which (``above``)."""
REPLACES = frozenset(("tokenise", "mask"))
"""Acts that write something else in place of what was found."""
MOST_MARKS = 32
PERSONAL = frozenset(("pii", "names", "tagger"))
"""Checks of what is personal."""
LONGEST = 4200
"""Most characters of a stream ever held back; a little more than the longest hold of a check."""


def masks(guard: Guard) -> bool:
    """Whether what it finds is not kept in any store."""
    return guard.act == "tokenise" or guard.check.name == "pii"


class Counts(NamedTuple):
    """Findings of personal data, of attempts on the model, and of personal data that a reply's reader gets to read."""

    personal: int = 0
    injections: int = 0
    passed: int = 0


class Screened(NamedTuple):
    """What the guards said of the texts of one side: ``spans`` are tokenised, ``hidden`` masked before storing."""

    outcome: Outcome
    spans: tuple[tuple[Finding, ...], ...]
    hidden: tuple[tuple[Finding, ...], ...] | None
    counts: Counts = Counts()


class Track:
    """One guard over one side of a call: what it found, how long it took, whether it failed.

    ``passed`` is what it found and the allow-list lets pass, by the entries ``by``; ``marks`` are those that would let
    pass what it holds for a person. ``unread`` are ratings that it could not read. ``read`` is how much of what is
    personal in a reply it found and its reader gets to read all the same.
    """

    __slots__ = ("_clear", "_most_ns", "allowing", "by", "error", "failed", "found", "guard", "heads", "marks", "on",
                 "passed", "read", "took_ns", "unread")

    def __init__(self, guard: Guard, on: On, allowing: Allowing | None = None) -> None:
        self.guard, self.on, self.allowing = guard, on, allowing
        self.found: list[Finding] = []
        self.passed: list[Finding] = []
        self.by: set[str] = set()
        self.marks: set[str] = set()
        self.unread: tuple[str, ...] = ()
        self.took_ns = self.read = 0
        self._most_ns = _NEVER if isinstance(guard.check, Apart) else guard.limit * 1000
        self._clear: Callable[[str], int | None] | None = getattr(guard.check, "clear", None)
        self.heads: Callable[[str, int], str] | None = getattr(guard.check, "above", None)
        self.failed = False
        self.error = ""

    def look(self, text: str) -> Sequence[Finding]:
        if self.failed:
            return ()
        begun = clock()
        try:
            found = self.see(text)
            took = clock() - begun
            if took > self._most_ns and took > self._most_ns * self.times(text):
                begun = processor()
                found = self.see(text)
                took = processor() - begun
        except LookError as error:
            self.took_ns += clock() - begun
            self.fail(error.why, error.why if error.why in REASONS else "failed")
            return ()
        except Exception as error:  # noqa: BLE001 (any fault of a part is the guard's; its text could hold the caller's)
            self.fail(type(error).__name__)
            return ()
        self.took_ns += took
        if took > self._most_ns and took > self._most_ns * self.times(text):
            self.fail("it took too long", "timeout")
            return ()
        if found and any(not 0 <= f.start < f.end <= len(text) for f in found):
            self.fail("it found a place outside the text")
            return ()
        return found

    def see(self, text: str) -> Sequence[Finding]:
        return self.guard.check.look(text)

    def times(self, text: str) -> int:
        """How often a look at this text has the guard's time-out."""
        return 1 + len(text) // usual(self.guard.check)

    def clear(self, text: str) -> int | None:
        """``hold`` where it is known already that there is nothing to find, in time; None where it has to look."""
        if self._clear is None or self.failed:
            return None
        begun = clock()
        try:
            held = self._clear(text)
        except Exception as error:  # noqa: BLE001 (as above)
            self.fail(type(error).__name__)
            return None
        took = clock() - begun
        self.took_ns += took
        return held if took <= self._most_ns else None

    def above(self, gone: str) -> str:
        """Of what a stream has let go, what the guard reads the rest behind."""
        if self.heads is None or self.failed:
            return gone[-CONTEXT:]
        try:
            return self.heads(gone, CONTEXT)
        except Exception as error:  # noqa: BLE001 (as above)
            self.fail(type(error).__name__)
            return gone[-CONTEXT:]

    def hold(self, text: str) -> int:
        if self.failed:
            return 0
        try:
            return self.guard.check.hold(text)
        except Exception as error:  # noqa: BLE001 (as above)
            self.fail(type(error).__name__)
            return 0

    def sift(self, text: str, found: Sequence[Finding]) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """What of the final findings in a text counts, and what the allow-list lets pass."""
        if self.allowing is None or not found:
            return found, ()
        counted: list[Finding] = []
        passed: list[Finding] = []
        for f in found:
            entry = self.allowing.entry(self.guard.name, text[f.start : f.end])
            (passed if entry else counted).append(f)
            if entry:
                self.by.add(entry)
            elif self.guard.act == "review":
                self.marks.add(self.allowing.mark(self.guard.name, text[f.start : f.end]))
        return counted, passed

    def reads(self, found: Iterable[Finding], replaced: Sequence[Finding]) -> None:
        """What it found in a piece of a reply goes out, but for what another guard replaces there."""
        guard = self.guard
        if self.on == "output" and guard.check.name in PERSONAL and (guard.shadow or guard.act == "flag"):
            self.read += sum(not any(f.start < other.end and other.start < f.end for other in replaced) for f in found)

    def fail(self, why: str, error: str = "failed", level: int = logging.ERROR) -> None:
        self.failed, self.error = True, error
        log.log(level, "guard %s failed: %s", self.guard.name, why)

    def result(self) -> tuple[Guard, On, Sequence[Finding] | None, int]:
        return self.guard, self.on, None if self.failed else self.found, self.took_ns // 1000


def counts(tracks: Iterable[Track]) -> Counts:
    personal = other = passed = 0
    for track in tracks:
        if masks(track.guard):
            personal += len(track.found)
        elif attacks(track.guard.check):
            other += len(track.found)
        passed += track.read
    return Counts(personal, other, passed)


def decide(tracks: Sequence[Track]) -> Outcome:
    """What all guards of a side came to; a verdict names the entries of the allow-list that were used."""
    outcome = judge(t.result() for t in tracks)
    if not any(t.by or t.marks or t.failed or t.unread for t in tracks):
        return outcome
    return replace(outcome, verdicts=tuple(map(_noted, outcome.verdicts, tracks)))


def _noted(verdict: Verdict, track: Track) -> Verdict:
    if track.failed:
        return changed(verdict, error=track.error)
    if track.unread:
        verdict = changed(verdict, unread=track.unread)
    if not (track.by or track.marks):
        return verdict
    kinds = {*verdict.kinds, *(f.kind for f in track.passed)}
    return changed(verdict, kinds=tuple(sorted(kinds)), allowed=tuple(sorted(track.by)),
                   marks=tuple(sorted(track.marks - {""}))[:MOST_MARKS])


def keepable(tracks: Sequence[Track]) -> bool:
    """Whether a guard that masks has seen it all: else the text is not kept."""
    masking = [t for t in tracks if masks(t.guard)]
    return bool(masking) and not any(t.failed for t in masking)


def fail_all(tracks: Sequence[Track]) -> None:
    """There is more to look at than may be looked at: what that means is each guard's policy."""
    for track in tracks:
        if not track.failed:
            track.fail("there is too much text")


def screen(guards: Sequence[Guard], on: On, texts: Sequence[str], allowing: Allowing | None = None) -> Screened:
    """Let every guard look at every text. Findings are placed as if the texts stood one behind the other."""
    tracks = [Track(guard, on, allowing) for guard in guards]
    if sum(map(len, texts)) > MOST or len(texts) > MOST_TEXTS:
        fail_all(tracks)
    starts = [0]
    for text in texts:
        starts.append(starts[-1] + len(text) + 1)
    for start, text in zip(starts, texts, strict=False):
        for track in tracks:  # one after the other: what is made of a text for the first serves the others
            if seen := track.look(text):
                found, passed = track.sift(text, seen)
                track.found += _shift(found, -start)
                track.passed += _shift(passed, -start)
    outcome = decide(tracks)
    for track in tracks:
        track.reads(track.found, outcome.spans)
    hidden = None
    if keepable(tracks):
        hidden = _split(resolve(f for t in tracks if masks(t.guard) for f in (*t.found, *t.passed)), starts)
    spans = _split(outcome.spans, starts)
    return Screened(outcome, spans, hidden, counts(tracks))


def unwritable(seen: Screened, guards: Sequence[Guard], fixed: Sequence[bool]) -> Screened:
    """What would be replaced where nothing can be is blocked, by the guard that would have replaced it."""
    stuck = next((spans[0] for one, spans in zip(fixed, seen.spans, strict=True) if one and spans), None)
    if stuck is None or seen.outcome.act == "block":
        return seen
    verdicts = list(seen.outcome.verdicts)
    at = next(i for i, v in enumerate(verdicts) if v.act in REPLACES and stuck.kind in v.kinds)
    verdicts[at] = changed(verdicts[at], act="block")
    outcome = replace(seen.outcome, act="block", verdicts=tuple(verdicts), spans=(), by=guards[at].name,
                      reply=guards[at].reply)
    return seen._replace(outcome=outcome)


def _split(found: Sequence[Finding], starts: Sequence[int]) -> tuple[tuple[Finding, ...], ...]:
    if not found:
        return ((),) * (len(starts) - 1)
    out: list[list[Finding]] = [[] for _ in starts[1:]]
    for f in found:
        at = bisect_right(starts, f.start) - 1
        out[at].append(Finding(f.kind, f.start - starts[at], f.end - starts[at], f.score, f.instead))
    return tuple(map(tuple, out))


class Freed(NamedTuple):
    """A checked piece of a stream, with what is to be replaced in it."""

    text: str
    spans: tuple[Finding, ...]
    hidden: tuple[Finding, ...]


NOTHING = Freed("", (), ())


class Stopped(Exception):
    """A guard ended the stream: it blocks, or it failed and is closed (``outcome.failed``)."""

    def __init__(self, outcome: Outcome, withheld: int) -> None:
        super().__init__(outcome.by or outcome.failed)
        self.outcome, self.withheld = outcome, withheld


class Gate:
    """One text of a stream, let go piece by piece."""

    __slots__ = ("_context", "_tracks", "pending")

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tracks
        self._context = self.pending = ""

    def follow(self, text: str) -> None:
        """See what comes as what follows this."""
        self._context = text

    def feed(self, text: str, *, last: bool = False) -> Freed:
        """Take ``text`` in; what comes out is final. ``last`` lets all go that is not blocked."""
        pending = self.pending = self.pending + text
        if not pending:
            return NOTHING
        window, base = self._context + pending, len(self._context)
        if last or len(pending) > 2 * LONGEST:
            cut, looking = len(window), self._tracks
        else:
            cut, looking = self._free(window, base)
        freed = self._looked(looking, window, base, cut) if looking else Freed(window[base:cut], (), ())
        cut = base + len(freed.text)
        if cut > base:
            self._context, self.pending = self._above(window[:cut]), window[cut:]
        return freed

    def _above(self, gone: str) -> str:
        """What guards still see of what is gone: the most that one of them needs."""
        most = gone[-CONTEXT:]
        for track in self._tracks:
            if track.heads and len(needed := track.above(gone)) > len(most):
                most = needed
        return most

    def _free(self, window: str, base: int) -> tuple[int, Sequence[Track]]:
        """Up to where no guard holds it back, and who has to look at it; who else would hold it is not asked once
        nothing is free."""
        held, waiting, looking = 0, len(window) - base, []
        for track in self._tracks:
            wanted = track.clear(window)
            if wanted is None:
                looking.append(track)
                wanted = track.hold(window)
            if wanted > held and (held := wanted) >= waiting:
                return len(window) - min(held, LONGEST), self._tracks
        return len(window) - min(held, LONGEST), looking

    def _looked(self, tracks: Sequence[Track], window: str, base: int, cut: int) -> Freed:
        """What these guards let go of the window, up to ``cut`` at most."""
        seen = {}
        for track in tracks if cut > base else ():
            if (found := track.look(window)) and (fresh := [f for f in found if f.end > base]):
                seen[track] = fresh
        self._failures()
        if seen:
            cut = _whole([f for found in seen.values() for f in found], cut)
        if cut <= base:
            return NOTHING
        final = {track: all_ for track, found in seen.items() if (all_ := [f for f in found if f.end <= cut])}
        return self._judge(final, window, base, cut) if final else Freed(window[base:cut], (), ())

    def _failures(self) -> None:
        for t in self._tracks:
            if t.failed and t.guard.fails == "closed" and not t.guard.shadow:
                raise Stopped(decide(self._tracks), len(self.pending))

    def _judge(self, seen: dict[Track, list[Finding]], window: str, base: int, cut: int) -> Freed:
        """What to make of what was found."""
        sifted = {track: track.sift(window, found) for track, found in seen.items()}
        for track, (found, passed) in sifted.items():
            track.found += found
            track.passed += passed
        none: tuple[Sequence[Finding], Sequence[Finding]] = ((), ())
        outcome = judge((t.guard, t.on, None if t.failed else sifted.get(t, none)[0], 0) for t in self._tracks)
        if outcome.act == "block":
            raise Stopped(outcome, len(self.pending))
        for track, (found, _) in sifted.items():
            track.reads(found, outcome.spans)
        hidden = resolve(f for t, (found, passed) in sifted.items() if masks(t.guard) for f in (*found, *passed))
        return Freed(window[base:cut], _shift(outcome.spans, base), _shift(hidden, base))


def _whole(found: Sequence[Finding], cut: int) -> int:
    """No finding is cut in two: one that is not yet final waits, with all that overlaps it."""
    for f in sorted(found, key=lambda f: -f.end):
        if f.end > cut:
            cut = min(cut, f.start)
    return cut


def _shift(found: Iterable[Finding], base: int) -> tuple[Finding, ...]:
    return tuple(Finding(f.kind, max(f.start - base, 0), f.end - base, f.score, f.instead) for f in found)
