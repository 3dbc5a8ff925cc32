"""The world as channels see it: one HTTP request, told apart into taken, not now, and not ever.

No error, log or receipt of this module holds a URL: for most channels the URL is the password.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from bongsu.channels.breaker import Breaker
from bongsu.ports import Answer, Channel, Notice, Outside, Receipt, Refused, Retry, Secret, SecretError, Send
from bongsu.quantity import HOUR, SECOND

LARGEST_ANSWER = 64 * 1024
LONGEST_WAIT = HOUR
_AGAIN = frozenset({408, 425, 429})
_WORD = re.compile(r"[a-z][a-z_]{0,39}")
_CODE = re.compile(rb'"code"\s*:\s*([0-9]{1,6})\b')


class Memory(Protocol):
    """Where channels remember; a store's notes are one."""

    def note(self, key: str) -> Any: ...

    def put_note(self, key: str, value: Any, at: int = 0) -> None: ...


class Fleeting:
    """Remembers until the process ends."""

    def __init__(self) -> None:
        self._notes: dict[str, Any] = {}

    def note(self, key: str) -> Any:
        return self._notes.get(key)

    def put_note(self, key: str, value: Any, at: int = 0) -> None:
        self._notes[key] = value


class Http:
    """Asks through one aiohttp session; an ``Outside`` for every channel. Use as an async context manager."""

    def __init__(self, reveal: Callable[[str], Secret], clock: Callable[[], int], timeout: int = 10 * SECOND,
                 memory: Memory | None = None) -> None:
        self._reveal, self._clock, self._timeout = reveal, clock, timeout
        self._memory: Memory = Fleeting() if memory is None else memory
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Http:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(self._timeout / SECOND), trust_env=True,
                                              cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    def now(self) -> int:
        return self._clock()

    def secret(self, text: str) -> Secret:
        try:
            return self._reveal(text)
        except SecretError as error:
            # Someone can put the secret in its place within the day that retries go on.
            raise Retry(str(error)) from None

    async def post(self, url: Secret, body: bytes, headers: Mapping[str, str]) -> Answer:
        return await self.ask("POST", url, body, headers)

    async def ask(self, method: str, url: Secret, body: bytes, headers: Mapping[str, str]) -> Answer:
        address = url.reveal()
        if not _usable(address):
            raise Refused("the channel's URL is not an http or https address")
        if self._session is None:
            raise RuntimeError("Http: expected to be entered with 'async with', came a request before it")
        try:
            async with self._session.request(method, address, data=body or None, headers=dict(headers),
                                             allow_redirects=False) as answer:
                got = await _body(answer)
                return judged(answer.status, got, {k.lower(): v for k, v in answer.headers.items()})
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise Retry(f"no connection ({type(error).__name__})") from None
        except TimeoutError:
            raise Retry(f"no answer within {self._timeout // SECOND} s", unclear=True) from None
        except (aiohttp.InvalidURL, UnicodeError):  # the second: a host name that cannot be one
            raise Refused("the channel's URL is not an http or https address") from None
        except (ValueError, TypeError) as error:  # a header that cannot be one: a secret with a line end, say
            raise Refused(f"the request could not be made ({type(error).__name__}): a secret or a setting of the "
                          "channel holds what a header cannot") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Retry(f"no connection ({type(error).__name__})", unclear=True) from None

    async def remember(self, key: str, value: Any) -> None:
        await asyncio.to_thread(self._memory.put_note, key, value, self._clock())

    async def recall(self, key: str) -> Any:
        return await asyncio.to_thread(self._memory.note, key)


class Own:
    """The outside of one channel: what it remembers is its own."""

    def __init__(self, outside: Outside, channel: str) -> None:
        self._outside, self._channel = outside, channel

    def now(self) -> int:
        return self._outside.now()

    def secret(self, text: str) -> Secret:
        return self._outside.secret(text)

    async def post(self, url: Secret, body: bytes, headers: Mapping[str, str]) -> Answer:
        return await self._outside.post(url, body, headers)

    async def ask(self, method: str, url: Secret, body: bytes, headers: Mapping[str, str]) -> Answer:
        return await self._outside.ask(method, url, body, headers)

    async def remember(self, key: str, value: Any) -> None:
        await self._outside.remember(f"channel/{self._channel}/{key}", value)

    async def recall(self, key: str) -> Any:
        return await self._outside.recall(f"channel/{self._channel}/{key}")


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """At most what is worth reading: a server must not fill our memory."""
    got = bytearray()
    async for chunk in answer.content.iter_chunked(8192):
        got += chunk
        if len(got) >= LARGEST_ANSWER:
            break
    return bytes(got[:LARGEST_ANSWER])


def _usable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def judged(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    """2xx is taken; 408, 425, 429 and 5xx may pass; anything else is for a person.

    Of the body only a bare word (``no_service``) or a numeric ``code`` is repeated: more could hold what we sent.
    """
    if 200 <= status < 300:
        return Answer(status, body, headers)
    word, code = body[:41].decode("ascii", "replace"), _CODE.search(body[:2000])
    said = word if _WORD.fullmatch(word) else f"code {code[1].decode()}" if code else ""
    why = f"answered {status}" + (f" {said}" if said else "")
    if status in _AGAIN or status >= 500:
        raise Retry(why, retry_after(headers), unclear=status not in (425, 429))
    raise Refused(f"{why}: redirects are not followed" if 300 <= status < 400 else why, status)


def retry_after(headers: Mapping[str, str]) -> int | None:
    """How long the server asks to wait, as microseconds, an hour at most. A date is read against the server's own.

    >>> retry_after({"retry-after": "7"}), retry_after({"retry-after": "soon"})
    (7000000, None)
    """
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(int(asked[:9]) * SECOND, LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers["date"])
    except (ValueError, KeyError, TypeError):
        return None
    return min(max(0, int(wait.total_seconds())) * SECOND, LONGEST_WAIT)


def sender(channels: Mapping[str, Channel], outside: Outside) -> Send:
    """The way to a policy's channels by name. One that is down, or asked to wait, is left alone for a while."""
    breakers: dict[str, Breaker] = defaultdict(Breaker)

    async def send(channel: str, notice: Notice) -> Receipt:
        if channel not in channels:
            known = ", ".join(sorted(channels)) or "none"
            raise Refused(f"the policy has no channel '{channel}' any more (it has: {known})")
        breaker = breakers[channel]
        if notice.state != "test":  # a person who tests a channel wants it tried
            breaker.admit(outside.now())
        try:
            receipt = await channels[channel].send(notice, Own(outside, channel))
        except Refused:
            breaker.worked()
            raise
        except Retry as error:
            if error.alone:
                breaker.worked()
            else:
                breaker.failed(outside.now(), error.after)
            raise
        except BaseException:  # a bug, or no outcome in time
            breaker.failed(outside.now())
            raise
        breaker.worked()
        return receipt

    return send
