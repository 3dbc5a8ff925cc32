"""A key that is revoked, in real processes: every worker of a host refuses it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bongsu.app import CYCLE
from machine import POLICY, Machine, machine, messages, send_signal, until
from peoplekit import Reply, fetch

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.req("P6")]
WORKERS = 3


@contextmanager
def alone(one: Machine, worker: int) -> Iterator[None]:
    """Only this worker runs, so it is the one that answers."""
    others = [pid for pid in one.pids("gateway") if pid != worker]
    for pid in others:
        send_signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            send_signal(pid, signal.SIGCONT)


def test_every_worker_refuses_a_revoked_key_and_none_lets_it_in_again(
        tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Each worker has let the key in before, so it has to learn that this is over. How long that takes is measured, not
    asserted: control publishes at least every ``CYCLE``, and a worker looks at every call."""
    assert CYCLE < 1
    with machine(tmp_path, POLICY, workers=WORKERS) as one:
        made = one.api().post("/v1/keys", {"name": "app"})

        def ask(key: str = made["key"]) -> Reply:
            body = {"model": "shop", "messages": messages("hello")}
            return fetch(f"{one.gateway_url}/v1/chat/completions", key, body)

        workers = one.pids("gateway")
        assert len(workers) == WORKERS
        for pid in workers:
            with alone(one, pid):
                until(lambda: ask().status == 200, "the key is known")
        one.api().delete(f"/v1/keys/{made['id']}", {"reason": "leaked"})
        begun = time.monotonic()
        until(lambda: ask().status == 401, "a worker refuses it", within=60)
        record_property("seconds until refused", round(time.monotonic() - begun, 3))
        for pid in workers:
            with alone(one, pid):
                refused = [ask() for _ in range(3)]
            assert [r.code() for r in refused] == [(401, "invalid_api_key")] * 3, pid
        print(f"refused after {time.monotonic() - begun:.3f} s in all of {WORKERS} workers")
        assert one.run("key", "list").stdout.split()[:2] == [made["id"], "revoked"]
