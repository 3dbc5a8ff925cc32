"""The SDK: the application goes on whatever happens, and nothing is dropped in silence."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bongsu.client import Client, delivery
from bongsu.client.spill import Spill
from machine import POLICY, Machine, free_port, machine, until
from servers import Server


class Port:
    """A control port that takes events and forgets nothing; ``answers`` are given first, one a request."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, Any]] = {}
        self.answers: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self.bodies = 0
        self.hold = threading.Event()
        self.hold.set()
        self.app = Starlette(routes=[Route("/v1/events", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.bodies += bool(body)
        await asyncio.to_thread(self.hold.wait, 20)
        if self.answers and body:
            status, said, headers = self.answers.pop(0)
            return JSONResponse(said, status, headers)
        events = [msgspec.json.decode(line) for line in body.splitlines()]
        new = [e for e in events if e["id"] not in self.seen]
        self.seen |= {e["id"]: e for e in new}
        return JSONResponse({"accepted": len(new), "duplicates": len(events) - len(new), "refused": []})


@pytest.fixture
def port() -> Iterator[tuple[Port, str]]:
    served = Port()
    server = Server(served.app).start()
    yield served, server.url
    served.hold.set()
    server.stop()


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it did not come about within 30 s"
        time.sleep(0.01)


@pytest.mark.req("D5")
def test_predictions_labels_and_events_arrive_with_what_was_said_of_them(port):
    served, url = port
    with Client(url, "t", environment="prod") as client:
        call = client.prediction(1.0, score=0.9, features={"age": 41, "sex": float("nan")}, cost=float("nan"),
                                 model_version="7")
        label = client.label(call, True, name="review", annotator="kim", time=datetime(2026, 1, 2, tzinfo=UTC))
        client.event("visit", id="mine", user="u")
        assert client.flush()
        assert client.counts.accepted == 3
    first = served.seen[call]
    assert first["features"] == {"age": 41, "sex": None}
    assert (first["kind"], first["prediction"], first["model_version"], first["environment"]) == (
        "prediction", "1", "7", "prod")
    assert served.seen[label] | {} == {"id": label, "kind": "label", "call": call, "label": "1", "name": "review",
                                       "annotator": "kim", "time": 1_767_312_000_000_000, "environment": "prod"}
    assert call < label, "ids grow with time"
    assert "mine" in served.seen


def test_nothing_raises_into_the_application_and_what_is_lost_is_counted_and_said_once(caplog):
    told: list[tuple[int, str]] = []
    nowhere = f"http://127.0.0.1:{free_port()}"
    with caplog.at_level(logging.WARNING, "bongsu.client"):
        client = Client(nowhere, queue=5, wait=0.01, on_drop=lambda n, why: told.append((n, why)))
        client.event("x", thing=object())
        for _ in range(50):
            assert client.prediction("a")
        assert client.counts.dropped >= 1 + 50 - 5 - 5
        assert client.close(timeout=0.1) is False
    assert client.counts.dropped == 51
    assert sum(n for n, _ in told) == 51
    assert len([r for r in caplog.records if "events are lost" in r.message]) == 1
    client.prediction("after the end")
    assert client.counts.dropped == 52


def test_a_callback_that_fails_does_no_harm(caplog):
    def broken(n: int, why: str) -> None:
        raise RuntimeError(why)

    client = Client(f"http://127.0.0.1:{free_port()}", on_drop=broken)
    client.event("x", thing=object())
    assert client.counts.dropped == 1
    assert "on_drop failed" in caplog.text
    client.close()


def test_it_tries_again_until_it_is_taken_and_sends_the_same_ids(port):
    served, url = port
    served.answers = [(503, {}, {"retry-after": "0"}), (500, {}, {}), (401, {}, {})]
    with Client(url, wait=0.01) as client:
        ids = [client.prediction("a") for _ in range(10)]
        assert client.flush(30)
        assert (client.counts.accepted, client.counts.dropped) == (10, 0)
    assert set(served.seen) == set(ids)


def test_what_is_wrong_for_ever_is_dropped_and_what_is_refused_is_counted_apart(port):
    served, url = port
    fault = {"index": 0, "field": "time", "expected": "microseconds", "came": "'now'"}
    served.answers = [(400, {}, {}), (200, {"accepted": 1, "duplicates": 0, "refused": [fault]}, {}), (413, {}, {})]
    told: list[str] = []
    with Client(url, wait=0.01, on_drop=lambda n, why: told.append(why)) as client:
        for _ in range(3):
            client.event("a")
            client.event("b")
            assert client.flush(30)
        counts = client.counts
    assert (counts.dropped, counts.refused, counts.accepted) == (2, 1, 3), "the third was sent again in halves"
    assert told == ["control answered HTTP 400", "time: expected microseconds, came 'now'"]


def test_what_waits_goes_to_disk_and_is_sent_by_the_next_process(port, tmp_path):
    served, url = port
    served.answers = [(503, {}, {"retry-after": "20"})] * 3
    client = Client(url, wait=0.01, batch=5, spill=tmp_path / "spill")
    ids = [client.prediction("a") for _ in range(30)]
    eventually(lambda: bool(list((tmp_path / "spill").glob("*.ndjson"))))
    assert client.close(timeout=0.05) is False
    assert client.counts.dropped == 0
    served.answers.clear()
    (taken,) = [next((tmp_path / "spill").glob("*.ndjson"))]
    taken.rename(taken.with_name(f".{taken.name}.{2**22 + 7}"))  # a process took it and died
    with Client(url, wait=0.01, spill=tmp_path / "spill") as again:
        again.prediction("b")
        eventually(lambda: set(ids) <= set(served.seen))
        assert again.flush(30)
    assert not [p for p in (tmp_path / "spill").iterdir() if p.is_file()]


def test_a_spill_that_is_full_drops_and_says_so(tmp_path):
    client = Client(f"http://127.0.0.1:{free_port()}", wait=0.01, spill=tmp_path, spill_bytes=100)
    for _ in range(20):
        client.prediction("a")
    client.close(timeout=0.2)
    assert client.counts.dropped >= 19
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 100


def test_the_application_is_never_kept_waiting_by_a_port_that_hangs(port):
    served, url = port
    served.hold.clear()
    client = Client(url, queue=1000, wait=0.01, timeout=30)
    client.prediction("first")
    eventually(lambda: served.bodies > 0)
    done = threading.Event()

    def use() -> None:
        for _ in range(2000):
            client.prediction("more")
        done.set()

    threading.Thread(target=use, daemon=True).start()
    assert done.wait(30), "2,000 calls while the port hangs for ever"
    assert client.counts.dropped == 1000
    served.hold.set()
    assert client.flush(30)
    client.close()


FORKED = """
import os, sys
from bongsu.client import Client, delivery
from bongsu.client.spill import Spill
client = Client(sys.argv[1], wait=60)
first = client.prediction("parent")
child = os.fork()
mine = client.prediction("child" if child == 0 else "parent")
ok = client.close(20)
if child == 0:
    os._exit(0 if ok and client.counts.accepted == 1 else 1)
assert os.waitpid(child, 0)[1] == 0
assert ok and client.counts.accepted == 2, client.counts
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_a_fork_both_go_on_and_nothing_is_sent_twice(port):
    served, url = port
    subprocess.run([sys.executable, "-c", FORKED, url], check=True, timeout=60)
    assert sorted(e["prediction"] for e in served.seen.values()) == ["child", "parent", "parent"]


CHILDREN = """
import multiprocessing, sys
from bongsu.client import Client, delivery
from bongsu.client.spill import Spill

def work(url, made):
    client = made or Client(url, wait=60)
    client.prediction("child")

if __name__ == "__main__":
    made = Client(sys.argv[1], wait=60) if sys.argv[2] == "fork" else None
    if made:
        made.prediction("parent")
    context = multiprocessing.get_context(sys.argv[2])
    child = context.Process(target=work, args=(sys.argv[1], made))
    child.start()
    child.join(60)
    assert child.exitcode == 0, child.exitcode
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(("method", "expected"), [("fork", ["child", "parent"]), ("spawn", ["child"]),
                                                  ("forkserver", ["child"])])
def test_a_child_of_multiprocessing_that_just_ends_sends_what_it_has(port, tmp_path, method, expected):
    served, url = port
    script = tmp_path / "app.py"
    script.write_text(CHILDREN)
    subprocess.run([sys.executable, str(script), url, method], check=True, timeout=90)
    assert sorted(e["prediction"] for e in served.seen.values()) == expected


def test_an_asyncio_application_goes_on_while_the_port_hangs_and_while_it_closes(port):
    served, url = port
    served.hold.clear()

    async def app() -> tuple[int, bool]:
        turns = 0
        async with Client(url, wait=0.01, timeout=30) as client:
            for _ in range(500):
                client.prediction("a")
                await asyncio.sleep(0)
                turns += 1
            threading.Timer(0.3, served.hold.set).start()
            closing = asyncio.create_task(asyncio.to_thread(client.close, 30))
            while not closing.done():
                turns += 1
                await asyncio.sleep(0.001)
            return turns, await closing

    turns, sent = asyncio.run(app())
    assert turns > 510, "the loop had its turns while the client waited for the port"
    assert sent
    assert len(served.seen) == 500


def test_with_a_spill_a_burst_that_outruns_a_slow_port_waits_on_disk_and_nothing_is_lost(port, tmp_path):
    served, url = port
    served.hold.clear()
    client = Client(url, queue=100, batch=50, wait=0.01, timeout=30, spill=tmp_path / "spill")
    ids = set()
    for _ in range(40):
        ids |= {client.prediction("a") for _ in range(50)}
        eventually(lambda: len(client._delivery._queue) < 50)  # the disk keeps up, the port does not
    assert client.counts.dropped == 0
    assert list((tmp_path / "spill").glob("[0-9]*.ndjson"))
    served.hold.set()
    assert client.flush(60)
    assert (client.counts.accepted, client.counts.waiting) == (2000, 0)
    assert client.close()
    assert set(served.seen) == ids


def test_a_disk_that_hangs_holds_up_the_application_once_and_what_it_cannot_take_is_counted(
        port, tmp_path, monkeypatch):
    served, url = port
    served.hold.clear()
    disk, in_vain = threading.Event(), []
    put, wait_for = Spill.put, threading.Condition.wait_for

    def hangs(spill, events):
        disk.wait(60)
        return put(spill, events)

    def counted(condition, holds, timeout=None):
        held = wait_for(condition, holds, timeout)
        in_vain.extend([timeout] if timeout == delivery.PATIENCE and not held else [])
        return held

    monkeypatch.setattr(Spill, "put", hangs)
    monkeypatch.setattr(threading.Condition, "wait_for", counted)
    with Client(url, queue=100, batch=50, wait=0.01, timeout=30, spill=tmp_path) as client:
        for n in range(2000):
            client.event("visit", latency_ms=n)
        assert len(in_vain) == 1, "while the queue was still taken aside there was room again each time"
        assert client.counts.dropped >= 2000 - 100 - 100 - 50
        disk.set()
        served.hold.set()
        assert client.flush(30)
        counts = client.counts
    assert counts.accepted + counts.dropped == 2000
    assert len(served.seen) == counts.accepted


@pytest.mark.real
@pytest.mark.timeout(600)
def test_a_million_events_as_fast_as_the_application_makes_them_arrive_or_are_counted(port, tmp_path):
    served, url = port
    with Client(url, batch=5000, wait=0.01, spill=tmp_path / "spill", spill_bytes=1 << 30) as client:
        for n in range(1_000_000):
            client.event("visit", latency_ms=n)
        assert client.flush(500)
        counts = client.counts
    assert counts.accepted + counts.dropped == 1_000_000
    assert counts.dropped == 0, "the disk has room for what the queue has not"
    assert len(served.seen) == 1_000_000


def test_what_waits_at_the_end_of_a_program_is_sent(port):
    served, url = port
    script = f"from bongsu.client import Client\nClient({url!r}, wait=60).prediction('last')"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert len(served.seen) == 1


def test_it_needs_only_the_standard_library():
    code = ("import sys, bongsu.client; print(sorted({m.partition('.')[0] for m in sys.modules} - "
            "set(sys.stdlib_module_names)))")
    found = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
                           capture_output=True, text=True, check=True).stdout
    assert set(eval(found)) <= {"__main__", "bongsu", "sitecustomize"}


@pytest.fixture
def idle(tmp_path) -> Iterator[Machine]:
    with machine(tmp_path, POLICY, start=False) as stopped:
        yield stopped


@pytest.mark.real
@pytest.mark.req("D5", "D12")
@pytest.mark.timeout(300)
def test_real_control_killed_again_and_again_takes_every_event_once(idle):
    idle.start()
    token = idle.run("token", "ingest", "--reason", "test").stdout.strip()
    url = idle.api().url
    with Client(url, token, wait=0.01) as client:
        ids = [client.prediction("a") for _ in range(200)]
        for _ in range(3):
            until(idle.ready, "control answers")
            ids += [client.prediction("a") for _ in range(200)]
            idle.kill("control")
            ids += [client.prediction("a") for _ in range(200)]
            [client.label(i, "a") for i in ids[-50:]]
        until(idle.ready, "control answers")
        assert client.flush(60)
        assert client.counts.dropped == 0
    idle.stop()
    from bongsu.host.folder import Folder
    from bongsu.stores.log import EventLog

    with EventLog(Folder(idle.folder.root).events) as log:
        kept = [i for _, t in log.read(columns=("id", "kind")) for i in t.to_pylist()]
        assert sorted(k["id"] for k in kept if k["kind"] == "prediction") == sorted(ids)
        assert sum(k["kind"] == "label" for k in kept) == 150
        assert log.orphans() == 0
