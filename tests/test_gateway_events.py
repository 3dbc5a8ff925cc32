"""What a call leaves behind: when its fact is dated, that there always is one, and what may stand in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from bongsu.demo.model import DemoModel
from bongsu.event import Event
from bongsu.policy.routing import Trust
from bongsu.quantity import SECOND
from bongsu.sources.spool import SpoolReader, SpoolWriter
from bongsu.web.call import TAG
from bongsu.web.ledger import Ledger
from bongsu.web.masking import KEPT
from gatewaykit import PII, TOKENS, Memory, Script, chunk, now, reply, sse, standing


def test_a_call_is_dated_when_it_ended(tmp_path: Path) -> None:
    """A call's time is its end, and its start follows: a window that ended while it ran does not see it."""
    model = DemoModel()
    model.knobs["hang"] = True
    with standing(tmp_path, model=model) as stand:
        began = now()
        with pytest.raises(openai.InternalServerError):
            stand.ask()
        event = stand.spool.last()
    assert event.latency_ms is not None
    assert event.latency_ms > 900, "about its time-out of a second, which another clock measures"
    assert began - 10_000 <= event.time - event.latency_ms * 1000 < event.time <= now()


def test_a_stream_and_its_texts_are_dated_when_it_ended(tmp_path: Path) -> None:
    model = Script(sse(chunk("hello "), chunk("there "), chunk("", 0, "stop"), "[DONE]"), pause=0.2)
    with standing(tmp_path, [PII], model=model) as stand:
        began = now()
        stand.stream()
    call, content = stand.spool.events
    assert call.time - began >= 600_000
    assert content.time == call.time




@pytest.mark.parametrize("stream", [False, True])
def test_numbers_no_call_can_have_are_taken_as_not_reported(tmp_path: Path, stream: bool) -> None:
    """10^25 tokens would go into no log; the call is served, estimated, and recorded."""
    found = reply("fine", 10**25, 10**25)
    usage = {"id": "r1", "choices": [], "usage": found["usage"]}
    model = Script(sse(chunk("fine"), chunk("", 0, "stop"), usage, "[DONE]"), plain=found)
    spool = SpoolWriter(tmp_path / "spool", "gateway-0")
    try:
        with standing(tmp_path, model=model, spool=spool) as stand:
            stand.ask(stream=stream)
        [event] = SpoolReader(tmp_path / "spool").read({}).events
    finally:
        spool.close()
    assert (event.outcome, event.usage_estimated, event.output_tokens) == ("ok", True, 1)


def fact(**more: Any) -> Event:
    return Event(id="C1", time=7, outcome="ok", status=200, route="r", policy="h", **more)


@pytest.mark.parametrize("bad", [{"input_tokens": 10**25}, {"model": "\ud800"}, {"model": "x" * (17 << 20)}])
def test_a_fact_that_cannot_be_encoded_is_kept_short(tmp_path: Path, bad: dict[str, Any], caplog: Any) -> None:
    """Whatever a model reports, the call leaves a fact: what we ourselves know of it."""
    content = Event(id="C1-content", time=7, kind="content", call="C1", prompt="p")
    with SpoolWriter(tmp_path, "g") as spool:
        ledger = Ledger(spool)
        assert ledger.write([fact(**bad), content])
        kept = SpoolReader(tmp_path).read({}).events
    assert kept == [fact(error="unrecordable")]
    assert (ledger.lost, ledger.broken) == (1, False)
    assert "C1" in caplog.text


@pytest.mark.parametrize("text", ["x" * (17 << 20), "\ud800"])
def test_texts_that_cannot_be_kept_do_not_take_the_fact_with_them(tmp_path: Path, text: str) -> None:
    content = Event(id="C1-content", time=7, kind="content", call="C1", prompt=text)
    with SpoolWriter(tmp_path, "g") as spool:
        ledger = Ledger(spool)
        assert ledger.write([fact(input_tokens=3), content])
        kept = SpoolReader(tmp_path).read({}).events
    assert kept == [fact(input_tokens=3)]
    assert (ledger.lost, ledger.broken) == (1, False)


