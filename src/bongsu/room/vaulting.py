"""The vault at work in control: boxes for gateways to fill, values under data keys, keys that end on the record.

A gateway never holds a key that opens anything: it fills the day's box, of which it knows the public half. Control
takes what came out of the spool as it is, so neither a master key that cannot be reached nor a full vault holds events
up, and settles it in a thread of the vault's own: opens the box, and seals each value under the data key of its day or
of its person. Whoever keeps the master key may be slow: only this thread, and an officer who wants a value read, wait
for it, and neither waits for the other. What is locked is only what is done here, on this disk.
"""

from __future__ import annotations

import secrets
import threading
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from bongsu.event import Event
from bongsu.host.folder import Folder
from bongsu.live import Publisher
from bongsu.policy.model import Policy
from bongsu.ports import SecretError
from bongsu.privacy.envelope import SealError, new_box, new_key, seal, unseal
from bongsu.privacy.sealing import KIND, LIVE, about, carried, empty
from bongsu.quantity import DAY, MINUTE
from bongsu.room.keepers import Keepers
from bongsu.room.opened import Opened
from bongsu.stores.state import State
from bongsu.stores.vault import Box, DataKey, Disposal, VaultStore
from bongsu.wraps.wrapping import WrapError

GRACE = 2 * MINUTE
"""How long a box that takes no more can still be opened: what a gateway was just putting in is on its way."""
SUBJECT_PERIOD = 30 * DAY
PAUSE = MINUTE // 2
BATCH, CERTIFIED = 500, 500
REWRAPPED, REWRAPS = 20, 5
"""Keys wrapped anew in one transaction, and such batches at a turn: values on their way are not kept waiting long."""


class Revealed(NamedTuple):
    """What a token stands for (None: never kept, expired, or destroyed), and whose data it is, as a token."""

    value: str | None
    subject: str = ""


def day_scope(at: int) -> str:
    return f"day/{datetime.fromtimestamp(at // 10**6, UTC):%Y-%m-%d}"


def _epoch(n: int) -> str:
    return f"epoch-{n}"


def subject_scope(token: str) -> str:
    return f"subject/{token}"


