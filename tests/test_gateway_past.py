"""What a prompt is beside others of its caller: a repetition, or something new; in bounded memory, without its text."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.alert import Signal
from bongsu.engine import Plan
from bongsu.expression import read
from bongsu.policy.model import Policy
from bongsu.quantity import DAY
from bongsu.slis.count import Count
from bongsu.slis.ratio import Ratio
from bongsu.web.past import Past, reads_prompts
from bongsu.web.past_shared import CommonPast
from gatewaykit import INJECTION, standing

RESET = "Please tell me how to reset the password of my account"
ORDER = "Where is the parcel that I ordered from your shop last week"
SIGNAL = Signal("repeats", Ratio(read("near_duplicate"), read("near_duplicate IS NOT NULL")), key="repeats@1")


def reading(policy: Policy) -> Policy:
    return replace(policy, plan=Plan("support-bot", signals=(SIGNAL,)))


def duplicates(stand: Any) -> list[bool | None]:
    return [event.near_duplicate for event in stand.spool.calls()]


@pytest.mark.req("D13")
@pytest.mark.parametrize("guards", [(), (INJECTION,)], ids=["no guard", "a guard"])
def test_a_prompt_that_its_user_sent_before_is_a_near_duplicate(tmp_path: Any, guards: Any) -> None:
    with standing(tmp_path, guards, change=reading, past=Past(bytes(16))) as stand:
        stand.ask(RESET, user="ann")
        stand.ask(f"  {RESET.upper()}!", user="ann")
        stand.ask(ORDER, user="ann")
        stand.ask(RESET, user="bob")
        stand.stream(RESET, user="bob")
        assert duplicates(stand) == [False, True, False, False, True]


def test_what_repeats_itself_in_a_conversation_is_no_repetition(tmp_path: Any) -> None:
    """Each call of a chat carries all that was said; only what is said last is compared."""
    with standing(tmp_path, change=reading, past=Past(bytes(16))) as stand:
        said = [{"role": "user", "content": RESET}]
        for text in (None, ORDER, RESET):
            said += [{"role": "assistant", "content": "Gladly."}, {"role": "user", "content": text}] if text else []
            stand.shared.chat.completions.create(model="support-bot", messages=said, user="ann")
        assert duplicates(stand) == [False, False, True]


def test_nothing_is_known_of_callers_without_a_name_or_texts_of_a_word(tmp_path: Any) -> None:
    with standing(tmp_path, change=reading, past=Past(bytes(16))) as stand:
        stand.ask(RESET)
        stand.ask("thanks", user="ann")
        assert duplicates(stand) == [None, None]


def test_no_prompt_is_looked_at_where_no_signal_asks_for_it(tmp_path: Any) -> None:
    with standing(tmp_path, past=Past(bytes(16))) as stand:
        stand.ask(RESET, user="ann")
        stand.ask(RESET, user="ann")
        assert duplicates(stand) == [None, None]


def test_signals_that_read_the_columns_are_known_whatever_part_they_read_them_in() -> None:
    assert reads_prompts([SIGNAL])
    assert reads_prompts([Signal("new", Count(read("NOT blocked AND new_cluster")), key="n@1")])
    assert not reads_prompts([Signal("calls", Count(), key="c@1"), Signal("b", Ratio(read("blocked")), key="b@1")])


@pytest.mark.req("D9")
def test_a_cell_is_new_to_a_key_once_a_day() -> None:
    past = Past(bytes(16))
    assert past.note(RESET, "ann", "k1", 0)["new_cluster"]
    assert not past.note(RESET, "bob", "k1", 1)["new_cluster"]
    assert past.note(RESET, "ann", "k2", 2)["new_cluster"]
    assert not past.note(RESET, "ann", "k1", DAY - 1)["new_cluster"]
    assert past.note(RESET, "ann", "k1", DAY)["new_cluster"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 40)), max_size=120))
def test_memory_is_bounded_and_who_is_remembered_is_judged_as_a_list_would(calls: list[tuple[str, int]]) -> None:
    """The reference keeps the last three prompts of the three users seen last, as texts."""
    past, known = Past(bytes(16), users=3, prompts=3, keys=2), dict[str, list[int]]()
    for at, (user, n) in zip(count(), calls, strict=False):
        text = " ".join(f"{word}{chr(97 + n % 26)}{chr(97 + n // 26)}" for word in ("one", "two", "six", "ten", "many"))
        mine = known.pop(user, [])
        assert past.note(text, user, "", at)["near_duplicate"] == (n in mine)
        known[user] = [*mine, n][-3:]
        while len(known) > 3:
            del known[next(iter(known))]
    assert len(past._rings) <= 3
    assert len(past._maps) <= 2
    assert all(len(ring) <= 3 for ring in past._rings.values())


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 40), st.integers(0, 2)), max_size=80))
@pytest.mark.req("D9")
def test_workers_that_share_a_memory_judge_as_one_would(tmp_path_factory: pytest.TempPathFactory,
                                                        calls: list[tuple[str, int, int]]) -> None:
    root, key = tmp_path_factory.mktemp("past"), bytes(range(32))
    workers = [CommonPast(root, key) for _ in range(3)]
    alone = Past(workers[0]._secret)
    for at, (user, n, worker) in enumerate(calls):
        text = " ".join(f"{word}{chr(97 + n % 26)}{chr(97 + n // 26)}" for word in ("one", "two", "six", "ten", "many"))
        now = at * DAY // 20
        assert workers[worker].note(text, user, "k", now) == alone.note(text, user, "k", now)
    for one in workers:
        one.close()


def test_a_shared_memory_that_is_full_forgets_who_was_not_seen_for_longest(tmp_path: Path) -> None:
    past = CommonPast(tmp_path, bytes(32), users=4, keys=4)
    assert not past.note(RESET, "ann", "k-ann", 1)["near_duplicate"]
    for n in range(2, 20):
        assert not past.note(RESET, f"u{n}", f"k{n}", n)["near_duplicate"]
        seen = past.note(RESET, "ann", "k-ann", n)
        assert seen == {"near_duplicate": True, "new_cluster": False}, "who is seen is remembered"
    assert past.note(RESET, "u5", "k5", 30) == {"near_duplicate": False, "new_cluster": True}
    again = CommonPast(tmp_path, bytes(32), users=4, keys=4)
    after = again.note(RESET, "ann", "k-ann", 31)
    assert after == {"near_duplicate": True, "new_cluster": False}, "after a restart, too"
    again.close()
    past.close()
