"""What only the whole policy can tell of its reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bongsu.review import Terms

if TYPE_CHECKING:
    from bongsu.policy.link import Linker


def reviewed(linker: Linker) -> Terms:
    """How people look at calls; worth a note where they would see no text, since no guard masks what is kept."""
    doc = linker.document
    masks = any(g.enabled and (g.act == "tokenise" or g.check.name == "pii") for g in doc.guards.values())
    for name, guard in doc.guards.items():
        if guard.act == "review" and guard.enabled and not masks:
            linker.note(("guards", name), f"guard {name}: who reviews what it holds will see no text, for nothing "
                        "masks what is kept; add a guard with check: pii and act: tokenise")
    return doc.review
