"""The pages of signals without a browser: what they say of values, alerts, references, samples and label values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from bongsu.alert import State, read_each, read_evidence
from bongsu.cell import OTHER, Cell, Cells
from bongsu.event import Event
from bongsu.language.sentences import span
from bongsu.policy import parse
from bongsu.policy.signals import explain_signal
from bongsu.quantity import MINUTE, SECOND, Duration
from bongsu.room.signaldesk import SignalDesk
from bongsu.room.signalview import ROWS, Apart, LabelRow, Reading, SignalRow, detail, overview
from bongsu.sources.spool import SpoolWriter
from bongsu.web.cockpit import page
from bongsu.web.plot import EDGE, HEIGHT, WIDTH, plot
from bongsu.web.session import Session
from peoplekit import TOKEN, Place, fetch, place

T0 = 1_790_000_000 * SECOND
POLICY = """
bongsu: 1
service: {name: a}
features: {age: number}
references: {training: {model_version: "7"}}
upstreams: {main: {url: "http://127.0.0.1:9/v1", model: m}}
routes: {shop: {primary: main}}
guards:
  grounded: {check: grounding, on: output, act: flag, timeout: 1s, fails: open, sample: 10%}
  attacks: {check: pattern, on: input, act: block, timeout: 1s, fails: closed}
signals:
  moved: {kind: drift, reference: training, min_events: 150}
  loose: {kind: ratio, bad: "grounding_score < 0.5", total: "grounding_score IS NOT NULL"}
  blocks: {kind: count, of: blocked, labels: [route]}
  failures: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'", labels: [route]}
  age: {kind: mean, sum: features.age}
  fair: {kind: gap, group: group, measure: selection_rate}
objectives:
  available: {signal: failures, target: 99%, window: 28d}
alerts:
  moved: {when: moved > 0.25, over: 1h, tier: major}
  failing: {when: failures > 5%, over: 10m, by: route, tier: severe}
  budget: {burn: available, tier: minor}
