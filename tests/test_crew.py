"""Processes that look for a guard: what becomes of a text when one of them hangs, dies, or never starts."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from bongsu import registry
from bongsu.checks.names import Names
from bongsu.checks.pattern import Pattern
from bongsu.host.crew import Crew
from bongsu.host.looker import Ask, Said, UntoldError, frame, hello, made, packed
from bongsu.host.seat import CrewError, Seat
from bongsu.ports import Check, Finding
from moody import Moody, Resting

LONG = 60.0
"""Seconds that are never waited for."""


@pytest.fixture(autouse=True)
def _tests_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@contextmanager
def crewed(check: Check, size: int = 1, warm: str = "") -> Iterator[Crew]:
    crew = Crew(hello(check, warm), size)
    try:
        assert crew.ready(LONG) == ""
        yield crew
    finally:
        crew.close()


def ask(text: str, seconds: float = LONG, context: list[str] | None = None) -> Ask:
    return Ask(packed(text), seconds, None if context is None else [*map(packed, context)])


def pids(crew: Crew) -> list[int]:
    return [seat.process.pid for seat in crew._seats if seat.process is not None]


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# ---- what is seen ----


def test_another_process_sees_what_the_check_sees() -> None:
    text = "Karen Smith 씨가 서울에서 김철수를 만났다."
    with crewed(Names()) as crew:
        assert crew.ask(ask(text)).findings == tuple(Names().look(text))


def test_a_reply_is_held_against_its_context_there() -> None:
    with crewed(Resting()) as crew:
        assert crew.ask(ask("blue", context=["it is blue"])).score == 1.0
        assert crew.ask(ask("red", context=["it is blue"])).findings == (Finding("unsupported", 0, 3),)


def test_half_a_surrogate_pair_and_a_long_text_go_through() -> None:
    with crewed(Moody()) as crew:
        assert crew.ask(ask("\ud83d zeus")).findings == (Finding("word", 2, 6),)
        assert crew.ask(ask("가" * 500_000 + "zeus")).findings == (Finding("word", 500_000, 500_004),)


def test_what_it_holds_in_memory_is_known() -> None:
    with crewed(Moody()) as crew:
        assert 5 << 20 < crew.memory < 500 << 20


@pytest.mark.parametrize("check", [Names(entities=("person",), threshold=0.5),
                                   Pattern(phrases=("a", "b"), patterns=("[0-9]{3}",), builtin=False)])
def test_a_check_is_made_again_from_its_settings(check: Check) -> None:
    assert made(hello(check, "")) == check


def test_every_packaged_check_without_required_settings_can_look_apart() -> None:
    for kind in registry.kinds("checks"):
        cls = registry.part("checks", kind)
        try:
            check = cls()
        except (TypeError, ValueError):  # it needs settings
            continue
        assert made(hello(check, "")) == check, kind


# ---- deadlines ----


@pytest.mark.req("P1")
@pytest.mark.parametrize("mood", ["sleeps", "spins"])
def test_a_look_that_does_not_end_is_killed_and_the_next_one_is_answered(mood: str) -> None:
    with crewed(Moody()) as crew:
        before = pids(crew)
        with pytest.raises(CrewError, match="too long") as raised:
            crew.ask(ask(mood, 0.3))
        assert raised.value.why == "timeout"
        assert not alive(before[0])
        assert crew.ask(ask("zeus")).findings
        assert (crew.killed, crew.died) == (1, 0)
        assert pids(crew) != before


def test_a_process_ends_itself_where_nobody_is_left_to_kill_it() -> None:
    with crewed(Moody()) as crew:
        seat = crew._seats[0]
        assert seat.process is not None
        assert seat.sock is not None
        with pytest.raises(TimeoutError):  # asked with less patience than it is told
            _ask_and_go(seat, ask("sleeps", 0.1))
        assert seat.process.wait(30) == -signal.SIGALRM


def _ask_and_go(seat: object, question: Ask) -> None:
    seat._send(frame(question), time.monotonic() + LONG)  # type: ignore[attr-defined]
    seat._receive(time.monotonic() + 0.01)  # type: ignore[attr-defined]


def test_who_finds_all_processes_busy_waits_no_longer_than_half_of_its_time() -> None:
    with crewed(Moody()) as crew:
        first = threading.Thread(target=lambda: _fails(crew, "sleeps", 1.5))
        first.start()
        until(crew._idle.empty)
        with pytest.raises(CrewError) as raised:
            crew.ask(ask("zeus", 0.2))
        assert raised.value.why == "busy"
        first.join()
        assert crew.killed == 1  # the one that slept; nobody was killed for others' waiting


def _fails(crew: Crew, text: str, seconds: float) -> None:
    with pytest.raises(CrewError):
        crew.ask(ask(text, seconds))


def test_of_two_processes_one_answers_while_the_other_hangs() -> None:
    with crewed(Moody(), size=2) as crew:
        first = threading.Thread(target=lambda: _fails(crew, "sleeps", 3.0))
        first.start()
        until(lambda: crew._idle.qsize() == 1)
        assert crew.ask(ask("zeus")).findings
        assert first.is_alive()
        first.join()


@contextmanager
def one_of_two_loads_for_ever(gate: Path) -> Iterator[Crew]:
    with crewed(Moody(), size=2) as crew:
        for seat in crew._seats:
            seat.hello = frame(hello(Moody(gate=str(gate)), ""))  # for processes begun from now on
        _fails(crew, "sleeps", 0.3)
        yield crew


def test_who_is_ready_is_asked_before_one_that_loads(tmp_path: Path) -> None:
    with one_of_two_loads_for_ever(tmp_path / "gate") as crew:
        for _ in range(3):
            assert crew.ask(ask("zeus", 4.0)).findings


def test_who_waits_for_one_that_loads_is_given_the_other_when_it_is_free(tmp_path: Path) -> None:
    found: list[Said] = []
    with one_of_two_loads_for_ever(tmp_path / "gate") as crew:
        held = crew._take(LONG)
        assert held.ready
        waiting = threading.Thread(target=lambda: found.append(crew.ask(ask("zeus"))))
        waiting.start()
        until(crew._idle.empty)  # it holds the one that loads
        crew._give(held)
        waiting.join(2 * LONG)
    assert [said.findings for said in found] == [(Finding("word", 0, 4),)]


# ---- deaths ----


def test_a_process_killed_while_idle_is_replaced_and_the_text_is_still_looked_at() -> None:
    with crewed(Moody()) as crew:
        os.kill(pids(crew)[0], signal.SIGKILL)
        assert crew.ask(ask("zeus")).findings == (Finding("word", 0, 4),)
        assert (crew.killed, crew.died) == (0, 1)


def test_a_text_that_kills_is_tried_twice_and_no_more(tmp_path: Path) -> None:
    with crewed(Moody(folder=str(tmp_path))) as crew:
        assert crew.ask(ask("dies once zeus")).findings
        with pytest.raises(CrewError) as raised:
            crew.ask(ask("dies"))
        assert raised.value.why == "died"
        until(lambda: _answers(crew))


def test_processes_that_die_again_and_again_are_replaced_later_each_time() -> None:
    with crewed(Moody()) as crew:
        seat = crew._seats[0]
        for _ in range(3):
            _fails(crew, "dies", LONG)
        assert seat.deaths >= 2
        assert seat.process is None  # it is not yet time for another
        until(lambda: _answers(crew))
        assert seat.deaths == 0


def test_a_seat_whose_processes_never_live_is_not_lost_however_often_they_died() -> None:
    crew = Crew(hello(Moody(unable="no model"), ""))
    crew._seats[0].deaths = 5000
    with pytest.raises(CrewError) as raised:
        crew.ask(ask("zeus"))
    assert raised.value.why == "unable"
    assert crew._seats[0].deaths == 5001
    assert crew._idle.qsize() == 1
    crew.close()


def test_without_a_descriptor_left_no_process_begins_until_there_is_one_again() -> None:
    def full() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    crew = Crew(hello(Moody(), ""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socketpair", full)
        with pytest.raises(CrewError, match=r"cannot be started \(Too many open files\)") as raised:
            crew.ask(ask("zeus"))
        assert raised.value.why == "unable"
        assert "Too many open files" in crew.trouble()
    assert crew._seats[0].deaths > 0
    assert crew._idle.qsize() == 1
    until(lambda: _answers(crew))
    crew.close()


def test_a_seat_is_given_back_whatever_becomes_of_its_start() -> None:
    def fails(seat: Seat) -> None:
        raise MemoryError

    with crewed(Moody()) as crew:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Seat, "start", fails)
            with pytest.raises(MemoryError):
                crew._give(crew._take(LONG))
        assert crew.ask(ask("zeus")).findings


def _answers(crew: Crew) -> bool:
    try:
        return bool(crew.ask(ask("zeus")).findings)
    except CrewError:
        return False


def test_a_fault_of_the_check_is_told_without_the_text_and_ends_nothing() -> None:
    with crewed(Moody()) as crew:
        before = pids(crew)
        assert replace_memory(crew.ask(ask("raises of Karen"))) == Said(error="ValueError")
        assert pids(crew) == before


def replace_memory(said: Said) -> Said:
    said.memory = 0
    return said


# ---- beginning and end ----


def test_a_check_that_cannot_start_says_why_and_starts_when_it_can(tmp_path: Path) -> None:
    crew = Crew(hello(Moody(unable="no model.onnx in /srv/models"), ""))
    try:
        assert crew.ready(LONG) == "FileNotFoundError: no model.onnx in /srv/models"
        assert crew.trouble() != ""
        _fails(crew, "zeus", 0.1)
    finally:
        crew.close()


def test_a_class_that_is_not_there_is_said() -> None:
    crew = Crew(replace_module(Moody()))
    try:
        assert "nowhere" in crew.ready(LONG)
    finally:
        crew.close()


def replace_module(check: Check):  # type: ignore[no-untyped-def]
    told = hello(check, "")
    told.module = "nowhere"
    return told


def test_closing_ends_every_process_and_whoever_waits() -> None:
    crew = Crew(hello(Moody(), ""), 2)
    assert crew.ready(LONG) == ""
    held = pids(crew)
    waiting = threading.Thread(target=lambda: _fails(crew, "sleeps", LONG))
    waiting.start()
    until(lambda: crew._idle.qsize() == 1)
    crew.close()
    waiting.join(30)
    assert not waiting.is_alive()
    assert not any(map(alive, held))
    with pytest.raises(CrewError):
        crew.ask(ask("zeus", 0.1))


def test_a_child_without_its_parent_ends() -> None:
    with crewed(Moody()) as crew:
        seat = crew._seats[0]
        assert seat.process is not None
        assert seat.sock is not None
        seat.sock.close()
        assert seat.process.wait(30) == 0


def test_two_checks_that_differ_in_a_setting_are_told_apart() -> None:
    assert hello(Moody(), "").settings != hello(replace(Moody(), kind="x"), "").settings


def test_a_check_whose_settings_cannot_be_told_is_said_not_made() -> None:
    @dataclass(frozen=True)
    class Foreign:
        thing: object = field(default_factory=object)

    with pytest.raises(UntoldError, match=r"cannot be made in another process \("):
        hello(cast("Check", Foreign()), "")
