"""A guard that asks others, tried on rows of a file: asked as on a call, one row after the other.

What is personal is hidden as on a call, and its time-out holds. Borders are of calls and their people, which rows have
not: who tries it says where the rows may go.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from bongsu.access.circuit import Health
from bongsu.guard import Guard
from bongsu.policy.model import Policy
from bongsu.policy.patience import Breaker
from bongsu.support import JudgeError, Support
from bongsu.web.grounded import looks_up
from bongsu.web.judge import Judging
from bongsu.web.plan import Secrets, Target, sources_of, target_of
from bongsu.web.transport import HttpTransport


class Asking(AbstractContextManager["Asking"]):
    """Called with an answer and its context, it is how far one rests on the other, as ``guard`` finds out by asking.

    It has an event loop of its own. Raises ``SecretError`` where a key cannot be had.
    """

    def __init__(self, policy: Policy, guard: Guard, secrets: Secrets) -> None:
        self._guard = guard
        problems: list[str] = []
        sources = sources_of([guard], secrets, problems)
        if problems:
            raise JudgeError(problems[0], "unable")
        self._runner, transport = asyncio.Runner(), HttpTransport()
        hiding = [one for one in policy.guards if one.enabled and one.act == "tokenise"]
        self._transport = transport
        self._judging = Judging(transport, _targets(policy, guard, secrets), sources, hiding, None, lambda *_: None)

    def __call__(self, answer: str, context: str) -> Support:
        """Raises ``JudgeError``."""
        role = next(iter(getattr(self._guard.check, "roles", ())), "user")
        fields = {"messages": [{"role": role, "content": context}] if context.strip() else []}
        return self._runner.run(self._judging.verdict(self._guard, answer, fields))

    def __exit__(self, *_: Any) -> None:
        self._runner.run(self._transport.close())
        self._runner.close()


def _targets(policy: Policy, guard: Guard, secrets: Secrets) -> dict[str, Target]:
    if looks_up(guard):
        return {}
    upstream = policy.upstreams[guard.check.upstream]  # type: ignore[attr-defined]  # the policy's reader saw that it is there
    every = replace(upstream, breaker=Breaker(enabled=False))  # every row is asked of it
    return {guard.name: target_of(every, secrets, Health())}
