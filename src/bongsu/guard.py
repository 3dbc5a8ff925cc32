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
from typing import Literal

from bongsu.event import Verdict
from bongsu.overlap import resolve
from bongsu.ports import Check, FactChecks, Finding, Grounds, Judges
from bongsu.quantity import SECOND, Duration, show_duration, show_share
from bongsu.review import Priority

Act = Literal["allow", "flag", "tokenise", "mask", "review", "block"]
On = Literal["input", "output", "store"]
RANK: dict[str, int] = {"allow": 0, "flag": 1, "tokenise": 2, "mask": 2, "review": 3, "block": 4}
STOPS = ("review", "block")
"""Acts after which nothing goes on by itself."""
NO_ATTACK = frozenset(("toxicity", "code", "probing"))
"""Checks whose findings are no attempt on the model; their verdicts say what they saw."""
MASKED = "[withheld: this may do harm / 해로울 수 있어 가렸습니다]"
"""What a caller reads in place of what is masked, where the guard has no ``reply``."""


@dataclass(frozen=True)
class Guard:
    """One line of the policy's ``guards``. ``name`` is its key there; ``enabled`` may be switched live.

    ``priority`` says how soon a person must have looked at what it holds for review.

    A guard ``on: store`` looks, after the call, at what is kept of it: names and the like, which take milliseconds.
    """

    name: str
    check: Check
    on: tuple[On, ...] = ("input", "output")
    act: Act = "block"
    reply: str = ""
    timeout: Duration = Duration(20_000)
    fails: Literal["open", "closed"] = "closed"
    shadow: bool = False
    enabled: bool = True
    routes: tuple[str, ...] = ()
    sample: Fraction = Fraction(1)
    priority: Priority = "major"

    def __post_init__(self) -> None:
        if self.act == "mask" and (self.on != ("output",) or set(self.reply) & set('"\\\n')):
            raise ValueError("act: masking is for replies, in words without quotation marks, backslashes and line "
                             f"breaks; expected on: output with such a reply, came on: {', '.join(self.on)}")
        if "store" in self.on and (self.on != ("store",) or self.act != "tokenise" or self.sample != 1):
            raise ValueError("on: what is kept of a call is masked whole and on its own; expected on: store with "
                             f"act: tokenise and no sample, came on: {', '.join(self.on)} with act: {self.act}")
        if self.act in ("tokenise", "mask") and isinstance(self.check, Grounds | Judges | FactChecks):
            raise ValueError(f"act: a claim has no token in its place; expected flag or block for a guard that looks "
                             f"for {self.check.name}, came {self.act}")
        if isinstance(self.check, Judges | FactChecks) and self.timeout < SECOND:
            whom = "another model" if isinstance(self.check, Judges) else "a service"
            raise ValueError(f"timeout: expected 1s or more, came {show_duration(self.timeout)}; {whom} is asked, over "
                             "the network")
        if not 0 < self.sample <= 1:
            raise ValueError(f"sample: expected a share above 0% and up to 100%, came {show_share(self.sample)}")

    def applies(self, on: On, route: str) -> bool:
        return self.enabled and on in self.on and (not self.routes or route in self.routes)


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
