"""``POST /v1/events``: what is good is stored once and durably, what is not is named, and nothing personal is kept."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from bongsu.event import COLUMNS, Event
from bongsu.ids import ulids
from bongsu.policy import parse
from bongsu.privacy.tokens import Tokeniser
from bongsu.quantity import SECOND
from bongsu.room.desk import ControlDesk
from bongsu.sources.submitted import Fault, Span, read_arrow, read_json, read_ndjson
from bongsu.stores import arrow
from bongsu.stores.faults import DiskFull
from bongsu.web.cloak import Cloak
from bongsu.web.events import Inlet
from bongsu.web.site import control_app
from servers import serving
from test_control import T0, Room
from test_labels import POLICY, value

ADMIN, SENDER = "bsu_admin_test", "bsu_ingest_test"
NOW = T0
EMAIL = "kim@example.com"


def sha(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Door:
    """A control site over a room of the test's; its engine thread is one of the pool's."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.pool = ThreadPoolExecutor(1)
        room.control.log.close()
        self.pool.submit(self._begin).result()
        self.control = room.control
        self.made = 0
        self.full = threading.Event()

    def _begin(self) -> None:
        self.room.policy = parse(POLICY.replace("often wrong", "often_wrong"), "policy.yaml", {})
        self.room.control = self.room.begin()

    def app(self) -> Any:
        import asyncio

        async def take(table: pa.Table, boxes: Any) -> Any:
            if self.full.is_set():
                raise DiskFull("event log: 3 events not taken")
            return await asyncio.get_running_loop().run_in_executor(self.pool, self.control.take, table, boxes)

        def token(actor: str, reason: str) -> str:
            self.made += 1
            return f"token-{self.made}"

        policy = self.room.policy
        cloak = Cloak(Tokeniser(bytes(32)), "shop", "hash", ulids(lambda: self.room.now))
        self.inlet = Inlet(take, cloak, "shop", lambda: Span(*policy.ingest.span(self.room.now, policy.retention)),
                           lambda given: given == SENDER, token)
        return control_app(ControlDesk(self.control), sha(ADMIN), ways=self.inlet.ways())

    def cycle(self) -> None:
        self.room.now += SECOND
        self.pool.submit(self.control.cycle).result()

    def close(self) -> None:
        self.pool.submit(self.room.control.close).result()
        self.pool.shutdown()


@pytest.fixture
def door(tmp_path) -> Iterator[tuple[Door, str]]:
    room = Room(tmp_path)
    opened = Door(room)
    with serving(opened.app()) as server:
        yield opened, server.url
    opened.close()
    room.spool.close()
    room.store.close(room.now)


