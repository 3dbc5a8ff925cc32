"""Alertmanager's webhook as a source: alerts of Prometheus become events that signals count and playbooks follow."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.event import Event
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.policy import PolicyError, parse
from bongsu.ports import Notice, Receipt
from bongsu.privacy.personal import veiled
from bongsu.quantity import SECOND
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.room.intake import Intake
from bongsu.room.worker import Worker, resolve_action
from bongsu.sources.alertmanager import WebhookError, read_webhook
from bongsu.stores.faults import DiskFull
from bongsu.stores.log import EventLog
from bongsu.stores.state import State
from bongsu.web.site import control_app
from bongsu.web.sources import source_ways
from machine import free_port
from servers import serving

pytestmark = pytest.mark.req("A1", "O8")
BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
ADMIN, TOKEN = "admin-token", "only-for-alerts"
POLICY = """
bongsu: 1
service: {name: shop}
settings: {base_window: 1s}
features: {team: text}
sources: {alertmanager: {token: secret://env/AM_TOKEN}}
signals:
  outside: {kind: count, of: "kind = 'alert' AND outcome = 'firing' AND tier = 'page' AND features.team = 'search'"}
alerts:
  outside: {when: outside > 0, over: 5s, clear: <= 0, clear_for: 0s, tier: major, to: [ops]}
playbooks:
  outside: {on: alert outside, do: [{freeze: an alert of Prometheus}], undo_when: clear for 1s}
channels:
  ops: {webhook: "https://example.com/hook"}
"""
# As Alertmanager 0.25 sends it; its documentation names each key.
FIRING: dict[str, Any] = {
    "status": "firing", "labels": {"alertname": "HighLatency", "severity": "page", "team": "search",
                                   "instance": "10.0.0.7:9100", "environment": "prod"},
    "annotations": {"summary": "call 010-1234-5678"}, "startsAt": "2026-11-22T09:52:26.739266876+09:00",
    "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus:9090/graph", "fingerprint": "1ab2c3d4e5f60718"}
OVER = {**FIRING, "status": "resolved", "endsAt": "2026-11-22T09:53:26.739266876+09:00"}


def webhook(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {"version": "4", "groupKey": "{}:{alertname=\"HighLatency\"}", "truncatedAlerts": 0, "status": "firing",
            "receiver": "bongsu", "groupLabels": {"alertname": "HighLatency"}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "http://alertmanager:9093", "alerts": list(alerts), **more}


def read(*alerts: Any, now: int = 5, **more: Any) -> tuple[Event, ...]:
    return read_webhook(webhook(*alerts, **more), "shop", now, {"team": "text", "age": "number"}, veiled).events


# ---- the contract ----


def test_an_alert_is_one_event_when_it_fires_and_one_when_it_is_over() -> None:
    fires, over = read(FIRING, OVER)
    assert (fires.kind, fires.outcome, fires.operation, fires.tier, fires.environment, fires.provider) == (
        "alert", "firing", "HighLatency", "page", "prod", "alertmanager")
    assert (fires.service, fires.time, fires.latency_ms, fires.features) == ("shop", 5, None, {"team": "search"})
    assert (over.outcome, over.latency_ms, over.call) == ("resolved", 60_000.0, fires.call)
    assert over.id != fires.id


def test_what_is_repeated_is_the_same_event_and_a_new_beginning_is_another() -> None:
    (one,), (again,) = read(FIRING), read({**FIRING, "annotations": {}}, now=9)
    (utc,) = read({**FIRING, "startsAt": "2026-11-22T00:52:26.739266Z"})
    (later,) = read({**FIRING, "startsAt": "2026-11-22T10:52:26Z"})
    assert one.id == again.id == utc.id != later.id


def test_personal_data_in_a_label_is_veiled_and_annotations_are_not_kept() -> None:
    (event,) = read({**FIRING, "labels": {"alertname": "mail of gildong@example.com", "team": "010-1234-5678"}})
    assert "gildong" not in repr(event)
    assert "1234" not in repr(event)
    assert event.operation == "mail of [email]"


@pytest.mark.parametrize(("change", "said"), [
    ({"status": "pending"}, "alerts[0].status: expected firing or resolved, came 'pending'"),
    ({"fingerprint": ""}, "alerts[0].fingerprint: expected a text of 1 to 200 characters, came ''"),
    ({"startsAt": "soon"}, "alerts[0].startsAt: expected an instant such as 2026-01-02T03:04:05Z, came 'soon'"),
    ({"startsAt": "2026-11-22T09:52:26"}, "alerts[0].startsAt: expected an instant"),
    ({"labels": {"a": 1}}, "alerts[0].labels: expected an object of texts")])
def test_an_alert_that_cannot_be_read_is_told_where_and_costs_no_other(change: dict[str, Any], said: str) -> None:
    taken = read_webhook(webhook({**FIRING, **change}, OVER), "shop", 5, {})
    assert len(taken.events) == 1
    assert taken.refused[0].startswith(said)


@pytest.mark.parametrize("body", [{}, {"version": "3", "alerts": []}, {"version": "4"}, {"version": "4", "alerts": {}}])
def test_another_document_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(WebhookError, match="expected"):
        read_webhook(body, "shop", 5, {})


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3))


@given(st.dictionaries(st.sampled_from(sorted(FIRING)), JSON))
def test_whatever_comes_is_an_event_or_a_reason(change: dict[str, Any]) -> None:
    taken = read_webhook(webhook({**FIRING, **change}), "shop", 5, {"team": "text"}, veiled)
    assert len(taken.events) + len(taken.refused) == 1


# ---- through control ----


class House:
    """A control site over real stores, on a clock in the hand."""

    def __init__(self, root: Path) -> None:
        self.now = time.time_ns() // 1000 // SECOND * SECOND
        self.folder = Folder(root).create()
        self.policy = parse(POLICY, "x.yaml", {})
        self.store = State(f"sqlite:///{self.folder.state}")
        self.pool = ThreadPoolExecutor(1)
        self.control = self.pool.submit(self.begin).result()
        self.full = threading.Event()
        intake = Intake(self.policy, lambda: self.now, self.take)
        self.app = control_app(ControlDesk(self.control), keys.digest(ADMIN), ways=source_ways(intake))
        self.url, self.told = "", list[tuple[str, str]]()

    def begin(self) -> Control:
        return Control(self.policy, self.folder, self.store, lambda: self.now)

    async def take(self, table: Any, boxes: Any) -> Any:
        if self.full.is_set():
            raise DiskFull("event log: 1 events not taken")
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.control.take, table, boxes)

    def post(self, body: Any, authorization: str, path: str = "/v1/sources/alertmanager") -> tuple[int, Any]:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {
            "content-type": "application/json", "authorization": authorization})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def ticks(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += SECOND
            self.pool.submit(self.control.cycle).result()

    def events(self) -> int:
        with EventLog(self.folder.events) as log:
            return sum(table.num_rows for _, table in log.read(0))

    async def send(self, channel: str, notice: Notice) -> Receipt:
        self.told.append((channel, notice.state))
        return Receipt(200)


@contextmanager
def open_house(root: Path) -> Iterator[House]:
    house = House(root)
    try:
        with serving(house.app) as server:
            house.url = server.url
            yield house
    finally:
        house.pool.submit(house.control.close).result()
        house.pool.shutdown()
        house.store.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("AM_TOKEN", TOKEN)
    with open_house(tmp_path) as house:
        yield house


BEARER = f"Bearer {TOKEN}"


def test_an_alert_of_prometheus_begins_a_playbook_and_its_repeats_count_once(house: House) -> None:
    assert house.post(webhook(FIRING), BEARER) == (200, {"accepted": 1, "refused": [], "left_out": 0})
    assert house.post(webhook(FIRING), BEARER)[0] == 200
    house.ticks(2)
    assert house.events() == 1
    (incident,) = house.store.incidents()
    assert (incident.alert, incident.cause) == ("outside", "outside is 1 over 5s, alert at > 0")
    asyncio.run(Worker(house.store, resolve_action, house.send, lambda: house.now, "one").drain())
    assert house.told == [("ops", "firing")]
    assert house.control.verdict("").decision == "deny", "the playbook froze the gate"
    house.post(webhook(OVER), BEARER)
    house.ticks(9)
    assert house.events() == 2
    assert house.store.incidents()[0].phase == "closed"


@pytest.mark.parametrize(("authorization", "status"), [
    (BEARER, 200), (f"Bearer {ADMIN}", 200), ("Basic " + b64encode(f"am:{TOKEN}".encode()).decode(), 200),
    ("Bearer other", 401), ("", 401)])
def test_the_token_of_the_policy_or_the_admins_opens_the_way(house: House, authorization: str, status: int) -> None:
    assert house.post(webhook(FIRING), authorization)[0] == status


def test_the_token_of_the_source_opens_nothing_else(house: House) -> None:
    assert house.post({"on": False, "reason": "x"}, BEARER, "/v1/automation")[0] == 401


def test_hundreds_of_alerts_come_in_one_body_and_a_body_without_end_does_not(house: House) -> None:
    many = [{**FIRING, "fingerprint": f"{n:016x}"} for n in range(1000)]
    assert house.post(webhook(*many), BEARER)[1]["accepted"] == 1000
    status, said = house.post(webhook(*many, filler="x" * (4 << 20)), BEARER)
    assert (status, said["error"]["code"]) == (413, "too_large")


def test_nothing_to_read_is_told_so_and_what_was_cut_off_is_shown(house: House) -> None:
    assert house.post({"version": "5"}, BEARER)[1]["error"]["code"] == "bad_webhook"
    assert house.post(webhook({}), BEARER)[1]["error"]["code"] == "bad_alert"
    assert house.post(webhook(FIRING, truncatedAlerts=7), BEARER)[1]["left_out"] == 7


def test_a_token_that_is_not_there_is_said_without_its_value(
        house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AM_TOKEN")
    status, said = house.post(webhook(FIRING), BEARER)
    assert (status, said["error"]["code"]) == (503, "no_secret")
    assert "AM_TOKEN" in said["error"]["message"]


def test_a_full_disk_asks_alertmanager_to_come_again(house: House) -> None:
    house.full.set()
    status, said = house.post(webhook(FIRING), BEARER)
    assert (status, said["error"]["code"]) == (503, "not_stored")


def test_a_policy_keeps_the_token_as_a_secret() -> None:
    with pytest.raises(PolicyError, match="expected a secret reference"):
        parse(POLICY.replace("secret://env/AM_TOKEN", "hunter2"), "x.yaml", {})


# ---- the real one ----

CONFIG = """
route: {{receiver: bongsu, group_wait: 1s, group_interval: 1s, repeat_interval: 1s}}
receivers:
- name: bongsu
  webhook_configs:
  - url: "{url}/v1/sources/alertmanager"
    send_resolved: true
    http_config: {{authorization: {{credentials: {token}}}}}
"""


@pytest.mark.real
@pytest.mark.skipif(BINARY is None and not os.environ.get("CI"),
                    reason="no Alertmanager here: apt-get install prometheus-alertmanager")
def test_a_real_alertmanager_tells_of_an_alert_and_of_its_end(house: House, tmp_path: Path) -> None:
    assert BINARY is not None, "expected prometheus-alertmanager on the PATH (apt-get install prometheus-alertmanager)"
    port, config = free_port(), tmp_path / "am.yml"
    config.write_text(CONFIG.format(url=house.url, token=TOKEN), encoding="utf-8")
    process = subprocess.Popen(
        [BINARY, "--config.file", str(config), "--storage.path", str(tmp_path / "am"),
         f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def until(probe: Any, what: str) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                if probe():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"expected {what}")

    def tell(**more: str) -> bool:
        alert = {"labels": FIRING["labels"], **more}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v2/alerts", json.dumps([alert]).encode(),
                                         {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as reply:
            return bool(reply.status == 200)

    def outcomes() -> list[str]:
        house.ticks(1)
        with EventLog(house.folder.events) as log:
            return [e for _, table in log.read(0) for e in table["outcome"].to_pylist()]

    try:
        until(lambda: tell(startsAt="2026-11-22T00:00:00Z"), "Alertmanager takes an alert")
        until(lambda: outcomes() == ["firing"], "the alert as an event")
        until(lambda: house.ticks(1) or any(i.alert == "outside" for i in house.store.incidents()), "an incident")
        tell(startsAt="2026-11-22T00:00:00Z", endsAt="2026-11-22T01:00:00Z")
        until(lambda: outcomes() == ["firing", "resolved"], "its end as an event, its repeats as nothing")
    finally:
        process.terminate()
        process.wait(10)
