"""What a call may come to, before it is made: the tokens it will likely take, and the money that it cannot exceed.

A token is at least a byte of the text it stands for, so the bytes of a request bound its input. Its output is bounded
by what it asks for, or by what its model can write.
"""

from __future__ import annotations

from typing import Any

from bongsu.web.asked import Asked
from bongsu.web.halves import UNREADABLE, decode
from bongsu.web.plan import RoutePlan, Target

OUTPUT = ("max_completion_tokens", "max_tokens", "max_output_tokens")
PICTURE = 3_000
"""Tokens of a picture that is only named by its address: its bytes are not in the request."""
_PICTURES = (b'"image_url"', b'"input_image"', b'"image"')


def _whole(asked: Asked, name: str) -> int | None:
    raw = asked.fields.get(name)
    if raw is None:
        return None
    try:
        value: Any = decode(raw)
    except UNREADABLE:
        return None
    return value if type(value) is int and value > 0 else None


def output(asked: Asked) -> int | None:
    """How many tokens of reply are asked for, each choice; None where the model decides."""
    return max(filter(None, (_whole(asked, name) for name in OUTPUT)), default=None)


def likely(asked: Asked) -> int:
    """Tokens that a call will take: four characters each, and as many of reply as it asks for."""
    return asked.chars() // 4 + (output(asked) or 0)


def bound(asked: Asked, plan: RoutePlan) -> int:
    """Nano-units that no upstream of the plan can exceed for this call."""
    size = sum(len(bytes(raw)) + PICTURE * sum(map(bytes(raw).count, _PICTURES)) for raw in asked.fields.values())
    wanted, choices = output(asked), max(_whole(asked, name) or 1 for name in ("n", "best_of"))
    return max((_most(target, size, wanted, choices) for target in plan.chain), default=0)


def _most(target: Target, size: int, wanted: int | None, choices: int) -> int:
    if target.meter is None:
        return 0
    shape = target.shape
    most = target.upstream.max_output if wanted is None else wanted
    caps = [int(v) for name, v in shape.cap.items() if name in OUTPUT]
    fixed = [int(v) for name, v in shape.fixed.items() if name in OUTPUT]
    most = max(fixed) if fixed else min([most, *caps])
    return target.meter.most(size + len(shape.prompt.encode()), most * choices)
