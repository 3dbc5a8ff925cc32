"""Stands where Slack and a webhook receiver would: takes what bongsu sends, keeps it for the story to look at."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web


class Sink:
    """``/slack`` answers as Slack's incoming webhooks do (``ok``); ``/webhook`` takes any JSON."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        self.app = web.Application()
        self.app.router.add_post("/{kind}", self._take)

    def count(self, kind: str) -> int:
        return sum(1 for k, _ in self.got if k == kind)

    async def _take(self, request: web.Request) -> web.Response:
        self.got.append((request.match_info["kind"], msgspec.json.decode(await request.read())))
        return web.Response(text="ok")
