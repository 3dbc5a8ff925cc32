"""Where a person's data may go: rerouted inside the border or refused, and never across it, whatever else moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import openai
import pytest

from bongsu.policy import parse
from bongsu.policy.explain import explain
from bongsu.policy.fault import PolicyError
from bongsu.policy.model import Policy, Route, Upstream
from bongsu.policy.routing import Borders, Trust, Version
from gatewaykit import Script, reply, standing
from test_gateway_faults import ByModel

SMALL = (Path(__file__).parent / "good/small.yaml").read_text(encoding="utf-8")
REGIONS = {"eu": ("eu-west", "eu-central"), "kr": ("kr",)}


def bordered(borders: dict[str, tuple[str, ...]], **route: Any) -> Callable[[Policy], Policy]:
    """Upstreams us, kr and eu-west; the models are named like their regions."""
    def change(policy: Policy) -> Policy:
        url = policy.upstreams["main"].url
        ups = {r: Upstream(r, url, f"model-{r}", region=r) for r in ("us", "kr", "eu-west")}
        ups["nowhere"] = Upstream("nowhere", url, "model-nowhere")
        return replace(policy, upstreams=ups, borders=Borders.of(borders, REGIONS), trust=Trust("anybody"),
                       routes={"support-bot": Route("support-bot", **{"primary": "us", **route})})
    return change


def models(**scripts: Script) -> ByModel:
    every = {f"model_{name}": scripts.get(name, Script(plain=reply("hi"))) for name in ("us", "kr", "nowhere")}
    every["model_eu_west"] = scripts.get("eu", Script(plain=reply("hi")))
    return ByModel(**every)


def asked(folder: Path, region: str, change: Callable[[Policy], Policy], model: Any = None,
          live: dict[str, Any] | None = None) -> Any:
    with standing(folder, model=model or models(), change=change) as stand:
        if live:
            stand.publisher.publish(live, "hash-1", 5)
        try:
            stand.ask(extra_headers={"x-bongsu-region": region} if region else {})
        except openai.APIStatusError as error:
            return stand.spool.last(), error
        return stand.spool.last(), None


@pytest.mark.req("D4")
def test_a_call_that_may_not_go_to_the_primary_is_rerouted_and_the_fact_says_so(tmp_path: Path) -> None:
    event, error = asked(tmp_path, "eu-central", bordered({"eu": ("eu",)}, fallback=("eu-west",)))
    assert error is None
    assert (event.border, event.region, event.upstream, event.upstream_region) == (
        "rerouted", "eu-central", "eu-west", "eu-west")


@pytest.mark.req("D4")
def test_a_call_that_may_go_nowhere_is_refused_with_a_reason(tmp_path: Path) -> None:
    event, error = asked(tmp_path, "eu", bordered({"eu": ("eu",)}, fallback=("kr",), light="kr"))
    assert (error.status_code, error.code) == (403, "region_not_allowed")
    assert error.response.headers["x-should-retry"] == "false"
    assert (event.border, event.outcome, event.status, event.error, event.upstream, event.attempts) == (
        "refused", "refused", 403, "region_not_allowed", "", 0)


def test_a_call_within_its_borders_goes_as_ever(tmp_path: Path) -> None:
    event, _ = asked(tmp_path, "kr", bordered({"eu": ("eu",), "kr": ("kr", "us")}, fallback=("eu-west",)))
    assert (event.border, event.upstream) == ("", "us")


def test_the_route_s_other_upstreams_are_asked_where_the_chain_is_closed(tmp_path: Path) -> None:
    event, _ = asked(tmp_path, "eu", bordered({"eu": ("eu",)}, light="kr", conservative="eu-west"))
    assert (event.border, event.upstream) == ("rerouted", "eu-west")


@pytest.mark.parametrize(("region", "goes"), [
    ("EU", "eu-west"), ("eu-WEST", "eu-west"), ("kr", "us"), ("mars", "kr"), ("", "us"), ("other", "kr")])
def test_a_region_is_read_as_people_write_it_and_the_rest_is_other(tmp_path: Path, region: str, goes: str) -> None:
    """With an empty header the service's own region (kr) holds; a name nobody declared is 'other', never 'anywhere'."""
    change = bordered({"eu": ("eu",), "kr": ("us",), "other": ("kr",)}, fallback=("kr", "eu-west"))
    with standing(tmp_path, model=models(), change=change) as stand:
        stand.ask(extra_headers={"x-bongsu-region": region})
        assert stand.spool.last().upstream == goes


@pytest.mark.parametrize("order", [*permutations(["us", "kr", "eu-west", "nowhere"])])
def test_no_order_of_fallback_light_and_conservative_leads_across_a_border(tmp_path: Path, order: Any) -> None:
    """Every upstream fails, so that every one that may be asked is: only the one inside is."""
    failing = {name: Script(status=500) for name in ("us", "kr", "eu", "nowhere")}
    primary, fallback, light, conservative = order
    change = bordered({"eu": ("eu",)}, primary=primary, fallback=(fallback,), light=light, conservative=conservative)
    for live in (None, {"route/support-bot": "light"}, {"route/support-bot": "conservative"}):
        event, error = asked(tmp_path / str(live and live["route/support-bot"]), "eu", change, models(**failing), live)
        assert error.status_code == 502
        assert event.upstream_region == "eu-west"
    assert [len(failing[name].seen) for name in ("us", "kr", "nowhere")] == [0, 0, 0]
    assert len(failing["eu"].seen) == 3


def test_a_version_leads_across_no_border_either(tmp_path: Path) -> None:
    change = bordered({"eu": ("eu",)}, primary="eu-west", versions={"v2": Version("v2", upstream="us")})
    event, _ = asked(tmp_path, "eu", change)
    assert (event.version, event.upstream, event.border) == ("v2", "eu-west", "rerouted")


def test_groups_that_overlap_allow_only_what_each_of_them_does() -> None:
    borders = Borders.of({"eu": ("a", "b"), "bank": ("b", "c")}, {"eu": ("x", "y"), "bank": ("x",)})
    assert borders.regions("x") == {"b"}
    assert borders.regions("y") == {"a", "b"}
    assert borders.regions("z") is None


def test_a_policy_says_its_borders_and_a_misspelt_region_is_told() -> None:
    text = SMALL + "\nregions: {eu: [eu-west]}\nborders: {eu: [eu], other: []}\n"
    said = explain(parse(text, "small.yaml", {}))
    assert "border: data of people in eu may go to: eu, eu-west" in said
    assert "border: data of people in all other regions may go to: no model" in said
    assert "경계: eu 데이터가 갈 수 있는 지역: eu, eu-west" in explain(parse(text, "small.yaml", {}), "ko")
    with pytest.raises(PolicyError, match=r"came 'eu-wset'; did you mean 'eu-west'\?"):
        parse(text.replace("[eu],", "[eu-wset],"), "small.yaml", {})
    notes = parse(text.replace(", other: []", ""), "small.yaml", {}).notices
    assert any("may go anywhere" in str(note) for note in notes)
