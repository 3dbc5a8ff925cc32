"""Claims looked up at a service of fact checkers: one search a claim, all at once; all must be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from bongsu.overlap import resolve
from bongsu.ports import Check, Finding
from bongsu.privacy.tokens import Aliases
from bongsu.support import FactChecks, JudgeError, Place, Support
from bongsu.web.asked import decode_object
from bongsu.web.plan import FactSource
from bongsu.web.upstream import Transport, UpstreamError

SHOWN = 60
"""Characters of an unknown rating that are told."""
PATH = "/v1alpha1/claims:search?"


async def looked_up(transport: Transport, source: FactSource | None, check: FactChecks, text: str,
                    masks: Sequence[Check]) -> Support:
    """What the service knows of a text. Raises ``JudgeError``; the service sees what ``masks`` leave of each claim."""
    places = check.asks(text)
    if not places:
        return Support(None)
    if source is None:
        raise JudgeError("its service cannot be asked for want of a key, or is not within the borders of this call",
                         "unable")
    sent = await asyncio.to_thread(cloaked, text, places, masks)
    try:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(_search(transport, source, check.query(claim))) for claim in sent]
    except ExceptionGroup as errors:  # one failed, and the others were called back
        raise errors.exceptions[0] from None
    answers = [(place, task.result()) for place, task in zip(places, asked, strict=True)]
    return await asyncio.to_thread(_rated, check, text, answers, masks)


def _rated(check: FactChecks, text: str, answers: Sequence[tuple[Place, Any]], masks: Sequence[Check]) -> Support:
    """What the answers mean; of unknown ratings, which strangers wrote, those are not told in which a mask finds
    anything."""
    support = check.rated(text, answers)
    return replace(support, unread=tuple(w[:SHOWN] for w in support.unread if not any(mask.look(w) for mask in masks)))


def cloaked(text: str, places: Sequence[Place], masks: Sequence[Check]) -> list[str]:
    """The claims at these places with aliases for what is found in the whole text, of which a claim may be half."""
    names, found = Aliases(), resolve(f for check in masks for f in check.look(text))
    return [names.hide(text[begin:end], [Finding(f.kind, max(f.start, begin) - begin, min(f.end, end) - begin, f.score)
                                         for f in found if f.start < end and begin < f.end])
            for begin, end in places]


async def _search(transport: Transport, source: FactSource, query: Mapping[str, str]) -> dict[str, Any]:
    try:
        got = await transport.send(source.endpoint.at(PATH + urlencode(query, quote_via=quote)), b"", {})
    except UpstreamError as error:
        raise JudgeError(f"it did not answer ({type(error).__name__})", "unreachable") from None
    if got.status != 200:
        raise JudgeError(f"it answered with status {got.status}", "status")
    found = decode_object(got.body)
    if found is None:
        raise JudgeError("it answered in another form than claims:search", "malformed")
    return found
