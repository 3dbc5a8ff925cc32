"""Circuits and budgets of retries that all workers of a host share: one count, one turn, one probe, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.access.circuit import LEASE, RESERVE, SLOTS, Circuit, Health, Pass
from bongsu.access.seats import CAPACITY, Seats, shared_health
from bongsu.language.sentences import say
from bongsu.policy.model import Upstream
from bongsu.policy.patience import Breaker, Retries
from bongsu.quantity import SECOND, Duration
from bongsu.room.upstreams import Upstreams

RULE = Breaker(Fraction(1, 2), min_calls=4, over=Duration(10 * SECOND), rest=Duration(5 * SECOND))
S = 10**9
T0 = 50 * S
CRASHING = """
import sys
from fractions import Fraction
from pathlib import Path
from bongsu.access.seats import shared_health
from bongsu.policy.patience import Breaker, Retries
from bongsu.quantity import SECOND, Duration
circuit = shared_health(Path(sys.argv[1])).circuit("main", Breaker(Fraction(1, 2), min_calls=4,
    over=Duration(10 * SECOND), rest=Duration(5 * SECOND)))
for word in sys.argv[2:]:
    leave = circuit.ask(int(word.rstrip("xk")))
    said = (leave is not None, circuit.standing)
    if word.endswith("x"):
        leave.back(False, int(word[:-1]))
    print(*said, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Health, Health]]:
    made = shared_health(tmp_path), shared_health(tmp_path)
    yield made
    for one in made:
        one.close()


def leave(circuit: Circuit, now: int) -> Pass:
    found = circuit.ask(now)
    assert found is not None
    return found


def fail(circuit: Circuit, n: int, now: int = T0) -> None:
    for _ in range(n):
        leave(circuit, now).back(False, now)


@pytest.mark.req("D11")
def test_what_fails_for_two_workers_fails_for_both_and_is_cooled_for_both_at_once(
        two: tuple[Health, Health]) -> None:
    first, second = (health.circuit("main", RULE) for health in two)
    fail(first, 2)
    fail(second, 1)
    assert (first.standing, second.standing) == ("closed", "closed")
    assert first.counts(T0) == second.counts(T0) == (3, 3)
    fail(second, 1)
    assert (first.standing, second.standing) == ("open", "open")
    assert (first.ask(T0 + 1), second.ask(T0 + 1)) == (None, None)
    assert two[0].shown(T0) == two[1].shown(T0)


def test_what_goes_well_with_one_speaks_for_the_upstream_with_the_other(two: tuple[Health, Health]) -> None:
    first, second = (health.circuit("main", RULE) for health in two)
    for _ in range(10):
        leave(first, T0).back(True, T0)
    fail(second, 9)
    assert first.standing == "closed"
    fail(second, 1)
    assert (first.standing, first.counts(T0)) == ("open", (0, 0))


def test_one_call_tries_it_whichever_worker_has_it_and_closes_it_for_all(two: tuple[Health, Health]) -> None:
    first, second = (health.circuit("main", RULE) for health in two)
    early = leave(second, T0)
    fail(first, 4)
    probe = leave(second, T0 + 5 * S)
    assert (first.ask(T0 + 5 * S), second.ask(T0 + 5 * S)) == (None, None), "others wait while one tries"
    early.back(True, T0 + 5 * S)
    assert first.standing == "half_open", "what began before says nothing"
    probe.back(True, T0 + 6 * S)
    assert (first.standing, second.standing, first.counts(T0 + 6 * S)) == ("closed", "closed", (0, 0))


def test_another_rule_is_another_circuit_and_an_unlike_name_too(two: tuple[Health, Health]) -> None:
    first, second = two
    fail(first.circuit("main", RULE), 4)
    assert second.circuit("main", RULE).standing == "open"
    assert second.circuit("main", replace(RULE, min_calls=5)).standing == "closed"
    assert second.circuit("light", RULE).standing == "closed"


