"""What a call used and what it cost: tokens as the model reported them, money as whole nano-units.

A cost is computed exactly and rounded once per event. Where the model reports nothing, tokens are estimated from the
characters and the event says so.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any, Protocol

import msgspec

from bongsu.quantity import NANO, Rate


class Usage(msgspec.Struct, frozen=True):
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
    >>> read_usage({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 20,
    ...             "completion_tokens_details": {"reasoning_tokens": 7}}).output
    11
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
    if thought and _whole(found.get("total_tokens")) == into + out + thought:  # some providers count it beside
        out += thought
    return Usage(into, out, read if read is None else min(read, into), write, thought)


def estimate(prompt_chars: int, reply_chars: int) -> Usage:
    """Four characters a token, rounded up: near enough for English, low for Korean; marked as a guess.

    >>> estimate(9, 0)
    Usage(input=3, output=0, cache_read=None, cache_write=None, reasoning=None, estimated=True)
    """
    return Usage(-(-prompt_chars // 4), -(-reply_chars // 4), estimated=True)


NEWEST = 2**63 - 1
"""A time at which the last price holds."""


class Price(Protocol):
    """What a token of each class costs from ``since`` on (microseconds); None: as much as ``input`` or ``output``."""

    @property
    def input(self) -> Rate: ...
    @property
    def output(self) -> Rate: ...
    @property
    def cache_read(self) -> Rate | None: ...
    @property
    def cache_write(self) -> Rate | None: ...
    @property
    def reasoning(self) -> Rate | None: ...
    @property
    def since(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Whole:
    """A price as whole numerators over one denominator: nano-units of a token of each class."""

    fresh: int
    read: int
    write: int
    spoken: int
    thought: int
    over: int

    @classmethod
    def of(cls, price: Price) -> _Whole:
        rates = (price.input, price.cache_read or price.input, price.cache_write or price.input, price.output,
                 price.reasoning or price.output)
        over = lcm(*(rate.nano.denominator for rate in rates))
        fresh, read, write, spoken, thought = (int(rate.nano * over) for rate in rates)
        return cls(fresh, read, write, spoken, thought, over)


class Meter:
    """Prices, made ready to be applied: each holds from its day until the next does."""

    __slots__ = ("_prices", "_starts", "currency")

    def __init__(self, *prices: Price) -> None:
        self._prices = [_Whole.of(price) for price in prices]
        self._starts = [price.since for price in prices]
        self.currency = prices[0].input.currency

    @property
    def dated(self) -> bool:
        """Whether it matters when a call was."""
        return len(self._starts) > 1 or self._starts[0] > 0

    def most(self, input_: int, output: int) -> int:
        """Nano-units that so many tokens cannot exceed, whatever their class and the day."""
        return max(-(-(input_ * max(p.fresh, p.read, p.write) + output * max(p.spoken, p.thought)) // p.over)
                   for p in self._prices)

    def cost(self, usage: Usage, at: int = NEWEST) -> int | None:
        """Nano-units, half to even; None before the first price. Each token is of one class and is paid for once."""
        i = bisect_right(self._starts, at) - 1
        if i < 0:
            return None
        price = self._prices[i]
        read = min(usage.cache_read or 0, usage.input)
        write = min(usage.cache_write or 0, usage.input - read)
        thought = min(usage.reasoning or 0, usage.output)
        total = ((usage.input - read - write) * price.fresh + read * price.read + write * price.write
                 + (usage.output - thought) * price.spoken + thought * price.thought)
        return total if price.over == 1 else round(Fraction(total, price.over))


def decimal(nano: int) -> str:
    """Nano-units as a plain decimal number.

    >>> decimal(3_250_000)
    '0.003250000'
    """
    whole, rest = divmod(nano, NANO)
    return f"{whole}.{rest:09d}"
