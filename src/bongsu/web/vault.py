"""The vault over HTTP. The privacy officer's token opens it, and no other: not the admin's, and no session."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.ports import SecretError
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of
from bongsu.wraps.wrapping import WrapError

LONGEST = 320
NO_STORE = {"Cache-Control": "no-store"}
WHY = {"reason": "why; goes into the audit log", "ticket": "the request it answers; goes into the audit log"}
_STATUS = {"too_fast": 429, "no_vault": 409, "slow_master_key": 503, "too_soon": 409, "in_use": 409, "no_epoch": 404}


class Vaults(Protocol):
    """What is asked of the desk of the vault; it raises a fault with a ``code`` where it cannot be."""

    within: float
    """Seconds that an officer waits for whoever keeps the master key."""

    def is_officer(self, token: str) -> bool: ...

    def shown(self) -> Mapping[str, Any]: ...

    def reveal(self, tokens: Sequence[str], reason: str, ticket: str) -> Mapping[str, Any]: ...

    def shred(self, subject: str, day: str, reason: str, ticket: str) -> Mapping[str, Any]: ...

    def rewrap(self, reason: str, ticket: str) -> Mapping[str, Any]: ...


def text_of(visit: Visit, name: str, required: bool = False) -> str:
    value = visit.form.get(name, "")
    if not isinstance(value, str) or len(value) > LONGEST or (required and not value.strip()):
        raise Wrong(400, f"bad_{name}", f"'{name}' is a text of {'1' if required else '0'} to {LONGEST} characters")
    return value.strip()


async def carried_out(work: Any, within: float | None = None) -> Response:
    """Off the loop: it waits for the disk, and to open values also for whoever keeps the master key."""
    try:
        async with asyncio.timeout(within):
            return answer(await asyncio.to_thread(work), headers=NO_STORE)
    except TimeoutError:
        raise Wrong(503, "slow_master_key", f"expected whoever keeps the master key to answer within {within:g}s; "
                    "it did not, so nothing is shown, and the request is on the record. Ask again: what it "
                    "opens meanwhile is there then", {"Retry-After": str(math.ceil(within or 0))}) from None
    except (WrapError, SecretError) as error:
        raise Wrong(503, "no_master_key", str(error)) from None
    except Exception as error:
        code = getattr(error, "code", None)
        if not isinstance(code, str):
            raise
        after = -(-getattr(error, "after", 0) // 10**6)
        later = {"Retry-After": str(after)} if after else {}
        raise Wrong(_STATUS.get(code, 400), code, str(error), later) from None


def vault_ways(desk: Vaults) -> tuple[Way, ...]:
    """The rows of the table for this vault."""

    async def reveal(visit: Visit) -> Response:
        """What tokens stand for. On the audit record before it is answered; never cached."""
        tokens, reason, ticket = visit.form.get("tokens"), reason_of(visit), text_of(visit, "ticket", required=True)
        if not isinstance(tokens, list) or not all(isinstance(one, str) for one in tokens):
            raise Wrong(400, "bad_tokens", "'tokens' is a list of tokens")
        return await carried_out(lambda: desk.reveal(tokens, reason, ticket), desk.within)

    async def shred(visit: Visit) -> Response:
        """Destroy the keys of a person or of a day for good. The certificate is an audit record."""
        reason, ticket = reason_of(visit), text_of(visit, "ticket", required=True)
        subject, day = text_of(visit, "subject"), text_of(visit, "day")
        return await carried_out(lambda: desk.shred(subject, day, reason, ticket))

    async def rewrap(visit: Visit) -> Response:
        """Have every key of the vault wrapped anew, as after a rotation of the master key; how many are to be."""
        reason, ticket = reason_of(visit), text_of(visit, "ticket", required=True)
        return await carried_out(lambda: desk.rewrap(reason, ticket))

    async def shown(_visit: Visit) -> Response:
        """How many values and keys there are; nothing of what they are."""
        return answer(desk.shown())

    return (
        Way("GET", "/v1/vault", shown, "admin"),
        Way("POST", "/v1/vault/reveal", reveal, "officer", token=desk.is_officer,
            body={"tokens": "array: tokens, 20 at most", **WHY}),
        Way("POST", "/v1/vault/shred", shred, "officer", token=desk.is_officer, body={
            "subject": "whose keys: an id or its USER_ token; or", "day": "the keys of a day (UTC)", **WHY}),
        Way("POST", "/v1/vault/rewrap", rewrap, "officer", token=desk.is_officer, body=WHY),
    )
