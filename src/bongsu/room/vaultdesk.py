"""The desk of the privacy officer: values read again, and keys destroyed, each on the record before it is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from bongsu.access.bucket import shown
from bongsu.host import keys
from bongsu.privacy.epochs import FORM, USER, carried, parted
from bongsu.privacy.personal import veiled
from bongsu.quantity import SECOND
from bongsu.room.control import Control
from bongsu.room.pace import Pace
from bongsu.room.vaulting import subject_scope
from bongsu.stores.vault import Disposal

MOST, A_MINUTE = 20, 60
"""Tokens of one request, and of all requests of a minute."""
WITHIN = 10.0
"""Seconds of one request in which whoever keeps the master key must have answered."""
ACTOR = "privacy officer"
_TOKEN, _SUBJECT = re.compile(FORM), re.compile(USER)


class VaultRefused(Exception):
    """Why something was not done: a code for machines, a sentence for people; ``after`` is when to ask again (us)."""

    def __init__(self, code: str, message: str, after: int = 0) -> None:
        super().__init__(message)
        self.code, self.after = code, after


class VaultDesk:
    """What is asked of the vault. Any thread may ask."""

    def __init__(self, control: Control) -> None:
        self.control, self.store, self.within = control, control.store, WITHIN
        self._minute = Pace(A_MINUTE)

    def is_officer(self, token: str) -> bool:
        return keys.is_kept(self.store, keys.OFFICER, token)

    def shown(self) -> dict[str, Any]:
        """How much there is, and of nobody in particular."""
        vault = self.control.vault
        if vault.vault is None:
            return {"on": vault.on}
        return {"on": vault.on, **vault.vault.counts(), "to_rewrap": vault.left()}

    def reveal(self, tokens: Sequence[str], reason: str, ticket: str) -> dict[str, Any]:
        """What these tokens stand for. The record of it is durable before the first value is opened."""
        vault, now = self._there(), self.control.clock()
        if not 1 <= len(tokens) <= MOST:
            raise VaultRefused("too_many", f"expected 1 to {MOST} tokens at a time, came {len(tokens)}")
        if not all(map(_TOKEN.fullmatch, tokens)):
            raise VaultRefused("bad_token", "expected tokens such as EMAIL_QQWHN65O6KGV3CSM, came another text (not "
                               "shown: it may be what a token hides)")
        tokens = list(dict.fromkeys(tokens))
        self._pace(len(tokens), tokens, reason, ticket, now)
        seen = {token: vault.look(token) for token in tokens}
        self._record("vault.reveal", reason, now, {
            "ticket": veiled(ticket), "tokens": tokens, "kept": [token for token, (kept, _) in seen.items() if kept],
            "subjects": sorted({subject for _, subject in seen.values() if subject})})
        late, found = self.control.clock() + int(self.within * SECOND), {}
        for token in tokens:
            if self.control.clock() > late:  # who asked was told so by then
                raise VaultRefused("slow_master_key", "whoever keeps the master key is slow; ask again")
            found[token] = vault.open(token)
        return {"values": {token: one.value for token, one in found.items()},
                "subjects": {token: one.subject for token, one in found.items() if one.subject}}

    def shred(self, subject: str, day: str, reason: str, ticket: str) -> dict[str, Any]:
        """Destroy the keys of a person, or of a day, for good; the certificates, which are on the record."""
        vault = self._there()
        if bool(subject) == bool(day):
            raise VaultRefused("bad_scope", "expected either 'subject' (an id, or its USER_ token) or 'day'")
        wanted = map(subject_scope, self._subjects(subject)) if subject else iter([f"day/{_day(day)}"])
        now, why = self.control.clock(), (ACTOR, veiled(reason), veiled(ticket))
        scopes, made = list[str](), list[Disposal]()
        try:
            for scope in wanted:  # each as soon as it is known: whoever keeps the master key may be away for the next
                scopes.append(scope)
                made += [one for one in vault.shred(scope, now, *why) if one.scope == scope]
        finally:
            self.control.revised()
        return {"scope": scopes[0], "keys": sum(len(one.keys) for one in made),
                "values": sum(one.values for one in made), "disposals": [one.id for one in made]}

    def rewrap(self, reason: str, ticket: str) -> dict[str, Any]:
        """Have every key wrapped anew by the master key as it is now; how many are to be."""
        left = self._there().renew(ACTOR, veiled(reason), veiled(ticket), self.control.clock())
        self.control.revised()
        return {"to_rewrap": left}

    def _there(self) -> Any:
        if self.control.vault.vault is None:
            raise VaultRefused("no_vault", "no vault is kept; settings.vault: on in the policy keeps one from then on")
        return self.control.vault

    def _subjects(self, given: str) -> Iterator[str]:
        """The tokens of a person, that of now first: what they said in earlier epochs is under those. Those that need
        the master key come last; raises what opening an epoch's key raises."""
        epochs, parts = self.control.epochs, parted(given)
        if parts is None or not _SUBJECT.fullmatch(given):
            given = self.control.tokens.token("USER", given)
            parts = parted(given)
        yield given
        before = None if parts is None else epochs.known(parts.epoch)
        if parts is None or before is None:
            return
        sealed = self.control.vault.epochs()
        for n in sorted(epochs.joinable(), key=lambda n: (n in sealed, n)):
            if n != parts.epoch and (other := epochs.known(n)):
                yield carried(given, before, other)

    def _pace(self, n: int, tokens: Sequence[str], reason: str, ticket: str, now: int) -> None:
        """Reading everything there is takes long, and is seen; a request that comes too soon is on the record too."""
        if after := self._minute.take(n, now):
            self._record("vault.refused", reason, now, {"ticket": veiled(ticket), "tokens": list(tokens)})
            raise VaultRefused("too_fast", f"expected at most {A_MINUTE} tokens a minute; ask again in {shown(after)}",
                               after)

    def _record(self, action: str, reason: str, now: int, detail: Mapping[str, Any]) -> None:
        self.store.record(action, ACTOR, "vault", veiled(reason), detail, now, self.control.policy.hash)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise VaultRefused("bad_day", "expected a day (UTC) such as 2026-11-22 in 'day'") from None
