"""Signals explained and references registered, over HTTP and by the command line, from a control that really counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from bongsu.cell import OTHER, Cell, Cells
from bongsu.cli import cli
from bongsu.event import Event
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.policy import parse
from bongsu.policy.signals import explain_signal
from bongsu.quantity import HOUR, MINUTE, SECOND
from bongsu.registry import kinds
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.room.signaldesk import SignalDesk
from bongsu.sources.columns import Columns, checked, reference
from bongsu.sources.spool import SpoolWriter
from bongsu.stores.state import State
from bongsu.web.signals import signal_ways
from bongsu.web.site import control_app
from servers import serving

T0 = 1_790_000_000 * SECOND
TOKEN = "admin-token-for-tests"
POLICY = """
bongsu: 1
service: {name: loans}
features: {age: number}
references: {training: {model_version: "7"}}
signals:
  moved: {kind: drift, reference: training}
  failures: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'", labels: [route]}
alerts:
  moved: {when: moved > 0.25, over: 10m, tier: major}
"""


class Loans:
    def __init__(self, root: Path, policy: str = POLICY) -> None:
        self.root, self.now = root, T0
        self.folder = Folder(root / "data").create()
        self.store = State(f"sqlite:///{self.folder.state}", keys.audit_key(self.folder.keys))
        self.spool = SpoolWriter(self.folder.spool, "gateway-0")
        self.control = Control(parse(policy, str(root / "policy.yaml"), {}), self.folder, self.store, lambda: self.now)
        self.app = control_app(ControlDesk(self.control), keys.digest(TOKEN), clock=lambda: self.now,
                               ways=signal_ways(SignalDesk(self.control)))
        self.url = ""

    def table(self, name: str, shift: int, n: int = 600) -> Path:
        path = self.root / name
        pq.write_table(pa.table({"age": [20.0 + shift + i % 50 for i in range(n)]}), path)
        return path

    def predict(self, shift: int, n: int = 300) -> None:
        self.spool.append(Event(id=f"{self.now}/{i}", time=self.now, kind="prediction",
                                features={"age": 20.0 + shift + i % 50}) for i in range(n))
        for _ in range(2):
            self.now += SECOND
            self.control.cycle()

    def run(self, *args: object) -> Result:
        found = CliRunner().invoke(cli, [*map(str, args), "--url", self.url, "--token", TOKEN])
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        return found


@pytest.fixture
def loans(tmp_path: Path) -> Iterator[Loans]:
    one = Loans(tmp_path)

    async def app(scope, receive, send):
        await one.app(scope, receive, send)

    try:
        with serving(app) as server:
            one.url = server.url
            yield one
    finally:
        one.spool.close()
        one.control.close()
        one.store.close()


@pytest.mark.req("D1")
def test_a_registered_training_set_is_bound_to_and_the_signal_explains_itself(loans: Loans) -> None:
    loans.predict(0)
    early = loans.run("signal", "explain", "moved").output
    assert "no reference of the policy's types is registered yet" in early
    assert early.splitlines()[-1].split()[0] == "now"
    (alert,) = ControlDesk(loans.control).board().alerts
    assert (alert.data, alert.value) == ("unbound", "no reference of the policy's types is registered yet")
    status = loans.run("status").output
    assert ("alert moved (P1): not judged, no reference of the policy's types is registered yet (alert at > 0.25)"
            in status)
    added = loans.run("reference", "add", "train-7", loans.table("train.parquet", 0), "--model-version", "7")
    assert "in force" in added.output
    assert "features.age: 9 bins, 0 missing" in added.output or "features.age: 10 bins, 0 missing" in added.output
    loans.predict(0)
    calm = loans.run("signal", "explain", "moved").output
    assert "the largest distance (psi) of all features from reference training" in calm
    assert "from 600 events" in calm
    assert "reference train-7, version" in calm
    assert "now this does not hold: alert moved (major)" in calm
    loans.predict(40, 3000)
    found = json.loads(loans.run("signal", "explain", "moved", "--json").output)
    assert found["value"] > 0.25
    assert (found["n"], found["significant"], found["about"]) == (3600, True, "features.age")
    assert "now this holds" in "\n".join(found["words"])
    assert len(found["chart"]) == 12
    assert "█" in found["chart"][-1]
    korean = loans.run("signal", "explain", "moved", "--lang", "ko").output
    assert "현재 충족" in korean
    assert "기준 train-7, 버전" in korean


def told(policy: str, cells: list[tuple[str, str, int]]) -> dict[str, str]:
    """What is said of the policy's signal, given counts of parts by user in the last window."""
    read = parse(policy, "p.yaml", {})
    (signal,) = read.plan.signals
    counted = Cells(MINUTE, [Cell(signal.key, (who,), T0 - T0 % MINUTE - MINUTE, part, n) for who, part, n in cells])
    return {lang: "\n".join(explain_signal(read, read.plan.rules, signal, counted, T0 - T0 % MINUTE, lang).words)
            for lang in ("en", "ko")}


