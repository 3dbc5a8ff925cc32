"""Guards of a policy, picked by name to be tried on files: ``bongsu scan`` and ``bongsu eval`` with ``--guard``.

They look here, in this process and without their time-outs, however they would look in a gateway. One that cannot look
says why before it is given a text of the user's, so that the reason can be told in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from bongsu.guard import Guard
from bongsu.policy import Policy
from bongsu.support import FactChecks, Grounds, Judges


class GuardError(ValueError):
    """A guard that cannot be tried: which, what was expected, what came."""


def chosen(policy: Policy, names: Sequence[str]) -> list[Guard]:
    """The guards of these names, also those that the policy switches off; without a name, all that look at one text.

    Raises ``GuardError``.
    """
    known = {guard.name: guard for guard in policy.guards}
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise GuardError(f"--guard: expected one of {', '.join(known) or 'none'}, came {name!r}{hint}")
    return [known[name] for name in names] or [g for g in policy.guards if g.enabled and not compares(g)
                                              and not recalls(g)]


def compares(guard: Guard) -> bool:
    """Whether it holds a reply against something, and finds nothing in a text alone."""
    return isinstance(guard.check, Grounds | Judges | FactChecks)


def recalls(guard: Guard) -> bool:
    """Whether it looks things up in the memory of a running gateway."""
    return hasattr(guard.check, "recalling")


def ready(guard: Guard) -> Guard:
    """The guard, once it has loaded what it needs. Raises ``GuardError`` where it cannot look."""
    if recalls(guard):
        raise GuardError(f"guard {guard.name}: expected a check that knows by itself what it looks for, came "
                         f"{guard.check.name}, which looks texts up in the memory of a running gateway")
    look: Any = getattr(guard.check, "support", None)
    try:
        if look is not None:
            look("Warm-up.", ["Warm-up."])
        guard.check.look("Warm-up.")
    except Exception as error:  # noqa: BLE001 (any fault of a part, somebody's own model say)
        raise GuardError(f"guard {guard.name} cannot look: {error or type(error).__name__}") from None
    return guard
