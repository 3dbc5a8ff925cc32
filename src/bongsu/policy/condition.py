"""``when`` and ``clear`` of an alert: a comparison in the unit of its signal, read exactly.

    when:  SIGNAL OP VALUE        latency > 5s          clear:  OP VALUE     < 4s
           SIGNAL OP SHARE of VALUE                             OP SHARE     < 110%  (of the same value)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import cast

from bongsu.alert import Signal
from bongsu.expression import Expression
from bongsu.policy.fault import Misfit, did_you_mean, listed, quoted
from bongsu.policy.scalar import read_number
from bongsu.ports import Seasonal, Sli
from bongsu.quantity import QuantityError, parse_duration, parse_money, parse_share, show_number
from bongsu.slo import OPPOSITE, Operator

_WHEN = re.compile(r"(?P<signal>[^\s<>=]+)\s*(?P<op>>=|<=|>|<)\s*(?P<value>\S.*?)\s*")
_CLEAR = re.compile(r"(?P<op>>=|<=|>|<)\s*(?P<value>\S.*?)\s*")
_OF = re.compile(r"(?P<share>[\d_.]+\s*%)\s+of\s+(?P<base>\S.*)")


@dataclass(frozen=True)
class Condition:
    """``signal op limit``; ``base`` is what the limit is a share of. ``words`` is the limit as written."""

    signal: str
    op: Operator
    limit: Fraction
    base: Fraction | None
    words: str


def unit_of(sli: Sli, currency: str) -> str:
    """``share``, ``ms``, a currency, or empty: what a signal's value is measured in.

    A kind that has no unit of its own takes that of the number it measures: money where it reads ``cost`` alone,
    milliseconds where it reads ``*_ms`` columns alone.
    """
    if sli.unit or isinstance(sli, Seasonal):  # a distance from its past is measured in deviations
        return sli.unit
    for f in fields(sli):  # type: ignore[arg-type]  # every part is a dataclass
        measured = getattr(sli, f.name)
        if f.metadata.get("want") == "number" and isinstance(measured, Expression):
            if measured.columns == ("cost",):
                return currency
            return "ms" if measured.columns and all(c.endswith("_ms") for c in measured.columns) else ""
    return ""


def read_when(text: str, signals: Mapping[str, Signal], declared: Mapping[str, object]) -> Condition | None:
    """Parse ``when``; None where its signal is declared but broken (its fault is known already)."""
    match = _WHEN.fullmatch(text)
    if match is None:
        raise Misfit("SIGNAL > VALUE or SIGNAL > SHARE of VALUE, such as 'latency > 5s'", quoted(text))
    name = match["signal"]
    if name not in declared:
        raise Misfit(f"a signal ({listed(declared)})" if declared else "a signal (none is declared)", quoted(name),
                     did_you_mean(name, declared))
    if name not in signals:
        return None
    unit, value, start = signals[name].unit, match["value"], match.start("value")
    op = cast(Operator, match["op"])
    if (of := _OF.fullmatch(value)) is not None:
        base = _value(of["base"], unit, name, start + of.start("base"))
        return Condition(name, op, _value(of["share"], "share", name, start) * base, base, value)
    return Condition(name, op, _value(value, unit, name, start), None, value)


def read_clear(text: str, when: Condition, signal: Signal) -> tuple[Operator, Fraction]:
    """Parse ``clear`` against its ``when``; without one, an alert clears as soon as it no longer holds."""
    if not text:
        return OPPOSITE[when.op], when.limit
    match = _CLEAR.fullmatch(text)
    if match is None:
        raise Misfit("an operator and a value such as '< 110%'", quoted(text))
    op, value, start = cast(Operator, match["op"]), match["value"], match.start("value")
    if when.base is not None and value.endswith("%"):
        limit = _value(value, "share", signal.name, start) * when.base
    else:
        limit = _value(value, signal.unit, signal.name, start)
    if op[0] == when.op[0] or _overlap(when, op, limit):
        raise Misfit(f"the other side of '{when.op} {when.words}', where the alert enters", quoted(text),
                     f"did you mean '{OPPOSITE[when.op][0]} …'?" if op[0] == when.op[0] else
                     "between the two an alert keeps its state, so they must not overlap")
    return op, limit


def read_good(text: str, signal: Signal) -> tuple[Operator, Fraction]:
    """Parse ``good`` of an objective over slices: what a slice's value must be, in the unit of its signal."""
    match = _CLEAR.fullmatch(text)
    if match is None:
        raise Misfit("an operator and a value such as '<= 0.25'", quoted(text))
    return cast(Operator, match["op"]), _value(match["value"], signal.unit, signal.name, match.start("value"))


def _overlap(when: Condition, op: Operator, limit: Fraction) -> bool:
    """Whether a value could enter and leave at once."""
    if limit == when.limit:
        return len(op) == 2 and len(when.op) == 2
    return (limit > when.limit) == (when.op[0] == ">")


def _value(text: str, unit: str, signal: str, offset: int) -> Fraction:
    try:
        if unit == "share":
            return parse_share(text)
        if unit == "ms":
            return Fraction(parse_duration(text), 1000)
        if unit:
            money = parse_money(text)
            if money.currency != unit:
                raise Misfit(f"an amount in {unit}, the currency of this policy", quoted(text), offset=offset)
            return money.nano
        return _plain(text)
    except QuantityError as error:
        raise Misfit(f"{error.expected}, the unit of {signal}", quoted(text), error.hint, offset=offset) from None
    except Misfit as error:
        raise Misfit(error.expected, error.came, error.hint, offset=offset) from None
    except ValueError:  # more digits than Python reads
        raise Misfit(f"a value in the unit of {signal}", quoted(text), offset=offset) from None


def _plain(text: str) -> Fraction:
    try:
        return read_number(text)
    except Misfit as error:
        raise Misfit(error.expected, error.came, _as_number(text)) from None


def _as_number(text: str) -> str:
    """What a share would be as the number that a signal without a unit has."""
    try:
        return f"did you mean {show_number(parse_share(text))}?"
    except QuantityError:
        return ""
