"""Guards that look in processes of their own, through a whole gateway: nothing they do keeps a call waiting."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from bongsu.checks.names import Names
from bongsu.guard import Guard
from bongsu.policy import PolicyError, parse
from bongsu.policy.explain import explain
from bongsu.quantity import Duration
from bongsu.web.apart import MOST, Apart, ApartGrounds, LookError
from gatewaykit import PII, Script, Stand, chunk, now, reply, sse, standing, text_of
from moody import Moody, Resting

SECOND = Duration(1_000_000)


@pytest.fixture(autouse=True)
def _tests_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def moody(**more: Any) -> Guard:
    settings: dict[str, Any] = {"on": ("input",), "timeout": Duration(20 * SECOND), **more}
    return Guard("moody", Moody(), **settings)


def pids(stand: Stand) -> list[int]:
    """The processes of all guards, once they have loaded."""
    until(lambda: readiness(stand)[0] == 200)
    return [seat.process.pid for crew in stand.gateway.crews._crews.values() for seat in crew._seats
            if seat.process is not None]


def readiness(stand: Stand) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"{stand.server.url}/health/readiness", timeout=20) as got:
            return got.status, json.loads(got.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


@pytest.mark.req("P1")
def test_what_is_found_in_another_process_counts_like_any_finding(tmp_path: Path) -> None:
    with standing(tmp_path, [moody()]) as stand:
        assert stand.ask("hello").choices[0].finish_reason == "stop"
        assert stand.ask("say zeus").choices[0].finish_reason == "content_filter"
        verdicts = [call.verdicts[0] for call in stand.spool.calls()]
    assert [(v.guard, v.act, v.kinds, v.error) for v in verdicts] == [
        ("moody", "allow", (), ""), ("moody", "block", ("word",), "")]


def test_names_are_hidden_inline_without_the_loop_looking_for_them(tmp_path: Path) -> None:
    names = Guard("names", Names(), on=("input",), act="tokenise", timeout=Duration(20 * SECOND))
    script = Script(plain=reply("ok"))
    with standing(tmp_path, [names], model=script) as stand:
        stand.ask("My name is Karen Smith and I live in Lyon.")
        assert len(pids(stand)) == 1
    assert script.seen[0]["messages"][0]["content"] == "My name is [[PERSON_1]] and I live in Lyon."


@pytest.mark.parametrize(("fails", "status"), [("closed", 503), ("open", 200)])
def test_a_look_that_never_ends_is_a_failure_of_its_guard_and_says_so(tmp_path: Path, fails: Any, status: int) -> None:
    with standing(tmp_path, [moody(timeout=Duration(200_000), fails=fails)]) as stand:
        before = pids(stand)
        if status == 200:
            stand.ask("sleeps")
        else:
            with pytest.raises(openai.InternalServerError, match="could not check"):
                stand.ask("sleeps")
        call = stand.spool.last()
        assert (call.status, call.verdicts[0].error, call.verdicts[0].act) == (status, "timeout", "allow")
        assert pids(stand) != before
        until(lambda: readiness(stand)[0] == 200)
        gateway = stand.gateway
        page = gateway.ops.page(gateway.health, gateway.ledger, "hash-1", gateway.crews)
    assert 'bongsu_guard_processes_replaced_total{worker="0",guard="moody",reason="timeout"} 1' in page
    assert 'bongsu_guard_resident_memory_bytes{worker="0",guard="moody"} ' in page
    assert 'error="timeout"' in page


@pytest.mark.req("P1")
def test_while_one_call_waits_for_its_guard_others_are_served(tmp_path: Path) -> None:
    with standing(tmp_path, [moody(timeout=Duration(60 * SECOND))]) as stand:
        crew = next(iter(stand.gateway.crews._crews.values()))
        waiting = threading.Thread(target=lambda: _refused(stand, "spins"))
        waiting.start()
        until(crew._idle.empty)
        assert readiness(stand)[0] == 200
        assert waiting.is_alive()
        for seat in crew._seats:
            assert seat.process is not None
            seat.process.send_signal(signal.SIGKILL)  # once more it is tried, then it is over
        until(lambda: crew.died == 1 and crew._seats[0].ready)
        assert crew._seats[0].process is not None
        crew._seats[0].process.send_signal(signal.SIGKILL)
        waiting.join(60)
        assert not waiting.is_alive()
        assert stand.spool.last().verdicts[0].error == "died"


def _refused(stand: Stand, text: str) -> None:
    with pytest.raises(openai.InternalServerError):
        stand.ask(text)


def test_a_killed_process_costs_no_call(tmp_path: Path) -> None:
    with standing(tmp_path, [moody()]) as stand:
        for _ in range(3):
            os.kill(pids(stand)[0], signal.SIGKILL)
            assert stand.ask("say zeus").choices[0].finish_reason == "content_filter"
        assert next(iter(stand.gateway.crews._crews.values())).died == 3


def test_who_asks_for_a_decision_alone_gets_it_from_there_too(tmp_path: Path) -> None:
    with standing(tmp_path, [moody()]) as stand:
        asked = json.dumps({"route": "support-bot", "on": "input", "text": "say zeus"}).encode()
        request = urllib.request.Request(f"{stand.server.url}/v1/decide", asked, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as got:
            assert json.loads(got.read())["decision"] == "block"


def test_no_process_is_left_when_the_gateway_has_ended(tmp_path: Path) -> None:
    with standing(tmp_path, [moody(processes=2)]) as stand:
        held = pids(stand)
        assert len(held) == 2
    for pid in held:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_stream_is_looked_at_piece_by_piece_and_stopped(tmp_path: Path) -> None:
    guard = moody(on=("output",))
    script = Script(sse(*(chunk(word) for word in ("the ", "god ", "ze", "us ", "thunders")), chunk("", reason="stop"),
                        "[DONE]"))
    with standing(tmp_path, [guard], model=script) as stand:
        chunks = stand.stream()
        call = stand.spool.wait(1)
    assert text_of(chunks).startswith("the god ")
    assert "zeus" not in text_of(chunks)
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert (call.blocked_by, call.verdicts[0].kinds) == ("moody", ("word",))


def test_a_stream_whose_guard_hangs_ends_as_streams_end(tmp_path: Path) -> None:
    script = Script(sse(chunk("it sleeps "), chunk("now"), chunk("", reason="stop"), "[DONE]"))
    with standing(tmp_path, [moody(on=("output",), timeout=Duration(200_000))], model=script) as stand:
        with pytest.raises(openai.APIError):
            stand.stream()
        assert stand.spool.wait(1).verdicts[0].error == "timeout"


def test_a_reply_is_held_against_its_context_in_another_process(tmp_path: Path) -> None:
    guard = Guard("rests", Resting(), on=("output",), timeout=Duration(20 * SECOND))
    with standing(tmp_path, [guard], model=Script(plain=reply("red"))) as stand:
        assert isinstance(stand.gateway._plans.routes["support-bot"].after[0].check, ApartGrounds)
        assert stand.ask("it is blue").choices[0].finish_reason == "content_filter"
        assert stand.ask("it is red").choices[0].finish_reason == "stop"
        assert [call.grounding_score for call in stand.spool.calls()] == [0.0, 1.0]


@pytest.mark.req("D3")
def test_what_is_kept_is_not_kept_where_its_guard_hangs(tmp_path: Path) -> None:
    guard = moody(on=("store",), act="tokenise", timeout=Duration(200_000))
    with standing(tmp_path, [PII, guard]) as stand:
        stand.ask("sleeps")
        veil = stand.gateway.ledger.veil
        assert veil is not None
        until(lambda: veil.lost == 1)
        stand.ask("say zeus")
        until(lambda: bool(stand.spool.content()))
        content = stand.spool.content()
    assert len(content) == 1
    assert "zeus" not in (content[0].prompt or "")


def test_a_guard_that_cannot_start_is_no_ready_gateway_unless_it_fails_open(tmp_path: Path) -> None:
    def unable(fails: Any) -> Guard:
        return Guard("moody", Moody(unable="no model.onnx in /srv"), on=("input",), fails=fails)

    with standing(tmp_path, [unable("closed")]) as stand:
        status, said = readiness(stand)
        assert status == 503
        assert said["problems"] == ["guard moody cannot look: FileNotFoundError: no model.onnx in /srv"]
        _refused(stand, "hello")
        assert stand.spool.last().verdicts[0].error in ("unable", "busy")
    with standing(tmp_path, [unable("open")]) as stand:
        status, said = readiness(stand)
        assert (status, len(said["problems"])) == (200, 1)
        stand.ask("hello")


def test_on_the_loop_nobody_waits_for_a_process(tmp_path: Path) -> None:
    with standing(tmp_path, [moody()]) as stand:
        crews = stand.gateway.crews
        for _ in range(MOST):  # as many calls as may wait are waiting
            assert crews._free.acquire(blocking=False)
        _refused(stand, "say zeus")
        assert stand.spool.last().verdicts[0].error == "busy"
        for _ in range(MOST):
            crews._free.release()
        assert stand.ask("say zeus").choices[0].finish_reason == "content_filter"


def test_two_guards_of_one_check_share_its_processes(tmp_path: Path) -> None:
    guards = [Guard(name, Moody(), on=("input",), act="flag", timeout=Duration(20 * SECOND)) for name in ("a", "b")]
    with standing(tmp_path, guards) as stand:
        assert len(pids(stand)) == 1
        before = stand.gateway._plans.routes["support-bot"].before
        assert all(isinstance(guard.check, Apart) for guard in before)


def test_processes_0_looks_in_the_gateway_itself(tmp_path: Path) -> None:
    with standing(tmp_path, [moody(processes=0)]) as stand:
        assert pids(stand) == []
        assert stand.ask("say zeus").choices[0].finish_reason == "content_filter"


def test_a_check_whose_fault_names_the_text_leaves_none_of_it_in_a_log(tmp_path: Path,
                                                                      caplog: pytest.LogCaptureFixture) -> None:
    with standing(tmp_path, [moody()]) as stand:
        _refused(stand, "raises at Karen")
        assert stand.spool.last().verdicts[0].error == "failed"
    assert "guard moody failed: ValueError" in caplog.text
    assert "Karen" not in caplog.text


def test_a_look_error_says_why_and_no_more() -> None:
    assert (str(LookError("timeout")), LookError("busy").why) == ("timeout", "busy")


# ---- news ----


def test_a_change_by_a_response_waits_for_no_process(tmp_path: Path) -> None:
    with standing(tmp_path, [moody(on=("output",))]) as stand:
        until(lambda: readiness(stand)[0] == 200)
        crew = next(iter(stand.gateway.crews._crews.values()))
        seat = crew._take(20)
        stand.publisher.publish({"route/support-bot": "light"}, "hash-1", now())
        try:
            assert readiness(stand)[1]["generation"] == 1
        finally:
            crew._give(seat)
        stand.ask("hello")
        assert stand.spool.last().upstream == "light"


def test_while_processes_of_a_new_policy_load_calls_go_on_and_a_fail_over_is_in_force(tmp_path: Path) -> None:
    gate, known = tmp_path / "gate", {}

    def keep(policy: Any) -> Any:
        return known.setdefault("old", policy)

    def reload(digest: str) -> Any:
        guard = Guard("new", Moody(gate=str(gate)), on=("input",), timeout=Duration(20 * SECOND))
        return replace(known["old"], hash=digest, guards=(guard,))

    with standing(tmp_path, [moody()], reload=reload, change=keep) as stand:
        until(lambda: readiness(stand)[0] == 200)
        stand.publisher.publish({}, "hash-2", now())
        first = threading.Thread(target=lambda: stand.ask("hello"))
        first.start()
        until(lambda: len(stand.gateway.crews._crews) == 2)
        for n in range(4):  # more often than crews that nobody uses are kept
            moved = {"route/support-bot": "light"} if n % 2 == 0 else {}
            stand.publisher.publish(moved, "hash-2", now())
            stand.ask("hello")
            call = stand.spool.last()
            assert (call.policy, call.upstream, call.verdicts[0].guard) == (
                "hash-1", "light" if moved else "main", "moody")
        assert (readiness(stand)[0], first.is_alive()) == (200, True)
        gate.touch()
        first.join(60)
        call = stand.spool.last()
        assert (call.policy, call.verdicts[0].guard, call.verdicts[0].error) == ("hash-2", "new", "")
        assert stand.ask("say zeus").choices[0].finish_reason == "content_filter"


# ---- in a policy ----

POLICY = "bongsu: 1\nservice: {name: bot}\nguards:\n  g: {check: %s}\n"


def guard_of(settings: str) -> Guard:
    return parse(POLICY % settings, "p.yaml", {}).guards[0]


def test_slow_checks_look_apart_and_others_here_unless_the_policy_says_otherwise() -> None:
    assert [(g.apart, g.limit) for g in map(guard_of, (
        "names", "names, processes: 0", "names, processes: 3, timeout: 2s", "pii", "pii, processes: 1"))] == [
        (1, SECOND), (0, 20_000), (3, 2 * SECOND), (0, 20_000), (1, SECOND)]


@pytest.mark.parametrize(("settings", "message"), [
    ("names, processes: 17", "expected 0 to 16, came 17"),
    ("names, timeout: 20ms", "expected 100ms or more, came 20ms"),
    ("known_attack, processes: 1", "expected none for known_attack"),
])
def test_what_cannot_be_is_said_at_its_place(settings: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        guard_of(settings)


def test_a_policy_says_where_a_guard_looks() -> None:
    policy = parse(POLICY % "names, processes: 2", "p.yaml", {})
    assert any("in 2 processes of its own" in line for line in explain(policy, "en"))
    assert any("별도 프로세스 2개" in line for line in explain(policy, "ko"))
