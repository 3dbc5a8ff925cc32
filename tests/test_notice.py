"""Who is told, and when: Alertmanager's timing, and what its users asked for in vain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.mute import Mute, Silence, SilenceFault, Times, read_matcher, silence
from bongsu.notice import Alarm, Asked, Book, Escalate, Manners, Tell, group_key, plan
from bongsu.quantity import HOUR, MINUTE, SECOND, Duration

pytestmark = pytest.mark.req("A1", "A3")
TENTH = SECOND // 10


def span(seconds: float) -> Duration:
    return Duration(round(seconds * SECOND))


AM = Manners("prod", ("service",), span(2), span(3), span(7))


def alarm(name: str, since: float = 0, **changes: Any) -> Alarm:
    one = Alarm(name, (), "minor", ("ops",), f"INC-{name}", span(since), f"{name} is 15 over 1m, alert at > 10")
    return replace(one, **changes)


def play(manners: Manners, script: Iterable[tuple[Alarm, float]], until: float, asked: Any = lambda now: Asked(),
         every: int = TENTH, begin: int = 0) -> tuple[list[tuple[float, Tell]], dict[float, Book]]:
    """(alarm, when it ends) -> every notice with its second, and the book at each tick."""
    lives, book, told, books = list(script), {}, list[tuple[float, Tell]](), dict[float, Book]()
    for now in range(begin, begin + span(until) + 1, every):
        alarms = [one for one, end in lives if one.since <= now < span(end)]
        book, tells = plan(manners, "bot", alarms, book, asked(now), now)
        told += [(now / SECOND, tell) for tell in tells]
        books[now / SECOND] = book
    return told, books


def times(told: list[tuple[float, Tell]]) -> list[tuple[float, str]]:
    return [(at, tell.why) for at, tell in told]


def quiet(*matchers: str, starts: float = 0, ends: float = 1e6) -> Silence:
    return Silence("SIL-1", tuple(map(read_matcher, matchers)), span(starts), span(ends), "anna", "known")


# ---- timing ----


def test_golden_alertmanager_two_at_0_a_third_at_2_5_resolve_at_14_74_gives_notices_at_2_5_14_17() -> None:
    """group_wait 2s, group_interval 3s, repeat 7s, as a live Alertmanager does."""
    told, _ = play(AM, [(alarm("a"), 14.74), (alarm("b"), 14.74), (alarm("c", 2.5), 14.74)], 40)
    assert times(told) == [(2, "first"), (5, "new"), (14, "repeat"), (17, "over")]
    assert [len(tell.firing) for _, tell in told] == [2, 3, 3, 0]
    assert [len(tell.resolved) for _, tell in told] == [0, 0, 0, 3]


def test_by_default_a_channel_is_told_at_once_never_again_and_when_it_is_over() -> None:
    told, _ = play(Manners(), [(alarm("a", 1), 30)], 60)
    assert times(told) == [(1, "first"), (30, "over")]


def test_what_is_new_goes_before_what_is_over_in_one_notice() -> None:
    told, _ = play(AM, [(alarm("a"), 3), (alarm("b", 4), 30)], 6)
    assert times(told) == [(2, "first"), (5, "new")]
    last = told[-1][1]
    assert ([k.alert for k in last.firing], [k.alert for k in last.resolved], last.state) == (["b"], ["a"], "firing")


def test_some_over_is_told_as_partly_over() -> None:
    told, _ = play(replace(AM, repeat=span(0)), [(alarm("a"), 3), (alarm("b"), 30)], 20)
    assert times(told) == [(2, "first"), (5, "partly")]


def test_an_alert_older_than_group_wait_is_told_at_once() -> None:
    told, _ = play(AM, [(alarm("a", -10), 9)], 5, begin=0)
    assert times(told) == [(0, "first")]


def test_a_severe_alert_waits_for_no_group() -> None:
    told, _ = play(AM, [(alarm("a"), 99), (alarm("b", 2.5, tier="severe"), 99)], 4)
    assert times(told) == [(2, "first"), (2.5, "new")]


def test_alertmanager_3048_flapping_between_two_looks_is_one_notice() -> None:
    lives = [(alarm("a"), 3), (alarm("a", 3.5), 4), (alarm("a", 4.5), 99)]
    told, _ = play(replace(AM, repeat=span(0)), lives, 30)
    assert times(told) == [(2, "first")]


@pytest.mark.parametrize("issue", [642, 676, 3370])
def test_alertmanager_642_676_3370_when_the_next_notice_comes_is_shown_and_true(issue: int) -> None:
    told, books = play(AM, [(alarm("a"), 99)], 40)
    for (_, one), (at, two) in pairwise(told):
        shown = {books[t][one.channel, one.key].next_at for t in books if one.at / SECOND <= t < at}
        assert shown == {two.at}, issue


def test_two_channels_of_one_group_are_told_each_on_its_own() -> None:
    told, _ = play(AM, [(alarm("a", to=("ops", "boss")), 8)], 12)
    assert [(at, tell.channel) for at, tell in told] == [(2, "boss"), (2, "ops"), (8, "boss"), (8, "ops")]


# ---- kept back ----


@pytest.mark.parametrize("issue", [226, 3664, 1803, 5247])
def test_alertmanager_226_3664_1803_5247_a_resolve_under_a_silence_is_told(issue: int) -> None:
    """Fire at 0, silence at 4, resolve at 10 while silenced: whoever was told hears that it is over."""
    told, _ = play(AM, [(alarm("a"), 10)], 20, lambda now: Asked((quiet("alert=a", starts=4),)))
    assert times(told) == [(2, "first"), (11, "over")], issue


def test_what_was_silent_all_the_time_is_never_told_not_even_its_end() -> None:
    told, _ = play(AM, [(alarm("a"), 10)], 20, lambda now: Asked((quiet("alert=a"),)))
    assert told == []


def test_when_a_silence_ends_the_alert_is_told_at_the_next_look() -> None:
    told, books = play(AM, [(alarm("a"), 99)], 24, lambda now: Asked((quiet("alert=a", ends=19),)))
    assert times(told) == [(20, "first")]
    assert {book["ops", "bongsu/prod/bot/bot"].next_at for t, book in books.items() if t < 19} == {span(20)}


@pytest.mark.parametrize("issue", [2832, 3513])
def test_alertmanager_2832_3513_a_muted_alert_says_by_what_and_until_when(issue: int) -> None:
    mute = Mute("night", Times(times=((0, 1),)))
    told, books = play(replace(AM, mutes=(mute,)), [(alarm("a"), 99)], 63, every=SECOND)
    one = books[30.0]["ops", "bongsu/prod/bot/bot"]
    assert (one.muted_by, one.next_at) == (("mute night",), span(62)), issue
    assert times(told) == [(62, "first")]


def test_alertmanager_2861_one_alert_of_a_group_can_be_muted() -> None:
    mute = Mute("noisy", Times(), alerts=("a",))
    told, _ = play(replace(AM, mutes=(mute,)), [(alarm("a"), 99), (alarm("b"), 99)], 3)
    assert [[k.alert for k in tell.firing] for _, tell in told] == [["b"]]


def test_a_page_keeps_back_the_ticket_about_the_same_objective_and_no_other() -> None:
    page = alarm("page", tier="major", subject="available")
    ticket, other = alarm("ticket", subject="available"), alarm("other", subject="latency")
    manners = replace(AM, group_by=(), inhibit="objective", repeat=span(0))
    told, books = play(manners, [(page, 8), (ticket, 30), (other, 30)], 40)
    assert [(at, tell.key.split("/")[-1], tell.why) for at, tell in told] == [
        (2, "other", "first"), (2, "page", "first"), (8, "page", "over"), (8, "ticket", "first"), (32, "other", "over"),
        (32, "ticket", "over")]
    assert books[5.0]["ops", "bongsu/prod/bot/ticket"].muted_by == ("alert page",)


def test_severe_alerts_and_immutable_channels_are_told_whatever_is_muted_silenced_or_inhibited() -> None:
    mute, hush = Mute("all", Times()), quiet("tier=~.*")
    manners = replace(AM, mutes=(mute,), inhibit="service", immutable=("legal",))
    lives = [(alarm("a", tier="severe"), 9), (alarm("b", to=("ops", "legal")), 9)]
    told, _ = play(manners, lives, 3, lambda now: Asked((hush,)))
    assert [(tell.channel, [k.alert for k in tell.firing]) for _, tell in told] == [("ops", ["a"]), ("legal", ["b"])]


# ---- people ----


def test_who_does_not_acknowledge_in_time_has_the_next_ones_told() -> None:
    manners = Manners(escalate=Escalate(span(5), ("boss",)))
    told, books = play(manners, [(alarm("a", 1, tier="major"), 20)], 30)
    assert [(at, t.channel, t.why, t.escalated) for at, t in told] == [
        (1, "ops", "first", False), (6, "boss", "first", True), (20, "boss", "over", False), (20, "ops", "over", False)]
    assert books[3.0]["ops", "bongsu//bot/a"].next_at == span(6)


def test_whoever_is_among_an_alerts_own_is_not_told_that_nobody_was_there() -> None:
    """A channel may be the first to be told of some alerts and the next one for others."""
    manners = Manners(escalate=Escalate(span(5), ("boss",)))
    own, late = alarm("own", 1, tier="severe", to=("ops", "boss")), alarm("late", 2, tier="major")
    told, _ = play(manners, [(own, 40), (late, 40)], 30)
    assert [(at, t.firing[0].alert, t.escalated) for at, t in told if t.channel == "boss"] == [
        (1, "own", False), (7, "late", True)]


def test_a_ticket_does_not_wake_the_next_ones() -> None:
    told, _ = play(Manners(escalate=Escalate(span(5), ("boss",))), [(alarm("a"), 20)], 30)
    assert {t.channel for _, t in told} == {"ops"}


def test_an_acknowledgement_stops_repeats_and_escalation_but_not_the_end() -> None:
    manners = replace(AM, escalate=Escalate(span(10), ("boss",)))
    told, books = play(manners, [(alarm("a", tier="major"), 40)], 60,
                       lambda now: Asked(acks={"INC-a": "anna"} if now >= 4 * SECOND else {}))
    assert [(at, t.channel, t.why, t.state) for at, t in told] == [
        (2, "ops", "first", "firing"), (4, "ops", "acknowledged", "acknowledged"), (41, "ops", "over", "resolved")]
    assert books[10.0]["ops", "bongsu/prod/bot/bot"].next_at is None


def test_what_joins_an_acknowledged_group_is_told_and_repeats_again() -> None:
    told, _ = play(AM, [(alarm("a"), 99), (alarm("b", 6), 99)], 20, lambda now: Asked(acks={"INC-a": "anna"}))
    assert times(told) == [(2, "first"), (2.1, "acknowledged"), (8, "new"), (17, "repeat")]
    assert told[-1][1].state == "firing"


# ---- keys ----


def test_the_key_has_no_time_and_no_severity_and_the_delivery_adds_episode_and_transition() -> None:
    told, _ = play(Manners("prod"), [(alarm("a", labels=("m/1",), by=("model",)), 3),
                                     (alarm("a", 5, tier="severe", labels=("m/1",), by=("model",)), 8)], 10)
    assert {t.key for _, t in told} == {"bongsu/prod/bot/a/m%2F1"}
    assert [t.delivery.removeprefix(t.key) for _, t in told] == ["/1/1", "/1/2", "/2/1", "/2/2"]


def test_a_key_longer_than_255_is_a_digest() -> None:
    key = group_key(Manners(), "bot", alarm("a", labels=("x" * 300,)))
    assert len(key) == 64
    assert int(key, 16)


# ---- windows and silences ----


def at(zone: str, *parts: int, fold: int = 0) -> int:
    return round(datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * SECOND  # type: ignore[misc,arg-type]


SEOUL, BERLIN = "Asia/Seoul", "Europe/Berlin"
WINDOWS: list[tuple[Times, Mapping[tuple[int, ...], bool]]] = [
    (Times(times=((540, 1080),), zone=SEOUL), {
        (2026, 3, 2, 8, 59, 59): False, (2026, 3, 2, 9, 0): True, (2026, 3, 2, 17, 59): True,
        (2026, 3, 2, 18, 0): False}),
    (Times(weekdays=((5, 6),), zone=SEOUL), {
        (2026, 3, 6, 23, 59): False, (2026, 3, 7, 0, 0): True, (2026, 3, 9): False}),
    (Times(days=((-1, -1),), zone=SEOUL), {(2024, 2, 28): False, (2024, 2, 29): True, (2026, 2, 28): True}),
    (Times(days=((1, 3),), months=((12, 12),), years=((2026, 2027),), zone=SEOUL), {
        (2026, 12, 3, 23, 0): True, (2026, 12, 4): False, (2028, 12, 1): False, (2026, 11, 1): False}),
]


@pytest.mark.parametrize(("when", "cases"), WINDOWS)
def test_a_window_includes_its_start_and_not_its_end_in_its_own_zone(
        when: Times, cases: Mapping[tuple[int, ...], bool]) -> None:
    assert {moment: when.holds(at(SEOUL, *moment if len(moment) > 3 else (*moment, 0))) for moment in cases} == cases


def test_a_window_follows_daylight_saving() -> None:
    """02:00-03:00 in Berlin is not there on 2026-03-29 and is there twice on 2026-10-25."""
    when = Times(times=((120, 180),), zone=BERLIN)
    spring = [when.holds(at("UTC", 2026, 3, 29, hour)) for hour in range(4)]
    autumn = [when.holds(at("UTC", 2026, 10, 25, hour)) for hour in range(4)]
    assert (spring, autumn) == ([False] * 4, [True, True, False, False])
    assert when.ends(at("UTC", 2026, 10, 25, 0)) == at("UTC", 2026, 10, 25, 2)


def test_the_end_of_a_window_is_the_first_moment_outside() -> None:
    weekend = Times(weekdays=((5, 6),), zone=SEOUL)
    assert weekend.ends(at(SEOUL, 2026, 3, 7, 12)) == at(SEOUL, 2026, 3, 9, 0)
    assert Times().ends(0) is None


@pytest.mark.parametrize(("match", "facts", "held"), [
    ("alert=cost", {"alert": "cost"}, True), ("alert=cost", {"alert": "cost2"}, False),
    ("model=~demo-.*", {"model": "demo-large"}, True), ("model=~demo", {"model": "demo-large"}, False),
    ("model!=x", {}, True), ("model!~.+", {}, True), ("model!~.+", {"model": "x"}, False)])
def test_a_matcher_matches_the_whole_of_a_name_or_label(match: str, facts: dict[str, str], held: bool) -> None:
    assert read_matcher(match).matches(facts) is held


@pytest.mark.parametrize(("match", "lasting", "by", "reason", "code"), [
    ((), "1h", "a", "r", "no_match"), (("alert",), "1h", "a", "r", "bad_match"),
    (("a=~(",), "1h", "a", "r", "bad_pattern"),
    (("a=b",), "soon", "a", "r", "bad_for"), (("a=b",), "0s", "a", "r", "bad_for"),
    (("a=b",), "91d", "a", "r", "bad_for"),
    (("a=b",), "1h", "a", " ", "no_reason"), (("a=b",), "1h", "", "r", "no_reason")])
def test_a_silence_needs_matchers_an_end_an_author_and_a_reason(
        match: tuple[str, ...], lasting: str, by: str, reason: str, code: str) -> None:
    with pytest.raises(SilenceFault) as caught:
        silence(match, lasting, by, reason, 0)
    assert caught.value.code == code


def test_a_silence_begins_when_asked_and_lasts_as_long_as_it_says() -> None:
    one = silence(("alert=a",), "1h", "anna", "r", 5, starts=10 * SECOND)
    assert (one.starts, one.ends) == (10 * SECOND, 10 * SECOND + HOUR)
    assert [one.covers({"alert": "a"}, t) for t in (one.starts - 1, one.starts, one.ends - 1, one.ends)] == [
        False, True, True, False]


# ---- whatever happens ----

TIERS_OF: Any = ("severe", "major", "minor", "minor")
TO_OF = (("ops",), ("ops", "legal"), ("boss", "ops"), ("legal",))
ALARMS = st.lists(st.builds(
    lambda n, begin, length: (alarm(f"a{n}", begin, tier=TIERS_OF[n], to=TO_OF[n], incident=f"INC-{n}-{begin}",
                                    subject="x"), begin + length),
    st.integers(0, 3), st.integers(0, 40), st.integers(1, 30)), max_size=6)
MANNERS = st.builds(
    Manners, st.just("e"), st.sampled_from([(), ("service",), ("tier",), ("alert",)]),
    st.sampled_from([span(0), span(4)]),
    st.sampled_from([span(0), span(3)]), st.sampled_from([span(0), span(8)]),
    st.sampled_from([(), (Mute("m", Times(), tiers=("minor", "severe")),),
                     (Mute("o", Times(), channels=("ops", "legal")),)]),
    st.sampled_from(["none", "objective", "service"]), st.sampled_from([None, Escalate(span(6), ("boss",))]),
    st.sampled_from([(), ("legal",)]))


@settings(max_examples=60, deadline=None)
@given(MANNERS, ALARMS, st.integers(0, 60), st.integers(0, 60), st.sets(st.integers(0, 3)))
def test_whoever_is_told_is_told_the_end_severe_is_never_kept_back_and_no_delivery_comes_twice(
        manners: Manners, lives: list[tuple[Alarm, float]], starts: int, ends: int, acked: set[int]) -> None:
    asked = Asked((quiet("alert=~a[01]", starts=starts, ends=ends),),
                  {one.incident: "anna" for one, _ in lives if int(one.alert[1]) in acked})
    told, books = play(manners, lives, 100, lambda now: asked, every=SECOND)
    assert len({(t.channel, t.delivery) for _, t in told}) == len(told)
    believed: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    for _, tell in told:
        place = tell.channel, tell.key
        over = {k.instance for k in tell.resolved}
        assert over <= believed.get(place, set()), "told the end of what was never told"
        believed[place] = {k.instance for k in tell.firing}
        assert (tell.state == "resolved") == (not tell.firing)
    assert not any(believed.values()), "somebody was told and never heard the end"
    assert not any(record.firing for record in books[100.0].values())
    for one, _ in lives:
        if one.tier == "severe":
            for channel in one.to:
                assert any(t.channel == channel and any(k.instance == one.instance for k in t.firing)
                           and at <= one.since / SECOND for at, t in told), "a severe alert waited"


def test_an_hour_of_a_thousand_alerts_is_planned_without_starving_a_severe_one() -> None:
    many = [(alarm(f"n{i}", i % 60), 3000) for i in range(1000)]
    grave = alarm("grave", 30, tier="severe")
    told, _ = play(replace(AM, group_wait=Duration(MINUTE), group_interval=Duration(5 * MINUTE)),
                   [*many, (grave, 3000)], 120, every=10 * SECOND)
    assert next(at for at, t in told if any(k.alert == "grave" for k in t.firing)) == 30
