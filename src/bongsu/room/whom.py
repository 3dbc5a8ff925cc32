"""Whom a playbook restricts, by their token of now: an alert may be about events of an epoch that is over.

As long as the key of that epoch is in the folder (a day after its end), the restriction is of the token that gateways
make of the person today. After that nothing here leads from one to the other, and that is on purpose: only the privacy
officer joins such tokens, with a reason. So the step fails and says so, and nobody is restricted by a name that no
gateway knows them by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bongsu.access.restriction import PREFIX
from bongsu.ports import Change, Done, Refused
from bongsu.privacy.epochs import parted

PEOPLE = f"{PREFIX}user/"


def followed(done: Done, of_now: Callable[[str], str | None]) -> Done:
    """What an action did, with each person it restricts under the token of now. Raises ``Refused``."""
    changes = tuple(_followed(change, of_now) for change in done.changes)
    if changes == done.changes:
        return done
    whom = changes[0].key.removeprefix(PREFIX).rpartition("/")[0]
    return replace(done, changes=changes, detail={**done.detail, "subject": whom})


def _followed(change: Change, of_now: Callable[[str], str | None]) -> Change:
    token, _, id_ = change.key.removeprefix(PEOPLE).rpartition("/")
    if not change.key.startswith(PEOPLE) or (parts := parted(token)) is None:
        return change
    if (now := of_now(token)) is None:
        raise Refused(f"restrict: expected a person's token of now, came one of epoch {parts.epoch}, which is over; "
                      "nobody is restricted. The privacy officer can join it (bongsu epoch join)")
    return replace(change, key=f"{PEOPLE}{now}/{id_}")
