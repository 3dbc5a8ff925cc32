"""Attacks that were seen before, and texts that are mostly one of them.

What is remembered of an attack are its anchors (``memory_anchors``). A text is like an attack where it holds the share
``threshold`` of that attack's anchors or more, and at least ``FEWEST`` of them: containment (A. Broder, "On the
resemblance and containment of documents", 1997), so the attack may stand inside a long harmless text. Looked at are the
text and what it hides behind an encoding. The measured rates of false alarms are in docs/memory.md.

Of a stream, what came after the first anchor of an attack is held until the attack would have been whole; what stood
before that anchor has left already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from bongsu.checks.memory_anchors import anchors, hashes, hidden, letters, place, places
from bongsu.ports import Check, Finding

FEWEST = 3
"""Anchors that a text must share with an attack; an attack has as many, or is too short to be told by them."""
HELD = 4096
"""Characters of a stream held back at most."""


@dataclass(frozen=True)
class Traces:
    """Of one attack: its anchors, and how many bytes its letters are."""

    anchors: frozenset[int]
    length: int


@dataclass(frozen=True)
class Match:
    """How like an attack a text is: the share of the attack's anchors in it, and where the first and last stood."""

    attack: str
    share: float
    first: int
    last: int


@dataclass(frozen=True)
class Index:
    """All attacks by anchor. ``key`` is that of the anchors' hashes."""

    key: bytes = b""
    traces: Mapping[str, Traces] = field(default_factory=dict)
    by_anchor: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, key: bytes, traces: Mapping[str, Traces]) -> Index:
        """An index of attacks by id; those with fewer than ``FEWEST`` anchors never match."""
        by: dict[int, tuple[str, ...]] = {}
        for id_, one in traces.items():
            for anchor in one.anchors:
                by[anchor] = (*by.get(anchor, ()), id_)
        return cls(key, dict(traces), by)

    def seen(self, data: bytes) -> dict[str, dict[int, list[int]]]:
        """Attack -> its anchors in these letters -> where each stood first and last."""
        out: dict[str, dict[int, list[int]]] = {}
        begins = places(data)
        found = hashes(data, begins, self.key)
        if self.by_anchor.keys().isdisjoint(found):  # nearly always
            return out
        for at, anchor in zip(begins, found, strict=True):
            for id_ in self.by_anchor.get(anchor, ()):
                out.setdefault(id_, {}).setdefault(anchor, [at, at])[1] = at
        return out

    def seen_of(self, some: Iterable[int]) -> dict[str, int]:
        """Attack -> how many of these anchors it has."""
        return Counter(id_ for anchor in some for id_ in self.by_anchor.get(anchor, ()))

    def best(self, data: bytes) -> Match | None:
        """The attack that these letters are most like, if they share ``FEWEST`` anchors with any."""
        likes = [Match(id_, len(found) / len(self.traces[id_].anchors), min(p[0] for p in found.values()),
                       max(p[1] for p in found.values()))
                 for id_, found in self.seen(data).items() if len(found) >= FEWEST]
        return max(likes, key=lambda like: (like.share, like.attack), default=None)


NOTHING = Index()


def traces_of(pieces: Iterable[str], key: bytes) -> Traces:
    """What is remembered of a text in pieces: what is personal stood between them, and no anchor covers it."""
    runs = [letters(piece) for piece in pieces]
    return Traces(frozenset(anchor for run in runs for _, anchor in anchors(run, key)), sum(map(len, runs)))


@dataclass(frozen=True)
class KnownAttack:
    """Finds texts that hold ``threshold`` or more of an attack in memory: one finding, kind ``known_attack``.

    By itself it remembers nothing; ``recalling`` gives the check with a memory. Its kind names the attack.
    """

    name: ClassVar[str] = "known_attack"
    version: ClassVar[str] = "1"

    threshold: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold: expected a number above 0, up to 1, came {self.threshold}")

    def look(self, text: str) -> Sequence[Finding]:
        return self.recalling(lambda: NOTHING).look(text)

    def hold(self, text: str) -> int:
        return self.recalling(lambda: NOTHING).hold(text)

    def recalling(self, read: Callable[[], Index]) -> Check:
        """The check over the memory that ``read`` answers with at each look."""
        return Recalling(self.threshold, read)


@dataclass(frozen=True)
class Recalling:
    """``KnownAttack`` with a memory."""

    name: ClassVar[str] = KnownAttack.name
    version: ClassVar[str] = KnownAttack.version

    threshold: float
    read: Callable[[], Index] = field(compare=False)

    def look(self, text: str) -> Sequence[Finding]:
        index = self.read()
        if not index.by_anchor or not text:
            return ()
        match = index.best(letters(text))
        if match is not None and match.share >= self.threshold:
            end = place(text, match.last) + 1
            return (self._finding(match, place(text, match.first), min(len(text), max(end, 1))),)
        for data in hidden(text):
            match = index.best(data)
            if match is not None and match.share >= self.threshold:
                return (self._finding(match, 0, len(text)),)
        return ()

    def _finding(self, match: Match, start: int, end: int) -> Finding:
        return Finding(f"{self.name}/{match.attack}", start, end, match.share)

    def hold(self, text: str) -> int:
        """From the first anchor of an attack on, until as much text has come as the attack is long."""
        index, tail = self.read(), text[-HELD:]
        if not index.by_anchor or not tail:
            return 0
        data = letters(tail)
        begun = [at[0] for id_, found in index.seen(data).items() for at in found.values()
                 if len(data) - at[0] < index.traces[id_].length]
        return len(tail) - place(tail, min(begun)) if begun else 0
