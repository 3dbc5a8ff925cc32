"""What only the whole policy can tell of where calls may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bongsu.policy.fault import did_you_mean, listed, quoted
from bongsu.policy.routing import OTHER, Borders

if TYPE_CHECKING:
    from bongsu.policy.link import Linker


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