def test_a_disk_that_has_room_for_the_fact_only_keeps_the_fact() -> None:
    class Nearly(Memory):
        def append(self, events: Iterable[Event]) -> None:
            events = list(events)
            if any(e.kind == "content" for e in events):
                raise OSError(28, "No space left on device")
            super().append(events)

    spool = Nearly()
    ledger = Ledger(spool)
    assert ledger.write([fact(), Event(id="C1-content", time=7, kind="content", call="C1", reply="r")])
    assert spool.events == [fact()]
    assert (ledger.lost, ledger.broken) == (1, False)


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_kept_of_a_reply_has_a_limit(tmp_path: Path, stream: bool) -> None:
    part = "a@b.co " * 1000
    model = Script(sse(*[chunk(part)] * 20, chunk("", 0, "stop"), "[DONE]"), plain=reply(part * 20))
    with standing(tmp_path, [replace(PII, timeout=SECOND)], model=model) as stand:
        stand.ask(stream=stream)
        kept = stand.spool.content()[0].reply
    assert kept is not None
    assert len(kept) == KEPT


@pytest.mark.parametrize(("value", "kind"), [
    ("010-1234-5678", "phone"), ("kim@example.com", "email"), ("900101-1234568", "kr_rrn"),
    ("4111 1111 1111 1111", "card")])
@pytest.mark.parametrize("tag", ["tier", "group", "environment", "prompt_version", "region"])
def test_personal_data_in_a_tag_becomes_a_token(tmp_path: Path, tag: str, value: str, kind: str) -> None:
    """Whatever its form, and without any guard on the route; the rest of the tag stays."""
    with standing(tmp_path, change=lambda policy: replace(policy, trust=Trust("anybody"))) as stand:
        stand.ask(extra_headers={f"x-bongsu-{tag.replace('_', '-')}": f"of {value}"})
    assert getattr(stand.spool.last(), tag) == f"of {TOKENS.token(kind, value)}"


def test_a_conversation_is_always_a_token_that_stays_the_same(tmp_path: Path) -> None:
    """Callers put names and numbers of accounts into it; it is only ever compared."""
    with standing(tmp_path) as stand:
        for name in ("Kim of Seoul", "Kim of Seoul", "c-8"):
            stand.ask(extra_headers={"x-bongsu-conversation": name})
    one, same, other = (e.conversation for e in stand.spool.calls())
    assert one == same != other
    assert "Kim" not in one


def test_a_tag_has_a_limit(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        stand.ask(extra_headers={"x-bongsu-group": "x" * 5000})
    assert stand.spool.last().group == "x" * TAG


@pytest.mark.parametrize("field", ["user", "safety_identifier"])
@pytest.mark.parametrize("stream", [False, True])
def test_who_asks_is_a_token_to_the_model_also_where_no_guard_looks(tmp_path: Path, field: str, stream: bool) -> None:
    with standing(tmp_path) as stand:
        stand.ask(stream=stream, extra_body={field: "kim@example.com"})
    assert stand.model.seen[0][field] == stand.spool.last().user == TOKENS.token("USER", "kim@example.com")


def test_features_a_caller_sends_are_kept_with_their_texts_masked(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        stand.ask(extra_headers={"x-bongsu-features": '{"age": 41, "plan": "gold", "mail": "kim@example.com"}'})
        features = stand.spool.last().features
    assert (features["age"], features["plan"]) == (41, "gold")
    assert "kim@example.com" not in str(features)


@pytest.mark.parametrize("header", ["gold", '["gold"]', '{"a b": 1}', '{"a": {"b": 1}}'])
def test_features_that_cannot_be_read_are_an_error_of_the_caller(tmp_path: Path, header: str) -> None:
    with standing(tmp_path) as stand:
        with pytest.raises(openai.BadRequestError, match="x-bongsu-features"):
            stand.ask(extra_headers={"x-bongsu-features": header})
        assert stand.spool.last().features == {}
