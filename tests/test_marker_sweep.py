"""Markers planted in every field that a caller or a person may fill: no file, log or record has one."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bongsu.quantity import MINUTE
from peoplekit import fetch
from vaultkit import Safe, safe

MARKS = ("marker.sweep@example.com", "010-4455-6677", "4111 1111 1111 1111", "900101-1234568")
SAID = f"write to {MARKS[0]}, call {MARKS[1]}, pay {MARKS[2]}, I am {MARKS[3]}"
CHAT = {"model": "shop", "messages": [{"role": "user", "content": SAID}]}
WAYS: dict[str, dict[str, Any]] = {
    "chat/completions": CHAT, "messages": {**CHAT, "max_tokens": 9}, "responses": {"model": "shop", "input": SAID},
    "completions": {"model": "shop", "prompt": SAID}, "embeddings": {"model": "shop", "input": SAID},
    "moderations": {"model": "shop", "input": SAID}, "messages/count_tokens": CHAT,
    "predict/shop": {"rows": [{"text": SAID}]}, "decide": {"route": "shop", "on": "input", "text": SAID},
    "appeals": {"text": SAID, "user": MARKS[0]}}
"""Some of these the upstream does not speak: what is said of that holds no marker either."""
BESIDE = ({}, {"stream": True}, {"user": MARKS[0]}, {"tools": [{"type": "function", "function": {
    "name": "f", "description": SAID, "parameters": {"type": "object", "description": SAID}}}]},
    {"metadata": {"a": SAID}}, {"model": MARKS[0]}, {"messages": SAID},
    {"messages": [{"role": SAID, "content": [{"type": SAID, "text": SAID}]}]})
"""More of a chat, some of it wrong."""


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Safe]:
    with safe(tmp_path) as made:
        yield made


def said_by_callers(one: Safe) -> None:
    for way, body in WAYS.items():
        fetch(f"{one.one.gateways[0]}/v1/{way}", "sk-any", body)
    for more in BESIDE:
        fetch(f"{one.one.gateways[0]}/v1/chat/completions", "sk-any", {**CHAT, **more})
    with one.one.client("sk-any") as client:
        client.chat.completions.create(**CHAT, extra_headers=dict.fromkeys(
            ("x-bongsu-subject", "x-bongsu-tier", "x-bongsu-conversation", "x-bongsu-group"), MARKS[0]))


def said_by_people(one: Safe) -> None:
    key, id_ = one.one.key(f"laptop of {MARKS[0]}", user=MARKS[0], team="t")
    for subject in (f"key/{id_}", f"user/{MARKS[1]}"):
        one.one.api().post("/v1/restrictions", {"subject": subject, "rung": "suspended", "reason": SAID[:150],
                                                "appeal": f"write to {MARKS[0]}"})
    one.one.cycle()
    assert one.one.post(key).status == 403
    fetch(f"{one.one.gateways[0]}/v1/appeals", key, {"text": SAID})
    one.ask("reveal", tokens=[one.token("email", MARKS[0])], reason=SAID, ticket=MARKS[1])
    one.ask("reveal", tokens=[MARKS[0]])
    one.ask("shred", subject=MARKS[3], reason=SAID, ticket=MARKS[1])
    for way in ("", "/join", "/destroy"):
        fetch(f"{one.one.url}/v1/epochs{way}", one.officer, {"reason": SAID, "ticket": MARKS[0], "epoch": 1,
                                                             "tokens": [one.token("email", MARKS[0])]})


@pytest.mark.req("X2", "D3", "O1", "R4")
def test_no_marker_is_in_any_file_log_or_record(one: Safe, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said_by_callers(one)
    said_by_people(one)
    one.one.cycle()
    one.one.cycle(3 * MINUTE)
    assert one.reveal(one.token("email", MARKS[0])) != {}
    everything = {p.name: p.read_bytes() for p in one.one.folder.root.rglob("*") if p.is_file()}
    assert {"vault.db", "state.db", "events.db", "people.json"} <= set(everything)
    everything |= {f"record {n}": row for n, (_, row, _) in enumerate(one.one.store.stored())}
    everything["log"] = "\n".join(record.getMessage() + str(record.exc_info or "") for record in caplog.records
                                  if record.name.startswith(("bongsu", "uvicorn"))).encode()
    everything["view"] = msgspec.json.encode(str(one.one.control.view()))
    for mark in (*MARKS, "marker.sweep", "44556677", "1111 1111", "1234568"):
        for raw in (mark.encode(), json.dumps(mark)[1:-1].encode(), mark.encode("utf-16-le")):
            assert [name for name, body in everything.items() if raw in body] == [], mark
