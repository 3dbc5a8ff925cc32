"""What control shows Prometheus: the counters that exported rules ask for, budgets, alerts; promtool reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bongsu.cell import Cell
from bongsu.event import Event
from bongsu.exports.exposed import Exposed
from bongsu.exports.exposition import page
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.policy import parse
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.sources.spool import SpoolWriter
from bongsu.stores.state import State
from bongsu.web.numbers import number_ways
from bongsu.web.scrape import Admission
from bongsu.web.site import control_app
from servers import serving

PROMTOOL = shutil.which("promtool")
T0, TOKEN = 1_790_000_000_000_000, "bsu_test_admin"
POLICY = """bongsu: 1
service: {name: bot}
settings: {base_window: 1s}
signals:
  failures: {kind: ratio, bad: "outcome = 'error'", labels: [route]}
  wrong: {kind: performance, measure: accuracy}
  latency: {kind: quantile, of: latency_ms, q: 95%}
  cpt: {kind: mean, sum: cost, per: input_tokens}
objectives:
  available: {signal: failures, target: 90%, window: 1h}
alerts:
  failing: {when: failures > 50%, over: 5s, tier: minor}
"""


@pytest.fixture
def stand(tmp_path: Path) -> Any:
    folder = Folder(tmp_path / "data").create()
    store, moment = State(f"sqlite:///{folder.state}"), [T0]
    control = Control(parse(POLICY, "bot.yaml", {}), folder, store, lambda: moment[0])
    spool = SpoolWriter(folder.spool, "gateway-0")
    try:
        yield SimpleNamespace(control=control, spool=spool, moment=moment)
    finally:
        spool.close()
        control.close()
        store.close(T0)


def happen(stand: Any, n: int, outcome: str = "ok", **more: Any) -> None:
    at = stand.moment[0]
    stand.spool.append([Event(id=f"{at}-{outcome}-{i}", time=at, service="bot", route='a "b"', outcome=outcome,
                              latency_ms=float(10 * (i + 1)), cost=2_000, currency="USD", input_tokens=4, **more)
                        for i in range(n)])
    stand.moment[0] += 1_000_000
    stand.control.cycle()


def get(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{url}/metrics", headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def site(stand: Any, admission: Admission) -> Any:
    ways = number_ways(stand.control, admission)
    return serving(control_app(ControlDesk(stand.control), keys.digest(TOKEN), clock=lambda: stand.moment[0],
                               ways=ways))


@pytest.mark.req("O8", "A2")
def test_signals_budgets_and_alerts_are_on_the_page_as_the_engine_counts_them(stand: Any) -> None:
    happen(stand, 16)
    happen(stand, 4, "error")
    with site(stand, Admission(loopback=True)) as server:
        _, found = get(server.url)
    route = 'service="bot",route="a \\"b\\""'
    assert f"bongsu_failures_bad_total{{{route}}} 4\n" in found
    assert f"bongsu_failures_total_total{{{route}}} 20\n" in found
    assert 'bongsu_cpt_sum_total{service="bot"} 40000\n' in found
    assert 'bongsu_cpt_per_total{service="bot"} 80\n' in found
    assert 'bongsu_latency_bucket{service="bot",le="+Inf"} 20\n' in found
    assert 'bongsu_error_budget_remaining_ratio{service="bot",objective="available"} -1\n' in found
    assert 'bongsu_alerts{service="bot",alert="failing",tier="minor",phase="firing"} 0\n' in found
    assert 'bongsu_events_stored_total{service="bot"} 20\n' in found
    assert 'bongsu_spool_unread_bytes{service="bot"} 0\n' in found
    assert "wrong" not in found  # what labels correct can fall, so it is no counter


def test_the_buckets_of_a_quantile_are_cumulative_and_each_has_both_edges(stand: Any) -> None:
    happen(stand, 9)
    with site(stand, Admission(loopback=True)) as server:
        _, found = get(server.url)
    rows = [(float(m[1]), int(m[2])) for m in re.finditer(r'bongsu_latency_bucket\{.*le="([^"]+)"\} (\d+)', found)]
    assert [edge for edge, _ in rows] == sorted(edge for edge, _ in rows)
    assert [n for _, n in rows] == sorted(n for _, n in rows)
    assert rows[0][1] == 0
    for ms in range(10, 100, 10):  # each value lies between two edges that are a bucket apart
        above, below = (min(n for e, n in rows if e >= ms), max(n for e, n in rows if e < ms))
        assert (below, above) == (ms // 10 - 1, ms // 10)


@pytest.mark.req("O8")
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_the_real_promtool_reads_the_page(stand: Any) -> None:
    happen(stand, 5)
    with site(stand, Admission(loopback=True)) as server:
        _, found = get(server.url)
    checked = subprocess.run([str(PROMTOOL), "check", "metrics"], input=found, capture_output=True, text=True,
                             timeout=60, check=False)
    assert checked.returncode in (0, 3), checked.stderr  # 3: it read all, and has advice about names
    advice = [line for line in checked.stderr.splitlines() if "bongsu_latency_bucket" not in line]
    assert not advice


@pytest.mark.parametrize(("admission", "headers", "status"), [
    (Admission(), {}, 401), (Admission(), {"authorization": f"Bearer {TOKEN}"}, 200),
    (Admission(loopback=True), {"x_forwarded_for": "203.0.113.9"}, 401),
    (Admission(loopback=True, token="sesame"), {}, 401),
    (Admission(token="sesame"), {"authorization": "Bearer sesame"}, 200),
    (Admission(token="sesame"), {"authorization": f"Bearer {TOKEN}"}, 200)])
def test_who_may_read_it(stand: Any, admission: Admission, headers: Any, status: int) -> None:
    with site(stand, admission) as server:
        assert get(server.url, **headers)[0] == status


def test_a_sum_that_falls_is_shown_no_more() -> None:
    policy = parse(POLICY, "bot.yaml", {})
    exposed = Exposed("bot", policy.plan.signals)
    key = next(s.key for s in policy.plan.signals if s.name == "cpt")
    exposed.add([Cell(key, (), 0, "sum", 5), Cell(key, (), 0, "per", 1)])
    assert "bongsu_cpt_sum_total" in page(exposed.lines())
    exposed.add([Cell(key, (), 0, "sum", -5), Cell(key, (), 0, "per", 1)])
    assert "bongsu_cpt" not in page(exposed.lines())
