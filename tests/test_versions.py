"""Which version is live: what the policy says, what people and canaries put in its place, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.canary import Canary, Stage
from bongsu.versions import (
    Record,
    RollbackFault,
    begin,
    declare,
    live_split,
    moved,
    previous,
    restore,
    roll_back,
)

VERSIONS = {"v1": 1, "v2": 1, "v3": 1}
CANARY = Canary("v2", "v1", "errors")


def lived(*versions: str) -> Record:
    """A record of policies that declared these one after the other."""
    record = Record()
    for n, version in enumerate(versions):
        record = declare(record, {version: 100}, "", n, f"hash-{n}")
    return record


@pytest.mark.req("P3")
def test_a_rollback_leads_to_the_version_before_and_not_to_one_that_was_rolled_back() -> None:
    record = roll_back(lived("v1", "v2", "v3"), VERSIONS, "", "kim", "v3 swears", 10)
    assert record.now == {"v2": 100}
    again = roll_back(record, VERSIONS, "", "kim", "so does v2", 11)
    assert again.now == {"v1": 100}
    assert again.bad == ("v3", "v2")
    with pytest.raises(RollbackFault, match="no other good version"):
        roll_back(again, VERSIONS, "", "kim", "and v1", 12)


def test_a_version_that_is_named_may_be_one_that_was_rolled_back_and_is_good_again() -> None:
    record = roll_back(lived("v1", "v2"), VERSIONS, "", "kim", "", 10)
    forward = roll_back(record, VERSIONS, "v2", "lee", "repaired", 11)
    assert (forward.now, forward.bad) == ({"v2": 100}, ("v1",))


def test_a_rollback_to_what_is_not_there_is_refused() -> None:
    for to, code in (("v9", "unknown_version"), ("v2", "nothing_to_roll_back")):
        with pytest.raises(RollbackFault) as caught:
            roll_back(lived("v1", "v2"), VERSIONS, to, "kim", "", 10)
        assert caught.value.code == code


def test_a_version_that_left_the_policy_is_no_way_back() -> None:
    assert previous(lived("v1", "v2", "v3"), {"v1": 1, "v3": 1}) == "v1"
    assert previous(lived("v1", "v3"), {"v3": 1}) == "v3"


def test_a_rollback_can_be_taken_back() -> None:
    record = lived("v1", "v2")
    back = restore(roll_back(record, VERSIONS, "", "kim", "", 10), "kim", "a mistake", 11)
    assert (back.now, back.value()) == ({"v2": 100}, None)
    assert [one.version for one in back.lived] == ["v1", "v2", "v1", "v2"]
    with pytest.raises(RollbackFault):
        restore(back, "kim", "", 12)


def test_a_new_split_in_the_policy_ends_what_was_live_and_the_same_one_does_not() -> None:
    record = roll_back(lived("v1", "v2"), VERSIONS, "", "kim", "", 10)
    assert declare(record, {"v2": 100}, "", 11, "hash-9") is record
    newer = declare(record, {"v3": 100}, "", 11, "hash-9")
    assert (newer.now, newer.value()) == ({"v3": 100}, None)


def test_a_canary_that_left_the_policy_gives_its_traffic_back_and_one_that_was_promoted_keeps_it() -> None:
    record = begin(lived("v1"), CANARY, "spec", 5)
    assert declare(record, {"v1": 100}, "spec", 6, "h") is record
    assert declare(record, {"v1": 100}, "", 6, "h").now == {"v1": 100}
    promoted = moved(record, CANARY, Stage(3, 9, 0, "promoted", "fine"), 9)
    assert declare(promoted, {"v1": 100}, "", 10, "h").now == {"v2": 100}


def test_while_a_canary_runs_the_way_back_is_its_base_and_taking_it_ends_the_canary() -> None:
    record = begin(lived("v3", "v1"), CANARY, "spec", 5)
    assert (record.now, previous(record, VERSIONS)) == ({"v1": 95, "v2": 5}, "v1")
    after = roll_back(record, VERSIONS, "", "kim", "", 6)
    assert (after.now, after.by) == ({"v1": 100}, "person")
    assert after.stage is not None
    assert after.stage.state == "rolled_back"
    assert after.bad == ("v2",)


def test_a_canary_rolled_back_is_bad_and_one_promoted_has_lived() -> None:
    record = begin(lived("v1"), CANARY, "spec", 5)
    back = moved(record, CANARY, Stage(0, 5, 1, "rolled_back", "worse"), 6)
    assert (back.now, back.bad, [one.version for one in back.lived]) == ({"v1": 100}, ("v2",), ["v1"])
    up = moved(record, CANARY, Stage(1, 6), 6)
    assert up.now == {"v1": 75, "v2": 25}
    promoted = moved(up, CANARY, Stage(3, 9, 0, "promoted", "fine"), 9)
    assert (promoted.now, [one.version for one in promoted.lived]) == ({"v2": 100}, ["v1", "v2"])
    assert previous(promoted, VERSIONS) == "v1"


SPLITS = st.dictionaries(st.sampled_from(["v1", "v2", "v3"]), st.integers(0, 100), min_size=1).filter(
    lambda split: any(split.values()))


@given(st.lists(st.one_of(SPLITS.map(lambda s: ("declare", s)), st.sampled_from(["", "v1", "v2", "v3"]).map(
    lambda to: ("roll_back", to)), st.just(("restore", None))), max_size=12))
def test_whatever_is_done_some_version_is_live_and_the_way_back_is_a_version(acts: list[tuple[str, object]]) -> None:
    record = declare(Record(), {"v1": 100}, "", 0, "h")
    for n, (act, what) in enumerate(acts):
        try:
            if act == "declare":
                record = declare(record, what, "", n, "h")  # type: ignore[arg-type]
            elif act == "roll_back":
                record = roll_back(record, VERSIONS, str(what), "kim", "", n)
            else:
                record = restore(record, "kim", "", n)
        except RollbackFault:
            continue
        assert any(record.now.values())
        assert previous(record, VERSIONS) in VERSIONS
        assert previous(record, VERSIONS) not in record.bad or previous(record, VERSIONS) in record.now
        value = record.value()
        changes = {} if value is None else {"version/r": value}
        assert live_split(record.declared, VERSIONS, "r", changes) == (record.now, "")


@pytest.mark.parametrize(("changes", "split", "said"), [
    ({}, {"v1": 100}, ""),
    ({"version/r": {"split": {"v2": 100}}}, {"v2": 100}, ""),
    ({"version/r": {"split": {"v2": 100}, "over": {"v1": 100}}}, {"v2": 100}, ""),
    ({"version/r": {"split": {"v2": 100}, "over": {"v3": 100}}}, {"v1": 100}, ""),
    ({"version/r": {"back": True}, "previous/r": "v2"}, {"v2": 100}, ""),
    ({"version/r": {"back": True}}, {"v1": 100}, "none of its versions"),
    ({"version/r": {"split": {"v9": 100}}}, {"v1": 100}, "none of its versions"),
    ({"version/r": {"split": {"v2": -1}}}, {"v1": 100}, "none of its versions"),
    ({"version/r": {"split": {"v2": 0}}}, {"v1": 100}, "none of its versions"),
    ({"version/r": "v2"}, {"v1": 100}, "none of its versions")])
def test_a_live_change_is_heeded_if_it_is_sound_and_of_this_policy(changes: dict[str, object], split: object,
                                                                   said: str) -> None:
    found, problem = live_split({"v1": 100}, VERSIONS, "r", changes)
    assert found == split
    assert said in problem
    assert bool(said) == bool(problem)


def test_history_does_not_grow_for_ever() -> None:
    record = lived(*(["v1", "v2"] * 30))
    assert len(record.lived) == 20
    assert replace(record, lived=()).now == record.now
