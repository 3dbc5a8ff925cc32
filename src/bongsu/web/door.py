"""The door of the gateway: whose key it is, and what that lets the call do.

What is known of people is a snapshot that control publishes. It is compiled once a generation, so that a call costs one
hash and a few look-ups. Time is the gateway's own: a key that expired is over though control may be dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bongsu.access.apikey import INVOKE, PREFIX, ApiKey
from bongsu.access.pace import Pull, pulls
from bongsu.access.restriction import APPEAL, Restriction, by_subject, highest
from bongsu.access.shared import Full
from bongsu.host.keys import digest, whole
from bongsu.live import Live, Snapshot
from bongsu.policy.model import Policy
from bongsu.web import denials
from bongsu.web.asked import Asked
from bongsu.web.call import Call
from bongsu.web.plan import RoutePlan
from bongsu.web.purse import Purse
from bongsu.web.rates import Rates
from bongsu.web.rates import headers as left_told
from bongsu.web.reckon import likely
from bongsu.web.settle import goes_light, lightened
from bongsu.web.till import spend

_KEY = b"bsu_"


@dataclass(frozen=True, slots=True)
class People:
    """A snapshot, ready for look-ups: hash of a secret -> (key, until when), subject -> restrictions."""

    keys: Mapping[str, tuple[ApiKey, int]] = field(default_factory=dict)
    restricted: Mapping[str, tuple[Restriction, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot) -> People:
        changes = snapshot.changes
        found = [msgspec.convert(value, ApiKey) for key, value in changes.items() if key.startswith(PREFIX)]
        return cls({s.digest: (key, s.until) for key in found for s in key.secrets}, by_subject(changes))


def presented(headers: Mapping[bytes, bytes]) -> bytes:
    """What a caller shows as its key: a bearer token, or, as clients of Anthropic's API do, ``x-api-key``."""
    given = headers.get(b"authorization", b"")
    return (given[7:] if given[:7].lower() == b"bearer " else headers.get(b"x-api-key", b"")).strip()


class Door:
    """Without a snapshot to read (``people``) nobody has a key, and nobody is restricted."""

    def __init__(self, people: Live | None = None, rates: Rates | None = None, purse: Purse | None = None) -> None:
        self._live, self._rates, self._purse = people, rates, purse
        self._seen: Snapshot | None = None
        self._people = People()

    def people(self) -> People:
        if self._live is not None:
            snapshot = self._live.current()
            if snapshot is not self._seen:
                self._people, self._seen = People.of(snapshot), snapshot
        return self._people

    def close(self) -> None:
        for one in (self._live, self._rates, self._purse):
            if one is not None:
                one.close()
        self._live = self._rates = self._purse = None

    def who(self, headers: Mapping[bytes, bytes], policy: Policy, now: int,
            facts: MutableMapping[str, Any]) -> ApiKey | None:
        """The key a call came with; None for a caller without one, where the policy lets such in. A key that we know is
        on the event, also when it is worth nothing any more."""
        token = presented(headers)
        if not token.startswith(_KEY):
            if policy.keys == "required":
                raise denials.no_key()
            return None  # an SDK sends something whatever it is told, so what is not ours is no claim
        text, people = token.decode("latin-1"), self.people()
        if self._seen is not None and not self._seen.generation:
            raise denials.not_yet()
        key, until = people.keys.get(digest(text), (None, 0)) if whole(text) else (None, 0)
        if key is None or (until and until <= now):
            raise denials.unknown_key()
        facts["key"] = key.id
        if key.state(now) != "live":
            raise denials.over(key, now)
        if key.service not in ("", policy.service.name):
            raise denials.other_service()
        return key

    async def admit(self, call: Call, request: Asked, plan: RoutePlan, policy: Policy) -> RoutePlan:
        """Let the call in, by another way where it must take one; raises what it is refused with."""
        key = call.key
        if key is not None and not key.may(INVOKE, plan.route.name):
            raise denials.wrong_route(key)
        if (one := highest(self.people().restricted, key, call.facts.get("user", ""), call.at)) is not None:
            plan = await self._restrict(one, call, plan, policy)
        if self._rates is not None and (wanted := pulls(key, policy.rate_limits, call.facts)):
            self._take(call, wanted, self._rates, likely(request))
        return plan if self._purse is None or not policy.budgets else spend(self._purse, call, request, plan, policy)

    def _take(self, call: Call, wanted: Sequence[Pull], rates: Rates, tokens: int) -> None:
        """One of this minute's requests, and of its tokens as many as the call will likely use."""
        try:
            taken = rates.take(wanted, tokens, call.at)
        except Full:
            raise denials.too_many() from None
        call.told += left_told(taken.left, call.surface.api, call.at)
        if taken.after:
            raise denials.too_fast(taken.whose, taken.of, taken.after)

        def settle(facts: Mapping[str, Any]) -> None:
            used = (facts.get("input_tokens") or 0) + (facts.get("output_tokens") or 0)
            rates.settle(wanted, tokens, used, call.at)

        call.owes.append(settle)

    async def _restrict(self, one: Restriction, call: Call, plan: RoutePlan, policy: Policy) -> RoutePlan:
        call.facts["restriction"] = one.rung
        call.told.append((b"x-bongsu-restriction", denials.standing(one).encode()))
        if one.rung in ("review", "suspended", "reauthenticate"):
            raise denials.restricted(one, call.masking.told(APPEAL, one.appeal) or policy.appeal)
        light = lightened(plan, call) if one.rung == "light" else None
        if light is not None:
            goes_light(call)
            return light
        if one.rung in ("slow", "light"):  # a route without a light model is answered late instead
            since = call.now()
            await asyncio.sleep(policy.slow_by / 1e6)
            call.waited(since)
        return plan
