"""What a call leaves behind: when its fact is dated, that there always is one, and what may stand in it."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

from bongsu.demo.model import DemoModel
from gatewaykit import PII, Script, chunk, now, sse, standing


def test_a_call_is_dated_when_it_ended(tmp_path: Path) -> None:
    """A window of half a second that ends now sees a call of one second: its time is its end, its start follows."""
    model = DemoModel()
    model.knobs["hang"] = True
    with standing(tmp_path, model=model) as stand:
        began = now()
        with pytest.raises(openai.InternalServerError):
            stand.ask()
        event = stand.spool.last()
    assert event.latency_ms is not None
    assert event.latency_ms >= 1000
    assert now() - event.time < 500_000
    assert event.time - event.latency_ms * 1000 >= began - 10_000


def test_a_stream_and_its_texts_are_dated_when_it_ended(tmp_path: Path) -> None:
    model = Script(sse(chunk("hello "), chunk("there "), chunk("", 0, "stop"), "[DONE]"), pause=0.2)
    with standing(tmp_path, [PII], model=model) as stand:
        began = now()
        stand.stream()
    call, content = stand.spool.events
    assert call.time - began >= 600_000
    assert content.time == call.time