def post(url: str, body: Any, kind: str = "application/json", token: str = SENDER,
         path: str = "/v1/events") -> tuple[int, dict[str, Any], dict[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"content-type": kind, "authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read()), dict(reply.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), {k.lower(): v for k, v in error.headers.items()}


def predicted(i: int, **more: Any) -> dict[str, Any]:
    return {"id": f"p{i}", "time": NOW, "kind": "prediction", "prediction": "a", "score": 0.5, **more}


def test_good_events_are_taken_and_each_bad_one_is_named_by_its_place(door):
    opened, url = door
    sent = [predicted(0), {"time": NOW}, predicted(1, scor=1), predicted(2, time="now"), predicted(3, kind="content"),
            predicted(4, origin="redteam"), predicted(5, time=NOW + 10**12), predicted(6, service="other"),
            predicted(7, id="two words"), {"id": "l", "time": NOW, "kind": "label", "label": "a"}, predicted(8), 7,
            predicted(9, status=2**63), predicted(10, policy="mine")]
    status, said, _ = post(url, sent)
    assert (status, said["accepted"], said["duplicates"]) == (200, 2, 0)
    assert [(f["index"], f["field"]) for f in said["refused"]] == [
        (1, "id"), (2, "scor"), (3, "time"), (4, "kind"), (5, "origin"), (6, "time"), (7, "service"), (8, "id"),
        (9, "call"), (11, ""), (12, "status"), (13, "policy")]
    assert all(f["expected"] and f["came"] for f in said["refused"])
    assert post(url, sent)[1]["duplicates"] == 2
    opened.cycle()
    assert value(opened.control, "unlabelled") == 1.0
    assert [e.id for e in kept(opened)] == ["p0", "p8"]


@pytest.mark.req("D5", "O5")
def test_one_object_a_list_lines_and_arrow_are_the_same_events(door):
    opened, url = door
    events = [predicted(i, features={"age": 30 + i, "sex": "F", "vip": True}, tier="gold") for i in range(3)]
    assert post(url, events[0])[1]["accepted"] == 1
    assert post(url, events)[1] == {"accepted": 2, "duplicates": 1, "refused": []}
    lines = b"\n".join(json.dumps(e).encode() for e in events) + b"\n\n{broken\n"
    status, said, _ = post(url, lines, "application/x-ndjson")
    assert (status, said["duplicates"], [f["index"] for f in said["refused"]]) == (200, 3, [4])
    columns = pa.table({"id": ["p3"], "time": pa.array([NOW * 1000], pa.timestamp("ns")), "kind": ["prediction"],
                        "prediction": pa.array(["a"]).dictionary_encode(), "score": pa.array([0.5], pa.float32()),
                        "tier": ["gold"], "features.age": pa.array([33], pa.int32()), "features.sex": ["F"],
                        "features.vip": [True]})
    assert post(url, stream(columns), "application/vnd.apache.arrow.stream")[1]["accepted"] == 1
    found = kept(opened)
    assert [e.features.pop("age") for e in found] == [30, 31, 32, 33]
    assert len({(str(e.features), e.score, e.prediction, e.tier, e.origin, e.service, e.time, e.blocked)
                for e in found}) == 1
    assert found[3].time == NOW


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def kept(door: Door) -> list[Event]:
    def look() -> list[Event]:
        return [e for _, t in door.control.log.read() for e in arrow.events(t)]

    return door.pool.submit(look).result()


@pytest.mark.req("O1")
def test_what_is_personal_is_masked_before_it_is_stored(door):
    opened, url = door
    sent = predicted(0, user="kim", annotator="lee", conversation="c1", group=EMAIL, label=f"wrote to {EMAIL}",
                     features={"note": f"ask {EMAIL}", "age": 3}, prompt=f"mail {EMAIL}", reply="fine")
    assert post(url, sent)[0] == 200
    event, content = kept(opened)
    tokens = Tokeniser(bytes(32))
    assert (event.user, event.annotator) == (tokens.token("USER", "kim"), tokens.token("USER", "lee"))
    mail = tokens.token("email", EMAIL)
    assert (event.group, event.label, event.features["note"]) == (mail, f"wrote to {mail}", f"ask {mail}")
    assert (event.prompt, event.reply) == (None, None)
    assert (content.kind, content.call, content.prompt, content.reply) == ("content", "p0", f"mail {mail}", "fine")
    assert b"kim@" not in b"".join(p.read_bytes() for p in opened.room.folder.root.rglob("*") if p.is_file())


def test_bodies_that_are_no_events_are_refused_whole(door):
    _, url = door
    assert post(url, b"[1, ")[:1] == (400,)
    assert post(url, b"x", "text/plain")[1]["error"]["code"] == "bad_content_type"
    assert post(url, b"x", "application/vnd.apache.arrow.stream")[0] == 400
    bad = stream(pa.table({"id": ["a"], "time": ["soon"]}))
    assert "time" in post(url, bad, "application/vnd.apache.arrow.stream")[1]["error"]["message"]
    assert post(url, [predicted(1, kind="content")])[0] == 422
    assert post(url, [])[1] == {"accepted": 0, "duplicates": 0, "refused": []}


@pytest.mark.req("X1")
def test_a_token_that_may_send_events_may_do_nothing_else(door):
    _, url = door
    assert post(url, [predicted(1)], token="wrong")[0] == 401
    assert post(url, [predicted(1)], token=ADMIN)[0] == 200
    assert post(url, {"reason": "x"}, path="/v1/tokens/ingest")[0] == 401
    assert post(url, {"on": False, "reason": "x"}, path="/v1/automation")[0] == 401
    status, made, _ = post(url, {"reason": "new app"}, token=ADMIN, path="/v1/tokens/ingest")
    assert (status, made) == (201, {"token": "token-1"})
    cookie = urllib.request.Request(url + "/v1/events", b"[]", {"cookie": "bongsu=x"})
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(cookie, timeout=10)
    refused.value.close()


def test_a_full_disk_is_said_and_nothing_is_lost_when_it_is_sent_again(door):
    opened, url = door
    opened.full.set()
    status, said, headers = post(url, [predicted(1)])
    assert (status, said["error"]["code"], headers["retry-after"]) == (503, "disk_full", "30")
    opened.full.clear()
    assert post(url, [predicted(1)])[1]["accepted"] == 1


@pytest.mark.req("D5", "D12")
def test_a_label_and_a_review_sent_later_count_for_their_prediction(door):
    opened, url = door
    post(url, [predicted(i) for i in range(4)])
    opened.cycle()
    post(url, [{"id": f"l{i}", "time": NOW + i, "kind": "label", "call": f"p{i}", "label": "b" if i else "a"}
               for i in range(2)])
    post(url, {"id": "r", "time": NOW, "kind": "label", "call": "p1", "name": "feedback", "label": "down"})
    opened.cycle()
    assert (value(opened.control, "wrong"), value(opened.control, "unlabelled")) == (0.5, 0.5)
    assert value(opened.control, "disliked") == 1.0


def test_every_field_that_a_caller_may_set_comes_back_from_json_and_arrow():
    event = Event(id="x", time=5, kind="call", origin="evaluation", service="shop", status=200, blocked=True,
                  latency_ms=1.5, model="m", call="y", name="n", features={"a": 1.0})
    read = read_json(json.dumps({name: getattr(event, name) for name in event.__struct_fields__
                                 if getattr(event, name) not in ("", None, ())}).encode(), "shop", Span(0, 10))
    assert arrow.events(read.table) == [event]
    columns = arrow.table([event])
    again = read_arrow(stream(columns.select([n for n in columns.column_names if n not in ("policy", "verdicts")])),
                       "shop", Span(0, 10))
    assert arrow.events(again.table) == [event]
    assert set(again.table.column_names) == {*COLUMNS, "features.a"}
    assert read_ndjson(b"", "shop", Span(0, 10)).table.num_rows == 0
    assert read_json(b"[{}]", "shop", Span(0, 10)).faults == (Fault(0, "id", "a value", "nothing"),)


def test_a_time_that_is_no_number_is_told_in_which_unit_one_is_wanted() -> None:
    faults = read_json(b'[{"id": "a", "time": "2026-11-23"}]', "shop", Span(0, 10)).faults
    assert faults == (Fault(0, "time", "microseconds since 1970, a whole number", "str"),)
