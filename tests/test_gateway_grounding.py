"""A reply is held against its context: plain and streamed, flagged and withheld."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import openai
import pytest

from bongsu.checks.grounding import Grounding
from bongsu.guard import Guard
from bongsu.ports import Finding
from bongsu.support import Support
from bongsu.web.grounded import context_of
from gatewaykit import PII, SECRET, Script, chunk, reply, sse, standing, text_of

CONTEXT = "The Golden Gate Bridge opened in 1937. It is 2,737 metres long and was designed by Joseph Strauss."
RIGHT = "The bridge opened in 1937 and is 2,737 metres long."
WRONG = "Maria Lopez painted it blue for the Olympic Games of 1988."
ASK: dict[str, Any] = {"model": "support-bot", "messages": [{"role": "system", "content": CONTEXT},
                                                           {"role": "user", "content": "Tell me about the bridge."}]}
LONG = 50_000_000
BLOCK = Guard("grounded", Grounding(), on=("output",), act="block", reply="I have no source for that.", timeout=LONG)
FLAG = Guard("grounded", Grounding(), on=("output",), act="flag", timeout=LONG)


def pieces(text: str, size: int = 7) -> list[bytes]:
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    return sse(*(chunk(part) for part in parts), chunk("", reason="stop"), "[DONE]")


def said(text: str) -> Script:
    return Script(pieces(text), plain=reply(text))


def ask(stand: Any, **more: Any) -> Any:
    found = stand.shared.chat.completions.create(**{**ASK, **more})
    return list(found) if more.get("stream") else found


@pytest.mark.req("D7", "R3")
def test_an_unsupported_reply_is_replaced_and_a_supported_one_is_not(tmp_path) -> None:
    with standing(tmp_path, [BLOCK], model=said(WRONG)) as stand:
        got = ask(stand)
        assert got.choices[0].message.content == "I have no source for that."
        assert got.choices[0].finish_reason == "content_filter"
        event = stand.spool.last()
        assert (event.outcome, event.blocked_by) == ("blocked", "grounded")
        assert event.grounding_score < 0.2
        assert event.verdicts[-1].kinds == ("unsupported",)
        assert event.injection_findings == 0
    with standing(tmp_path / "b", [BLOCK], model=said(RIGHT)) as stand:
        assert ask(stand).choices[0].message.content == RIGHT
        assert stand.spool.last().grounding_score > 0.5
        assert stand.spool.last().outcome == "ok"


@pytest.mark.req("D7", "R3")
def test_a_stream_that_may_be_withheld_waits_and_nothing_of_it_gets_out(tmp_path) -> None:
    with standing(tmp_path, [BLOCK], model=said(WRONG)) as stand:
        got = ask(stand, stream=True)
        assert text_of(got) == "I have no source for that."
        assert got[-1].choices[0].finish_reason == "content_filter"
        event = stand.spool.last()
        assert event.blocked_by == "grounded"
        assert event.withheld_chars == len(WRONG)
    with standing(tmp_path / "b", [BLOCK], model=said(RIGHT)) as stand:
        got = ask(stand, stream=True)
        assert text_of(got) == RIGHT
        assert got[-1].choices[0].finish_reason == "stop"
        assert stand.spool.last().ttft_ms is not None


def test_a_guard_that_only_flags_lets_the_reply_through_and_notes_its_score(tmp_path) -> None:
    with standing(tmp_path, [FLAG], model=said(WRONG)) as stand:
        assert ask(stand).choices[0].message.content == WRONG
        assert text_of(ask(stand, stream=True)) == WRONG
        for event in stand.spool.calls():
            assert event.outcome == "ok"
            assert event.verdicts[-1].act == "flag"
            assert event.grounding_score < 0.2


def test_a_shadow_guard_changes_nothing_and_holds_no_stream_back(tmp_path) -> None:
    shadow = Guard("grounded", Grounding(), on=("output",), act="block", shadow=True, timeout=LONG)
    with standing(tmp_path, [shadow], model=said(WRONG)) as stand:
        got = ask(stand, stream=True)
        assert text_of(got) == WRONG
        assert len(got) > 3
        assert stand.spool.last().verdicts[-1].act == "shadow:block"


def test_the_words_of_the_model_are_no_context_for_it(tmp_path) -> None:
    with standing(tmp_path, [BLOCK], model=said(WRONG)) as stand:
        before = [{"role": "assistant", "content": WRONG}, {"role": "user", "content": "Say it again."}]
        assert ask(stand, messages=[*ASK["messages"], *before]).choices[0].finish_reason == "content_filter"
        tool = [{"role": "tool", "tool_call_id": "t", "content": WRONG}]
        assert ask(stand, messages=[*ASK["messages"], *tool]).choices[0].message.content == WRONG


def test_only_the_roles_of_the_policy_are_the_context(tmp_path) -> None:
    guard = Guard("grounded", Grounding(roles=("tool",)), on=("output",), timeout=LONG)
    with standing(tmp_path, [guard], model=said(WRONG)) as stand:
        assert ask(stand).choices[0].message.content == WRONG
        assert stand.spool.last().grounding_score is None


def test_context_and_reply_are_compared_under_the_same_aliases(tmp_path) -> None:
    """The model sees an alias and answers with it: the caller reads the address, and nothing is unsupported."""
    model = Script(plain=reply("You can write to [[EMAIL_1]]."))
    with standing(tmp_path, [PII, BLOCK], model=model) as stand:
        got = ask(stand, messages=[{"role": "user", "content": "Where do I write? You can write to kim@example.com."}])
        assert got.choices[0].message.content == "You can write to kim@example.com."
        assert stand.spool.last().grounding_score > 0.5
        assert "kim@example.com" not in str(stand.spool.events)


def test_another_guard_ends_a_waiting_stream_as_if_nothing_had_been_said(tmp_path) -> None:
    with standing(tmp_path, [SECRET, BLOCK], model=said(f"{RIGHT} zeus {RIGHT}")) as stand:
        assert text_of(ask(stand, stream=True)) == "Sorry, no."
        assert stand.spool.last().blocked_by == "secret"


@dataclass(frozen=True)
class Unable:
    """A grounding check that cannot look."""

    name: ClassVar[str] = "grounding"
    version: ClassVar[str] = "1"
    usual: ClassVar[int] = 2000
    roles: tuple[str, ...] = ("system", "user")

    def look(self, text: str) -> Sequence[Finding]:
        return ()

    def hold(self, text: str) -> int:
        return 0

    def support(self, text: str, context: Sequence[str]) -> Support:
        if "Warm-up" in text:
            return Support(None)
        raise ValueError(text)


@pytest.mark.parametrize("stream", [False, True])
def test_a_guard_that_cannot_look_refuses_the_call_or_lets_it_go_by_policy(tmp_path, stream) -> None:
    with standing(tmp_path, [Guard("grounded", Unable(), on=("output",))], model=said(RIGHT)) as stand:
        with pytest.raises(openai.InternalServerError) as refused:
            ask(stand, stream=stream)
        assert refused.value.status_code == 503
        assert RIGHT not in str(refused.value)
        assert stand.spool.wait(1).verdicts[-1].error == "failed"
    guard = Guard("grounded", Unable(), on=("output",), fails="open")
    with standing(tmp_path / "b", [guard], model=said(RIGHT)) as stand:
        got = ask(stand, stream=stream)
        assert (text_of(got) if stream else got.choices[0].message.content) == RIGHT
        assert stand.spool.last().grounding_score is None


def test_reasoning_and_tool_calls_claim_nothing_to_the_caller(tmp_path) -> None:
    deltas = [chunk("", reasoning_content=WRONG), chunk(RIGHT), chunk("", reason="stop")]
    with standing(tmp_path, [BLOCK], model=Script(sse(*deltas, "[DONE]"))) as stand:
        assert text_of(ask(stand, stream=True)) == RIGHT


def test_the_context_is_found_in_every_shape_of_request() -> None:
    roles = ("system", "tool", "user")
    assert context_of({"system": "a", "messages": [{"role": "user", "content": [{"type": "text", "text": "b"}]}]},
                      roles) == ["a", "b"]
    assert context_of({"instructions": "a", "input": [{"type": "function_call_output", "output": "b"}]}, roles) \
        == ["a", "b"]
    assert context_of({"input": "a", "prompt": ["b"]}, ("user",)) == ["b", "a"]
    assert context_of({"system": "a", "input": "b"}, ("tool",)) == []


def test_a_claim_cannot_be_tokenised() -> None:
    with pytest.raises(ValueError, match="expected flag or block"):
        Guard("grounded", Grounding(), on=("output",), act="tokenise")