BY_USER = """
bongsu: 1
service: {name: s}
signals:
  spam: {kind: count, of: blocked, labels: [user]}
alerts:
  spam: {when: spam > 10, over: 1h, by: [user]}
"""


@pytest.mark.req("D13")
def test_an_alert_by_user_is_explained_by_user_not_by_all_of_them_together() -> None:
    quiet = told(BY_USER, [(f"u{i}", "n", 9) for i in range(5)])
    assert "now this does not hold: alert spam" in quiet["en"], "45 in all, 9 of each"
    assert "현재 미충족" in quiet["ko"]
    loud = told(BY_USER, [(f"u{i}", "n", 9 + i) for i in range(6)])
    assert "now this holds: alert spam" in loud["en"]
    assert loud["en"].endswith("; it holds for u5 (14), u4 (13), u3 (12) and 1 more")
    assert loud["ko"].endswith("; 충족 대상: u5(14), u4(13), u3(12) 외 1개")
    assert "now this cannot be judged" in told(BY_USER, [])["en"]


@pytest.mark.req("D1")
def test_an_alert_by_volume_says_the_value_of_the_newest_events_it_looks_at(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("age\n" + "\n".join(str(20.0 + i % 50) for i in range(600)))
    one = Loans(tmp_path, POLICY.replace('{model_version: "7"}', "{file: train.csv}")
                .replace("over: 10m,", "over: 1h, volume: 300,"))
    try:
        one.predict(0, 1000)
        one.now += 2 * MINUTE
        one.predict(40, 300)
        signal = next(one for one in one.control.plan.signals if one.name == "moved")
        said = {lang: "\n".join(explain_signal(one.control.policy, one.control.plan.rules, signal, one.control.cells,
                                               one.now, lang).words) for lang in ("en", "ko")}
        value = next(state.value for rule, _, state in one.control.view().alerts if rule.name == "moved")
    finally:
        one.spool.close()
        one.control.close()
        one.store.close()
    assert "from 1,300 events" in said["en"]
    assert "in which its 300 events came: " in said["en"]
    assert "이벤트 300건이 모인 최근" in said["ko"]
    assert value is not None
    assert all(f"{float(value):.3f}" in words for words in said.values()), "what the board shows of the alert"


def test_too_few_events_are_said_to_be_too_few(loans: Loans) -> None:
    loans.run("reference", "add", "train-7", loans.table("train.parquet", 0), "--model-version", "7")
    loans.predict(0, 20)
    assert "insufficient data (100 events are needed, 20 came)" in loans.run("signal", "explain", "moved").output
    assert "판단할 데이터 부족(이벤트 100건 이상 필요, 현재 20건)" in loans.run(
        "signal", "explain", "moved", "--lang", "ko").output


def test_references_are_listed_shown_and_compared(loans: Loans) -> None:
    path = loans.table("train.parquet", 0)
    assert "in force" in loans.run("reference", "add", "a", path, "--model-version", "7").output
    assert "in force already" in loans.run("reference", "add", "a", path, "--model-version", "7").output
    loans.run("reference", "add", "a", loans.table("other.parquet", 9), "--model-version", "8")
    first, second = json.loads(loans.run("reference", "list", "--json").output)
    assert (first["in_force"], second["in_force"]) == ([], ["training"])
    assert "in force as training" in loans.run("reference", "list").output
    shown = loans.run("reference", "show", "a", "--version", second["version"])
    assert "features.age (number)" in shown.output
    assert "__missing__" in shown.output
    same = loans.run("reference", "compare", "a", path, "--version", second["version"])
    other = loans.run("reference", "compare", "a", loans.table("late.parquet", 40), "--version", second["version"])
    assert (same.exit_code, other.exit_code) == (0, 1)
    assert "features.age" in other.output


@pytest.mark.req("D1")
def test_a_version_that_the_policy_does_not_name_is_not_said_to_be_in_force(loans: Loans) -> None:
    bound = loans.run("reference", "add", "a", loans.table("train.parquet", 0), "--model-version", "7").output
    other = loans.run("reference", "add", "a", loans.table("other.parquet", 9), "--model-version", "8").output
    assert bound.splitlines()[0].endswith("is in force as training")
    assert "in force" not in other
    assert "no reference of the policy is this one" in other


@pytest.mark.parametrize("source", ["{file: train.csv}", '{window: "2026-11-01..2026-11-08"}'])
def test_a_reference_whose_source_the_policy_says_is_not_replaced_by_another(tmp_path: Path, source: str) -> None:
    (tmp_path / "train.csv").write_text("age\n" + "\n".join(map(str, range(200))))
    one = Loans(tmp_path, POLICY.replace('{model_version: "7"}', source))
    try:
        before = one.store.references()
        other = msgspec.to_builtins(reference("training", Columns(one.table("other.parquet", 9))))
        with pytest.raises(ValueError, match="the policy says what reference 'training' is made from"):
            SignalDesk(one.control).register(other, "ann")
        assert one.store.references() == before
    finally:
        one.spool.close()
        one.control.close()
        one.store.close()


def test_what_control_counts_for_itself_is_no_signal_of_the_policy(loans: Loans) -> None:
    assert loans.run("signal", "list").output.split("\n") == ["moved (drift)", "failures (ratio)", ""]
    assert loans.run("signal", "explain", "tokens").exit_code == 2


@pytest.mark.parametrize("args", [("signal", "explain", "nobody"), ("reference", "show", "nobody")])
def test_what_there_is_not_is_said_with_exit_code_2(loans: Loans, args: tuple[str, ...]) -> None:
    found = loans.run(*args)
    assert found.exit_code == 2
    assert "there is no such reference" in found.output or "no signal of this name" in found.output


def test_bins_that_do_not_belong_together_are_refused(tmp_path: Path, loans: Loans) -> None:
    one = msgspec.to_builtins(reference("a", Columns(loans.table("t.parquet", 0)), {"features.age": "number"}))
    assert checked(msgspec.convert(one, type(reference("a", Columns(loans.table("t.parquet", 0))))))
    desk = SignalDesk(loans.control)
    good = one["columns"][0]
    for change in ({"counts": [1]}, {"edges": good["edges"][::-1]}, {"kind": "picture"},
                   {"counts": [-1, *good["counts"][1:]]}):
        with pytest.raises(ValueError, match=r".+"):
            desk.register({**one, "columns": [{**good, **change}]}, "ann")
    with pytest.raises(ValueError, match="a name of letters"):
        desk.register({**one, "name": "../a"}, "ann")
    assert desk.references() == []


EVERY = """
bongsu: 1
service: {name: a}
features: {age: number}
references: {r: {file: r.csv}}
signals:
  ratio: {kind: ratio, bad: blocked}
  mean: {kind: mean, sum: cost}
  count: {kind: count}
  rate: {kind: rate, of: blocked, per: 1h}
  quantile: {kind: quantile, of: latency_ms, q: 95%}
  drift: {kind: drift, reference: r}
  joint_drift: {kind: joint_drift, reference: r}
  gap: {kind: gap, group: group, measure: fpr}
  quality: {kind: quality, measure: "null", columns: features.age}
  calibration: {kind: calibration}
  performance: {kind: performance, measure: accuracy}
  anomaly: {kind: anomaly, of: cost}
  sum: {kind: sum, of: cost}
"""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_kind_of_signal_has_words_of_its_own(language) -> None:
    policy = parse(EVERY, "p.yaml", {})
    said = {s.name: explain_signal(policy, policy.plan.rules, s, Cells(MINUTE), T0, language).words
            for s in policy.plan.signals}
    assert set(said) == set(kinds("slis"))
    assert len({words[0] for words in said.values()}) == len(said)
    assert not any("{" in line or "what ratio counts" in line for words in said.values() for line in words)


@pytest.mark.req("O5")
@pytest.mark.parametrize(("language", "words"), [
    ("en", "for 3 combinations of model, of at most 1,000; the cap is reached, and what came beyond it is counted "
           "together as __other__ (25% of the last 1 hour)"),
    ("ko", "model 조합 3개를 따로 집계(최대 1,000개); 한도에 도달하여 초과분은 __other__로 합산(최근 1시간 중 25%)")])
def test_the_cap_of_label_values_and_what_is_beyond_it_are_said(language, words) -> None:
    policy = parse("bongsu: 1\nservice: {name: a}\nsignals: {s: {kind: count, labels: [model]}}", "p.yaml", {})
    [signal] = policy.plan.signals
    many = [Cell(signal.key, (name,), T0 - MINUTE, "n", 5) for name in ("a", "b", "c", "d")]
    cells = Cells(MINUTE, [*many[:3], many[3]._replace(labels=(OTHER,))])
    [told] = [line for line in explain_signal(policy, (), signal, cells, T0, language).words if "__other__" in line]
    assert words in told
    few = explain_signal(policy, (), signal, Cells(MINUTE, many), T0, language).words
    assert any("1,000" in line for line in few)
    assert not any("__other__" in line for line in few)


@pytest.mark.req("D10")
def test_a_running_bongsu_says_which_season_an_anomaly_signal_has_by_what_it_counted(tmp_path: Path) -> None:
    one = Loans(tmp_path, POLICY.replace("signals:", "signals:\n  spend: {kind: anomaly, of: cost}"))
    (spend,) = [signal for signal in one.control.plan.signals if signal.name == "spend"]

    async def app(scope, receive, send):
        await one.app(scope, receive, send)

    try:
        one.control.cycle()
        with serving(app) as server:
            one.url = server.url
            early = one.run("signal", "season", "spend")
            assert early.output.splitlines()[0] == "season: none; the policy says none"
            assert "too few for any season" in early.output
            first = (one.now // HOUR - 10 * 24) * HOUR
            past = [Cell(spend.key, (), first + i * HOUR, part, n) for i in range(10 * 24)
                    for part, n in (("n", 1), ("sum", 10**9 * (6 if i % 24 < 8 else 1) + i % 5))]
            one.store.begin({spend.key: past}, one.store.begun())
            one.control.cells.add(past)
            one.control.upkeep.sweep()
            assert one.control.cells.vector(spend.key, 0, one.now) == {}, "what no alert looks at is not in memory"
            found = one.run("signal", "season", "spend")
            assert found.output.splitlines()[0] == "season: day; the policy says none"
            assert json.loads(one.run("signal", "season", "spend", "--json").output)["errors"]["day"] < 0.1
            assert one.run("signal", "season", "moved").exit_code == 2, "of another kind"
    finally:
        one.spool.close()
        one.control.close()
        one.store.close()
