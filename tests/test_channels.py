"""Channels against real servers on this machine: what was taken, what comes later, what never will."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from bongsu.channels.http import Http, judged, retry_after, sender
from bongsu.channels.slack import Slack, message
from bongsu.channels.webhook import SIGNATURE, Webhook, verified
from bongsu.ports import Channel, Notice, Receipt, Refused, Retry
from bongsu.quantity import HOUR, SECOND
from bongsu.secret import reveal
from machine import free_port

NOW = 1_790_000_000_123_456
NOTICE = Notice("bongsu/bot/cost", "INC-1/calm/0/do", "bot: cost is firing", "cost is 15 over 1h", "firing", "major",
                "bot", NOW, "http://desk/incidents/INC-1", {"alert": "cost"})
HIDDEN = "T0PS3CRET"


@dataclass
class Server:
    """Answers every post as ``answer`` says and remembers it."""

    answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.got.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        return await self.answer(request)


@asynccontextmanager
async def served(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Server]:
    server = Server(answer)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook/{HIDDEN}"
    try:
        yield server
    finally:
        await runner.cleanup()


def says(status: int, text: str = "", **headers: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return answer


def send(make: Callable[[str], Channel], answer: Any, timeout: int = SECOND) -> tuple[Any, Server]:
    """Send once; returns the receipt or what was raised, and the server. The hidden part of the URL is nowhere."""
    async def play() -> tuple[Any, Server]:
        async with served(answer) as server, Http(reveal, lambda: NOW, timeout) as outside:
            try:
                return await make(server.url).send(NOTICE, outside), server
            except (Retry, Refused) as error:
                return error, server
    result, server = asyncio.run(play())
    assert HIDDEN not in repr(result)
    if isinstance(result, Exception):
        assert HIDDEN not in "".join(traceback.format_exception(result))
    return result, server


def test_a_webhook_gets_documented_json_with_its_delivery_as_idempotency_key() -> None:
    receipt, server = send(Webhook, says(202, x_request_id="abc-1"))
    assert receipt == Receipt(202, "abc-1")
    headers, body = server.got[0]
    assert (headers["content-type"], headers["idempotency-key"]) == ("application/json", NOTICE.delivery)
    assert SIGNATURE not in headers
    assert json.loads(body) == {
        "schema": "bongsu.notice/v1", "key": "bongsu/bot/cost", "delivery": "INC-1/calm/0/do", "state": "firing",
        "tier": "major", "service": "bot", "title": "bot: cost is firing", "text": "cost is 15 over 1h",
        "at": "2026-09-21T14:13:20Z", "url": "http://desk/incidents/INC-1", "facts": {"alert": "cost"}}


def test_a_webhooks_signature_proves_sender_body_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", HIDDEN)
    _, server = send(lambda url: Webhook(url, "secret://env/HOOK_KEY"), says(200))
    headers, body = server.got[0]
    assert verified(HIDDEN, headers[SIGNATURE], body, NOW)
    assert not verified("other", headers[SIGNATURE], body, NOW)
    assert not verified(HIDDEN, headers[SIGNATURE], body + b" ", NOW)
    assert not verified(HIDDEN, headers[SIGNATURE], body, NOW + HOUR)
    assert not verified(HIDDEN, "t=1", body, NOW)
    assert HIDDEN not in str(headers)


def test_the_signature_is_that_of_the_documented_formula() -> None:
    """Known answer, made with: printf '1790000000.{}' | openssl dgst -sha256 -hmac key."""
    mac = "099d33989336226b12c85da813adf6100e1bbab1e91bede9a41ddeb7882d66b8"
    assert verified("key", f"t=1790000000,v1={mac}", b"{}", NOW)


@pytest.mark.req("A1")
@pytest.mark.parametrize("make", [Webhook, Slack])
@pytest.mark.parametrize(("answer", "kind", "words", "after"), [
    (says(429, Retry_After="7"), Retry, "answered 429", 7 * SECOND),
    (says(503, Retry_After="99999999"), Retry, "answered 503", HOUR),
    (says(500, "oh no " + HIDDEN), Retry, "answered 500", None),
    (says(408), Retry, "answered 408", None),
    (says(404, "no_service"), Refused, "answered 404 no_service", None),
    (says(400, HIDDEN), Refused, "answered 400", None),
    (says(302, Location="http://127.0.0.1:1/"), Refused, "answered 302: redirects are not followed", None),
])
def test_what_was_not_taken_comes_later_or_never(make: Any, answer: Any, kind: Any, words: str, after: Any) -> None:
    error, server = send(make, answer)
    assert (type(error), str(error), getattr(error, "after", None)) == (kind, words, after)
    assert len(server.got) == 1, "one post a try; trying again is the worker's to decide"


def test_a_server_that_hangs_is_left_after_the_timeout() -> None:
    async def hangs(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError
    error, _ = send(Webhook, hangs, timeout=SECOND // 5)
    assert isinstance(error, Retry)
    assert "no answer" in str(error)


def test_a_server_that_hangs_after_its_headers_or_never_stops_is_left_too() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(1000):
            await answer.write(b"x" * 8192)
        return answer

    async def stalls(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"o")
        await asyncio.sleep(30)
        return answer
    assert send(Webhook, endless)[0] == Receipt(200)
    assert isinstance(send(Webhook, stalls, timeout=SECOND // 5)[0], Retry)


def test_nobody_there_is_not_now_and_no_address_is_not_ever() -> None:
    port = free_port()

    async def play(url: str) -> Exception:
        async with Http(reveal, lambda: NOW, SECOND) as outside:
            with pytest.raises((Retry, Refused)) as caught:
                await Webhook(url).send(NOTICE, outside)
            return caught.value
    gone = asyncio.run(play(f"http://127.0.0.1:{port}/{HIDDEN}"))
    assert (type(gone), str(gone)) == (Retry, "no connection (ClientConnectorError)")
    for url in (HIDDEN, f"ftp://x/{HIDDEN}", f"http://[{HIDDEN}", "http://", f"http://h:99999/{HIDDEN}",
                f"http://{HIDDEN}{'x' * 70}/", f"http://a..b/{HIDDEN}"):
        error = asyncio.run(play(url))
        assert (type(error), HIDDEN in str(error)) == (Refused, False)
    missing = asyncio.run(play("secret://env/NO_SUCH_HOOK"))
    assert isinstance(missing, Retry)
    assert "secret://env/NO_SUCH_HOOK" in str(missing)


def test_slack_has_delivered_only_if_it_says_ok() -> None:
    assert send(Slack, says(200, "ok"))[0] == Receipt(200)
    for answer in (says(200, "<html>welcome</html>"), says(200, ""), says(204)):
        error, _ = send(Slack, answer)
        assert isinstance(error, Retry)
        assert "without Slack's 'ok'" in str(error)


def test_a_slack_message_is_escaped_coloured_by_state_and_within_slacks_limits() -> None:
    facts = {str(n): "<" * 5000 for n in range(30)}
    firing = message(replace(NOTICE, title="<!channel> & <@U1>", text="&" * 9000, facts=facts))
    blocks = firing["attachments"][0]["blocks"]
    assert firing["text"] == ":rotating_light: &lt;!channel&gt; &amp; &lt;@U1&gt;"
    assert "<!channel>" not in json.dumps(blocks)
    assert len(blocks[1]["text"]["text"]) <= 3000
    assert blocks[1]["text"]["text"].endswith("&amp;…")
    assert len(blocks[2]["fields"]) == 10
    assert max(len(f["text"]) for f in blocks[2]["fields"]) <= 2000
    resolved = message(replace(NOTICE, state="resolved"))
    assert resolved["attachments"][0]["color"] != firing["attachments"][0]["color"]
    assert resolved["text"].startswith(":white_check_mark:")
    assert "<http://desk/incidents/INC-1|open>" in json.dumps(blocks)


def test_a_retry_date_is_read_against_the_servers_own_clock() -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    assert retry_after({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": date}) == 30 * SECOND
    assert retry_after({"retry-after": "Wed, 21 Oct 2026 07:00:00 GMT", "date": date}) == 0
    assert retry_after({"retry-after": date}) is None
    assert judged(204, b"", {}).status == 204


def test_a_channel_that_left_the_policy_is_refused_by_name() -> None:
    async def play() -> None:
        async with Http(reveal, lambda: NOW) as outside:
            with pytest.raises(Refused, match=r"no channel 'ops' any more \(it has: boss\)"):
                await sender({"boss": Slack("x")}, outside)("ops", NOTICE)
    asyncio.run(play())
