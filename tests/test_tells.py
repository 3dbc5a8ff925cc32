"""Notices end to end without a network: policy -> engine -> durable steps -> what a channel was given."""

# ruff: noqa: E501 - policies and what is said of them read as tables

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from bongsu.alert import Rule, Threshold
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Plan, tick
from bongsu.language.message import describe
from bongsu.language.sentences import say
from bongsu.mute import silence
from bongsu.notice import Escalate, Manners, Tell
from bongsu.offline.replay import words
from bongsu.policy import Policy, PolicyError, load, parse
from bongsu.policy.explain import explain
from bongsu.ports import Notice, Receipt, Retry
from bongsu.quantity import HOUR, MINUTE, SECOND, Duration
from bongsu.response import LEASE
from bongsu.room.worker import Worker, resolve_action
from bongsu.stores.state import State
from stage import actions_of, opened
from worlds import BLOCKS, FAILURES

pytestmark = pytest.mark.req("A1", "A3")
HERE = Path(__file__).parent
SMALL = (HERE / "good/small.yaml").read_text(encoding="utf-8")
RULE = Rule("burst", Threshold(BLOCKS, ">", Fraction(10), Duration(5 * MINUTE), "<=", Fraction(2)), tier="major",
            to=("ops",))


class World:
    """A state, a plan, blocks a minute; time goes on by whole minutes, and every tick is committed."""

    def __init__(self, state: State, manners: Manners, blocks: Mapping[int, int], rule: Rule = RULE) -> None:
        self.state, self.blocks, self.minute = state, blocks, 0
        self.plan = Plan("bot", rules=(rule,), signals=(BLOCKS,), notices=manners)
        self.cells, self.engine = Cells(MINUTE), EngineState()
        self.sent: list[tuple[str, Notice]] = []
        self.down: set[str] = set()
        self.told: list[tuple[int, Tell]] = []

    def until(self, minute: int, commit: bool = True) -> None:
        while self.minute < minute:
            self.minute += 1
            now = self.minute * MINUTE
            self.cells.add([Cell("blocks", (), now - MINUTE, "n", self.blocks.get(self.minute - 1, 0))])
            after, decisions = tick(self.plan, self.cells, replace(self.engine, watermark=now), now,
                                    asked=self.state.asked())
            if not commit:
                continue
            self.state.commit(after, decisions, self.plan, "policy-1", now)
            self.engine = after
            self.told += [(self.minute, d) for d in decisions if isinstance(d, Tell)]

    async def send(self, channel: str, notice: Notice) -> Receipt:
        if channel in self.down:
            raise Retry("answered 503")
        self.sent.append((channel, notice))
        return Receipt(200)

    def work(self, now: int | None = None) -> int:
        at = self.minute * MINUTE if now is None else now
        return asyncio.run(Worker(self.state, resolve_action, self.send, lambda: at, "one").drain())


