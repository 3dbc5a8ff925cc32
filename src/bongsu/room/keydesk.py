"""The desk of keys: made and shown once, rotated, revoked, all on the record. A secret leaves here and is gone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import msgspec

from bongsu.access.apikey import LONGEST_GRACE, ApiKey, KeyRefused, checked, lasting
from bongsu.host import keys
from bongsu.privacy import epochs
from bongsu.privacy.personal import veiled
from bongsu.quantity import DAY
from bongsu.room.control import Control
from bongsu.room.pressure import counted, pressures

USER = re.compile(epochs.USER)
LONGEST = 3650 * DAY
_GRACE = "24h"


class KeyDesk:
    """What people ask about keys. Raises ``KeyRefused`` where it cannot be."""

    def __init__(self, control: Control) -> None:
        self.control, self.store = control, control.store

    def create(self, asked: Mapping[str, Any], actor: str) -> dict[str, Any]:
        """A new key from its fields; ``key`` in the answer is the only time that it is shown."""
        policy, now, id_ = self.control.policy, self.control.clock(), secrets.token_hex(4)
        secret = keys.mint(self._environment(), id_)
        expires = now + lasting(asked["expires"], "expires", LONGEST) if asked.get("expires") else 0
        user = self.user_token(asked["user"]) if asked.get("user") else ""
        if isinstance(name := asked.get("name"), str):
            asked = {**asked, "name": veiled(name)}
        fields = {name: value for name, value in asked.items() if name not in ("expires", "user", "reason") and value}
        whole = {**fields, "id": id_, "created": now, "by": actor, "user": user,
                 "expires": expires, "secrets": [{"digest": keys.digest(secret)}]}
        try:
            key = msgspec.convert(whole, ApiKey)
        except msgspec.ValidationError as error:
            raise KeyRefused("bad_field", f"the key cannot be made: {error}") from None
        self.store.add_key(checked(key, policy.routes, policy.service.name), now, policy.hash)
        self.control.revised()
        return {**self._shown(key, {}), "key": secret}

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Every key without its secret, the oldest first."""
        used = self.control.people.last_used()
        return [self._shown(key, used) for key in self.store.api_keys()]

    def rotate(self, id_: str, grace: str, reason: str, actor: str) -> dict[str, Any] | None:
        """A new secret, shown once; the old one lives ``grace`` longer. None where no key of this id lives."""
        secret, now = keys.mint(self._environment(), id_), self.control.clock()
        spare = lasting(grace or _GRACE, "grace", LONGEST_GRACE)
        key = self.store.rotate_key(id_, keys.digest(secret), spare, actor, reason, now, self.control.policy.hash)
        self.control.revised()
        return None if key is None else {**self._shown(key, {}), "key": secret}

    def revoke(self, id_: str, reason: str, actor: str) -> bool:
        gone = self.store.revoke_key(id_, actor, reason, self.control.clock(), self.control.policy.hash)
        self.control.revised()
        return gone

    def accounts(self) -> list[dict[str, Any]]:
        """What each subject has spent of its budgets and has left, the most strained first; and the cheaper model of
        each route, which is proposed from the soft limit on."""
        control = self.control
        lighter = [f"{route.name} → {control.policy.upstreams[route.light].model}"
                   for route in control.policy.routes.values() if route.light]
        found = sorted(control.spending.standing, key=lambda a: (-a.spent / a.budget.limit, a.budget.name, a.subject))
        return [{"budget": a.budget.name, "subject": a.subject, "limit": a.budget.limit, "spent": a.spent,
                 "left": a.left, "soft": a.budget.is_soft(a.spent), "proposes": lighter,
                 "soft_at": ceil(a.budget.soft * a.budget.limit), "then": a.budget.then,
                 "currency": control.policy.currency, "ends": a.budget.end(control.now)} for a in found]

    def limits(self) -> list[dict[str, Any]]:
        """How each subject stands with its rate limits, the most strained first; nobody who is at rest."""
        control, policy = self.control, self.control.policy
        keys = [key for key in self.store.api_keys() if not key.revoked]
        known = counted(policy.service.name, policy.rate_limits, keys, control.people.callers)
        return [{"limit": one.limit, "subject": one.subject, "requests": one.requests,
                 "requests_left": one.requests_left, "tokens": one.tokens, "tokens_left": one.tokens_left,
                 "used": round(float(one.used), 4), "wait_us": one.wait, "refused": one.refused, "since": one.since}
                for one in pressures(control.folder.live, known, control.clock())]

    def user_token(self, user: str) -> str:
        """What stands for a person everywhere, in the epoch of now; a token of another is carried over, or refused."""
        if not USER.fullmatch(user):
            return self.control.tokens.token("USER", user)
        if (token := self.control.epochs.of_now(user)) is None:
            raise KeyRefused("old_token", "expected a person's id or their token of now, came a token of an epoch that "
                             "is over; the privacy officer can join it (bongsu epoch join)")
        return token

    def _environment(self) -> str:
        return re.sub(r"[^a-z0-9]", "", self.control.policy.service.environment.lower())[:16] or "live"

    def _shown(self, key: ApiKey, used: Mapping[str, int]) -> dict[str, Any]:
        now = self.control.clock()
        found: dict[str, Any] = msgspec.to_builtins(key)
        live = [s for s in key.secrets if not s.until or s.until > now]
        del found["secrets"]
        return found | {"state": key.state(now), "live_secrets": len(live), "last_used": used.get(key.id, 0)}



