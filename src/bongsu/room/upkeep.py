"""What control does now and then, beside its cycles: what is over ends, what is full is emptied, what is due is signed.

Each task has a period of its own. One that fails is a trouble that is shown, and is tried again a second later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bongsu.quantity import HOUR, MINUTE, SECOND
from bongsu.references import pin
from bongsu.room.binding import distinct
from bongsu.runners.duckdb import reads_label
from bongsu.stores.arrow import joined

if TYPE_CHECKING:
    from bongsu.room.control import Control

EXPIRE_EVERY = VERSIONS_EVERY = EPOCHS_EVERY = SECOND
USED_EVERY = 5 * SECOND
CHECKPOINT_EVERY = 10 * SECOND
LAKE_EVERY = 30 * SECOND
REFER_EVERY = SWEEP_EVERY = HOUR
PIN_EVERY = MINUTE
SIGNALS_EVERY = 10 * MINUTE
"""A past that cannot be read is not tried again at once: it is long."""
LAKE_BATCHES = 500


class Upkeep:
    """One control process's tasks, and when each is due."""

    def __init__(self, control: Control) -> None:
        self._control, self._store, self._folder = control, control.store, control.folder
        self._tasks: dict[str, tuple[int, Callable[[], object]]] = {
            "lake": (LAKE_EVERY, self.fill_lake), "sweep": (SWEEP_EVERY, self.sweep),
            "allow": (EXPIRE_EVERY, self._expire), "used": (USED_EVERY, lambda: control.people.keep()),
            "epochs": (EPOCHS_EVERY, self._epochs),
            "versions": (VERSIONS_EVERY, lambda: control.rollout.tick()), "references": (REFER_EVERY, control.refer),
            "signals": (SIGNALS_EVERY, control.adopt), "pinned": (PIN_EVERY, self._pin),
            "checkpoint": (CHECKPOINT_EVERY, lambda: self._store.checkpoint(control.now)),
        }
        self._due = {**dict.fromkeys(self._tasks, 0), "sweep": control.now + MINUTE, "references": control.now + HOUR,
                     "signals": control.now + SIGNALS_EVERY}

    def tick(self) -> None:
        """Do what is due."""
        now = self._control.now
        for what, (every, work) in self._tasks.items():
            if now >= self._due[what]:
                done = self._control.attempt(what, work)
                self._due[what] = now + (every if done or what == "signals" else SECOND)

    def _pin(self) -> None:
        """A pinned window whose events are in the lake by now is bound to at once, not within the hour."""
        control = self._control
        if pin(control.policy, self._store, self._folder.lake, control.now):
            self.soon("references")

    def soon(self, what: str) -> None:
        """At the next turn, whenever it was due."""
        self._due[what] = 0

    def put_off_sweep(self, now: int) -> None:
        """A clock that is wrong for a while must not delete everything."""
        self._due["sweep"] = now + SWEEP_EVERY

    def clock_went_back(self, now: int) -> None:
        """What was due at a time that is now far off is due again; what deletes, and what signs, waits a period."""
        self._due = {**dict.fromkeys(self._tasks, 0), "checkpoint": now + CHECKPOINT_EVERY,
                     "references": now + REFER_EVERY}
        self.put_off_sweep(now)

    # ---- the tasks ----

    def _epochs(self) -> None:
        control = self._control
        if control.epochs.tick(control.now):
            control.spending.carried()
            control.revised()

    def _expire(self) -> None:
        control, store = self._control, self._store
        for expire in (store.expire_allowed, store.expire_restrictions, store.expire_attacks, store.expire_silences):
            if expire(control.now, control.policy.hash):
                control.revised()

    def fill_lake(self) -> None:
        """Whole batches go to the lake; files are named by position, so doing it again writes the same file."""
        control = self._control
        while batches := list(control.log.read(self._store.position("lake"), LAKE_BATCHES)):
            last = batches[-1][0]
            control.lake.write(joined([table for _, table in batches]), batches[0][0], last)
            self._store.advance("lake", last)

    def sweep(self) -> None:
        """Carry out the retention of the policy, and say so."""
        control, now, keep = self._control, self._control.now, self._control.policy.retention
        control.vault.sweep_soon()
        control.log.watch(distinct(control.plan), now)
        self.fill_lake()  # what the log drops must be in the lake
        believed, _ = control.policy.ingest.span(now, keep)
        longer = keep.labelled if any(map(reads_label, control.plan.signals)) and keep.labelled > keep.log else None
        dropped = {
            "batches": control.log.drop_before(now - keep.log, None if longer is None else now - longer, believed),
            "files": control.lake.drop_before(now - keep.lake),
            "cells": self._store.forget_cells(now - keep.cells), **self._store.forget(now, keep.cells),
            "damaged": control.reader.drop_damaged(now - keep.log),
        }
        control.spending.forget(now)
        control.cells.drop_before(control.oldest_needed())
        if any(dropped.values()):
            self._store.record("retention", "bongsu", "stores", "retention of the policy", dropped, now,
                               control.policy.hash)