def test_a_channel_is_told_that_it_fires_and_that_it_is_over_with_keys_of_their_own(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        world = World(state, Manners("prod"), {3: 20})
        world.until(20)
        world.work()
        (_, firing), (_, over) = world.sent
        assert (firing.state, over.state, firing.tier) == ("firing", "resolved", "major")
        assert firing.key == over.key == "bongsu/prod/bot/burst"
        assert (firing.delivery, over.delivery) == (f"{firing.key}/1/1", f"{firing.key}/1/2")
        assert (firing.title, over.title) == ("bot: burst is firing", "bot: burst is over")
        assert firing.text == "blocks is 20 over 5m, alert at > 10"
        assert over.text == "Over after 5m. It was: blocks is 20 over 5m, alert at > 10"
        assert [a for a in actions_of(state) if a.startswith("notice.")] == ["notice.firing", "notice.resolved"]


def test_a_tick_that_comes_again_after_a_kill_tells_nobody_twice(tmp_path: Path) -> None:
    """Killed between decision and commit: judged again. Between commit and send: sent from the record."""
    with opened(tmp_path) as state:
        world = World(state, Manners("prod"), {3: 20})
        world.until(3)
        world.until(4, commit=False)
        world.minute = 3
        world.until(4)
        assert [t.why for _, t in world.told] == ["first"]
    with opened(tmp_path) as state:
        assert state.engine_state() == world.engine
        world.state, world.engine = state, state.engine_state()
        claimed = state.claim(4 * MINUTE)
        assert claimed is not None
        assert claimed.tell == world.told[0][1]
    with opened(tmp_path) as state:  # its worker died: another tells with the same delivery key
        world.state = state
        assert world.work(4 * MINUTE + LEASE) == 1
        world.until(20)
        world.work()
        assert [n.delivery.rsplit("/", 2)[1:] for _, n in world.sent] == [["1", "1"], ["1", "2"]]


def test_a_channel_that_is_down_hears_everything_afterwards_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        world = World(state, Manners("prod"), {3: 20, 23: 20})
        world.down = {"ops"}
        for minute in range(4, 60):
            world.until(minute)
            world.work()
        assert world.sent == []
        world.down = set()
        while (due := state.next_due()) is not None:
            world.work(max(due, world.minute * MINUTE))
        assert [n.delivery.split("/")[-2:] for _, n in world.sent] == [["1", "1"], ["1", "2"], ["2", "1"], ["2", "2"]]


def test_a_silence_keeps_back_what_begins_and_never_what_ends(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        world = World(state, Manners("prod"), {3: 20, 33: 20})
        world.until(5)
        quiet = silence(("alert=burst",), "10h", "anna", "load test", 5 * MINUTE)
        state.add_silence(quiet, 5 * MINUTE)
        world.until(60)
        assert [t.why for _, t in world.told] == ["first", "over"]
        assert state.asked().silences == (quiet,)
        assert state.remove_silence(quiet.id, "anna", "done", 60 * MINUTE)
        assert not state.remove_silence(quiet.id, "anna", "done", 60 * MINUTE)
        state.add_silence(replace(quiet, ends=61 * MINUTE), 60 * MINUTE)
        assert (state.expire_silences(60 * MINUTE), state.expire_silences(61 * MINUTE)) == (0, 1)
        assert [a for a in actions_of(state) if a.startswith("silence.")] == [
            "silence.add", "silence.remove", "silence.add", "silence.expire"]


def test_the_book_shows_what_mutes_and_it_is_kept_over_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        world = World(state, Manners("prod"), {3: 20})
        state.add_silence(silence(("alert=burst",), "1h", "anna", "known", MINUTE), MINUTE)
        world.until(5)
        (told,) = state.engine_state().book.values()
        assert told.muted_by[0].startswith("silence SIL-")
        assert told.next_at == MINUTE + HOUR


def test_an_acknowledgement_is_told_stops_the_escalation_and_ends_with_its_incident(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        world = World(state, Manners("prod", repeat=Duration(MINUTE), escalate=Escalate(Duration(3 * MINUTE), ("boss",))),
                      dict.fromkeys(range(3, 20), 20))
        world.until(4)
        incident = world.told[0][1].incident
        assert state.acknowledge(incident, "anna", "on it", 4 * MINUTE)
        assert not state.acknowledge(incident, "bert", "me too", 4 * MINUTE)
        assert not state.acknowledge("INC-NONE", "bert", "what", 4 * MINUTE)
        world.until(60)
        assert [(t.channel, t.why) for _, t in world.told] == [("ops", "first"), ("ops", "acknowledged"), ("ops", "over")]
        assert state.asked().acks == {}
        world.work()
        assert (world.sent[1][1].state, world.sent[1][1].text.splitlines()[-1]) == (
            "acknowledged", "Acknowledged by anna.")
        assert not state.acknowledge(incident, "anna", "late", HOUR)


def test_without_an_acknowledgement_the_next_ones_are_told_so(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        world = World(state, Manners("prod", escalate=Escalate(Duration(3 * MINUTE), ("boss",))), {3: 20})
        world.until(30)
        world.work()
        assert [(m, t.channel, t.why) for m, t in world.told] == [
            (4, "ops", "first"), (7, "boss", "first"), (9, "boss", "over"), (9, "ops", "over")]
        boss = next(n for c, n in world.sent if c == "boss")
        assert boss.text.endswith("Nobody has acknowledged this yet.")


def test_a_group_is_told_one_line_an_alert_in_either_language(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        world = World(state, Manners("prod", ("service",)), {3: 20})
        world.plan = replace(world.plan, rules=(RULE, replace(RULE, name="flood")))
        world.until(4)
        claimed = state.claim(4 * MINUTE)
        assert claimed is not None
        en, ko = describe(claimed), describe(claimed, language="ko")
        assert (en.title, en.key) == ("bot: burst and 1 more is firing", "bongsu/prod/bot/bot")
        assert en.text.splitlines() == ["blocks is 20 over 5m, alert at > 10"] * 2
        assert ko.title == "bot: burst 외 1건 알림 발생"


def test_a_label_that_looks_like_personal_data_is_in_nothing_that_leaves(tmp_path: Path) -> None:
    signal = replace(BLOCKS, labels=("user",))
    rule = replace(RULE, by=("user",), when=replace(RULE.when, signal=signal))  # type: ignore[type-var]
    cells = Cells(MINUTE, [Cell("blocks", ("gildong@example.com",), 0, "n", 20)])
    plan = Plan("bot", rules=(rule,))
    after, decisions = tick(plan, cells, EngineState(), MINUTE)
    with opened(tmp_path) as state:
        state.commit(after, decisions, plan, "policy-1", MINUTE)
        claimed = state.claim(MINUTE)
        assert claimed is not None
        assert "gildong" not in repr(describe(claimed))
        assert "[email]" in describe(claimed).text


def test_a_replay_says_who_would_have_been_told() -> None:
    cells = Cells(MINUTE, [Cell("blocks", (), 0, "n", 20)])
    _, decisions = tick(Plan("bot", rules=(RULE,)), cells, EngineState(), MINUTE)
    assert words(decisions[-1]).startswith("ops is told (first): INC-")
    assert words(decisions[-1]).endswith(" firing")


# ---- the policy ----


def small(*changes: tuple[str, str], notify: str = "") -> Policy:
    text = SMALL + (f"channels:\n  ops: {{webhook: 'https://a.example.com'}}\n"
                    f"  legal: {{webhook: 'https://b.example.com', mutable: false}}\nnotify:\n  {notify}\n" if notify else "")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse(text, "small.yaml", {})


def test_a_policy_without_notify_tells_at_once_and_when_it_is_over() -> None:
    assert load(HERE / "good/small.yaml", {}).plan.notices == Manners("production")


NOTIFY = """group_by: [alert, model]
  group_wait: 30s
  group_interval: 5m
  repeat: 4h
  inhibit: objective
  escalate: {after: 10m, to: legal}
  mute: {night: {times: ['22:00..24:00', '00:00..06:00'], weekdays: [sat..mon], days: -1, months: [dec..feb],
                 years: 2027..2028, zone: Asia/Seoul, tiers: P2}}"""


def test_everything_notify_says_is_read() -> None:
    how = small(notify=NOTIFY).plan.notices
    night = how.mutes[0]
    assert (how.group_by, how.group_wait, how.group_interval, how.repeat) == (
        ("alert", "model"), 30 * SECOND, 5 * MINUTE, 4 * HOUR)
    assert (how.inhibit, how.escalate, how.immutable) == ("objective", Escalate(Duration(10 * MINUTE), ("legal",)),
                                                          ("legal",))
    assert (night.when.times, night.when.zone, night.tiers) == (((1320, 1440), (0, 360)), "Asia/Seoul", ("minor",))
    assert (night.when.weekdays, night.when.days, night.when.months, night.when.years) == (
        ((5, 6), (0, 0)), ((-1, -1),), ((12, 12), (1, 2)), ((2027, 2028),))


def test_the_policy_says_in_words_how_channels_are_told() -> None:
    policy = small(notify="group_by: alert\n  repeat: 4h\n  inhibit: service\n  escalate: {after: 10m, to: ops}")
    assert ("notices: alerts of the same alert are told together, again every 4 hours; a page keeps back all tickets; "
            "if nobody acknowledges a severe, major alert within 10 minutes, ops (webhook) is told; legal cannot be muted"
            ) in explain(policy)
    assert any(line.startswith("통보: alert 기준으로 묶어 통보, 4시간마다 다시 통보;") for line in explain(policy, "ko"))


@pytest.mark.parametrize(("notify", "said"), [
    ("group_by: modle", "expected service, alert, tier, objective or a label of a signal (model), came 'modle'; did you mean 'model'?"),
    ("mute: {n: {times: '22:00..06:00'}}", "over midnight, write two"),
    ("mute: {n: {times: '22:00'}}", "expected a span of the day such as 22:00..24:00, came '22:00'"),
    ("mute: {n: {weekdays: mondy}}", "did you mean 'monday'?"),
    ("mute: {n: {days: 32}}", "expected a day of the month such as 1 or -1, or a range, came '32'"),
    ("mute: {n: {zone: Asia/Soul, days: 1}}", "did you mean 'Asia/Seoul'?"),
    ("mute: {n: {channels: legl, days: 1}}", "did you mean 'legal'?"),
    ("mute: {n: {channels: ops}}", "expected when to be silent: times, weekdays, days, months or years, came none of them"),
    ("escalate: {after: 0s, to: ops}", "expected a duration above zero"),
    ("mute: {n: {channels: [ops, legal], days: 1}}", "expected a channel that may be muted, came 'legal'"),
    ("group_interval: 5m\n  repeat: 1m", "expected a duration no shorter than group_interval (5m), came '1m'"),
    ("inhibit: objectives", "did you mean 'objective'?"), ("repeats: 1h", "did you mean 'repeat'?")])
def test_a_mistake_in_notify_is_one_error_with_its_place(notify: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        small(notify=notify)
    (fault,) = caught.value.faults
    assert said in str(fault)
    assert fault.line >= SMALL.count("\n") + 4


def test_a_channel_that_cannot_be_muted_says_so_and_no_other_setting_is_lost() -> None:
    policy = small(notify="group_wait: 0s")
    assert policy.plan.notices.immutable == ("legal",)
    assert {name: vars(channel).get("url") for name, channel in policy.channels.items()} == {
        "ops": "https://a.example.com", "legal": "https://b.example.com"}




@pytest.mark.req("P5")
@pytest.mark.parametrize("name", ["legal", "ciso", "ciso-pager", "legal_mail"])
def test_legal_and_ciso_cannot_be_muted_though_nobody_says_so(name: str) -> None:
    said = f"channels:\n  {name}: {{webhook: 'https://a.example.com'%s}}\n  legality: {{webhook: 'https://b.example.com'}}\n"
    assert parse(SMALL + said % "", "small.yaml", {}).plan.notices.immutable == (name,)
    with pytest.raises(PolicyError, match="to be told whatever is muted, as all called legal or ciso, came mutable: true"):
        parse(SMALL + said % ", mutable: true", "small.yaml", {})


# ---- silence is not health ----


def test_an_alert_without_data_is_told_of_by_an_alert_of_its_own() -> None:
    """Nothing is known for 3 minutes: those told of the alert hear of it, and hear when there is data again."""
    rule = Rule("failing", Threshold(FAILURES, ">", Fraction(1, 10), MINUTE, "<=", Fraction(1, 20)), tier="major", to=("ops",))
    absent = replace(rule, name="failing/nodata", hold=Duration(3 * MINUTE), tier="minor", nodata=True)
    cells, state, told = Cells(MINUTE), EngineState(), []
    for minute in range(1, 20):
        if minute < 5 or minute > 12:
            cells.add([Cell("failures", (), (minute - 1) * MINUTE, "total", 10)])
        state, decisions = tick(Plan("bot", rules=(rule, absent)), cells, replace(state, watermark=minute * MINUTE),
                                minute * MINUTE)
        told += [(minute, d.firing[0].cause if d.firing else d.why, d.tier) for d in decisions if isinstance(d, Tell)]
    assert told == [(8, "failures has no data", "minor"), (13, "over", "minor")]
    assert state.alerts["failing", ()].phase == "ok"


def test_a_policy_asks_for_it_with_nodata_and_says_so_in_words() -> None:
    policy = small(("clear: < 4s}", "clear: < 4s, tier: severe, to: ops, nodata: 10m}"), notify="group_wait: 0s")
    rule = {r.name: r for r in policy.plan.rules}["slow/nodata"]
    assert (rule.tier, rule.to, rule.hold, rule.nodata) == ("minor", ("ops",), 10 * MINUTE, True)
    assert ("alert slow/nodata (minor): if alert slow has had no data for 10 minutes, ops (webhook) is told; it clears "
            "when there is data again, and then those told hear that it is over") in explain(policy)
    assert any("알림 slow 데이터가 10분 동안 없으면" in line for line in explain(policy, "ko"))
    assert say("failures [model=a] has no data", "ko") == "failures [model=a] 데이터가 없습니다."
    with pytest.raises(PolicyError, match="leave it out to be told of no silence"):
        small(("clear: < 4s}", "clear: < 4s, nodata: 0s}"))
