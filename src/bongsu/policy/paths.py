"""What only the whole policy can tell of where calls may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bongsu.policy.fault import did_you_mean, listed, quoted
from bongsu.policy.routing import OTHER, Borders

if TYPE_CHECKING:
    from bongsu.policy.link import Linker
    from bongsu.policy.read import Reference


def version(linker: Linker, reference: Reference) -> None:
    """What a rollback leads to: a version of its route, or the previous one."""
    name, found = reference.name, linker.document.routes.get(str(reference.trail[-1]))
    if found is None or name in found.versions or (name == "previous" and found.versions):
        return
    known = (*found.versions, *(["previous"] if found.versions else []))
    linker.reader.fault(reference.trail, f"a version of route {found.name} ({listed(known) or 'it has none'})",
                        quoted(name), did_you_mean(name, known))


def canaries(linker: Linker) -> None:
    """A canary is judged by a signal that is split by version, and of a kind whose difference has an interval."""
    doc = linker.document
    for name, route in doc.routes.items():
        signal = doc.signals.get(route.canary.signal) if route.canary else None
        if signal is None:
            continue
        at = ("routes", name, "canary", "signal")
        if signal.kind.kind != "mean" and not {"bad", "total"} <= set(signal.kind.parts()):
            linker.reader.fault(at, "a signal of kind ratio or mean", f"one of kind {signal.kind.kind}")
        elif lacking := {"version", *(["route"] if len(doc.routes) > 1 else [])} - set(signal.labels):
            linker.reader.fault(at, f"a signal with the label {listed(sorted(lacking), 'and')}",
                                f"labels {listed(signal.labels) or 'none'}", "add it to labels of the signal")


def borders(linker: Linker) -> Borders:
    """A border names regions that upstreams are in; a misspelt one would let nothing pass, or too much."""
    doc = linker.document
    inside = {region for regions in doc.regions.values() for region in regions}
    known = {*doc.regions, *inside, *(u.region for u in doc.upstreams.values() if u.region)}
    same = {name.lower() for name in known}
    if not {"regions", "upstreams"} & linker.names.broken:
        for name, to in doc.borders.items():
            for i, region in enumerate(to):
                if region.lower() not in same:
                    linker.reader.fault(("borders", name, i), "a region of an upstream, or a group under regions "
                                        f"({listed(sorted(known)) or 'none is declared'})", quoted(region),
                                        did_you_mean(region, known))
    if doc.borders and OTHER not in doc.borders:
        linker.note(("borders",), "borders: data of regions that are not named may go anywhere; say where under "
                                  f"borders.{OTHER}")
    return Borders.of(doc.borders, doc.regions)
