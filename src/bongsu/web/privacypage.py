"""The page of privacy: token epochs, and how much the vault keeps; of nobody in particular."""

from __future__ import annotations

from typing import Any, Protocol

from starlette.responses import Response

from bongsu.web.access import Visit, Way
from bongsu.web.cockpit import show_page
from bongsu.web.epochs import Epochs

PAGE = "/privacy"
MOST = 100
"""Epochs shown, the newest first; the API has them all."""


class Counted(Protocol):
    """How much there is in the vault."""

    def shown(self) -> Any: ...


def privacy_pages(epochs: Epochs, vault: Counted) -> tuple[Way, ...]:
    """The row of the table for this page."""

    async def shown(visit: Visit) -> Response:
        """Epochs, the newest first, and the numbers of the vault. What changes them takes the officer's token."""
        found = epochs.listed()
        return show_page(visit, "privacy.html", epochs=found["epochs"][:-MOST - 1:-1], every=found["every"],
                         vault=vault.shown())

    return (Way("GET", PAGE, shown, "admin", page=True),)
