"""What new words ask of a policy: one reference of texts of each kind, which somebody gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bongsu.event import TEXTS
from bongsu.policy.asks import asks
from bongsu.policy.fault import quoted
from bongsu.ports import Compared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bongsu.alert import Signal
    from bongsu.policy.link import Linker


def worded(linker: Linker, signals: Mapping[str, Signal]) -> None:
    """An event says how much of a text is new to one vocabulary, so all signals that read that mean one reference."""
    for one in TEXTS:
        _worded(linker, signals, one.words)


def _worded(linker: Linker, signals: Mapping[str, Signal], column: str) -> None:
    compared = {name: signal.sli for name, signal in signals.items()
                if isinstance(signal.sli, Compared) and column in signal.sli.columns}
    first = ""
    for name, sli in compared.items():
        first = first or sli.reference
        trail = ("signals", name, "reference")
        if sli.reference != first:
            linker.reader.fault(trail, f"the reference that the other signals of {column} have ('{first}')",
                                quoted(sli.reference), "a text is held against one vocabulary")
        decl = linker.document.references.get(sli.reference)
        if decl is not None and decl.window:
            linker.reader.fault(trail, f"a reference from a file or for a model's version, for {column}",
                                f"'{sli.reference}', a window", "of live traffic no texts are kept to learn words from")
    if compared:
        return
    for name, signal in signals.items():
        if asks(signal, column):
            linker.reader.fault(("signals", name), f"beside it a signal of kind drift with columns: [{column}]",
                                "none", "its reference says which words are not new")
