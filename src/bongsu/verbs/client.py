"""Talks to a running control process: what the verbs of the command line use."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from bongsu.event import Event

DEFAULT_URL = "http://127.0.0.1:8081"


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        return None


# Straight to control: a proxy of the environment must never see the token.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())


class WrongUrlError(Exception):
    """The control port's address is no address."""


class UnreachableError(Exception):
    """Nobody answered, or not in our language."""


class RefusedError(Exception):
    """Control answered, and said no; ``status`` is HTTP's, ``after`` the seconds in which to ask again, if it said so.
    """

    def __init__(self, status: int, message: str, after: int = 0) -> None:
        super().__init__(message)
        self.status, self.after = status, after


class Client:
    """``url`` as in ``BONGSU_URL``, ``token`` as in ``BONGSU_TOKEN``."""

    def __init__(self, url: str, token: str = "", timeout: float = 10.0) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in url
        except ValueError:
            usable = False
        if not usable:
            raise WrongUrlError(f"expected a URL such as {DEFAULT_URL}, came {url!r} (--url or BONGSU_URL)")
        self.url, self.token, self.timeout = url.rstrip("/"), token, timeout

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        return self._call("POST", path, json.dumps(body).encode())

    def delete(self, path: str, body: Any) -> Any:
        return self._call("DELETE", path, json.dumps(body).encode())

    def send(self, events: Sequence[Event]) -> Any:
        """Events for ``POST /v1/events``; what was refused of them is in the answer."""
        body = b"\n".join(map(msgspec.json.encode, events))
        return self._call("POST", "/v1/events", body, "application/x-ndjson")

    def _call(self, method: str, path: str, body: bytes | None, kind: str = "application/json") -> Any:
        headers = {"content-type": kind}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310 (checked above)
        try:
            with _OPENER.open(request, timeout=self.timeout) as reply:
                return _decode(reply.read(), path)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 422:  # an answer like any other, though nothing of it was taken
                    return _decode(error.read(), path)
                after = error.headers.get("retry-after", "")
                raise RefusedError(error.code, _message(error), int(after) if after.isdecimal() else 0) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            hint = "is it running? (--url or BONGSU_URL)"
            raise UnreachableError(f"no answer from {self.url}: {reason}; {hint}") from None


def _decode(raw: bytes, path: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise UnreachableError(f"{path} did not answer with JSON: is this bongsu's control port?") from None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        said = json.loads(error.read())["error"]
        code, message = str(said.get("code", "")), str(said["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message = "", f"HTTP {error.code}"
    if code == "not_the_officer":
        return ("the privacy officer's token is missing or wrong: set BONGSU_OFFICER_TOKEN to the one that "
                "`bongsu token officer` shows; the admin's does not do")
    if error.code == 401:
        return "the admin token is missing or wrong: set BONGSU_TOKEN to the one shown at first start"
    return message
