"""``POST /v1/appeals``: who is restricted says why they should not be; a person will look at it.

It is taken where calls are: from whoever has the key, though no call of theirs is served. One appeal a restriction: it
is written down as an event whose id is made of the restriction's, with its text masked, and opens a case of the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bongsu.access.apikey import ApiKey
from bongsu.access.restriction import highest
from bongsu.event import Event
from bongsu.policy.model import Policy
from bongsu.review import LONGEST
from bongsu.web import errors
from bongsu.web.door import Door
from bongsu.web.errors import ApiError
from bongsu.web.halves import UNREADABLE, decode
from bongsu.web.masking import Masking

PATH = "/v1/appeals"
MOST = 64 << 10


def appealed(body: bytes, headers: Mapping[bytes, bytes], door: Door, policy: Policy, masking: Masking,
             clock: Callable[[], int]) -> Event:
    """The event of an appeal; raises ``ApiError`` where there is nothing to appeal against, or nothing is said."""
    now = clock()
    found = _read(body)
    key = door.who(headers, policy, now, {})
    one = highest(door.people().restricted, key, _user(found, key, masking), now)
    if one is None:
        raise ApiError(409, "not_restricted", "nothing restricts this caller, so there is nothing to appeal against",
                       retry=False)
    return Event(id=f"{one.id}-appeal", time=now, kind="appeal", service=policy.service.name, name=one.id,
                 policy=policy.hash, prompt=masking.tag(found["text"])[:LONGEST])


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        found = decode(body)
    except UNREADABLE as error:
        raise errors.malformed(str(error)) from None
    if not isinstance(found, dict):
        raise errors.malformed("it is no object")
    text = found.get("text")
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise errors.wrong("text", f"why the restriction should end, 1 to {LONGEST} characters", "something else")
    if not isinstance(found.get("user", ""), str):
        raise errors.wrong("user", "the user that the calls name", "something else")
    return found


def _user(found: Mapping[str, Any], key: ApiKey | None, masking: Masking) -> str:
    """Whose calls are restricted: a key's own user, or whom they name."""
    if key is not None and key.user:
        return key.user
    return masking.token("USER", found["user"]) if found.get("user") else ""
