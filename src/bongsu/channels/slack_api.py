"""Slack, through its Web API: one message an alert, what follows in its thread, and the message turns green at the end.

Which message that was is remembered; where it cannot be found any more, a new one begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from bongsu.channels.slack import message
from bongsu.ports import Notice, Outside, Receipt, Refused, Retry, Secret

LATER = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "request_timeout",
                   "service_unavailable", "team_added_to_org"})
GONE = frozenset({"thread_not_found", "message_not_found", "cant_update_message", "edit_window_closed"})
_ERROR = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True)
class SlackApi:
    """``{slack_api: secret://env/SLACK_TOKEN, channel: "#ops"}``: a bot token with the scope ``chat:write``.

    Delivered means ``"ok": true``. ``url`` is for GovSlack.
    """

    token: str
    channel: str
    url: str = "https://slack.com/api"

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        if notice.state == "test":
            return _receipt(await self._call("chat.postMessage", self._new(notice), outside))
        known = await outside.recall(notice.key) or {}
        if known.get("delivery") == notice.delivery:  # told already, but that could not be recorded
            return Receipt(200, known["ts"])
        begun = known and known["state"] != "resolved"
        said = await self._follow(notice, known, outside) if begun else None
        if said is None:
            said = await self._call("chat.postMessage", self._new(notice), outside)
            known = {"channel": said.get("channel", self.channel), "ts": said["ts"]}
        await outside.remember(notice.key, {**known, "state": notice.state, "delivery": notice.delivery})
        return _receipt(said)

    def _new(self, notice: Notice) -> dict[str, Any]:
        return {"channel": self.channel, "unfurl_links": False, **message(notice)}

    async def _follow(self, notice: Notice, known: dict[str, Any], outside: Outside) -> dict[str, Any] | None:
        """In the thread of the first message; None where that is gone."""
        place = {"channel": known["channel"], **message(notice)}
        said = await self._call("chat.postMessage", {**place, "thread_ts": known["ts"]}, outside)
        if said and notice.state == "resolved":
            await self._call("chat.update", {**place, "ts": known["ts"]}, outside)
        return said or None

    async def _call(self, method: str, arguments: dict[str, Any], outside: Outside) -> dict[str, Any]:
        """What Slack says; empty where the message it is about is gone."""
        url = Secret(f"{outside.secret(self.url).reveal().rstrip('/')}/{method}")
        headers = {"content-type": "application/json; charset=utf-8",
                   "authorization": f"Bearer {outside.secret(self.token).reveal()}"}
        answer = await outside.post(url, msgspec.json.encode(arguments), headers)
        try:
            said = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("ok"), bool) or (
                said["ok"] and not isinstance(said.get("ts"), str)):
            raise Retry(f"answered {answer.status} without Slack's 'ok': something else may be at that address",
                        unclear=True)
        if said["ok"]:
            return said
        error = str(said.get("error", ""))
        if error in GONE:
            return {}
        why = f"{method} says {error}" if _ERROR.fullmatch(error) else f"{method} says that it is not ok"
        raise Retry(why) if error in LATER else Refused(why)


def _receipt(said: dict[str, Any]) -> Receipt:
    return Receipt(200, str(said["ts"])) if said else Receipt(200)
