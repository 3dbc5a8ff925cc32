"""What a call used and what it cost: tokens as the model reported them, money as whole nano-units.

A cost is computed exactly and rounded once per event. Where the model reports nothing, tokens are estimated from the
characters and the event says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from bongsu.policy.model import Price
from bongsu.quantity import NANO


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; ``input`` includes the cached ones, ``output`` those of reasoning."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    estimated: bool = False

    def reply(self) -> dict[str, int]:
        """In the API's own shape."""
        return {"prompt_tokens": self.input, "completion_tokens": self.output, "total_tokens": self.input + self.output}


NOTHING = Usage(0, 0)
MOST = 10**12
"""More tokens than any call can have: a number above it is a fault of the model, and no store could add it up."""


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST else None


def read_usage(found: Any) -> Usage | None:
    """The ``usage`` of a reply; None where it is not there or makes no sense.

    >>> read_usage({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}})
    Usage(input=9, output=4, cache_read=5, cache_write=None, reasoning=None, estimated=False)
    >>> read_usage({"prompt_tokens": -9, "completion_tokens": 4}) is None
    True
    >>> read_usage({"prompt_tokens": 10**25, "completion_tokens": 4}) is None
    True
    """
    if not isinstance(found, dict):
        return None
    into, out = _whole(found.get("prompt_tokens")), _whole(found.get("completion_tokens"))
    if into is None or out is None:
        return None
    asked, said = found.get("prompt_tokens_details"), found.get("completion_tokens_details")
    read = _whole(asked.get("cached_tokens")) if isinstance(asked, dict) else None
    write = _whole(asked.get("cache_write_tokens")) if isinstance(asked, dict) else None
    thought = _whole(said.get("reasoning_tokens")) if isinstance(said, dict) else None
    return Usage(into, out, read if read is None else min(read, into), write, thought)


def estimate(prompt_chars: int, reply_chars: int) -> Usage:
    """Four characters a token, rounded up: near enough for English, low for Korean; marked as a guess.

    >>> estimate(9, 0)
    Usage(input=3, output=0, cache_read=None, cache_write=None, reasoning=None, estimated=True)
    """
    return Usage(-(-prompt_chars // 4), -(-reply_chars // 4), estimated=True)


class Meter:
    """A price, made ready to be applied: whole numerators over one denominator."""

    __slots__ = ("_cached", "_in", "_out", "_over", "currency")

    def __init__(self, price: Price) -> None:
        cached = price.cache_read or price.input
        rates = (price.input.nano, cached.nano, price.output.nano)
        self._over = lcm(*(r.denominator for r in rates))
        self._in, self._cached, self._out = (int(r * self._over) for r in rates)
        self.currency = price.input.currency

    def most(self, input_: int, output: int) -> int:
        """Nano-units that so many tokens cannot exceed, whatever class the input is of."""
        return -(-(input_ * max(self._in, self._cached) + output * self._out) // self._over)

    def cost(self, usage: Usage) -> int:
        """Nano-units, half to even."""
        read = usage.cache_read or 0
        total = (usage.input - read) * self._in + read * self._cached + usage.output * self._out
        return total if self._over == 1 else round(Fraction(total, self._over))


def decimal(nano: int) -> str:
    """Nano-units as a plain decimal number.

    >>> decimal(3_250_000)
    '0.003250000'
    """
    whole, rest = divmod(nano, NANO)
    return f"{whole}.{rest:09d}"
