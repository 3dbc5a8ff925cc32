"""Many findings -> one decision: allow, flag, tokenise, hold for a review, block.

A guard is a check (what to look for), where it looks (``on``), what to do with a finding (``act``), how long it may
take, and what its own failure means (``fails``). A failing guard is not a verdict: closed means the call is refused
with 503, open means the call goes on and the event says the guard did not run. A shadow guard reports what it would
have done and changes nothing. What is for ``review`` waits until a person has looked (``review.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

from bongsu.event import Verdict
from bongsu.overlap import resolve
from bongsu.ports import Check, Costly, Finding
from bongsu.quantity import SECOND, Duration, show_duration, show_share
from bongsu.review import Priority
from bongsu.support import FactChecks, Grounds, Judges

Act = Literal["allow", "flag", "tokenise", "mask", "review", "block"]
On = Literal["input", "output", "store"]
RANK: dict[str, int] = {"allow": 0, "flag": 1, "tokenise": 2, "mask": 2, "review": 3, "block": 4}
STOPS = ("review", "block")
"""Acts after which nothing goes on by itself."""
NO_ATTACK = frozenset(("toxicity", "code", "probing", "names", "tagger"))
"""Checks whose findings are no attempt on the model; their verdicts say what they saw."""
INLINE, APART = Duration(20_000), SECOND
"""How long a look may take where nothing is said: in the gateway itself, and in a process of its own."""
SHORTEST_APART = Duration(100_000)
MOST_PROCESSES = 16
MASKED = "[withheld: this may do harm / 해로울 수 있어 가렸습니다]"
"""What a caller reads in place of what is masked, where the guard has no ``reply``."""


@dataclass(frozen=True)
class Guard:
    """One line of the policy's ``guards``. ``name`` is its key there; ``enabled`` may be switched live.

    ``priority`` says how soon a person must have looked at what it holds for review.

    A guard ``on: store`` looks, after the call, at what is kept of it: names and the like, which take milliseconds.

    With a ``sample``, what it finds is an estimate of all calls. 100 % written out is still a sample: calls of before,
    of a smaller one, keep their weight; left out, each finding stands for itself.

    With ``processes`` it looks in so many of its own (for every process of the gateway), which are killed where a look
    is not over in time; with 0 in the gateway itself, where a look cannot be ended. Left out, it is 1 for slow checks
    and those that run somebody's model, 0 for all others.
    """

    name: str
    check: Check
    on: tuple[On, ...] = ("input", "output")
    act: Act = "block"
    reply: str = ""
    timeout: Duration | None = None
    fails: Literal["open", "closed"] = "closed"
    shadow: bool = False
    enabled: bool = True
    routes: tuple[str, ...] = ()
    sample: Fraction | None = None
    priority: Priority = "major"
    processes: int | None = None

    def __post_init__(self) -> None:
        if self.act == "mask" and (self.on != ("output",) or set(self.reply) & set('"\\\n')):
            raise ValueError("act: masking is for replies, in words without quotation marks, backslashes and line "
                             f"breaks; expected on: output with such a reply, came on: {', '.join(self.on)}")
        if "store" in self.on and (self.on != ("store",) or self.act != "tokenise" or self.share != 1):
            raise ValueError("on: what is kept of a call is masked whole and on its own; expected on: store with "
                             f"act: tokenise and no sample, came on: {', '.join(self.on)} with act: {self.act}")
        if self.act in ("tokenise", "mask") and isinstance(self.check, Grounds | Judges | FactChecks):
            raise ValueError(f"act: a claim has no token in its place; expected flag or block for a guard that looks "
                             f"for {self.check.name}, came {self.act}")
        if isinstance(self.check, Judges | FactChecks) and self.limit < SECOND:
            whom = "another model" if isinstance(self.check, Judges) else "a service"
            raise ValueError(f"timeout: expected 1s or more, came {show_duration(self.limit)}; {whom} is asked, over "
                             "the network")
        self._processes_fit()
        if not 0 < self.share <= 1:
            raise ValueError(f"sample: expected a share above 0% and up to 100%, came {show_share(self.share)}")

    @property
    def share(self) -> Fraction:
        """The share of the calls that it looks at."""
        return Fraction(1) if self.sample is None else self.sample

    def _processes_fit(self) -> None:
        if not 0 <= (self.processes or 0) <= MOST_PROCESSES:
            raise ValueError(f"processes: expected 0 to {MOST_PROCESSES}, came {self.processes}")
        if self.processes and (isinstance(self.check, Judges | FactChecks) or hasattr(self.check, "recalling")):
            raise ValueError(f"processes: expected none for {self.check.name}, which asks over the network or looks in "
                             f"the gateway's memory, came {self.processes}")
        if self.apart and self.limit < SHORTEST_APART:
            raise ValueError(f"timeout: expected {show_duration(SHORTEST_APART)} or more, came "
                             f"{show_duration(self.limit)}; half of it may go by until a process is free. With "
                             "processes: 0 it looks in the gateway itself")

    @cached_property
    def apart(self) -> int:
        """In how many processes of its own it looks; 0 where it looks in the gateway."""
        return int(isinstance(self.check, Costly)) if self.processes is None else self.processes

    @cached_property
    def limit(self) -> Duration:
        """How long a look may take."""
        return self.timeout if self.timeout is not None else APART if self.apart else INLINE

    def applies(self, on: On, route: str) -> bool:
        return self.enabled and on in self.on and (not self.routes or route in self.routes)


def attacks(check: Check) -> bool:
    """Whether what it finds is an attempt on the model."""
    return check.name not in NO_ATTACK and getattr(check, "attack", True)


@dataclass(frozen=True)
class Outcome:
    """What a text may do next. ``spans`` are to be tokenised, ``by`` is the guard that stopped it, ``reply`` its."""

    act: Act
    verdicts: tuple[Verdict, ...] = ()
    spans: tuple[Finding, ...] = ()
    by: str = ""
    reply: str = ""
    failed: str = ""


def judge(results: Iterable[tuple[Guard, On, Sequence[Finding] | None, int]]) -> Outcome:
    """Combine what each guard saw: (guard, side, findings or None where it failed, microseconds it took).

    The strictest act wins; at equal rank the first guard in the policy's order. Overlapping spans to tokenise are
    resolved by ``resolve``.
    """
    act: Act = "allow"
    by = reply = failed = ""
    verdicts: list[Verdict] = []
    spans: list[Finding] = []
    for guard, on, findings, took in results:
        if findings is None:
            verdicts.append(Verdict(guard=guard.name, on=on, act="allow", version=guard.check.version, took_us=took,
                                    error="failed"))
            if guard.fails == "closed" and not guard.shadow:
                failed = failed or guard.name
            continue
        if not findings:  # nearly always
            verdicts.append(Verdict(guard=guard.name, on=on, act="allow", version=guard.check.version, took_us=took))
            continue
        kinds, done = tuple(sorted({f.kind for f in findings})), guard.act
        verdicts.append(Verdict(guard=guard.name, on=on, act=f"shadow:{done}" if guard.shadow else done,
                                version=guard.check.version, kinds=kinds, took_us=took))
        if guard.shadow:
            continue
        if done == "tokenise":
            spans.extend(findings)
        elif done == "mask":
            spans.extend(replace(f, instead=guard.reply or MASKED) for f in findings)
        if RANK[done] > RANK[act]:
            act = done
            by, reply = (guard.name, guard.reply) if done in STOPS else (by, reply)
    return Outcome(act, tuple(verdicts), resolve(spans), by, reply, failed)
