"""What callers, pages and models may not do to the gateway: who may post, how much may come back, what is compiled."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.guard import Guard
from bongsu.overlap import outstanding, resolve, winners
from bongsu.policy.model import Policy
from bongsu.ports import Finding
from bongsu.quantity import SECOND
from bongsu.web import plan
from bongsu.web.screen import MOST as LIMIT
from bongsu.web.screen import MOST_TEXTS, screen
from bongsu.web.upstream import MOST
from gatewaykit import INJECTION, PII, SECRET, Broken, Script, chunk, reply, sse, standing, text_of
from test_gateway_chat import get

ASKED = json.dumps({"model": "support-bot", "messages": [{"role": "user", "content": "hi"}]}).encode()


@pytest.mark.parametrize("sent", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "",
                                  "text/plain;application/json", "application/jsonp"])
def test_what_a_page_may_post_anywhere_is_415_and_spends_nothing(tmp_path: Path, sent: str) -> None:
    """A form's content types need no leave of ours; those of a program do."""
    with standing(tmp_path) as stand:
        status, found = get(f"{stand.server.url}/v1/chat/completions", ASKED, headers={"Content-Type": sent})
        assert stand.model.seen == []
        event = stand.spool.last()
    assert (status, found["error"]["code"]) == (415, "unsupported_media_type")
    assert "application/json" in found["error"]["message"]
    assert (event.outcome, event.status) == ("refused", 415)


