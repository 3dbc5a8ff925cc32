"""A phone call or a text message, through Twilio's REST API of 2010-04-01.

A call that may have been made is not made again: ``on_unknown`` is ``never``. That it is over is told by text message,
also to whom was called.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import msgspec

from bongsu.channels.words import fit
from bongsu.ports import Notice, Outside, Receipt, Refused, Retry, Secret

VOICE = {"en": "en-US", "ko": "ko-KR"}
LONGEST_SPOKEN, LONGEST_SMS = 1200, 1500
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


@dataclass(frozen=True)
class Twilio:
    """``{twilio: AC…, token: secret://…, from: "+1…", to: "+82…"}``; ``way`` is ``call`` or ``sms``.

    Numbers may be secret references too. Delivered means 201 and the id of the call or message.
    """

    account: str
    token: str
    sender: str = field(metadata={"key": "from"})
    to: str
    way: Literal["call", "sms"] = "call"
    url: str = "https://api.twilio.com"

    def __post_init__(self) -> None:
        if not self.account.startswith("secret://") and not _ACCOUNT.fullmatch(self.account):
            raise ValueError("account: expected an account SID (AC and 32 hex digits) or a secret reference, came "
                             "another text")
        for name, number in (("sender", self.sender), ("to", self.to)):
            if not number.startswith("secret://") and not _PHONE.fullmatch(number):
                raise ValueError(f"{name}: expected a phone number such as '+821012345678' or a secret reference, came "
                                 "another text")

    @property
    def on_unknown(self) -> Literal["retry", "never"]:
        return "never" if self.way == "call" else "retry"

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        account, token = outside.secret(self.account).reveal(), outside.secret(self.token).reveal()
        who = {"From": outside.secret(self.sender).reveal(), "To": outside.secret(self.to).reveal()}
        call = self.way == "call" and notice.state in ("firing", "test")
        what = {"Twiml": spoken(notice)} if call else {"Body": written(notice)}
        kind = "Calls" if call else "Messages"
        url = f"{outside.secret(self.url).reveal().rstrip('/')}/2010-04-01/Accounts/{account}/{kind}.json"
        login = b64encode(f"{account}:{token}".encode()).decode()
        try:
            answer = await outside.post(Secret(url), urlencode(who | what).encode(), {
                "content-type": "application/x-www-form-urlencoded", "authorization": f"Basic {login}"})
        except Retry as error:  # a message that comes twice is better than none
            raise Retry(str(error), error.after, unclear=error.unclear and call) from None
        return Receipt(answer.status, _sid(answer.status, answer.body))


def spoken(notice: Notice) -> str:
    """What is said, twice, as TwiML: people pick up in the middle of the first sentence."""
    say = f'<Say language="{VOICE[notice.language]}">{escape(_xml(fit(_sentence(notice), LONGEST_SPOKEN)))}</Say>'
    return f'<Response>{say}<Pause length="1"/>{say}</Response>'


def written(notice: Notice) -> str:
    link = f"\n{notice.url}" if notice.url and len(notice.url) < 300 else ""
    return fit(_sentence(notice), LONGEST_SMS - len(link)) + link


def _sentence(notice: Notice) -> str:
    return f"{notice.title}. {notice.text}" if notice.text else notice.title


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(c if c >= " " and c not in "\ufffe\uffff" else " " for c in text)


def _sid(status: int, body: bytes) -> str:
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        said = None
    sid = said.get("sid") if isinstance(said, dict) else None
    if status != 201 or not isinstance(sid, str) or not _SID.fullmatch(sid):
        raise Refused(f"answered {status} without the id of a call or message: something else may be at that address")
    return sid
