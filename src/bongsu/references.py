"""References from what the policy says of them, and the plan with its signals bound to them.

A reference is read once and registered: its bins and counts go to the state with a version that is a digest of them.
A signal that is bound to another version is another signal: its key changes, so cells of two references never mix.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from bongsu.alert import Burn, Rule, Signal, Threshold
from bongsu.drift import Reference
from bongsu.engine import Plan
from bongsu.event import COLUMNS, FEATURES, TEXTS, feature_column
from bongsu.policy.model import Policy, ReferenceDecl
from bongsu.ports import Compared
from bongsu.quantity import MINUTE
from bongsu.slis.joint import JointDrift
from bongsu.slo import Objective
from bongsu.sources.columns import Columns, ColumnsError, Kind, bins_of, reference, referred
from bongsu.sources.joint import joined
from bongsu.stores.references import ReferenceStore

SETTLED = 5 * MINUTE
"""After its end a window has come into the lake."""
_WORDS = frozenset(one.words for one in TEXTS)
_ARROW = {"number": pa.float64(), "text": pa.string(), "bool": pa.bool_(), "words": pa.string()}


def wanted(policy: Policy) -> dict[str, Kind]:
    """The columns that references keep bins of: every declared feature, and what signals compare besides."""
    out: dict[str, Kind] = {FEATURES + name: "words" if name in policy.worded else kind
                            for name, kind in policy.features.items()}
    for signal in policy.plan.signals:
        if isinstance(signal.sli, Compared):
            for column in signal.sli.columns:
                if column in COLUMNS:
                    kind = COLUMNS[column]
                    out[column] = "number" if kind == "int" else kind
    return out


def made(policy: Policy, name: str, lake: Path | None = None) -> Reference | None:
    """A reference as the policy declares it; None where there is nothing to make it from here."""
    decl, columns = policy.references[name], wanted(policy)
    if decl.file:
        file = Columns(Path(policy.path).parent / decl.file)
        return reference(name, file, columns, Path(decl.file).name, together=joined if together(policy) else None)
    if not decl.window or lake is None:
        return None
    columns = {column: kind for column, kind in columns.items() if column not in _WORDS}  # no texts are there
    return _pinned(name, decl, columns, lake, together(policy))


def together(policy: Policy) -> bool:
    """Whether references keep directions too: only where a signal compares numbers together."""
    return any(isinstance(signal.sli, JointDrift) for signal in policy.plan.signals)


def _pinned(name: str, decl: ReferenceDecl, columns: Mapping[str, Kind], lake: Path, joint: bool) -> Reference | None:
    """From the lake's live events of a window; None while it has none that any of the columns is known of."""
    stored = {column: feature_column(column.removeprefix(FEATURES), "text" if kind == "words" else kind)
              if column.startswith(FEATURES) else column for column, kind in columns.items()}
    schema = pa.schema([("time", pa.timestamp("us", "UTC")), ("origin", pa.string()),
                        *((stored[column], _ARROW[kind]) for column, kind in columns.items())])
    begin, end = (pa.scalar(at, pa.timestamp("us", "UTC")) for at in decl.span())
    about = ds.field("time") >= begin
    known = [ds.field(place).is_valid() for place in stored.values()]
    if not known:
        return None
    some = known[0]
    for one in known[1:]:
        some = some | one
    table = ds.dataset(lake, schema=schema, format="parquet").to_table(
        columns=list(stored.values()),
        filter=about & (ds.field("time") < end) & (ds.field("origin") == "live") & some)
    if not table.num_rows:
        return None
    made = [bins_of(table[stored[column]], column, kind) for column, kind in columns.items()]
    numbers = {column: table[stored[column]] for column, kind in columns.items()
               if kind == "number" and column.startswith(FEATURES)}
    return referred(name, made, table.num_rows, f"window {decl.window}", joint=joined(numbers) if joint else None)


def compared(policy: Policy) -> Policy:
    """The policy with its signals bound to the references that are files: for where no state has any registered."""
    found = {name: one for name in policy.references if (one := made(policy, name)) is not None}
    return replace(policy, plan=bound(policy.plan, found))


def register(policy: Policy, store: ReferenceStore, lake: Path, now: int) -> None:
    """Register what the policy declares and the state does not have; a file is read again to see if it changed."""
    for name, decl in policy.references.items():
        if decl.file and (one := made(policy, name)) is not None:
            store.register(one, "bongsu", now, policy.hash)
    pin(policy, store, lake, now)


def pin(policy: Policy, store: ReferenceStore, lake: Path, now: int) -> bool:
    """Register windows that are over and were not yet, or with other types; whether any was. One that still runs would
    be pinned by half."""
    due = [name for name, decl in policy.references.items() if decl.window and now >= decl.span()[1] + SETTLED]
    have = in_force(policy, [one for _, one in store.references()]) if due else {}
    found = [one for name in due if name not in have and (one := made(policy, name, lake)) is not None]
    for one in found:
        store.register(one, "bongsu", now, policy.hash)
    return bool(found)


def in_force(policy: Policy, references: Iterable[Reference]) -> dict[str, Reference]:
    """Name in the policy -> the newest version of it that fits; ``references`` come the newest first.

    One whose bins are of another type than the policy now says a compared feature is has to be registered anew: by its
    bins nothing of that feature could be compared.
    """
    out: dict[str, Reference] = {}
    known, kinds = list(references), wanted(policy)
    for name, decl in policy.references.items():
        columns = _compared(policy, name)
        found = next((one for one in known if (one.model_version == decl.model_version if decl.model_version
                                               else one.name == name) and _fits(one, kinds, columns)), None)
        if found is not None:
            out[name] = found
    return out


def _compared(policy: Policy, name: str) -> set[str]:
    """The features that signals compare with this reference."""
    features = {FEATURES + feature for feature in policy.features}
    slis = [s.sli for s in policy.plan.signals if isinstance(s.sli, Compared) and s.sli.reference == name]
    return {column for sli in slis for column in sli.columns or features if column in features}


def _fits(one: Reference, kinds: Mapping[str, Kind], columns: Container[str]) -> bool:
    return all(bins.kind == kinds[bins.column] for bins in one.columns if bins.column in columns)


def bound(plan: Plan, references: Mapping[str, Reference]) -> Plan:
    """The plan whose signals count by the bins of their references."""
    signals = {signal.key: _bind(signal, references) for signal in plan.signals}

    def objective(one: Objective) -> Objective:
        signal = signals.get(one.signal)
        if signal is None:
            return one
        slices = None if one.slices is None else replace(one.slices, sli=signal.sli)
        return replace(one, signal=signal.key, slices=slices)

    def rule(one: Rule) -> Rule:
        if isinstance(one.when, Burn):
            return replace(one, when=replace(one.when, objective=objective(one.when.objective)))
        assert isinstance(one.when, Threshold)
        return replace(one, when=replace(one.when, signal=signals.get(one.when.signal.key, one.when.signal)))

    return replace(plan, signals=tuple(signals.values()), objectives=tuple(map(objective, plan.objectives)),
                   rules=tuple(map(rule, plan.rules)))


def _bind(signal: Signal, references: Mapping[str, Reference]) -> Signal:
    if not isinstance(signal.sli, Compared) or signal.sli.reference not in references:
        return signal
    one = references[signal.sli.reference]
    return replace(signal, sli=signal.sli.against(one), key=f"{signal.key}.{one.version}")


__all__ = ["ColumnsError", "bound", "compared", "in_force", "made", "pin", "register", "together", "wanted"]