def test_a_seat_is_taken_again_and_what_its_holder_counted_stays(tmp_path: Path) -> None:
    first, second = Seats(tmp_path), Seats(tmp_path)
    assert (first.number, second.number) == (0, 1)
    circuit = Circuit(RULE, first.record("main"))
    fail(circuit, 3)
    first.close()
    third = Seats(tmp_path)
    assert third.number == 0
    fail(Circuit(RULE, third.record("main")), 1)
    assert Circuit(RULE, second.record("main")).standing == "open"
    assert sorted(path.name for path in tmp_path.glob("*.seat.*")) == ["health.seat.0", "health.seat.1"]
    second.close()
    third.close()


def test_who_only_looks_has_no_seat_and_sees_all(tmp_path: Path, two: tuple[Health, Health]) -> None:
    looking = shared_health(tmp_path, looking=True)
    shown = looking.circuit("main", RULE)
    fail(two[0].circuit("main", RULE), 2)
    fail(two[1].circuit("main", RULE), 1)
    assert shown.counts(T0) == (3, 3)
    fail(two[1].circuit("main", RULE), 1)
    assert (shown.standing, looking.shown(T0)["main"]["again_in_s"]) == ("open", 5.0)
    looking.close()


def test_a_full_table_keeps_what_has_no_place_apart(tmp_path: Path) -> None:
    seats = Seats(tmp_path, capacity=4)
    made = [Circuit(RULE, seats.record(f"u{n}")) for n in range(6)]
    for circuit in made:
        assert circuit.ask(T0) is not None
        fail(circuit, 4)
        assert circuit.ask(T0) is None
    seats.close()


@pytest.mark.parametrize("later", [-(10**15), 10**15])
def test_a_timer_that_begins_anew_with_its_host_closes_nobody_out(tmp_path: Path, later: int) -> None:
    at = 2 * 10**15
    before = shared_health(tmp_path)
    fail(before.circuit("main", RULE), 4, at)
    before.close()
    after = shared_health(tmp_path)
    probe = leave(after.circuit("main", RULE), at + later)
    probe.back(True, at + later)
    assert after.circuit("main", RULE).standing == "closed"
    fail(after.circuit("main", RULE), 4, at + later)
    assert after.circuit("main", RULE).standing == "open"
    after.close()


# ---- processes ----


class Dying:
    """A worker in a process of its own; ``said`` is whether it was let in, and the standing it then saw."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", CRASHING, str(folder), *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline().strip() for _ in words]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.mark.req("D11")
def test_a_probe_whose_worker_is_killed_makes_room_for_another_workers(tmp_path: Path) -> None:
    health = shared_health(tmp_path)
    circuit, now = health.circuit("main", RULE), T0 + 5 * S
    dying = Dying(tmp_path, *[f"{T0}x"] * 4, f"{now}k")
    assert dying.said == ["True closed"] * 4 + ["True half_open"]
    assert circuit.ask(now) is None, "it is being tried"
    dying.kill()
    probe = leave(circuit, now)
    assert circuit.ask(now) is None
    again = shared_health(tmp_path)
    assert again.circuit("main", RULE).ask(now) is None, "who takes the seat of the dead does not forget our probe"
    probe.back(True, now)
    assert again.circuit("main", RULE).standing == "closed"
    again.close()
    health.close()


@pytest.mark.req("D11")
def test_a_probe_whose_worker_is_frozen_makes_room_for_another_workers(tmp_path: Path) -> None:
    health = shared_health(tmp_path)
    circuit, now = health.circuit("main", RULE), T0 + 5 * S
    frozen = Dying(tmp_path, *[f"{T0}x"] * 4, f"{now}k")
    frozen.process.send_signal(signal.SIGSTOP)
    assert circuit.ask(now) is None, "it may only be slow"
    probe = leave(circuit, now + LEASE)
    assert circuit.ask(now + LEASE) is None
    probe.back(True, now + LEASE + S)
    assert circuit.standing == "closed"
    frozen.kill()
    health.close()


def test_what_a_killed_worker_opened_stays_open(tmp_path: Path) -> None:
    dying = Dying(tmp_path, *[f"{T0}x"] * 4)
    dying.kill()
    health = shared_health(tmp_path)
    assert health.circuit("main", RULE).ask(T0 + 4 * S) is None
    assert health.circuit("main", RULE).ask(T0 + 5 * S) is not None
    health.close()


_PROBER = """
import json, sys, time
from fractions import Fraction
from pathlib import Path
from bongsu.access.seats import shared_health
from bongsu.policy.patience import Breaker, Retries
from bongsu.quantity import SECOND, Duration
root, rounds = Path(sys.argv[1]), int(sys.argv[2])
health = shared_health(root)
circuit = health.circuit("main", Breaker(Fraction(1, 2), min_calls=1, over=Duration(10 * SECOND), rest=Duration(1)))
budget = health.budget("shop", Retries(budget=Fraction(1, 10)))
busy = root / "busy"
alone = tries = retries = 0
for _ in range(rounds):
    budget.call()
    retries += budget.take()
    leave = circuit.ask(time.perf_counter_ns())
    if leave is not None and leave._state % 4 == 2:  # a try, not a call of before
        tries += 1
        busy.touch(exist_ok=False)  # fails where another process tries it, too
        busy.unlink()
    if leave is not None:
        leave.back(False, time.perf_counter_ns())
