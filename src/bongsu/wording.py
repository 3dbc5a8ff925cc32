"""Which words a reference of texts has, published by control for whoever reads texts: gateways, and the way in for
sent events. It changes as seldom as the reference does, and is far larger than the live policy, so it has a snapshot of
its own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bongsu.drift import Vocabulary
from bongsu.engine import Plan
from bongsu.event import TEXTS
from bongsu.live import Live, Publisher, Snapshot
from bongsu.novelty import Known
from bongsu.ports import Compared

LIVE = "words"
"""The name of the snapshot."""


def in_force(plan: Plan) -> dict[str, Vocabulary]:
    """Those of the references which signals of a bound plan compare new words with, by the text that they are of."""
    out: dict[str, Vocabulary] = {}
    for signal in plan.signals:
        reference = getattr(signal.sli, "bound_to", None)
        if reference is None or not isinstance(signal.sli, Compared):
            continue
        for one in TEXTS:
            if one.words in signal.sli.columns and (words := getattr(reference, one.by)) is not None:
                out.setdefault(one.text, words)
    return out


def publish(publisher: Publisher, plan: Plan, policy: str, now: int) -> None:
    """Make it known, where it is another than before."""
    found = in_force(plan)
    before = {text: words["version"] for text, words in publisher.last.changes.items()}
    if before != {text: words.version for text, words in found.items()}:
        publisher.publish({text: msgspec.to_builtins(words) for text, words in found.items()}, policy, now)


class Wording:
    """A reader. Asking it again costs a look at memory until another vocabulary is in force."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._seen: tuple[Snapshot | None, Mapping[str, Known]] = None, {}

    def known(self) -> Mapping[str, Known]:
        """The words that are known now, by the text that they are of: where a signal asks for new ones, and its
        reference has come."""
        snapshot = self._live.current()
        if snapshot is not self._seen[0]:
            self._seen = snapshot, {one.text: Known(msgspec.convert(given, Vocabulary)) for one in TEXTS
                                    if (given := snapshot.changes.get(one.text)) is not None}
        return self._seen[1]

    def close(self) -> None:
        self._live.close()
