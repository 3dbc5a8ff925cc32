"""The engine room under steady traffic: it judges what there was, however much comes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bongsu.app import clock, open_store
from bongsu.event import Event
from bongsu.host.folder import Folder
from bongsu.offline.checkup import DEMO_ENVIRON, demo_policy
from bongsu.policy import load
from bongsu.room.control import Control
from bongsu.sources.spool import SpoolWriter

pytestmark = pytest.mark.req("A2")
MOST = 5


def test_events_that_keep_coming_do_not_put_off_judging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cycle ends although new events arrive while it stores the ones before, and the next cycle counts those."""
    folder = Folder(tmp_path).create()
    store = open_store(folder)
    control = Control(load(demo_policy(), DEMO_ENVIRON), folder, store, clock)
    writer = SpoolWriter(folder.spool, "gateway-0")
    written = 0

    def arrive() -> None:
        nonlocal written
        written += 1
        writer.append([Event(id=f"e{written}", time=time.time_ns() // 1000, model="m", outcome="ok")])

    store_them, rounds = control.log.append, 0

    def meanwhile(events: Sequence[Event], marks: dict[str, int], now: int) -> Any:
        nonlocal rounds
        rounds += 1
        assert rounds <= MOST, "a cycle goes on for as long as events come"
        arrive()
        return store_them(events, marks, now)

    monkeypatch.setattr(control.log, "append", meanwhile)
    try:
        arrive()
        assert control.cycle() == 1
        assert control.engine.watermark == control.now
        assert control.cycle() == 1
        assert written == 3
        assert rounds == 2
    finally:
        writer.close()
        control.close()
        store.close(clock())