"""


def counted(signal: Any, route: str, bad: int, total: int, ago: int = 1) -> list[Cell]:
    start = T0 - ago * MINUTE
    return [Cell(signal.key, (route,), start, "bad", bad), Cell(signal.key, (route,), start, "total", total)]


@pytest.fixture(scope="module")
def world() -> tuple[Any, dict[str, Any]]:
    policy = parse(POLICY, "policy.yaml", {})
    return policy, {one.name: one for one in policy.plan.signals}


def test_an_alert_with_a_delay_is_shown_with_it() -> None:
    policy = parse(POLICY.replace("over: 1h, tier: major", "over: 1h, delay: 1d, tier: major"), "policy.yaml", {})
    watch = {one.name: one for one in overview(policy.plan, Cells(MINUTE), {}, T0)}["moved"].watches[0]
    assert (watch.over, span(watch.over, "ko")) == ("1h that ended 1d ago", "1일 전까지의 1시간")


@pytest.mark.req("O15")
def test_the_list_says_value_alerts_and_state_the_gravest_first(world: Any) -> None:
    policy, signals = world
    cells = Cells(MINUTE, [*counted(signals["failures"], "a", 3, 40), *counted(signals["failures"], "b", 1, 60)])
    states = {("failing", ("a",)): State("firing", data="seen"), ("failing", ("b",)): State("ok", data="seen")}
    rows = overview(policy.plan, cells, states, T0)
    assert [one.name for one in rows] == ["failures", "moved", "loose", "blocks", "age", "fair"]
    first, moved, loose = rows[:3]
    assert (first.now.value, first.now.n, first.over, first.phase, first.data) == ("4%", 100, "10m", "firing", "seen")
    watch, *burns = first.watches
    assert {(one.over, one.against[-1]) for one in burns} == {("", "x")}
    assert (watch.against, watch.over, watch.priority, watch.machines) == ("> 5%", "10m", "P0", 2)
    assert moved.now.value == "insufficient data"
    assert moved.now.insufficient == "no reference of the policy's types is registered yet"
    assert (moved.phase, moved.data) == ("ok", "unbound")
    assert (loose.now.value, loose.now.insufficient, loose.phase) == ("no data", "", "")


@pytest.mark.req("O15")
def test_a_signal_says_its_smallest_sample_its_reference_and_which_guards_it_counts_by_sample(world: Any) -> None:
    policy, signals = world

    def of(name: str) -> Any:
        return detail(policy.plan, signals[name], Cells(MINUTE), {}, T0, policy.guards)

    assert dict(of("moved").least) == {"min_events": 150}
    assert (of("moved").reference.name, of("moved").reference.version) == ("training", "")
    assert dict(of("loose").sampled) == {"grounded": "10%"}
    assert dict(of("blocks").sampled) == {"grounded": "10%"}
    assert dict(of("failures").sampled) == {}
    assert (of("failures").reference, dict(of("failures").least)) == (None, {})


def test_a_value_is_shown_with_its_interval_and_too_little_is_said_to_be_too_little(world: Any) -> None:
    policy, signals = world
    one = signals["fair"]

    def shown(times: int) -> Any:
        parts = {"yes=a": 9, "no=a": 1, "yes=b": 5, "no=b": 5}
        cells = Cells(MINUTE, [Cell(one.key, (), T0 - MINUTE, part, n * times) for part, n in parts.items()])
        return detail(policy.plan, one, cells, {}, T0, policy.guards)

    sure, few = shown(100), shown(1)
    assert (sure.row.now.value, sure.row.now.n, sure.row.now.chance) == ("40%", 2000, False)
    assert float(sure.row.now.low.rstrip("%")) < 40 < float(sure.row.now.high.rstrip("%"))
    assert (few.row.now.value, few.row.now.low) == ("insufficient data", "")
    assert few.row.now.insufficient
    assert [row.values for row in sure.apart.rows] == [("a",), ("b",)]
    assert (sure.apart.names, sure.apart.n, sure.apart.beyond, dict(sure.least)) == (("group",), 2, False,
                                                                                     {"min_group": 30})


def test_the_label_values_with_most_events_come_first_and_the_rest_is_beyond_the_cap(world: Any) -> None:
    policy, signals = world
    one = signals["failures"]
    cells = Cells(MINUTE, [cell for i in range(30)
                           for cell in counted(one, f"r{i:02}" if i < 25 else OTHER, i, 100 + i)])
    apart = detail(policy.plan, one, cells, {}, T0, policy.guards).apart
    assert (apart.names, apart.n, apart.most, apart.beyond) == (("route",), 25, 1000, True)
    assert [row.values[0] for row in apart.rows] == [f"r{i:02}" for i in range(24, 24 - ROWS, -1)]
    assert apart.rest.n == sum(100 + i for i in range(25, 30))
    assert all(OTHER not in row.values for row in apart.rows)


def test_a_window_of_the_past_is_beyond_its_threshold_or_empty(world: Any) -> None:
    policy, signals = world
    one = signals["failures"]
    cells = Cells(MINUTE, [*counted(one, "a", 9, 10, ago=25), *counted(one, "a", 0, 10)])
    told = explain_signal(policy, policy.plan.rules, one, cells, T0)
    assert (told.over, told.limits, len(told.points)) == (10 * MINUTE, (0.05,), 12)
    assert [point.at for point in told.points][-1] == T0
    assert [(p.value, p.beyond) for p in told.points[-3:]] == [(0.9, True), (None, False), (0.0, False)]
    assert told.points[-2].text == "no data"


PAST = """
bongsu: 1
service: {name: a}
signals:
  plain: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'", labels: [route]}
  spend: {kind: anomaly, of: cost, labels: [route]}
  daily: {kind: anomaly, of: cost, season: day}
