"""The edges of the way in: times nobody can believe, names in texts, and what tokens stand for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from bongsu.event import Event
from bongsu.policy import PolicyError, parse
from bongsu.privacy.tokens import Tokeniser
from bongsu.quantity import DAY, MINUTE, SECOND
from bongsu.room.vaulting import day_scope, subject_scope
from bongsu.stores.faults import DiskFull
from bongsu.web.cloak import Cloak
from bongsu.web.later import Later
from intakekit import ARROW, T0, Site, site, stream
from test_otlp import export, span

HEAD = "bongsu: 1\nservice: {name: shop}\nsettings: {%s}\nsignals:\n  all: {kind: count}\n"
STORE = "guards:\n  names: {check: names, on: store, act: tokenise, timeout: 30s, fails: %s}\n"
YEAR_2099 = 4_070_908_800 * SECOND


def predicted(i: int, **more: Any) -> dict[str, Any]:
    return {"id": f"p{i}", "time": T0, "kind": "prediction", "prediction": "a", **more}


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not happen within a minute"
        time.sleep(0.02)


def at(when: int, given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "startTimeUnixNano": str(when * 1000), "endTimeUnixNano": str(when * 1000)}


# ---- times ----


@pytest.mark.req("O5")
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson", ARROW])
def test_a_time_nobody_can_believe_is_refused_by_its_row_and_the_others_are_kept(tmp_path: Path, kind: str) -> None:
    back, ahead = T0 - 400 * DAY, T0 + 5 * MINUTE
    times = [0, T0, YEAR_2099, T0 // 10**6, back, back - 1, ahead, ahead + 1, -5]
    rows = [predicted(i, time=at) for i, at in enumerate(times)]
    body = {"application/json": json.dumps(rows).encode(), ARROW: stream(pa.Table.from_pylist(rows)),
            "application/x-ndjson": b"\n".join(json.dumps(row).encode() for row in rows)}[kind]
    with site(tmp_path, HEAD % "base_window: 1s") as one:
        status, said = one.post(body, kind)
        assert (status, said["accepted"]) == (200, 3)
        assert [(f["index"], f["field"]) for f in said["refused"]] == [(i, "time") for i in (0, 2, 3, 5, 7, 8)]
        first, future = said["refused"][0], said["refused"][1]
        if kind == ARROW:
            assert first["expected"].startswith("microseconds since 1970, from 2025-08-17T14:13:20Z to 2026-09-21")
        assert first["came"] == "0 (1970-01-01T00:00:00Z)"
        assert future["came"] == f"{YEAR_2099} (2099-01-01T00:00:00Z)"
        assert said["refused"][2]["came"] == f"{T0 // 10**6} (1970-01-01T00:29:50Z)", "seconds are seen at a glance"
        assert [e.id for e in one.kept()] == ["p1", "p4", "p6"]
        assert 'bongsu_events_refused_total{service="shop",field="time"} 6' in one.metrics()


def test_the_policy_says_how_far_back_and_ahead(tmp_path: Path) -> None:
    with site(tmp_path, HEAD % "ingest: {behind: 1h, ahead: 0s}") as one:
        said = one.post([predicted(0, time=T0 - 3601 * SECOND), predicted(1, time=T0 + 1), predicted(2)])[1]
        assert (said["accepted"], [f["index"] for f in said["refused"]]) == (1, [0, 1])
        assert "from 2026-09-21T" in said["refused"][0]["expected"]
    with pytest.raises(PolicyError, match=r"no longer than retention\.cells \(400d\).*forgotten at once"):
        parse(HEAD % "ingest: {behind: 401d}", "x.yaml", {})


def test_spans_of_another_age_are_counted_as_rejected_and_said_why(tmp_path: Path) -> None:
    with site(tmp_path, HEAD % "base_window: 1s") as one:
        good = at(T0, span(gen_ai__operation__name="chat"))
        old = at(1, span(gen_ai__operation__name="chat", other="one"))
        status, said = one.post(export(good, old), path="/v1/traces")
        assert (status, said["partialSuccess"]["rejectedSpans"]) == (200, "1")
        assert "settings.ingest" in said["partialSuccess"]["errorMessage"]
        assert len(one.kept()) == 1


# ---- what guards of on: store find ----


@pytest.mark.req("D3", "O1")
def test_names_in_sent_texts_are_masked_before_anything_is_kept(tmp_path: Path) -> None:
    policy = HEAD % "base_window: 1s" + STORE % "closed"
    with site(tmp_path, policy) as one:
        sent = predicted(0, prompt="저는 김민수입니다", reply="ok, kim@example.com", user="u",
                         features={"note": "ask 김민수", "age": 3}, label="김민수")
        arrow = stream(pa.table({"id": ["p1"], "time": [T0], "kind": ["call"], "prompt": ["김민수 again"],
                                 "features.note": ["김민수"]}))
        assert one.post(sent)[0] == one.post(arrow, ARROW)[0] == 200
        otlp = at(T0, span(gen_ai__operation__name="chat", gen_ai__input__messages="김민수 called"))
        assert one.post(export(otlp), path="/v1/traces")[0] == 200
        eventually(lambda: sum(e.kind == "content" for e in one.kept()) == 3)
        eventually(lambda: not one.inlet._later._characters)
        kept = one.kept()
        token = one.inlet._cloak._tokens.token("person", "김민수")
        first = next(e for e in kept if e.id == "p0")
        assert (first.features["note"], first.label) == (f"ask {token}", token)
        texts = {e.call: e.prompt for e in kept if e.kind == "content"}
        assert texts["p0"] == f"저는 {token}입니다"
        assert texts.pop("p1") == f"{token} again"
        assert f"{token} called" in texts.values()
        one.cycle()
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert "김민수".encode() not in written
    assert b"kim@" not in written


@dataclass(frozen=True)
class Failing:
    """A check that cannot look."""

    name: ClassVar[str] = "failing"
    version: ClassVar[str] = "1"

    def look(self, text: str) -> list[Any]:
        raise RuntimeError(text)

    def hold(self, text: str) -> int:
        return 0


def test_a_text_that_no_guard_can_read_is_not_kept_and_is_counted(tmp_path: Path, caplog: Any) -> None:
    with site(tmp_path, HEAD % "base_window: 1s" + STORE % "closed") as one:
        one.inlet._cloak.guards = tuple(replace(g, check=Failing()) for g in one.inlet._cloak.guards)
        assert one.post(predicted(0, prompt="in the dark", features={"note": "darkness"}))[1]["accepted"] == 1
        eventually(lambda: one.inlet.refused["texts"] == 1)
        (event,) = one.kept()
        assert (event.id, event.features) == ("p0", {})
        assert 'field="texts"} 1' in one.metrics()
    assert "dark" not in caplog.text


def test_senders_are_told_to_come_again_while_too_many_texts_wait(tmp_path: Path) -> None:
    with site(tmp_path, HEAD % "base_window: 1s" + STORE % "open") as one:
        one.inlet._later._most = 0
        status, said = one.post(predicted(0, prompt="hello"))
        assert (status, said["error"]["code"]) == (503, "busy")
        one.inlet._later._most = 10
        assert one.post(predicted(0, prompt="hello"))[1]["accepted"] == 1


def test_texts_wait_for_room_on_the_disk_and_what_is_left_at_the_end_is_counted() -> None:
    lost: list[int] = []

    async def run() -> None:
        asked = asyncio.Event()

        async def full(texts: Any, boxes: Any) -> None:
            asked.set()
            raise DiskFull("no room")

        later = Later(Cloak(Tokeniser(bytes(32)), "s", "h", lambda: "id"), full, lost.append)
        later.take([Event(id=f"c{i}", time=1, kind="content", prompt="x") for i in range(60)], {})
        await asked.wait()
        await later.close()

    asyncio.run(run())
    assert sum(lost) == 60


# ---- what tokens stand for ----


@pytest.mark.req("D3")
def test_the_vault_keeps_what_the_tokens_of_sent_events_stand_for(tmp_path: Path) -> None:
    with site(tmp_path, HEAD % "base_window: 1s, vault: on" + STORE % "open") as one:
        one.cycle()
        sent = [predicted(0, user="kim", prompt="mail kim@example.com", features={"phone": "010-1234-5678"}),
                predicted(1, time=T0 - DAY, group="lee@example.com", annotator="kim"),
                predicted(2, user="park", prompt="김민수 asks")]
        assert one.post(sent)[1]["accepted"] == 3
        eventually(lambda: not one.inlet._later._characters)
        one.cycle()
        tokens, vault = one.inlet._cloak._tokens, one.control.vault
        kim, park = tokens.token("USER", "kim"), tokens.token("USER", "park")

        def found(kind: str, value: str) -> list[str]:
            token = tokens.token(kind, value)
            assert one.pool.submit(vault.open, token).result().value == value
            assert vault.vault is not None
            return [k.scope for k in vault.vault.find(token)]

        assert found("USER", "kim") == [subject_scope(kim)]
        assert found("email", "kim@example.com") == found("phone", "010-1234-5678") == [subject_scope(kim)]
        assert found("email", "lee@example.com") == [day_scope(T0 - DAY)], "nobody's: of the day of its event"
        assert found("person", "김민수") == [subject_scope(park)], "what guards find in texts is kept too"
        one.pool.submit(vault.shred, subject_scope(kim), one.now, "officer", "asked", "T-1").result()
        one.post(predicted(3, time=T0 - 1, user="kim"))
        one.cycle()
        assert one.pool.submit(vault.open, kim).result().value is None, "said before it was to be forgotten"
        assert all(e.kind != "vault" for e in one.kept())
    assert b"kim@example.com" not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_without_a_vault_nothing_is_noted(tmp_path: Path) -> None:
    with site(tmp_path, HEAD % "base_window: 1s") as one:
        one.cycle()
        given: Site = one
        assert given.post(predicted(0, user="kim"))[1]["accepted"] == 1
        assert given.control.vault.vault is None


HOSTILE = """
import sys
import pyarrow as pa
from bongsu.sources.submitted import Span, UnreadableError, read_arrow

