"""How long an upstream is waited for, how often it is asked again, and when it is left alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from bongsu.policy.fault import Misfit
from bongsu.quantity import SECOND, Duration, show_share


@dataclass(frozen=True)
class Timeouts:
    """How long each part of a call may take: to connect, to the reply's first byte, between two pieces, in total.

    What is left out is the upstream's ``timeout``; a stream has no total unless one is given.
    """

    connect: Duration | None = None
    first_byte: Duration | None = None
    between: Duration | None = None
    total: Duration | None = None

    def __post_init__(self) -> None:
        for name in ("connect", "first_byte", "between", "total"):
            if getattr(self, name) == 0:
                raise Misfit("a duration above zero", "0", field=name)


@dataclass(frozen=True)
class Breaker:
    """An upstream of whose last calls too many failed is left alone for ``rest``, then tried by ``probes`` calls.

    It opens where, of at least ``min_calls`` that ended within ``over``, ``share`` or more failed. Each try that fails
    doubles the rest, up to sixteen times.
    """

    share: Fraction = Fraction(1, 2)
    min_calls: int = 20
    over: Duration = Duration(30 * SECOND)
    rest: Duration = Duration(5 * SECOND)
    probes: int = 1
    enabled: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise Misfit("a share above 0% and up to 100%", show_share(self.share), field="share")
        for name in ("min_calls", "over", "rest", "probes"):
            if getattr(self, name) < 1:
                raise Misfit("more than zero", "0", field=name)


@dataclass(frozen=True)
class Retries:
    """How often the same upstream is asked again (``most`` times a call) before the next one is.

    Of all a route's calls, ``budget`` is the share that may be asked again: a model that is down is not stormed. The
    first retry waits for ``backoff``, each further one twice as long. After a time-out nobody is
    asked again: the model may still be at work.
    """

    most: int = 1
    budget: Fraction = Fraction(1, 10)
    backoff: Duration = Duration(SECOND // 10)

    def __post_init__(self) -> None:
        if not 0 < self.budget <= 1:
            raise Misfit("a share above 0% and up to 100%", show_share(self.budget), field="budget")
