"""Epochs of the token key at work in control: a new one in time, who acts carried over, old keys put away.

Gateways have the keys of now, of the epoch to come, and for a day of the one before (``host/epochs.py``). After that
day a key is sealed into the vault, apart from everything it joins (``settings.vault: on``), for as long as
``retention.epochs`` says; without a vault, or then, it is destroyed. Each step may be cut short and done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bongsu.access.restriction import PREFIX
from bongsu.host.epochs import EpochFiles
from bongsu.policy.model import Policy
from bongsu.privacy.envelope import new_key
from bongsu.privacy.epochs import FIRST, Epoch, carried, parted
from bongsu.quantity import DAY, SECOND
from bongsu.room.vaulting import Vaulting
from bongsu.stores.state import State

LEAD = 5 * SECOND
"""So long before an epoch begins its key is there for every gateway to read."""
GRACE = DAY
"""So long after its end an epoch's key stays beside that of the next: alerts and late labels still carry its tokens."""
MONTHS = {"month": 1, "quarter": 3, "year": 12}


def begun_since(period: str, begins: int, now: int) -> bool:
    """Whether a calendar month, quarter or year (UTC) began after ``begins``, up to ``now`` (microseconds).

    >>> day = 86_400_000_000
    >>> begun_since("month", 10 * day, 40 * day), begun_since("year", 10 * day, 40 * day)
    (True, False)
    """
    def which(at: int) -> int:
        moment = datetime.fromtimestamp(at // 10**6, UTC)
        return (moment.year * 12 + moment.month - 1) // MONTHS[period]

    return begins < now and which(begins) != which(now)


class EpochRefused(Exception):
    """Why an epoch was not begun or ended: a code for machines, a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Epochs:
    """One service's epochs. Any thread may ask."""

    def __init__(self, policy: Policy, files: EpochFiles, store: State, vault: Vaulting) -> None:
        self.policy, self.files, self._store, self._vault = policy, files, store, vault
        self._lock, self._moved = threading.Lock(), False
        files.finish()

    # ---- which there are ----

    def current(self) -> Epoch:
        return self.files.current()

    def known(self, n: int) -> Epoch | None:
        """An epoch whose key is still there, in the folder or in the vault. Raises what opening the vault's raises."""
        here = next((epoch for epoch in self.files.all() if epoch.n == n), None)
        if here is not None:
            return here
        key = self._vault.epoch_key(n)
        return None if key is None else Epoch(n, 0, key)

    def joinable(self) -> tuple[int, ...]:
        """The numbers of all whose keys are still there."""
        return tuple(sorted({epoch.n for epoch in self.files.all()} | set(self._vault.epochs())))

    def of_now(self, token: str) -> str | None:
        """The token of the same value in the epoch of now; None where the key that leads there is not in the folder."""
        current = self.current()
        carried_over = parted(made := self._carry(current)(token))
        return made if carried_over is not None and carried_over.epoch == current.n else None

    def shown(self) -> list[dict[str, Any]]:
        """What there is to say of each: ``state`` is coming, current, before (its key is here for a day), sealed (only
        in the vault), or destroyed."""
        here, now = {epoch.n for epoch in self.files.all()}, self.current().n
        vault = self._vault.epochs()
        out = []
        for row in self._store.epochs():
            state = ("coming" if row.n > now else "current" if row.n == now else "before") if row.n in here else (
                "sealed" if row.n in vault else "destroyed")
            out.append({"epoch": row.n, "state": state, "begins": row.begins, "joins_until": vault.get(row.n, 0)})
        return out

    def elsewhere(self, token: str) -> list[str]:
        """The other tokens of the same value that a gateway may make of it today."""
        parts = parted(token)
        here = {epoch.n: epoch for epoch in self.files.all()}
        if parts is None or parts.epoch not in here:
            return []
        return [carried(token, here[parts.epoch], other) for n, other in here.items() if n != parts.epoch]

    def beside(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Live changes, with restrictions of people under every token that a gateway may know them by now: some change
        over a moment before the others."""
        made = dict(changes)
        if len(self.files.recent()) < 2:
            return made
        for key, value in changes.items():
            subject, _, id_ = key.removeprefix(PREFIX + "user/").rpartition("/")
            if key.startswith(PREFIX + "user/"):
                made |= {f"{PREFIX}user/{token}/{id_}": value for token in self.elsewhere(subject)}
        return made

    # ---- a new one ----

    def begin(self, actor: str, reason: str, ticket: str, now: int) -> tuple[int, int]:
        """Number and beginning of a new epoch; its key is made first, so that it is never on the record and not there.
        """
        with self._lock:
            self._note(now)
            last = self._store.epochs()[-1]
            if last.begins > now - GRACE and last.n > 1:
                raise EpochRefused("too_soon", f"expected a day since epoch {last.n} began, came less: keys of the one "
                                   "before it are still in use")
            n, begins = last.n + 1, now + LEAD
            self.files.make(n, begins, new_key())
            begins = next((epoch.begins for epoch in self.files.all() if epoch.n == n), begins)
            self._store.begin_epoch(n, begins, actor, reason, ticket, now, self.policy.hash)
            return n, begins

    def tick(self, now: int) -> bool:
        """What is due of it that needs nobody else: a new epoch by the policy, and who acts by new tokens; whether
        these changed."""
        with self._lock:
            self._note(now)
        rows = self._store.epochs()
        due = self.policy.epoch is not None and begun_since(self.policy.epoch, rows[-1].begins, now)
        if due and (rows[-1].n == 1 or rows[-1].begins <= now - GRACE):
            self.begin("bongsu", f"settings.epoch: {self.policy.epoch}", "", now)
        current = self.current()
        if any(row.n == current.n and not row.carried for row in rows):
            self._carry_over(current, now)
        moved, self._moved = self._moved, False
        return moved

    def _carry_over(self, current: Epoch, now: int) -> None:
        self._moved |= self._store.carry_over(current.n, self._carry(current), now, self.policy.hash) > 0

    def _note(self, now: int) -> None:
        """Keys that nobody noted: the first, and one whose making was cut short."""
        known = {row.n for row in self._store.epochs()}
        for epoch in self.files.all():
            if epoch.n not in known:
                self._store.begin_epoch(epoch.n, epoch.begins or now, "bongsu", "its key was found", "", now,
                                        self.policy.hash)

    def _carry(self, current: Epoch) -> Callable[[str], str]:
        here = {epoch.n: epoch for epoch in self.files.all()}

        def carry(token: str) -> str:
            parts = parted(token)
            before = None if parts is None or parts.epoch == current.n else here.get(parts.epoch)
            return token if before is None else carried(token, before, current)

        return carry

    # ---- keys put away ----

    def put_away(self, now: int) -> None:
        """Keys of epochs that have been over for a day: into the vault, or destroyed. May wait for the master key."""
        files = self.files.all()
        current = self.current()
        for epoch in files:
            after = next((other for other in files if other.n > epoch.n and other.begins + GRACE <= now), None)
            if after is None or epoch.n >= current.n or epoch.key is None:
                continue  # a plain first epoch has no key of its own: it joins as long as the root is there
            self._carry_over(current, now)
            if self.policy.vault == "on":
                self._vault.keep_epoch(epoch.n, epoch.key, after.begins + self.policy.retention.epochs)
            self.files.erase(epoch.n)
        self._ended(now)

    def expire(self, now: int) -> None:
        """Destroy the keys whose retention is over. Nobody is waited for: what is destroyed needs not be opened."""
        here = {epoch.n for epoch in self.files.all()}
        for n, expires in self._vault.epochs().items():
            if expires <= now and n not in here:
                self.destroy(n, "bongsu", "retention of the policy", "", now)

    def _ended(self, now: int) -> None:
        """Note what became of keys, also of those that were put away or destroyed just before a crash."""
        here, vault = {epoch.n for epoch in self.files.all()}, self._vault.epochs()
        for row in self._store.epochs():
            if row.n in here or row.gone or (row.sealed and row.n in vault):
                continue
            action, why = (("tokens.sealed", "its epoch is over; the key is in the vault only") if row.n in vault else
                           ("tokens.destroyed", "its key is destroyed, as a certificate says") if row.sealed else
                           ("tokens.destroyed", "its epoch is over, and no vault keeps its key"))
            self._store.end_epoch(row.n, action, "bongsu", why, now, self.policy.hash)

    def destroy(self, n: int, actor: str, reason: str, ticket: str, now: int) -> int:
        """Destroy the key of an old epoch for good; how many values of its tokens went with it. Certified."""
        here = {epoch.n for epoch in self.files.all()}
        if n in here:
            raise EpochRefused("in_use", f"expected an epoch that has been over for a day, came {n}, whose key is in "
                               "use" + (" (it is older than epochs, and is part of the root)" if n == FIRST.n else ""))
        if n not in self._vault.epochs():
            raise EpochRefused("no_epoch", f"expected an epoch whose key is in the vault, came {n}, which is not (any "
                               "more)")
        gone = self._vault.destroy_epoch(n, now, actor, reason, ticket)
        self._store.end_epoch(n, "tokens.destroyed", actor, reason, now, self.policy.hash)
        return gone