print(json.dumps({"tries": tries, "retries": retries}))
"""


@pytest.mark.req("D11", "P7")
def test_processes_at_once_try_one_at_a_time_and_share_one_budget_of_retries(tmp_path: Path) -> None:
    rounds, workers = 600, 2
    running = [subprocess.Popen([sys.executable, "-c", _PROBER, str(tmp_path), str(rounds)], stdout=subprocess.PIPE,
                                text=True) for _ in range(workers)]
    told = [json.loads(one.communicate(timeout=120)[0]) for one in running]
    assert [one.returncode for one in running] == [0] * workers
    assert sum(one["tries"] for one in told) > 0
    assert sum(one["retries"] for one in told) <= RESERVE + workers * rounds // 10


def test_the_reserve_of_retries_is_one_however_many_workers_there_are(two: tuple[Health, Health]) -> None:
    first, second = (health.budget("shop", Retries(budget=Fraction(1, 4))) for health in two)
    assert first is not None
    assert second is not None
    taken = [first.take() for _ in range(7)] + [second.take() for _ in range(7)]
    assert taken == [True] * 10 + [False] * 4
    for _ in range(3):
        second.call()
    assert not first.take()
    first.call()
    assert (first.take(), second.take()) == (True, False)


class World:
    """Some workers of a host, any of whom may die at any moment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers = [shared_health(folder) for _ in range(3)]
        self.passes: list[tuple[int, Pass, int]] = []
        self.now = T0

    def circuit(self, n: int) -> Circuit:
        return self.workers[n].circuit("main", RULE)

    def dies(self, n: int) -> None:
        """The kernel closes what it had open; nothing is given back."""
        self.workers[n].close()
        self.passes = [one for one in self.passes if one[0] != n]
        self.workers[n] = shared_health(self.folder)


STEP = st.tuples(st.integers(0, 2), st.integers(0, 4 * S), st.sampled_from(["ask", "well", "bad", "none", "die"]))
_FOLDERS = count()


@given(st.lists(STEP, max_size=60))
def test_whatever_workers_do_and_whoever_dies_they_agree_and_one_tries_at_a_time(
        tmp_path_factory: pytest.TempPathFactory, story: list[tuple[int, int, str]]) -> None:
    world = World(tmp_path_factory.mktemp("circuit"))
    for who, passed, what in story:
        world.now += passed
        mine = next((i for i, (owner, _, _) in enumerate(world.passes) if owner == who), None)
        if what == "ask":
            if (found := world.circuit(who).ask(world.now)) is not None:
                world.passes.append((who, found, world.now))
        elif what == "die":
            world.dies(who)
        elif mine is not None:
            world.passes.pop(mine)[1].back({"well": True, "bad": False, "none": None}[what], world.now)
        standings = {world.circuit(n).standing for n in range(3)}
        assert len(standings) == 1
        assert len({world.circuit(n).counts(world.now) for n in range(3)}) == 1
        if standings == {"half_open"}:
            state: Any = world.circuit(0)._head[0]
            tries = [one for _, one, begun in world.passes if world.now - begun < LEASE]
            assert sum(one._state == state for one in tries) <= RULE.probes
    world.now += 16 * 5 * S
    for n in range(3):
        world.dies(n)
    leave(world.circuit(0), world.now).back(True, world.now)
    assert {world.circuit(n).standing for n in range(3)} == {"closed"}
    for one in world.workers:
        one.close()


