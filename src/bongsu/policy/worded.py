"""What ``new_words`` asks of a policy: one reference of texts, which somebody gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bongsu.novelty import COLUMN
from bongsu.policy.asks import asks
from bongsu.policy.fault import quoted
from bongsu.ports import Compared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bongsu.alert import Signal
    from bongsu.policy.link import Linker


def worded(linker: Linker, signals: Mapping[str, Signal]) -> None:
    """An event says how much of it is new to one vocabulary, so all signals that read that mean the same reference."""
    compared = {name: signal.sli for name, signal in signals.items()
                if isinstance(signal.sli, Compared) and COLUMN in signal.sli.columns}
    first = ""
    for name, sli in compared.items():
        first = first or sli.reference
        trail = ("signals", name, "reference")
        if sli.reference != first:
            linker.reader.fault(trail, f"the reference that the other signals of {COLUMN} have ('{first}')",
                                quoted(sli.reference), "a text is held against one vocabulary")
        decl = linker.document.references.get(sli.reference)
        if decl is not None and decl.window:
            linker.reader.fault(trail, f"a reference from a file or for a model's version, for {COLUMN}",
                                f"'{sli.reference}', a window", "of live traffic no texts are kept to learn words from")
    if compared:
        return
    for name, signal in signals.items():
        if asks(signal, COLUMN):
            linker.reader.fault(("signals", name), f"beside it a signal of kind drift with columns: [{COLUMN}]",
                                "none", "its reference says which words are not new")
