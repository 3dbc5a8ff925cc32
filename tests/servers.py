"""Real servers for tests: any ASGI application on a free port of 127.0.0.1, stopped by its own handle."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from bongsu.host.lobby import Lobby


class StandIn:
    """Stands for a server that is not ours: begins and ends with what it runs in, and is to ``serve`` requests."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self.serve(scope, receive, send)
            return
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError


async def body_of(receive: Any) -> bytes:
    """The body of a request to an ASGI application."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), bool(message.get("more_body"))
    return body


class Server:
    """A running server; ``url`` is where it answers."""

    def __init__(self, app: Any) -> None:
        self.app = app

        async def served(scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(served, http=Lobby().protocol(), log_config=None, access_log=False, lifespan="on",
                                timeout_graceful_shutdown=5)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def start(self) -> Server:
        self._socket.listen(512)
        self._thread.start()
        return self

    def set_app(self, app: Any) -> None:
        """Serve another application from the next request on."""
        self.app = app

    def stop(self) -> None:
        """Let what runs end; stopping twice is stopping once."""
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()
        assert not self._thread.is_alive(), "the server did not stop within 20 s"


@contextmanager
def serving(app: Any) -> Iterator[Server]:
    """The application, served while the block runs."""
    server = Server(app).start()
    try:
        yield server
    finally:
        server.stop()