"""


@pytest.mark.parametrize("name", ["plain", "spend", "daily"])
@given(spent=st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 9), st.sampled_from("ab")), max_size=30),
       over=st.sampled_from([10, 60]))
def test_windows_read_together_show_what_each_shows_alone(name: str, spent: Any, over: int) -> None:
    [signal] = [one for one in parse(PAST, "p.yaml", {}).plan.signals if one.name == name]
    labels = [(route,) if signal.labels else () for _, _, route in spent]
    cells = Cells(MINUTE, [Cell(signal.key, label, T0 - ago * MINUTE, part, n) for part in signal.sli.parts()
                           for label, (ago, n, _) in zip(labels, spent, strict=True)])
    window = Duration(over * MINUTE)
    moments = [T0 - back * window for back in (3, 2, 1, 0)]
    alone = [read_evidence(cells, signal, window, at) for at in moments]
    assert read_each(cells, signal, window, moments) == alone


# ---- the picture ----


@dataclass(frozen=True)
class Drawn:
    value: float | None
    low: float | None = None
    high: float | None = None
    beyond: bool = False


numbers = st.floats(-1e9, 1e9)
maybe = st.none() | numbers


@given(st.lists(st.builds(Drawn, maybe, maybe, maybe, st.booleans()), max_size=12), st.lists(numbers, max_size=3))
def test_everything_drawn_lies_inside_the_picture_and_columns_stand_on_zero(windows: Any, limits: Any) -> None:
    made = plot(windows, limits)
    assert len(made.columns) == len(windows)
    places = [made.zero, *made.limits]
    for window, one in zip(windows, made.columns, strict=True):
        places += [one.y, one.y + one.height, *(one.whisker or ())]
        assert 0 <= one.x < one.middle < one.x + one.width <= WIDTH
        assert (one.mood == "none") == (window.value is None)
        assert min(abs(one.y - made.zero), abs(one.y + one.height - made.zero)) < 0.02
    assert all(EDGE - 0.02 <= y <= HEIGHT - EDGE + 0.02 for y in places)


def test_a_larger_value_is_a_taller_column_and_a_wild_interval_does_not_flatten_them() -> None:
    small, large = plot([Drawn(1.0), Drawn(2.0, -1e6, 1e6)], [1.5]).columns
    assert large.height > 1.9 * small.height > 10


# ---- the pages ----


EVIL = '"><script>alert(1)</script>'


def rendered(name: str, lang: str = "en", **values: Any) -> str:
    asked = f"lang={lang}".encode()
    scope = {"type": "http", "method": "GET", "path": "/signals", "headers": [], "query_string": asked}
    return bytes(page(name, Request(scope), session=Session("i", "c", 0, 0), **values).body).decode()


def test_whatever_a_caller_wrote_is_shown_as_text(world: Any) -> None:
    policy, signals = world
    one = signals["failures"]
    whole = detail(policy.plan, one, Cells(MINUTE, counted(one, EVIL, 1, 9)), {}, T0, policy.guards)
    told = explain_signal(policy, policy.plan.rules, one, Cells(MINUTE, counted(one, EVIL, 1, 9)), T0)
    evil = Reading(EVIL, EVIL, EVIL, 3, "", True, EVIL)
    row = replace(whole.row, name=EVIL, kind=EVIL, labels=(EVIL,), now=evil)
    whole = replace(whole, row=row, sampled={EVIL: EVIL},
                    apart=Apart((EVIL,), 1, 1000, (LabelRow((EVIL,), evil),), True, evil))
    told = replace(told, words=(*told.words, EVIL))
    for html in (rendered("signals.html", signals=(row,)),
                 rendered("signal.html", told=told, detail=whole, plot=plot(told.points, told.limits))):
        assert "<script>alert" not in html
        assert html.count("&lt;script&gt;alert(1)") >= 4
        assert 'style="' not in html


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_policy_without_signals_has_a_page_that_says_so(lang: str) -> None:
    nothing: tuple[SignalRow, ...] = ()
    said = {"en": "The policy declares no signal.", "ko": "정책에 선언된 신호가 없습니다."}
    assert said[lang] in rendered("signals.html", lang, signals=nothing)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Place]:
    policy = "bongsu: 1\nservice: {name: a}\nsettings: {base_window: 1s}\nsignals: {calls_made: {kind: count}}\n"
    with place(tmp_path, policy, gateways=0) as made:
        yield made


def test_nobody_without_a_session_sees_them_and_a_token_opens_no_page(one: Place) -> None:
    for path in ("/signals", "/signals/calls_made", "/signals/nobody"):
        for token in ("wrong", TOKEN):
            answer = fetch(one.url + path, token)
            assert "<code>count</code>" not in answer.text
            assert 'name="token"' in answer.text, "it leads to the login"


def test_signals_are_read_once_however_many_look_and_anew_when_events_came(one: Place) -> None:
    desk = SignalDesk(one.control)
    first = desk.overview()
    assert desk.overview() is first
    assert desk.told("calls_made", "en") is desk.told("calls_made", "en")
    assert desk.told("calls_made", "ko") is not desk.told("calls_made", "en")
    assert desk.told("nobody", "en") is None
    spool = SpoolWriter(one.folder.spool, "gateway-0")
    spool.append([Event(id="a", time=one.now, kind="call")])
    spool.close()
    one.cycle(SECOND)
    assert [(row.name, row.now.value) for row in desk.overview()] == [("calls_made", "1")]
