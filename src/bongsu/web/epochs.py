"""Token epochs over HTTP: anybody with the admin's token sees which there are, the privacy officer's begins, joins and
ends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of
from bongsu.web.vault import WHY, Vaults, carried_out, text_of


class Epochs(Protocol):
    """What is asked of the desk of epochs; it raises a fault with a ``code`` where it cannot be."""

    def listed(self) -> Mapping[str, Any]: ...

    def begin(self, reason: str, ticket: str) -> Mapping[str, Any]: ...

    def join(self, tokens: Sequence[str], to: int, reason: str, ticket: str) -> Mapping[str, Any]: ...

    def destroy(self, n: int, reason: str, ticket: str) -> Mapping[str, Any]: ...


def _number(visit: Visit, name: str, least: int) -> int:
    value = visit.form.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 10**6:
        raise Wrong(400, f"bad_{name}", f"'{name}' is the number of an epoch, from {least} on")
    return value


def epoch_ways(desk: Epochs, vault: Vaults) -> tuple[Way, ...]:
    """The rows of the table for epochs; ``vault`` knows the officer."""

    async def listed(_visit: Visit) -> Response:
        """Which epochs there were, and what became of their keys."""
        return answer(desk.listed())

    async def begin(visit: Visit) -> Response:
        """Begin a new epoch: from then on the same value has another token."""
        reason, ticket = reason_of(visit), text_of(visit, "ticket", required=True)
        return await carried_out(lambda: desk.begin(reason, ticket))

    async def join(visit: Visit) -> Response:
        """The tokens of the same values in another epoch. On the audit record before it is answered; never cached."""
        tokens, reason, ticket = visit.form.get("tokens"), reason_of(visit), text_of(visit, "ticket", required=True)
        if not isinstance(tokens, list) or not all(isinstance(one, str) for one in tokens):
            raise Wrong(400, "bad_tokens", "'tokens' is a list of tokens")
        to = _number(visit, "to", 0)
        return await carried_out(lambda: desk.join(tokens, to, reason, ticket), vault.within)

    async def destroy(visit: Visit) -> Response:
        """Destroy the key of an old epoch for good. The certificate is an audit record."""
        reason, ticket = reason_of(visit), text_of(visit, "ticket", required=True)
        n = _number(visit, "epoch", 1)
        return await carried_out(lambda: desk.destroy(n, reason, ticket))

    return (
        Way("GET", "/v1/epochs", listed, "admin"),
        Way("POST", "/v1/epochs", begin, "officer", token=vault.is_officer, body=WHY),
        Way("POST", "/v1/epochs/join", join, "officer", token=vault.is_officer, body={
            "tokens": "array: tokens, 500 at most", "to": "integer: of which epoch (that of now, if left out)", **WHY}),
        Way("POST", "/v1/epochs/destroy", destroy, "officer", token=vault.is_officer, body={
            "epoch": "integer: which, over for a day or more", **WHY}),
    )
