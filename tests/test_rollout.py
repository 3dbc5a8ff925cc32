"""Versions in the control process, on a clock of the test's: canaries that rise and fall, rollbacks by people and by
playbooks, restarts in between. Calls are spread as a gateway would spread them, by what control has published."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bongsu.cli import cli
from bongsu.event import Event
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.policy import parse
from bongsu.policy.explain import explain
from bongsu.policy.fault import PolicyError
from bongsu.quantity import SECOND
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.room.worker import Worker, resolve_action
from bongsu.sources.spool import SpoolWriter
from bongsu.split import pick
from bongsu.stores.state import State
from bongsu.verbs.client import Client, RefusedError
from bongsu.versions import RollbackFault, live_split
from bongsu.web.site import control_app
from bongsu.web.versions import version_ways
from servers import serving
from test_api import FORM, House

T0 = 1_790_000_000 * SECOND
POLICY = """
bongsu: 1
service: {name: shop}
settings: {base_window: 1s, stale_after: 10s}
upstreams: {main: {url: "http://127.0.0.1:1/v1", model: m}}
routes:
  shop: {primary: main, versions: {v1: {}, v2: {}, v3: {}}, CANARY}
signals:
  failures: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'", labels: [route, version]}
  latency: {kind: mean, sum: latency_ms, labels: [version]}
alerts:
  errors: {when: failures > 50%, over: 10s, clear: < 10%, for: 2s, clear_for: 3s, tier: major}
playbooks:
  errors: {on: alert errors, do: [{rollback: {shop: previous}}], undo_when: clear for 2s}
