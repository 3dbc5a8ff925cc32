"""The desk of token epochs: begun, joined and ended by the privacy officer, each on the record before it is done.

To join is to give the token of the same value in another epoch. Neither the value nor a key leaves this desk for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bongsu.access.bucket import shown
from bongsu.privacy.epochs import Epoch, carried, parted
from bongsu.privacy.personal import veiled
from bongsu.room.control import Control
from bongsu.room.epochs import EpochRefused
from bongsu.room.pace import Pace
from bongsu.room.vaultdesk import ACTOR, VaultRefused

MOST, A_MINUTE = 500, 10_000
"""Tokens of one request, and of all requests of a minute."""


class EpochDesk:
    """What is asked about epochs. Any thread may ask."""

    def __init__(self, control: Control) -> None:
        self.control, self.epochs, self._pace = control, control.epochs, Pace(A_MINUTE)

    def listed(self) -> dict[str, Any]:
        """Every epoch there ever was, and what became of its key; nothing of any token."""
        policy = self.control.policy
        return {"now": self.epochs.current().n, "every": policy.epoch, "epochs": self.epochs.shown()}

    def begin(self, reason: str, ticket: str) -> dict[str, Any]:
        """A new epoch, for all gateways at one moment that is near."""
        try:
            n, begins = self.epochs.begin(ACTOR, veiled(reason), veiled(ticket), self.control.clock())
        except EpochRefused as fault:
            raise VaultRefused(fault.code, str(fault)) from None
        self.control.revised()
        return {"epoch": n, "begins": begins}

    def join(self, tokens: Sequence[str], to: int, reason: str, ticket: str) -> dict[str, Any]:
        """The tokens of the same values in epoch ``to`` (0 for that of now); None where no key leads there any more."""
        now = self.control.clock()
        tokens, to = list(dict.fromkeys(tokens)), to or self.epochs.current().n
        if not 1 <= len(tokens) <= MOST:
            raise VaultRefused("too_many", f"expected 1 to {MOST} tokens at a time, came {len(tokens)}")
        parts = [parted(token) for token in tokens]
        if not all(parts):
            raise VaultRefused("bad_token", "expected tokens such as EMAIL_E2_QQWHN65O6KGV3CSM, came another text (not "
                               "shown: it may be what a token hides)")
        if after := self._pace.take(len(tokens), now):
            raise VaultRefused("too_fast", f"expected at most {A_MINUTE} tokens a minute; ask again in {shown(after)}",
                               after)
        self.control.store.record("tokens.join", ACTOR, f"epoch/{to}", veiled(reason),
                                  {"ticket": veiled(ticket), "tokens": tokens}, now, self.control.policy.hash)
        known: dict[int, Epoch | None] = {n: self.epochs.known(n) for n in {to, *(one.epoch for one in parts if one)}}
        return {"epoch": to, "tokens": {token: _joined(token, known, to) for token in tokens}}

    def destroy(self, n: int, reason: str, ticket: str) -> dict[str, Any]:
        """Destroy the key of an old epoch for good: its tokens join with no other's from now on. Certified."""
        try:
            values = self.epochs.destroy(n, ACTOR, veiled(reason), veiled(ticket), self.control.clock())
        except EpochRefused as fault:
            raise VaultRefused(fault.code, str(fault)) from None
        self.control.revised()
        return {"epoch": n, "values": values}


def _joined(token: str, known: dict[int, Epoch | None], to: int) -> str | None:
    parts = parted(token)
    before, after = known.get(parts.epoch) if parts else None, known[to]
    return None if before is None or after is None else carried(token, before, after)
