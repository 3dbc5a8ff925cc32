"""`bongsu demo`: a model, receivers, the real stack in its own processes, and a story played on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from aiohttp import web

from bongsu.demo import packaged
from bongsu.demo.model import DemoModel
from bongsu.demo.sink import Sink
from bongsu.demo.story import Failed, World, play, read_story
from bongsu.demo.traffic import Traffic
from bongsu.host.supervisor import Supervisor, listen
from bongsu.verbs.client import Client, RefusedError, UnreachableError

ROUTE = "support-bot"
START_LIMIT = 120.0


def run_demo(*, once: bool, speed: float, story_path: Path | None = None, data: Path | None = None) -> int:
    """Play the story; then keep serving until Ctrl-C, unless ``once``. Returns the exit code."""
    steps = read_story(story_path or packaged("story.yaml"))
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bongsu-demo-")))
        return asyncio.run(_demo(steps, folder, once=once, speed=speed))


async def _demo(steps: list[Any], data: Path, *, once: bool, speed: float) -> int:
    tell = _tell
    async with stage(data, speed) as world:
        tell(f"cockpit   {world.control.url}/  (sign in with the token {world.control.token})")
        tell(f"gateway   {world.traffic.client.base_url}  (model: {ROUTE})")
        tell(f"data      {data}")
        code = 0
        try:
            await play(steps, world, tell)
            tell("\nThe story is over: every step really happened.")
        except Failed as failed:
            tell(f"\nThe story failed: {failed}")
            for error in world.traffic.seen.errors[-3:]:
                tell(f"  a caller saw: {error}")
            code = 1
        if not once:
            tell("Everything keeps serving; traffic goes on. Open the cockpit, or end with Ctrl-C.")
            await _until_interrupted()
        return code


@contextlib.asynccontextmanager
async def stage(data: Path, speed: float = 1.0, policy: Path | None = None) -> AsyncIterator[World]:
    """Everything running: the demo model, the receivers, gateway and control in processes of their own."""
    sink = Sink()
    async with _model() as model_url, _serve_sink(sink) as sink_url:
        token = secrets.token_urlsafe(24)
        environ = os.environ | {
            "BONGSU_DEMO_URL": model_url, "BONGSU_DEMO_KEY": "demo-key", "BONGSU_ADMIN_TOKEN": token,
            "BONGSU_DEMO_SLACK": f"{sink_url}/slack", "BONGSU_DEMO_WEBHOOK": f"{sink_url}/webhook",
        }
        with _stack(policy or packaged("bongsu.yaml"), data, environ) as (gateway_url, control_url):
            traffic = Traffic(f"{gateway_url}/v1", ROUTE)
            world = World(traffic, Client(control_url, token), sink, model_url, data, ROUTE, speed)
            try:
                await _until_ready(world, gateway_url)
                yield world
            finally:
                await traffic.close()


@contextlib.contextmanager
def _stack(policy: Path, data: Path, environ: dict[str, str]) -> Iterator[tuple[str, str]]:
    gateway, control = _listen(8080), _listen(8081)
    supervisor = Supervisor(environ)
    options = ("--policy", str(policy), "--data", str(data), "--parent", str(os.getpid()))
    supervisor.add("control", "control", control, *options, "--site", _url(control))
    supervisor.add("gateway-0", "gateway", gateway, *options, "--worker", "0")
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(0.1):
            supervisor.poll()

    supervisor.poll()
    keeper = threading.Thread(target=keep, name="supervisor", daemon=True)
    keeper.start()
    try:
        yield _url(gateway), _url(control)
    finally:
        stop.set()
        keeper.join()
        supervisor.stop()


def _listen(port: int) -> socket.socket:
    """The usual port, or a free one where it is taken."""
    try:
        return listen("127.0.0.1", port)
    except OSError:
        return listen("127.0.0.1", 0)


def _url(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


@contextlib.asynccontextmanager
async def _model() -> AsyncIterator[str]:
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(DemoModel(), log_level="warning", lifespan="off"))
    task = asyncio.create_task(server._serve(sockets=[sock]))  # not serve(): the signals are ours
    try:
        yield _url(sock)
    finally:
        server.should_exit = True
        await task
        sock.close()


@contextlib.asynccontextmanager
async def _serve_sink(sink: Sink) -> AsyncIterator[str]:
    runner = web.AppRunner(sink.app)
    await runner.setup()
    sock = listen("127.0.0.1", 0)
    await web.SockSite(runner, sock).start()
    try:
        yield _url(sock)
    finally:
        await runner.cleanup()


async def _until_ready(world: World, gateway_url: str) -> None:
    began = time.monotonic()
    gateway = Client(gateway_url)
    while True:
        try:
            await asyncio.to_thread(world.control.get, "/readyz")
            await asyncio.to_thread(gateway.get, "/readyz")
            return
        except (UnreachableError, RefusedError) as error:
            if time.monotonic() - began > START_LIMIT:
                raise TimeoutError(f"bongsu did not become ready within {START_LIMIT:g} s: {error}") from error
        await asyncio.sleep(0.1)


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _tell(line: str) -> None:
    print(line, flush=True)
