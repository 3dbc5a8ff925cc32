"""Personal data that the reader of a reply got to read: apart from what was replaced, withheld or only asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bongsu.guard import Guard
from gatewaykit import PII, SECRET, Script, chunk, reply, sse, standing, text_of
from packkit import fires
from reviewkit import HELD, ask, decide, held, queue, reviewer, waiting

SAID = "ask boss@corp.com or zeus"
FLAG = replace(PII, name="seen", act="flag")
SHADOW = replace(PII, shadow=True)


@pytest.mark.req("D15", "D3")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("guards", "asked", "found", "passed"), [
    ([PII], "hello", 1, 0), ([PII], "I am kim@example.com", 2, 0),
    ([replace(PII, on=("input",), act="flag")], "I am kim@example.com", 1, 0),
    ([FLAG], "hello", 1, 1), ([SHADOW], "hello", 1, 1), ([PII, FLAG], "hello", 2, 0), ([SHADOW, PII], "hello", 2, 0),
])
def test_only_what_its_reader_got_to_read_has_passed(tmp_path: Path, stream: bool, guards: Sequence[Guard], asked: str,
                                                     found: int, passed: int) -> None:
    model = Script(sse(chunk("ask boss@co"), chunk("rp.com or "), chunk("zeus", 0, "stop"), "[DONE]"),
                   plain=reply(SAID))
    with standing(tmp_path, guards, model=model) as stand:
        stand.ask(asked, stream=stream)
        event = stand.spool.last()
    assert (event.pii_findings, event.pii_passed) == (found, passed)


@pytest.mark.req("D15")
def test_what_a_whole_reply_withholds_nobody_read_and_what_a_stream_sent_before_it_was_stopped_was_read(
        tmp_path: Path) -> None:
    text = "ask boss@corp.com or some more words please zeus"
    at_once = b"".join(sse(*(chunk(f"{word} ") for word in text.split()), "[DONE]"))
    with standing(tmp_path, [FLAG, SECRET], model=Script([at_once], plain=reply(text))) as stand:
        stand.ask()
        whole = stand.spool.last()
        read = text_of(stand.stream())
        streamed = stand.spool.last()
    assert "boss@corp.com" in read
    assert (whole.blocked, whole.pii_findings, whole.pii_passed) == (True, 1, 0)
    assert (streamed.blocked, streamed.pii_findings, streamed.pii_passed) == (True, 1, 1)


@pytest.mark.req("D15", "P2")
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_held_for_a_person_is_read_when_it_is_released(tmp_path: Path, stream: bool) -> None:
    with queue(tmp_path, HELD.replace("act: tokenise", "act: flag", 1)) as one:
        ticket = held(one, stream=stream).response.headers["x-bongsu-review"]
        (case,) = waiting(one)
        for who in ("kim", "lee"):
            decide(reviewer(one, who), case["id"], "approve")
        one.cycle()
        ask(one, ticket=ticket, stream=stream)
        calls = [(e.review, e.pii_passed) for e in one.events()]
    assert calls == [("held", 0), ("released", 1)]


@pytest.mark.req("D15")
@pytest.mark.parametrize(("columns", "alarm"), [("pii_findings: 3", False), ("pii_findings: 1, pii_passed: 1", True)])
def test_the_pack_health_alarms_on_what_was_read_not_on_what_a_guard_replaced(columns: str, alarm: bool) -> None:
    assert fires("personal_calls", "health", f'at: "00:00:01", {columns}') is alarm
