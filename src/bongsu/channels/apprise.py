"""The long tail (ntfy, Discord, Telegram, Matrix…), through Apprise: for notices only.

Apprise does not say what the outside answered, so there is no receipt worth auditing: where proof of delivery matters,
use a channel of our own.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec

from bongsu.channels.threads import in_thread
from bongsu.channels.words import plain
from bongsu.ports import Notice, Outside, Receipt, Refused, Retry

KIND = {"firing": "failure", "acknowledged": "warning", "resolved": "success", "test": "info"}
MISSING = "expected the package apprise, came an installation without it; pip install 'bongsu[apprise]'"


@dataclass(frozen=True)
class Apprise:
    """``{apprise: secret://env/NTFY}``: an Apprise URL, which is a secret. Needs ``pip install 'bongsu[apprise]'``."""

    url: str = field(metadata={"form": "secret"})

    def __post_init__(self) -> None:
        if find_spec("apprise") is None:
            raise ValueError(MISSING)

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        url = outside.secret(self.url).reveal()
        return await in_thread(lambda: _send(url, notice))


def _send(url: str, notice: Notice) -> Receipt:
    """Each time with an object of its own: Apprise makes a second notice on the same one wait for seconds."""
    try:
        apprise = import_module("apprise")
    except ImportError:
        raise Refused(MISSING) from None
    logging.getLogger("apprise").disabled = True  # it logs hosts and parts of URLs
    outlet = apprise.Apprise(asset=apprise.AppriseAsset(app_id="bongsu", app_desc="bongsu", async_mode=False))
    if not outlet.add(url):
        raise Refused("the secret is not a URL that Apprise knows")
    text = plain(notice).removeprefix(notice.title).lstrip("\n") or notice.title
    if not outlet.notify(title=notice.title, body=text, notify_type=KIND[notice.state], body_format="text"):
        raise Retry("Apprise could not deliver it; it does not say why", unclear=True)
    return Receipt(200)