def test_what_is_counted_is_never_more_than_was_seen_in_the_time_that_counts(two: tuple[Health, Health]) -> None:
    first, second = (health.circuit("main", replace(RULE, min_calls=10**6)) for health in two)
    for n in range(200):
        now = T0 + n * S // 4
        leave((first, second)[n % 2], now).back(n % 3 > 0, now)
        calls, failed = first.counts(now)
        most = int(10 * 4 * (1 + 1 / SLOTS)) + 1
        assert failed <= calls <= most


def test_the_files_take_little_room(tmp_path: Path, two: tuple[Health, Health]) -> None:
    fail(two[0].circuit("main", RULE), 1)
    taken = sum(os.stat(path).st_blocks * 512 for path in tmp_path.iterdir())
    assert taken <= 3 * (64 << 10)
    assert CAPACITY >= 1024


def test_what_is_left_alone_is_said_to_people_in_both_languages(tmp_path: Path, two: tuple[Health, Health]) -> None:
    now = T0
    main, light = (Upstream(name, "http://127.0.0.1:9", "m", breaker=RULE) for name in ("main", "light"))
    shown = Upstreams(tmp_path, {"main": main, "light": light}, lambda: now)
    assert shown.remarks() == ()
    fail(two[0].circuit("main", RULE), 4)
    assert [(row.name, row.circuit, row.again_in_s) for row in shown.rows()] == [("main", "open", 5.0),
                                                                                ("light", "closed", 0.0)]
    (said,) = shown.remarks()
    assert said == "upstream main failed too often of late and is left alone; it is tried again in 5 s"
    assert say(said, "ko") == "업스트림 main: 최근 실패가 잦아 호출을 멈췄습니다. 5초 뒤 다시 시도합니다."
    now += 5 * S
    probe = leave(two[1].circuit("main", RULE), now)
    (said,) = shown.remarks()
    assert said == "upstream main failed too often of late and is being tried again"
    assert say(said, "ko") == "업스트림 main: 실패 뒤 다시 시도하는 중입니다."
    probe.back(True, now)
    assert shown.remarks() == ()
    shown.close()


_ENDLESS = "".join(line for line in _PROBER.splitlines(keepends=True) if "busy." not in line)
"""The same without a file that a killed one would leave."""


@pytest.mark.real
@pytest.mark.req("D11", "P7")
def test_whenever_workers_are_killed_an_upstream_can_be_tried_and_no_retry_is_made_of_nothing(tmp_path: Path) -> None:
    """``kill -9`` at moments nobody chose, in every state of a circuit that opens and is tried thousands of times."""
    rule, dice = Breaker(Fraction(1, 2), min_calls=1, over=Duration(10 * SECOND), rest=Duration(1)), Random(7)
    for n in range(8):
        running = [subprocess.Popen([sys.executable, "-c", _ENDLESS, str(tmp_path), str(10**9)]) for _ in range(2)]
        health = shared_health(tmp_path)
        circuit, budget = health.circuit("main", rule), health.budget("shop", Retries(budget=Fraction(1, 10)))
        assert budget is not None
        turns, begun = circuit._head[0], time.monotonic()
        while circuit._head[0] < turns + 40 and time.monotonic() < begun + 60:
            time.sleep(0.01)
        assert circuit._head[0] >= turns + 40, "they open and try it"
        time.sleep(dice.random() / 20)
        for one in running:
            one.send_signal(signal.SIGKILL)
            one.wait()
        later = time.perf_counter_ns() + 10**9
        leave(circuit, later).back(True, later)
        assert circuit.standing == "closed", n
        assert 0 <= budget._head[0] <= RESERVE * 10**9
        assert sum(budget.take() for _ in range(3 * RESERVE)) <= RESERVE
        health.close()
