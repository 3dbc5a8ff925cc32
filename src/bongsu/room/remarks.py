"""What people should know though no store of control's is broken: shown beside its troubles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bongsu.cell import OTHER
from bongsu.quantity import show_duration

if TYPE_CHECKING:
    from bongsu.room.control import Control


def remarks(control: Control, full: Sequence[str], most: int) -> Iterator[str]:
    """``full`` are the signals with more than ``most`` combinations of label values."""
    if full:
        names = ", ".join(sorted(signal.partition("@")[0] for signal in full))
        yield f"too many label values: those beyond {most} are counted as {OTHER} ({names})"
    if control.orphans:
        yield (f"{control.orphans} labels wait for an event that has not come; each is kept for "
               f"{show_duration(control.policy.retention.labelled)}")
    yield from control.spending.remarks()
    yield from control.upstreams.remarks()
    yield from control.gateways.troubles()
