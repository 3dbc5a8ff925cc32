"""Which words a reference of texts has, published by control for whoever reads texts: gateways, and the way in for
sent events. It changes as seldom as the reference does, and is far larger than the live policy, so it has a snapshot of
its own."""

from __future__ import annotations

import msgspec

from bongsu.drift import Vocabulary
from bongsu.engine import Plan
from bongsu.live import Live, Publisher, Snapshot
from bongsu.novelty import COLUMN, Known
from bongsu.ports import Compared

LIVE = "words"
"""The name of the snapshot."""
_KEY = "vocabulary"


def in_force(plan: Plan) -> Vocabulary | None:
    """That of the reference which a signal of a bound plan compares new words with."""
    for signal in plan.signals:
        if isinstance(signal.sli, Compared) and COLUMN in signal.sli.columns:
            reference = getattr(signal.sli, "bound_to", None)
            if reference is not None and reference.vocabulary is not None:
                return reference.vocabulary  # type: ignore[no-any-return]
    return None


def publish(publisher: Publisher, plan: Plan, policy: str, now: int) -> None:
    """Make it known, where it is another than before."""
    found = in_force(plan)
    before = publisher.last.changes.get(_KEY, {}).get("version")
    if before != (found and found.version):
        publisher.publish({} if found is None else {_KEY: msgspec.to_builtins(found)}, policy, now)


class Wording:
    """A reader. Asking it again costs a look at memory until another vocabulary is in force."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._seen: tuple[Snapshot | None, Known | None] = None, None

    def known(self) -> Known | None:
        """The words that are known now; None where no signal asks for new ones, or no reference has come yet."""
        snapshot = self._live.current()
        if snapshot is not self._seen[0]:
            given = snapshot.changes.get(_KEY)
            self._seen = snapshot, None if given is None else Known(msgspec.convert(given, Vocabulary))
        return self._seen[1]

    def close(self) -> None:
        self._live.close()
