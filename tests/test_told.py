"""What a process that serves was told by signals: to leave, or to begin anew."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import Any

import pytest

from bongsu.host.process import Leaving, Told, serve

HUP, TERM, INT = signal.SIGHUP, signal.SIGTERM, signal.SIGINT


async def site(scope: Any, receive: Any, send: Any) -> None:
    """Asks its own process to begin anew, once it serves."""
    os.kill(os.getpid(), int(scope["path"].removeprefix("/")))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


def lived(first: int, meanwhile: int = 0, after: int = 0) -> Told:
    """A process that serves until the ``first`` signal, with another while it leaves, and one while it tidies up."""

    def begin() -> None:
        if meanwhile:
            os.kill(os.getpid(), meanwhile)

    async def main() -> Told:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            process = asyncio.create_task(serve(site, listening.fileno(), 0, "off", leaving=Leaving(begin)))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(f"GET /{first:d} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            await reader.read()
            writer.close()
            await writer.wait_closed()
            told = await process
        if after:
            os.kill(os.getpid(), after)
            async with asyncio.timeout(20):
                while told.again:
                    await asyncio.sleep(0.01)
        return told

    return asyncio.run(main())


@pytest.mark.parametrize(("first", "again"), [(HUP, True), (TERM, False), (INT, False)])
def test_only_sighup_asks_to_begin_anew(first: int, again: bool) -> None:
    assert lived(first).again is again


@pytest.mark.parametrize("leave", [TERM, INT])
def test_who_is_told_to_leave_while_it_was_to_begin_anew_leaves(leave: int) -> None:
    assert not lived(HUP, meanwhile=leave).again
    assert not lived(TERM, meanwhile=HUP).again


def test_it_hears_that_it_is_to_leave_also_while_it_tidies_up() -> None:
    assert not lived(HUP, after=TERM).again
