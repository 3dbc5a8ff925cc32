"""Versions of a route: split, sticky, shaped, tagged; and guards that look at a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bongsu.guard import Guard
from bongsu.policy import parse
from bongsu.policy.fault import PolicyError
from bongsu.policy.model import Policy, Route
from bongsu.policy.routing import Version
from gatewaykit import SECRET, Script, Stand, Word, chunk, reply, sse, standing
from test_gateway_chat import get
from test_gateway_faults import ByModel

V1, V2 = Version("v1", prompt_version="p1"), Version("v2", upstream="light", model="demo-next", model_version="m2",
                                                     prompt_version="p2")
SMALL = (Path(__file__).parent / "good/small.yaml").read_text(encoding="utf-8")


def versioned(*versions: Version, **more: Any) -> Callable[[Policy], Policy]:
    def change(policy: Policy) -> Policy:
        route = Route("support-bot", "main", light="light", prompt_version="v1", versions={v.name: v for v in versions},
                      **more)
        return replace(policy, routes={"support-bot": route})
    return change


def answering() -> Script:
    return Script(sse(chunk("hi", 0, "stop"), "[DONE]"), plain=reply("hi"))


def ask_as(stand: Stand, user: str, **more: Any) -> None:
    stand.ask("hello", user=user, **more)


@pytest.mark.req("O5", "O2")
@pytest.mark.parametrize("stream", [False, True])
def test_calls_are_split_over_versions_and_the_fact_names_the_one_that_served(tmp_path: Path, stream: bool) -> None:
    model = answering()
    with standing(tmp_path, model=model, change=versioned(V1, V2, split={"v1": 1, "v2": 1})) as stand:
        for n in range(40):
            ask_as(stand, f"user-{n}", stream=stream)
        events = stand.spool.calls()
    assert {e.version for e in events} == {"v1", "v2"}
    for event, seen in zip(events, model.seen, strict=True):
        v2 = event.version == "v2"
        assert seen["model"] == ("demo-next" if v2 else "demo-large")
        assert (event.upstream, event.model_version, event.prompt_version) == (
            ("light", "m2", "p2") if v2 else ("main", "", "p1"))


def test_a_user_meets_the_same_version_and_the_answer_says_which(tmp_path: Path) -> None:
    with standing(tmp_path, model=answering(), change=versioned(V1, V2, split={"v1": 1, "v2": 1})) as stand:
        told = set()
        for _ in range(12):
            raw = stand.shared.chat.completions.with_raw_response.create(
                model="support-bot", user="kim", messages=[{"role": "user", "content": "hi"}])
            told.add(raw.headers["x-bongsu-version"])
        assert len(told) == 1
        assert {e.version for e in stand.spool.calls()} == told


def test_a_conversation_is_stickier_than_its_user_and_call_is_not_sticky_at_all(tmp_path: Path) -> None:
    def versions(sticky: str, folder: str, **more: Any) -> set[str]:
        change = versioned(V1, V2, split={"v1": 1, "v2": 1}, sticky=sticky)
        with standing(tmp_path / folder, model=answering(), change=change) as stand:
            for n in range(24):
                headers = {"x-bongsu-conversation": "c-1" if more else f"c-{n}"}
                ask_as(stand, "kim", extra_headers=headers)
            return {e.version for e in stand.spool.calls()}
    assert len(versions("conversation", "one", same=True)) == 1
    assert versions("conversation", "many") == {"v1", "v2"}
    assert len(versions("user", "user")) == 1
    assert versions("call", "call", same=True) == {"v1", "v2"}


def test_without_a_split_all_calls_are_the_first_versions(tmp_path: Path) -> None:
    with standing(tmp_path, model=answering(), change=versioned(V1, V2)) as stand:
        for n in range(8):
            ask_as(stand, f"u{n}")
        assert {e.version for e in stand.spool.calls()} == {"v1"}


@pytest.mark.parametrize(("asked", "sent"), [
    ({}, {"temperature": 0, "max_tokens": 100}),
    ({"temperature": 0.9, "max_tokens": 5000}, {"temperature": 0, "max_tokens": 100}),
    ({"max_tokens": 7}, {"temperature": 0, "max_tokens": 7}),
    ({"max_completion_tokens": 5000}, {"temperature": 0, "max_completion_tokens": 100}),
    ({"extra_body": {"max_tokens": "many"}}, {"temperature": 0, "max_tokens": 100})])
def test_a_version_sets_and_caps_numbers_and_puts_its_prompt_first(tmp_path: Path, asked: Any, sent: Any) -> None:
    version = Version("v1", prompt="Be kind.", fixed={"temperature": 0.0}, cap={"max_tokens": 100.0})
    model = answering()
    with standing(tmp_path, model=model, change=versioned(version)) as stand:
        stand.ask("hello", extra_body={"unknown": {"kept": [1]}} | asked.pop("extra_body", {}), **asked)
    seen = model.seen[0]
    assert seen.pop("messages") == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}]
    assert (seen.pop("model"), seen.pop("unknown")) == ("demo-large", {"kept": [1]})
    assert seen == sent


def test_a_version_names_its_guards_and_one_that_is_enforced_live_looks_all_the_same(tmp_path: Path) -> None:
    strict = Guard("strict", Word("hello"), on=("input",), enabled=False)
    hello = Guard("hello", Word("hello"), on=("input",), act="flag")
    change = versioned(Version("v1", guards=("secret",)))
    with standing(tmp_path, [hello, strict, SECRET], model=answering(), change=change) as stand:
        stand.ask("hello")
        assert [v.guard for v in stand.spool.last().verdicts] == ["secret"]
        stand.publisher.publish({"guard/strict": "enforce"}, "hash-1", 5)
        stand.ask("hello")
        assert stand.spool.last().blocked_by == "strict"


def test_a_version_that_fails_is_blamed_though_a_fallback_answers(tmp_path: Path) -> None:
    """Else a canary that never answers would look as good as its fallback."""
    model = ByModel(demo_next=Script(status=500), demo_large=answering())
    change = versioned(V2, fallback=("main",))
    with standing(tmp_path, model=model, change=change) as stand:
        stand.ask()
        event = stand.spool.last()
    assert (event.version, event.upstream, event.fallback, event.model_version) == ("v2", "main", True, "")


def test_a_route_that_is_moved_live_serves_no_version(tmp_path: Path) -> None:
    with standing(tmp_path, model=answering(), change=versioned(V1)) as stand:
        stand.publisher.publish({"route/support-bot": "light"}, "hash-1", 5)
        stand.ask()
        assert (stand.spool.last().version, stand.spool.last().upstream) == ("", "light")


@pytest.mark.req("P3")
@pytest.mark.parametrize("change", [{"split": {"v1": 100}, "over": {"v2": 100}, "by": "person"}, {"back": True}])
def test_a_rollback_is_live_at_the_next_request_and_taken_back_at_the_one_after(tmp_path: Path, change: Any) -> None:
    policy = versioned(V1, V2, split={"v2": 100})
    with standing(tmp_path, model=answering(), change=policy) as stand:
        stand.ask()
        stand.publisher.publish({"version/support-bot": change, "previous/support-bot": "v1"}, "hash-1", 5)
        stand.ask()
        stand.publisher.publish({"previous/support-bot": "v1"}, "hash-1", 6)
        stand.ask()
        seen = [(e.version, e.upstream) for e in stand.spool.calls()]
    assert seen == [("v2", "light"), ("v1", "main"), ("v2", "light")]


def test_a_live_split_that_makes_no_sense_is_not_heeded_and_readiness_says_so(tmp_path: Path) -> None:
    with standing(tmp_path, model=answering(), change=versioned(V1, V2)) as stand:
        stand.publisher.publish({"version/support-bot": {"split": {"v9": 100}}}, "hash-1", 5)
        stand.ask()
        assert stand.spool.last().version == "v1"
        status, said = get(f"{stand.server.url}/readyz")
    assert status == 503
    assert "none of its versions" in said["problems"][0]


def test_a_costly_guard_looks_at_a_sample_and_says_where_it_did_not(tmp_path: Path) -> None:
    costly = Guard("costly", Word("zeus"), on=("input", "output"), sample=Fraction(1, 2))
    with standing(tmp_path, [costly], model=answering()) as stand:
        blocked = skipped = 0
        for _ in range(40):
            got = stand.ask("hail zeus")
            verdicts = stand.spool.last().verdicts
            assert stand.spool.last().sampled == f"costly={0.0 if verdicts[0].act == 'skipped' else 0.5}"
            if verdicts[0].act == "skipped":
                skipped += 1
                assert [(v.guard, v.on, v.act, v.took_us) for v in verdicts] == [
                    ("costly", "input", "skipped", 0), ("costly", "output", "skipped", 0)]
                assert got.choices[0].finish_reason == "stop"
            else:
                blocked += stand.spool.last().blocked
        assert blocked + skipped == 40
        assert 5 < skipped < 35


@pytest.mark.parametrize(("old", "new", "said"), [
    ("{primary: main,", "{primary: main, versions: {v1: {}}, split: {v2: 5},", "version of this route (v1), came 'v2'"),
    ("{primary: main,", "{primary: main, versions: {v1: {}}, split: {v1: 0},", "a weight above zero, came none"),
    ("{primary: main,", "{primary: main, versions: {v1: {upstream: mian}},", "upstream (main or small), came 'mian'"),
    ("{primary: main,", "{primary: main, versions: {v1: {set: {seed: 1}, cap: {seed: 2}}},", "either set or capped"),
    ("act: tokenise", "act: tokenise, sample: 0%", "a share above 0% and up to 100%, came 0%")])
def test_a_mistake_in_a_version_is_told(old: str, new: str, said: str) -> None:
    assert old in SMALL
    with pytest.raises(PolicyError) as caught:
        parse(SMALL.replace(old, new, 1), "small.yaml", {})
    assert said in str(caught.value)
    assert len(caught.value.faults) == 1