"""
RATIO = "canary: {of: v2, base: v1, signal: failures, promote_after: 20s, min_events: 30, margin: 20%}"
MEAN = "canary: {of: v2, base: v1, signal: latency, promote_after: 20s, min_events: 30, margin: 10%}"
Behaviour = Callable[[str], dict[str, Any]]


def healthy(_version: str) -> dict[str, Any]:
    return {"outcome": "error" if random.random() < 0.02 else "ok", "latency_ms": random.gauss(300, 20)}


def bad_v2(version: str) -> dict[str, Any]:
    return {**healthy(version), **({"outcome": "error"} if version == "v2" and random.random() < 0.5 else {})}


def slow_v2(version: str) -> dict[str, Any]:
    return {**healthy(version), "latency_ms": random.gauss(450 if version == "v2" else 300, 20)}


class Shop:
    """A control process without the process, and the gateway that follows it."""

    url = ""

    def __init__(self, root: Path, rule: str) -> None:
        self.folder, self.now = Folder(root / "data").create(), T0
        self.store = State(f"sqlite:///{self.folder.state}", keys.audit_key(self.folder.keys), checkpoint_every=SECOND)
        self.spool, self.numbers = SpoolWriter(self.folder.spool, "gateway-0"), itertools.count()
        self.begin(rule)
        random.seed(3)

    def begin(self, rule: str) -> None:
        self.policy = parse(POLICY.replace("CANARY", rule), "policy.yaml", {})
        self.control = Control(self.policy, self.folder, self.store, lambda: self.now)

    def restart(self, rule: str) -> None:
        """As after a kill: nothing is closed that a kill would not close."""
        self.control.log.close()
        self.begin(rule)

    def split(self) -> dict[str, int]:
        route = self.policy.routes["shop"]
        split, problem = live_split(route.weights(), route.versions, "shop", self.control.publisher.last.changes)
        assert not problem
        return dict(split)

    def live(self, seconds: int, behave: Behaviour = healthy, rate: int = 60) -> None:
        for _ in range(seconds):
            numbers = [next(self.numbers) for _ in range(rate)]
            split = self.split()
            self.spool.append(Event(id=f"c{n}", time=self.now, service="shop", route="shop", version=version,
                                    **behave(version)) for n in numbers for version in [pick(str(n), split)])
            self.now += SECOND
            self.control.cycle()

    def work(self) -> None:
        """Carry out what playbooks have begun."""
        async def carry_out() -> None:
            async def send(*_: Any) -> Any:
                raise AssertionError("nobody is told in this policy")

            await _once(Worker(self.store, resolve_action, send, lambda: self.now, "w"), self)
        asyncio.run(carry_out())

    def audited(self, prefix: str) -> list[str]:
        return [r.action for r in reversed(self.store.trail(1000)) if r.action.startswith(prefix)]

    def close(self) -> None:
        self.spool.close()
        self.control.close()
        self.store.close()


async def _once(worker: Worker, shop: Shop) -> None:
    task = asyncio.ensure_future(worker.run())
    while (due := shop.store.next_due()) is not None and due <= shop.now:
        await asyncio.sleep(0.01)
    worker.stop()
    await task


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[[str], Shop]]:
    shops: list[Shop] = []

    def begin(rule: str) -> Shop:
        shops.append(Shop(tmp_path, rule))
        return shops[-1]
    yield begin
    for shop in shops:
        shop.close()


@pytest.mark.req("P3")
@pytest.mark.parametrize("rule", [RATIO, MEAN], ids=["ratio", "mean"])
def test_a_canary_like_its_base_rises_step_by_step_until_it_has_all_calls(open_shop: Any, rule: str) -> None:
    shop = open_shop(rule)
    seen = []
    for _ in range(300):
        shop.live(1)
        if shop.split() not in seen:
            seen.append(shop.split())
        if shop.split() == {"v2": 100}:
            break
    assert seen == [{"v1": 100}, {"v1": 95, "v2": 5}, {"v1": 75, "v2": 25}, {"v1": 50, "v2": 50}, {"v2": 100}] or \
        seen == [{"v1": 95, "v2": 5}, {"v1": 75, "v2": 25}, {"v1": 50, "v2": 50}, {"v2": 100}]
    assert shop.audited("canary.") == ["canary.begin", "canary.step", "canary.step", "canary.promote"]
    row = ControlDesk(shop.control).board().versions[0]
    assert (row.shares, row.by, row.previous, row.canary_state) == ({"v2": 1.0}, "canary", "v1", "promoted")
    shop.restart(rule)
    shop.live(25)
    assert shop.split() == {"v2": 100}, "a canary that was promoted is not begun again"


@pytest.mark.req("P3")
@pytest.mark.req("O2")
@pytest.mark.parametrize(("rule", "behave"), [(RATIO, bad_v2), (MEAN, slow_v2)], ids=["ratio", "mean"])
def test_a_canary_that_is_worse_is_rolled_back_before_its_first_step_is_over(open_shop: Any, rule: str,
                                                                             behave: Behaviour) -> None:
    shop = open_shop(rule)
    shop.live(19, behave)
    assert shop.split() == {"v1": 100}
    assert shop.audited("canary.") == ["canary.begin", "canary.rollback"]
    shop.restart(rule)
    shop.live(20, behave)
    assert shop.split() == {"v1": 100}, "it is not tried again until the policy says something else"
    shop.restart(rule.replace("20s", "30s"))
    shop.live(2)
    assert shop.split() == {"v1": 95, "v2": 5}


def test_a_killed_control_goes_on_where_the_canary_stood(open_shop: Any) -> None:
    shop = open_shop(RATIO)
    while shop.split() != {"v1": 75, "v2": 25}:
        shop.live(1)
        assert shop.now < T0 + 200 * SECOND
    before = shop.store.version_record("shop")
    shop.restart(RATIO)
    assert shop.store.version_record("shop") == before
    assert shop.split() == {"v1": 75, "v2": 25}


def test_without_traffic_a_canary_stays_where_it_is(open_shop: Any) -> None:
    shop = open_shop(RATIO)
    shop.live(60, rate=0)
    assert shop.split() == {"v1": 95, "v2": 5}
    assert "30 of each are needed" in ControlDesk(shop.control).board().versions[0].canary


def test_the_kill_switch_holds_a_canary(open_shop: Any) -> None:
    shop = open_shop(RATIO)
    shop.live(5)
    shop.store.set_automation(False, "kim", "night", shop.now)
    shop.live(30, bad_v2)
    assert shop.split() == {"v1": 95, "v2": 5}
    shop.store.set_automation(True, "kim", "day", shop.now)
    shop.live(5, bad_v2)
    assert shop.split() == {"v1": 100}


@pytest.mark.req("P3")
def test_a_person_rolls_back_at_once_and_takes_it_back_on_the_record(open_shop: Any) -> None:
    shop = open_shop("split: {v1: 100}")
    shop.restart("split: {v2: 100}")
    shop.live(1)
    assert shop.split() == {"v2": 100}
    desk = shop.control.rollout
    done = desk.roll_back("shop", "", "kim", "v2 swears")
    assert done == {"route": "shop", "split": {"v1": 100}, "from": {"v2": 100}}
    shop.live(1)
    assert shop.split() == {"v1": 100}
    lived = [(one["version"], one["good"]) for one in desk.history("shop")]
    assert lived == [("v1", True), ("v2", False), ("v1", True)]
    shop.restart("split: {v2: 100}")
    assert shop.split() == {"v1": 100}, "a restart does not bring back what was rolled back"
    shop.control.rollout.restore("shop", "kim", "a false alarm")
    shop.live(1)
    assert shop.split() == {"v2": 100}
    assert shop.audited("version.") == ["version.declared", "version.declared", "version.rollback", "version.restore"]
    with pytest.raises(RollbackFault):
        shop.control.rollout.restore("shop", "kim", "again")
    with pytest.raises(KeyError):
        shop.control.rollout.roll_back("nowhere", "", "kim", "why")


def test_a_person_who_rolls_back_ends_the_canary(open_shop: Any) -> None:
    shop = open_shop(RATIO)
    shop.live(3)
    shop.control.rollout.roll_back("shop", "", "kim", "I do not like it")
    shop.live(30)
    assert shop.split() == {"v1": 100}
    assert shop.audited("canary.") == ["canary.begin"]


@pytest.mark.req("P3")
def test_a_playbook_rolls_back_when_its_alert_fires_and_forward_when_it_is_over(open_shop: Any) -> None:
    shop = open_shop("split: {v1: 100}")
    shop.restart("split: {v2: 100}")
    shop.live(8, lambda version: {"outcome": "error" if version == "v2" else "ok"})
    shop.work()
    shop.live(1, lambda version: {"outcome": "error" if version == "v2" else "ok"})
    assert shop.split() == {"v1": 100}
    assert ControlDesk(shop.control).board().versions[0].by == "playbook"
    for _ in range(30):
        shop.live(1)
        shop.work()
    shop.live(1)
    assert shop.split() == {"v2": 100}, "what a playbook did is taken back when its alert is over"


@pytest.mark.parametrize(("rule", "said"), [
    (RATIO.replace("v2", "v9"), "versions of this route (v1, v2 or v3), came 'v9'"),
    (RATIO.replace("v2", "v1"), "another version as 'base' than as 'of'"),
    (RATIO + ", split: {v1: 1}", "no 'split' beside 'canary'"),
    (RATIO.replace("failures", "calls"), "a signal of kind ratio or mean"),
    (RATIO.replace("failures", "blind"), "a signal with the label version"),
    ("rollback", "a version of route shop (v1, v2, v3 or previous), came 'v9'")])
def test_a_mistake_in_a_canary_or_a_rollback_is_told(rule: str, said: str) -> None:
    text = POLICY.replace("signals:", "signals:\n  calls: {kind: count, labels: [version]}\n"
                          "  blind: {kind: ratio, bad: blocked}")
    text = text.replace("shop: previous", "shop: v9").replace("CANARY", "split: {v1: 1}") if rule == "rollback" \
        else text.replace("CANARY", rule)
    with pytest.raises(PolicyError) as caught:
        parse(text, "policy.yaml", {})
    assert said in str(caught.value)
    assert len(caught.value.faults) == 1


def test_a_policy_says_in_words_what_its_canary_and_its_rollback_do() -> None:
    policy = parse(POLICY.replace("CANARY", RATIO), "policy.yaml", {})
    assert ("route shop: calls go to main (m); versions: v1 100%; v2 is tried against v1 by failures, at 5%, 25%, 50%, "
            "100% of the calls, 20 seconds each") in explain(policy)
    assert "shop goes back to its previous version" in explain(policy)[0]
    assert "직전 정상 버전" in explain(policy, "ko")[0]
    assert any("failures 값으로 v2 버전을 v1 버전과 견줌" in line for line in explain(policy, "ko"))


# ---- over the wire ----


TOKEN = "bsu_test_admin"


@pytest.fixture
def served(open_shop: Any) -> Iterator[Shop]:
    """The control site of a shop whose policy went from v1 to v2."""
    shop: Shop = open_shop("split: {v1: 100}")
    shop.restart("split: {v2: 100}")
    site = control_app(ControlDesk(shop.control), keys.digest(TOKEN), clock=lambda: shop.now,
                       ways=version_ways(shop.control.rollout))
    with serving(site) as server:
        shop.url = server.url
        yield shop


def verb(shop: Shop, *words: str) -> Any:
    return CliRunner().invoke(cli, ["route", *words, "--url", shop.url, "--token", TOKEN])


@pytest.mark.req("P3")
def test_the_verbs_show_roll_back_and_restore(served: Shop) -> None:
    assert verb(served, "show").output == "shop: v2 100%; a rollback leads to v1\n"
    done = verb(served, "rollback", "shop", "--reason", "v2 swears")
    assert (done.exit_code, done.output) == (0, "shop is back to v1\n")
    shown = verb(served, "show", "shop").output
    assert shown.startswith("shop: v1 100% (by person)")
    assert "v2 (rolled back)  by policy" in shown
    again = verb(served, "rollback", "shop", "--reason", "again")
    assert again.exit_code != 0
    assert "live already" in again.output
    assert verb(served, "restore", "shop", "--reason", "a false alarm").output == "shop is as the policy says: v2\n"
    assert "v2 swears" in verb(served, "show", "shop").output


@pytest.mark.parametrize(("call", "status", "code"), [
    (lambda api: api.post("/v1/versions/nowhere/rollback", {"reason": "why"}), 404, "unknown"),
    (lambda api: api.post("/v1/versions/shop/rollback", {"reason": ""}), 400, "say why"),
    (lambda api: api.post("/v1/versions/shop/rollback", {"reason": "why", "to": 5}), 400, "'to' is the name"),
    (lambda api: api.post("/v1/versions/shop/rollback", {"reason": "why", "to": "v9"}), 409, "came 'v9'"),
    (lambda api: api.delete("/v1/versions/shop/rollback", {"reason": "why"}), 409, "in force already"),
    (lambda api: api.get("/v1/versions/nowhere/history"), 404, "a route with versions")])
def test_what_cannot_be_done_is_said_over_the_wire(served: Shop, call: Any, status: int, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        call(Client(served.url, TOKEN))
    assert caught.value.status == status
    assert code in str(caught.value) or status == 404


def test_nobody_rolls_back_without_a_token(served: Shop) -> None:
    with pytest.raises(RefusedError) as caught:
        Client(served.url, "").post("/v1/versions/shop/rollback", {"reason": "why"})
    assert caught.value.status == 401
    assert served.control.rollout.rows()[0].shares == {"v2": 1.0}


@pytest.mark.parametrize(("language", "words"), [
    ("en", ("Versions", "Back to v1")), ("ko", ("버전", "v1 버전으로 되돌리기"))])
def test_the_cockpit_shows_versions_and_the_way_back(served: Shop, language: str, words: tuple[str, ...]) -> None:
    house = House()
    house.url = served.url
    house.now = served.now
    login = house.log_in(TOKEN, origin=served.url)
    assert login.status == 303, login.text
    cookie = {"Cookie": login.headers["set-cookie"].partition(";")[0], "Accept-Language": language}
    page = house.ask("/", cookie).text
    assert all(word in page for word in words)
    asked = house.ask("/versions/shop/rollback", cookie)
    assert asked.status == 200
    csrf = asked.text.partition('name="csrf" value="')[2].partition('"')[0]
    done = house.ask("/versions/shop/rollback", {**cookie, "Content-Type": FORM, "Origin": served.url},
                     {"csrf": csrf, "reason": "v2 swears"})
    assert done.status == 303
    assert served.control.rollout.rows()[0].shares == {"v1": 1.0}
    assert house.ask("/versions/nowhere/rollback", cookie).status == 404
