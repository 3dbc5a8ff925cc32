"""What was spent of each budget, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.web.access import Visit, Way, answer


class Accounts(Protocol):
    """What is asked of the budgets."""

    def accounts(self) -> Sequence[dict[str, Any]]:
        """Each subject's standing with each budget it has; money in nano-units of ``currency``."""
        ...


def spending_ways(desk: Accounts) -> tuple[Way, ...]:
    """The rows of the table for these budgets."""

    async def listed(_visit: Visit) -> Response:
        """What every subject has spent of its budgets, and has left; money in nano-units of the currency. At `soft_at`
        callers are told of the cheaper models of `proposes`; at `limit` they are refused, or go on with the light model
        (`then`)."""
        return answer({"budgets": desk.accounts()})

    return (Way("GET", "/v1/budgets", listed, "admin"),)