column, data = sys.argv[1], bytes.fromhex(sys.argv[3])
offsets = pa.array([int(n) for n in sys.argv[2].split(",")], pa.int32()).buffers()[1]
values = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(data)])
table = pa.table({"id": ["a", "b"], "time": [1, 2], column: values}, schema=pa.schema(
    [("id", pa.string()), ("time", pa.int64()), (column, pa.string())]))
sink = pa.BufferOutputStream()
with pa.ipc.new_stream(sink, table.schema) as writer:
    writer.write_table(table)
try:
    read_arrow(sink.getvalue().to_pybytes(), "shop", Span(0, 10))
except UnreadableError as error:
    print(error)
"""


@pytest.mark.parametrize("column", ["kind", "call", "service", "model"])
@pytest.mark.parametrize(("offsets", "data"), [("0,5,3", b"abcdef"), ("0,600,6", b"abcdef"),
                                               ("0,3,6", b"ab\xff\xfecd")])
def test_arrow_that_lies_about_its_texts_is_refused_and_ends_no_process(column: str, offsets: str, data: bytes) -> None:
    said = subprocess.run([sys.executable, "-c", HOSTILE, column, offsets, data.hex()], capture_output=True, text=True,
                          check=False)
    assert (said.returncode, said.stderr) == (0, "")
    assert "expected an Arrow IPC stream" in said.stdout
