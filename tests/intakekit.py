"""A control site with the real way in for sent events, over a policy of the test's."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from bongsu.event import Event
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.policy import parse
from bongsu.quantity import SECOND
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.stores import arrow
from bongsu.stores.state import State
from bongsu.web.ingest import inlet_of
from bongsu.web.numbers import number_ways
from bongsu.web.scrape import Admission
from bongsu.web.site import control_app
from servers import serving

T0 = 1_790_000_000 * SECOND
ADMIN = "bsu_admin_test"
ARROW = "application/vnd.apache.arrow.stream"


class Site:
    """The site and its engine thread, on a clock in the hand."""

    def __init__(self, root: Path, policy: str) -> None:
        self.now, self.url = T0, ""
        self.policy = parse(policy, "policy.yaml", {})
        self.folder = Folder(root).create()
        self.store = State(f"sqlite:///{self.folder.state}")
        self.pool = ThreadPoolExecutor(1)
        self.control = self.pool.submit(self._begin).result()
        self.inlet = inlet_of(self.policy, self.folder, self.store, lambda: self.now, self._take)
        self.token = keys.new_token(self.store, keys.INGEST, "test", "a test", self.now)
        ways = (*self.inlet.ways(), *number_ways(self.control, Admission(), self.inlet.refused))
        self.app = control_app(ControlDesk(self.control), hashlib.sha256(ADMIN.encode()).hexdigest(), ways=ways)

    def _begin(self) -> Control:
        return Control(self.policy, self.folder, self.store, lambda: self.now)

    async def _take(self, table: pa.Table, boxes: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.control.take, table, boxes)

    def cycle(self) -> None:
        self.now += SECOND
        self.pool.submit(self.control.cycle).result()
        self.control.aside.wait(30)

    def post(self, body: Any, kind: str = "application/json", path: str = "/v1/events") -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._ask(path, data, {"content-type": kind, "authorization": f"Bearer {self.token}"})

    def metrics(self) -> str:
        request = urllib.request.Request(self.url + "/metrics", headers={"authorization": f"Bearer {ADMIN}"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return str(reply.read().decode())

    def _ask(self, path: str, data: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=30) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def kept(self) -> list[Event]:
        return self.pool.submit(lambda: [e for _, t in self.control.log.read() for e in arrow.events(t)]).result()

    def close(self) -> None:
        self.inlet._closing()
        self.pool.submit(self.control.close).result()
        self.pool.shutdown()
        self.store.close(self.now)


@contextmanager
def site(root: Path, policy: str) -> Iterator[Site]:
    made = Site(root, policy)
    try:
        with serving(made.app) as server:
            made.url = server.url
            yield made
    finally:
        made.close()


def stream(table: pa.Table) -> bytes:
    """An Arrow IPC stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