class Vaulting:
    """One service's vault. Where the policy keeps none and there is none yet, it only takes boxes out of the way."""

    def __init__(self, policy: Policy, folder: Folder, store: State) -> None:
        self.policy, self.on, self._state = policy, policy.vault == "on", store
        self._tenant, self._lock = policy.service.name, threading.RLock()
        self._publisher = Publisher(folder.live, LIVE)
        needed = self.on or folder.vault.exists()
        self.vault = VaultStore(folder.vault / "vault.db") if needed else None
        self.keepers = Keepers(policy, folder.vault, needed)
        self._opened = Opened(self.keepers.unwrap, self._about)
        self._failed: tuple[int, Exception] | None = None
        self._stuck: dict[str, WrapError] = {}
        self._sweep_due = self._closing = False

    def stop(self) -> None:
        """End what is under way soon: what is not settled waits, sealed, for the next start."""
        self._closing = True

    def close(self) -> None:
        if self.vault is not None:
            self.vault.close()

    # ---- values on their way in ----

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events without the boxes among them, which are durable in the vault when this returns."""
        boxes = [e for e in events if e.kind == KIND]
        if not boxes:
            return events
        if self.vault is not None:
            self.vault.hold([(e.id, e.name, carried(e.prompt)) for e in boxes])
        return [e for e in events if e.kind != KIND]

    def settle(self, now: int) -> None:
        """Everything that waits becomes sealed values; keys that are over end. ``now`` is a moment up to which every
        spool has been read."""
        if self.vault is None:
            return
        if self._sweep_due:
            self._sweep_due = False
            self.sweep(now)
        if self._failed is not None and 0 <= now - self._failed[0] < PAUSE:
            raise self._failed[1]  # whoever keeps the master key is not asked at every turn
        self._failed = None
        try:
            lost = self._settle(self.vault, now)
            self._rewrap(self.vault, now)
        except (WrapError, SecretError) as error:
            self._failed = now, error
            raise
        if lost:
            self._state.record("vault.lost", "bongsu", "vault", f"{lost} boxes could not be opened: their key is "
                               "destroyed, or they were changed; their values are not kept", {"boxes": lost}, now,
                               self.policy.hash)
        for stuck in self._stuck.values():
            raise stuck

    def _settle(self, vault: VaultStore, now: int) -> int:
        with self._lock:
            self._certify(now)
        self._rotate(now)
        lost = 0
        while not self._closing and (rows := vault.waiting(BATCH)):
            lost += self._keep(vault, rows)
        self._retire(vault, now)
        return lost

    def _keep(self, vault: VaultStore, rows: Sequence[tuple[str, str, bytes]]) -> int:
        """Open, seal, store; how many did not open."""
        boxes = {box.id: box for box in vault.boxes()}
        values: list[tuple[str, int, tuple[str, str, bytes]]] = []
        done: list[str] = []
        lost = 0
        for id_, name, body in rows:
            if self._closing:
                break  # the rest waits for the next start
            done.append(id_)
            box = boxes.get(name)
            try:
                said = None if box is None else empty(self._key(box), self._tenant, name, body)
            except SealError:
                said = None
            if said is None:
                lost += 1
                continue
            scope = subject_scope(said.subject) if said.subject else day_scope(said.at)
            if vault.shredded(scope) >= said.at:
                continue  # asked to be forgotten while it was on its way
            key = vault.key_for(scope, said.at) or self._new_key(vault, scope, said.at)
            opened = self._key(key)
            values += ((scope, said.at, (token, key.id, seal(opened, self._about(token, key.id), value.encode())))
                       for token, value in said.values.items())
        with self._lock:  # what was asked to be forgotten while the keys were being opened is not kept either
            ended = {scope: vault.shredded(scope) for scope, _, _ in values}
            vault.settle(done, [value for scope, at, value in values if ended[scope] < at])
        return lost

    def _new_key(self, vault: VaultStore, scope: str, at: int) -> DataKey:
        """Nothing is kept longer than the policy says: a key ends so long after its first value."""
        keep = self.policy.retention.vault
        period = min(SUBJECT_PERIOD, max(DAY, keep // 3)) if scope.startswith("subject/") else DAY
        id_ = secrets.token_hex(8)
        raw = new_key()
        wrapped, keeper = self.keepers.wrap(raw, self._about(id_), vault.generation())
        key = DataKey(id_, scope, wrapped, at, at + period, at + keep, keeper)
        vault.add_key(key)
        self._opened.remember(id_, raw)
        return key

    # ---- boxes ----

    def _rotate(self, now: int) -> None:
        """A box a day, and a new one after a shred: what spools hold of the old one opens no more once that is gone.
        Where the policy keeps no vault any more, gateways are given none."""
        assert self.vault is not None
        current, shred = next((box for box in self.vault.boxes() if box.retired is None), None), self.vault.last_shred()
        stale = current is None or current.created <= shred <= now or not -MINUTE < now - current.created < DAY
        if self.on and stale:
            private, public = new_box()
            id_ = secrets.token_hex(8)
            wrapped, keeper = self.keepers.wrap(private, self._about(id_), self.vault.generation())
            current = Box(id_, public, wrapped, max(now, shred + 1) if shred <= now else now, None, keeper)
            self.vault.add_box(current)
            self._opened.remember(id_, private)
        shown = {"box": {"id": current.id, "key": b64encode(current.public).decode()}} if current and self.on else {}
        if self._publisher.last.changes != shown:
            self._publisher.publish(shown, self.policy.hash, now)

    def _retire(self, vault: VaultStore, now: int) -> None:
        """Every spool was read, so what is in an old box is either settled or will never come."""
        old = [box.id for box in vault.boxes() if box.retired is not None and now - box.retired > GRACE]
        if old:
            vault.drop_boxes(old)
            self._opened.forget()

    # ---- values on their way out ----

    def look(self, token: str) -> tuple[bool, str]:
        """Whether a value is kept of a token, and whose it is; it stays sealed."""
        found = self.vault.find(token) if self.vault is not None else []
        return bool(found), next((k.scope.partition("/")[2] for k in found if k.scope.startswith("subject/")), "")

    def open(self, token: str) -> Revealed:
        """What a token stands for. Whoever calls this has put it on the record before."""
        for kept in self.vault.find(token) if self.vault is not None else ():
            key = self._opened.key(kept.dek, kept.wrapped, kept.keeper)
            raw = unseal(key, self._about(token, kept.dek), kept.value)
            kind, _, name = kept.scope.partition("/")
            return Revealed(raw.decode(), name if kind == "subject" else "")
        return Revealed(None)

    # ---- the end of keys ----

    def shred(self, scope: str, now: int, actor: str, reason: str, ticket: str) -> list[Disposal]:
        """Destroy the keys of a scope for good; the certificates. The next turn replaces the box."""
        if self.vault is None:
            return []
        with self._lock:
            self.vault.shred(scope, now, actor, reason, ticket)
            self._opened.forget()
            return self._certify(now)

    def sweep_soon(self) -> None:
        """Destroy the keys whose time is over, at the next turn of the vault's thread."""
        self._sweep_due = self.vault is not None

    def sweep(self, now: int) -> None:
        """Destroy the keys whose time is over."""
        if self.vault is not None:
            with self._lock:
                if self.vault.expire(now, "bongsu", "retention of the policy"):
                    self._opened.forget()
                self._certify(now)

    def _certify(self, now: int) -> list[Disposal]:
        """A certificate of disposal for each that has none: said twice if killed in between, but never not at all."""
        assert self.vault is not None
        made: list[Disposal] = []
        for one in self.vault.disposals():
            for begin in range(0, max(1, len(one.keys)), CERTIFIED):
                detail = {"disposal": one.id, "scope": one.scope or "expired", "at": one.at, "values": one.values,
                          "keys": list(one.keys[begin : begin + CERTIFIED]), "ticket": one.ticket}
                self._state.record("vault.shred" if one.scope else "vault.expire", one.actor, one.scope or "vault",
                                   one.reason, detail, now, self.policy.hash)
            self.vault.certify(one.id)
            made.append(one)
        return made

    # ---- keys of token epochs ----

    def keep_epoch(self, n: int, key: bytes, expires: int) -> bool:
        """Seal the key of an epoch that is over; False where there is no vault. Asks who keeps the master key."""
        if self.vault is None:
            return False
        if n not in self.epochs():
            wrapped, keeper = self.keepers.wrap(key, self._about(_epoch(n)), self.vault.generation())
            self.vault.add_epoch(_epoch(n), n, wrapped, keeper, expires)
        return True

    def epochs(self) -> Mapping[int, int]:
        """Epochs whose keys are here, and when each ends."""
        return {} if self.vault is None else {n: expires for _, n, _, _, expires in self.vault.epochs()}

    def epoch_key(self, n: int) -> bytes | None:
        """Whoever calls this has put it on the record before. Asks who keeps the master key."""
        found = [] if self.vault is None else [row for row in self.vault.epochs() if row[1] == n]
        return self._opened.key(found[0][0], found[0][2], found[0][3]) if found else None

    def destroy_epoch(self, n: int, now: int, actor: str, reason: str, ticket: str) -> int:
        """Destroy the key of an epoch and the values of its tokens, certified; how many values that were."""
        assert self.vault is not None
        with self._lock:
            gone = self.vault.destroy_epoch(n, now, actor, reason, ticket)
            self._opened.forget()
            self._certify(now)
        return gone

    # ---- another master key ----

    def renew(self, actor: str, reason: str, ticket: str, now: int) -> int:
        """Every key is to be wrapped anew, as after a rotation of the master key; how many are. On the record."""
        if self.vault is None:
            return 0
        with self._lock:
            self._state.record("vault.rewrap", actor, "vault", reason, {"ticket": ticket}, now, self.policy.hash)
            self.vault.next_generation()
            self._stuck.clear()
            return self.vault.left(self.keepers.name(self.vault.generation()))

    def left(self) -> int:
        """How many keys somebody else wrapped, or the same master key before the last time that people asked."""
        return 0 if self.vault is None else self.vault.left(self.keepers.name(self.vault.generation()))

    def _rewrap(self, vault: VaultStore, now: int) -> None:
        """Some keys at a turn, each batch for good; killed at any moment, the rest is done at the next start."""
        keeper = self.keepers.name(vault.generation())
        for _ in range(REWRAPS):
            rows = [row for row in vault.strange(keeper, REWRAPPED + len(self._stuck)) if row[1] not in self._stuck]
            if self._closing or not rows:
                break
            vault.rewrapped(keeper, [(table, id_, new) for table, id_, wrapped, by in rows
                                     if (new := self._anew(id_, wrapped, by)) is not None], now)
        for name, done, began in vault.rewraps():
            if name != keeper or not vault.left(keeper):
                self._state.record("vault.rewrapped", "bongsu", "vault", "settings.vault_key of the policy, or people "
                                   "asked", {"keys": done, "began": began, "whole": name == keeper}, now,
                                   self.policy.hash)
                vault.told(name)

    def _anew(self, id_: str, wrapped: str, keeper: str) -> str | None:
        """The same key, wrapped by who does now; None where this one opens no more, which holds up no other."""
        assert self.vault is not None
        try:
            raw = self._opened.key(id_, wrapped, keeper)
        except WrapError as error:
            if not error.lasting:
                raise
            self._stuck[id_] = error
            return None
        return self.keepers.wrap(raw, self._about(id_), self.vault.generation())[0]

    # ---- keys in memory ----

    def _key(self, one: Box | DataKey) -> bytes:
        return self._opened.key(one.id, one.wrapped, one.keeper)

    def _about(self, *names: str) -> str:
        return about(self._tenant, *names)