@pytest.mark.parametrize("sent", ["application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"])
def test_json_by_any_spelling_of_its_name_is_served(tmp_path: Path, sent: str) -> None:
    with standing(tmp_path) as stand:
        assert get(f"{stand.server.url}/v1/chat/completions", ASKED, headers={"Content-Type": sent})[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_page_of_another_site_is_403_and_spends_nothing(tmp_path: Path, origin: str) -> None:
    with standing(tmp_path) as stand:
        status, found = get(f"{stand.server.url}/v1/chat/completions", ASKED, headers={"Origin": origin})
        assert (status, found["error"]["code"]) == (403, "cross_origin")
        assert stand.model.seen == []
        assert get(f"{stand.server.url}/v1/chat/completions", ASKED, headers={"Origin": stand.server.url})[0] == 200


@pytest.mark.parametrize(("status", "stream"), [(200, False), (400, False), (400, True)])
def test_a_reply_without_end_is_a_502_with_its_fact(tmp_path: Path, status: int, stream: bool) -> None:
    """The gateway stops reading; it does not take a reply of any size into its memory. (A stream passes through.)"""
    model = Script(plain=b" " * (MOST + 1), status=status)
    with standing(tmp_path, model=model) as stand:
        with pytest.raises(openai.InternalServerError) as caught:
            stand.ask(stream=stream)
        event = stand.spool.last()
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_reply_too_large")
    assert (event.outcome, event.status, event.error) == ("error", 502, "upstream_reply_too_large")


def test_a_reply_of_some_megabytes_passes(tmp_path: Path) -> None:
    with standing(tmp_path, model=Script(plain=reply("x" * (4 << 20)))) as stand:
        assert len(stand.ask().choices[0].message.content) == 4 << 20


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstreams_words_about_a_request_name_the_callers_own_values(tmp_path: Path, stream: bool) -> None:
    """An alias means something inside the gateway only."""
    body = {"error": {"message": "cannot mail [[EMAIL_1]] or [[EMAIL_2]]", "code": "x", "type": "t", "param": None}}
    model = Script(plain=body, status=400)
    with standing(tmp_path, [PII], model=model) as stand, pytest.raises(openai.BadRequestError) as caught:
        stand.ask("write to kim@example.com", stream=stream)
    assert "cannot mail kim@example.com or [[EMAIL_2]]" in str(caught.value)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was compiled, in order."""
    seen: list[Any] = []
    real = plan.compile_plans

    def counted(policy: Policy, changes: Any, *rest: Any, **more: Any) -> Any:
        seen.append(changes)
        return real(policy, changes, *rest, **more)

    monkeypatch.setattr("bongsu.web.gateway.compile_plans", counted)
    return seen


def test_plans_are_compiled_for_news_and_not_for_every_sign_of_life(tmp_path: Path, compiled: list[Any]) -> None:
    with standing(tmp_path) as stand:
        for n in range(1, 6):
            stand.publisher.publish({}, "hash-1", n)
            stand.ask()
        assert compiled == [{}]
        assert get(f"{stand.server.url}/readyz")[1]["generation"] == 5
        stand.publisher.publish({"route/support-bot": "light"}, "hash-1", 6)
        stand.ask()
        stand.publisher.publish({"route/support-bot": "light"}, "hash-1", 7)
        assert stand.ask().model == "demo-small"
    assert compiled == [{}, {"route/support-bot": "light"}]


def test_a_problem_is_logged_once_and_said_by_readiness_as_long_as_it_lasts(tmp_path: Path, caplog: Any) -> None:
    with standing(tmp_path, [Guard("broken", Broken())]) as stand:
        for n in range(1, 5):
            stand.publisher.publish({}, "hash-1", n)
            assert get(f"{stand.server.url}/readyz")[1]["problems"] == ["guard broken cannot look"]
    assert caplog.text.count("guard broken cannot look") == 1
    assert caplog.text.count("guard broken failed: ValueError") == 1


def test_a_key_that_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        keys: list[Any] = []
        real = stand.gateway._secrets

        def later(reference: str) -> Any:
            keys.append(reference)
            if len(keys) <= 2:
                raise OSError("not there yet")
            return real(reference)

        stand.gateway._secrets = later
        stand.publisher.publish({"route/support-bot": "primary"}, "hash-1", 1)
        assert get(f"{stand.server.url}/readyz")[0] == 503
        stand.publisher.publish({"route/support-bot": "primary"}, "hash-1", 2)
        assert get(f"{stand.server.url}/readyz")[0] == 200
        assert stand.ask().model == "demo-large"


@pytest.mark.parametrize("stream", [False, True])
def test_more_text_than_guards_may_read_is_413_at_once(tmp_path: Path, stream: bool) -> None:
    """Nine megabytes of digits: every other call would wait while a guard reads them."""
    with standing(tmp_path, [INJECTION]) as stand:
        with pytest.raises(openai.APIStatusError) as caught:
            stand.ask("1" * 9_000_000, stream=stream)
        event = stand.spool.last()
        assert stand.model.seen == []
        assert stand.ask("1" * LIMIT).choices[0].finish_reason == "stop"
    assert (caught.value.status_code, caught.value.code) == (413, "text_too_long")
    assert f"{LIMIT} characters" in str(caught.value.body)
    assert "came 9000000" in str(caught.value.body)
    assert (event.outcome, event.status, event.error) == ("refused", 413, "text_too_long")
    assert event.verdicts == (), "no guard began to read it"


def test_more_texts_than_guards_may_read_are_413_however_short(tmp_path: Path) -> None:
    messages: Any = [{"role": "user", "content": ""}] * (MOST_TEXTS + 1)
    with standing(tmp_path, [INJECTION]) as stand, pytest.raises(openai.APIStatusError) as caught:
        stand.shared.chat.completions.create(model="support-bot", messages=messages)
    assert (caught.value.status_code, caught.value.code) == (413, "text_too_long")


@pytest.mark.parametrize("guards", [[], [SECRET]])
def test_a_long_text_passes_where_no_guard_reads_what_is_asked(tmp_path: Path, guards: list[Guard]) -> None:
    with standing(tmp_path, guards, model=Script(plain=reply("fine"))) as stand:
        assert stand.ask("1" * (LIMIT + 1)).choices[0].finish_reason == "stop"


LONG = "word " * (LIMIT // 5 + 1)
MANY = Script(sse(*[chunk(LONG[:10_001])] * 20, chunk("", 0, "stop"), "[DONE]"), plain=reply(LONG))


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_longer_than_guards_may_read_is_a_guard_that_failed(tmp_path: Path, stream: bool) -> None:
    """Closed, it is withheld; open, it passes and the event says that nobody looked."""
    with standing(tmp_path / "closed", [SECRET], model=MANY) as stand:
        with pytest.raises(openai.APIError) as caught:
            stand.ask(stream=stream)
        assert caught.value.code == "guard_unavailable"
        assert stand.spool.last().verdicts[0].error == "failed"
    with standing(tmp_path / "open", [replace(SECRET, fails="open")], model=MANY) as stand:
        got = stand.ask(stream=stream)
        said = text_of(got) if stream else got.choices[0].message.content
        assert len(said) > LIMIT
        assert (stand.spool.last().outcome, stand.spool.last().verdicts[0].error) == ("ok", "failed")


def covered(findings: Iterable[Finding]) -> set[int]:
    return {at for f in findings for at in range(f.start, f.end)}


FINDINGS = st.lists(st.builds(lambda kind, start, length, score, instead: Finding(
    kind, start, start + length, score, instead), st.sampled_from("abc"), st.integers(0, 60), st.integers(1, 20),
    st.sampled_from([0.5, 0.7, 1.0]), st.sampled_from(["", "", "withheld"])), max_size=40)


@given(FINDINGS)
def test_winners_are_chosen_as_if_each_were_held_against_all(findings: list[Finding]) -> None:
    found, taken = winners(findings), []
    for f in sorted(findings, key=lambda f: (-f.score, f.start - f.end, f.start, f.kind)):
        if all(f.end <= t.start or f.start >= t.end for t in taken):
            taken.append(f)
    assert [(f.kind, f.start, f.end) for f in found] == [(f.kind, f.start, f.end)
                                                         for f in sorted(taken, key=lambda f: f.start)]
    kept = outstanding(findings)
    assert covered(kept) == covered(findings)
    assert set(found) <= set(kept)
    assert all(covered([f]) - covered(found) for f in set(kept) - set(found))


@given(FINDINGS)
def test_findings_resolved_cover_what_they_covered_and_have_the_kind_of_the_surest(findings: list[Finding]) -> None:
    """What is withheld goes before what has a token. However they come, they are resolved alike."""
    found = resolve(findings)
    assert covered(found) == covered(findings)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert found == resolve(reversed(findings))
    for one in found:
        within = [f for f in findings if one.start <= f.start < one.end]
        best = max((bool(f.instead), f.score, f.end - f.start, -f.start) for f in within)
        assert any(f.kind == one.kind and (bool(f.instead), f.score, f.end - f.start, -f.start) == best
                   for f in within)


def test_many_findings_are_resolved_in_the_time_of_a_sort() -> None:
    """A hundred thousand numbers in one text: the plain way takes many minutes, and would not end within a test's."""
    found = [Finding("phone", n * 3, n * 3 + 2) for n in range(100_000)]
    assert len(resolve(found)) == 100_000


def test_findings_of_many_texts_are_told_apart_in_the_time_of_their_number() -> None:
    texts = ["x@y.zz"] * MOST_TEXTS
    seen = screen([replace(PII, timeout=SECOND)], "input", texts)
    assert seen.spans == ((Finding("email", 0, 6),),) * MOST_TEXTS
