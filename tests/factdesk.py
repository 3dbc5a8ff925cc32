"""A stand-in for Google's Fact Check Tools API, built from its published contract (v1alpha1, ``claims:search``):
GET only, a key in ``X-Goog-Api-Key`` or ``key``, a ``query`` of words, no parameter that it does not know; errors in
Google's form, an empty object where nothing was found. It has not been run against the service."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from servers import StandIn

KNOWN = {"query", "languageCode", "reviewPublisherSiteFilter", "maxAgeDays", "pageSize", "pageToken", "offset", "key",
         "alt", "prettyPrint"}


def reviewed(text: str, *ratings: str, language: str = "en") -> dict[str, Any]:
    """One claim with a review a rating, all fields of the contract filled."""
    return {"text": text, "claimant": "Social media users", "claimDate": "2021-03-01T00:00:00Z",
            "claimReview": [{"publisher": {"name": f"Checker {n}", "site": f"checker{n}.example"},
                             "url": f"https://checker{n}.example/{n}", "title": f"Is it so? {text}",
                             "reviewDate": "2021-03-02T00:00:00Z", "textualRating": rating, "languageCode": language}
                            for n, rating in enumerate(ratings)]}


class FactDesk(StandIn):
    """``asked`` are the parameters of each search; ``answer``, where given, is said whatever was asked."""

    def __init__(self, *claims: dict[str, Any], key: str = "", status: int = 200, answer: Any = None,
                 sleeps: bool = False) -> None:
        self.claims, self.key, self.status, self.answer, self.sleeps = claims, key, status, answer, sleeps
        self.asked: list[dict[str, str]] = []
        self.urls: list[str] = []

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if self.sleeps:
            assert (await receive())["type"] == "http.disconnect"  # the gateway hangs up
            return
        status, body = self._said(scope)
        await send({"type": "http.response.start", "status": status,
                    "headers": [(b"content-type", b"application/json; charset=UTF-8")]})
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        await send({"type": "http.response.body", "body": data})

    def _said(self, scope: Any) -> tuple[int, Any]:
        if scope["path"] != "/v1alpha1/claims:search" or scope["method"] != "GET":
            return _error(404, "NOT_FOUND")
        query = dict(parse_qsl(scope["query_string"].decode()))
        self.asked.append(query)
        self.urls.append(scope["query_string"].decode())
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if self.key and headers.get("x-goog-api-key", query.get("key")) != self.key:
            return _error(403, "PERMISSION_DENIED")
        if query.keys() - KNOWN or not (query.get("query") or query.get("reviewPublisherSiteFilter")):
            return _error(400, "INVALID_ARGUMENT")
        if self.status != 200:
            return _error(self.status, "RESOURCE_EXHAUSTED" if self.status == 429 else "UNAVAILABLE")
        if self.answer is not None:
            return 200, self.answer
        found = [c for c in self.claims if _near(query["query"], c["text"])
                 and query.get("languageCode", "") in ("", c["claimReview"][0]["languageCode"])]
        return 200, {"claims": found[: int(query.get("pageSize", 10))], "nextPageToken": "CAo"} if found else {}


def _near(query: str, text: str) -> bool:
    """A search is generous: a word in common will do."""
    return bool(set(re.findall(r"\w{2,}", query.casefold())) & set(re.findall(r"\w{2,}", text.casefold())))


def _error(status: int, name: str) -> tuple[int, Any]:
    return status, {"error": {"code": status, "message": "refused", "status": name}}
