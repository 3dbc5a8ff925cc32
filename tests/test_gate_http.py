"""Argo Rollouts and Flagger, played by their published contracts against a real gate over HTTP."""

from __future__ import annotations

import base64
import operator
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bongsu.quantity import SECOND
from bongsu.web.gates import FLAGGER
from gatehouse import BEARER, TOKEN, Gatehouse, gatehouse

pytestmark = pytest.mark.req("A2", "G7")
INTEGRATIONS = Path(__file__).parent.parent / "integrations"
CANARY = {"name": "bot", "namespace": "prod", "phase": "Progressing", "checksum": "1", "metadata": {}}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data") as made:
        yield made


# The gate brought to each of its answers.
def allowing(house: Gatehouse) -> None:
    assert house.verdict()["decision"] == "allow"


def denying(house: Gatehouse) -> None:
    house.attack()


def unknowing(house: Gatehouse) -> None:
    house.now += 300 * SECOND


STATES = {"allow": allowing, "deny": denying, "inconclusive": unknowing}


# ---- Argo Rollouts ----


def template() -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load((INTEGRATIONS / "argo-rollouts/analysis-template.yaml").read_text())
    return whole


def filled(text: str, **args: str) -> str:
    out = re.sub(r"\{\{args\.(\w+)\}\}", lambda m: args[m[1]], text)
    assert "{{" not in out, out
    return out


def at_path(path: str, document: Any) -> Any:
    """The JSON path of a web provider: ``{$.a.b}``."""
    match = re.fullmatch(r"\{\$((?:\.\w+)*)\}", path)
    assert match, path
    for name in match[1].split(".")[1:]:
        document = document[name]
    return document


def holds(condition: str, result: Any) -> bool:
    """A condition on ``result``: one comparison of a field with a text."""
    match = re.fullmatch(r'result\.(\w+) (==|!=) "(\w+)"', condition)
    assert match, condition
    return bool({"==": operator.eq, "!=": operator.ne}[match[2]](result[match[1]], match[3]))


def measured(house: Gatehouse, metric: dict[str, Any]) -> str:
    """One measurement as Argo's web provider takes it: any status but 2xx is an error."""
    web = metric["provider"]["web"]
    args = {"service": "bot", "stage": "canary", "token": TOKEN}
    headers = {one["key"]: filled(one["value"], **args) for one in web["headers"]}
    path = filled(web["url"], **args).partition("://")[2].partition("/")[2]
    status, document = house.ask(f"/{path}", headers=headers, method=web["method"])
    if not 200 <= status < 300:
        return "Error"
    result = at_path(web["jsonPath"], document)
    if holds(metric["failureCondition"], result):
        return "Failed"
    return "Successful" if holds(metric["successCondition"], result) else "Inconclusive"


@pytest.mark.parametrize(("state", "phase"), [
    ("allow", "Successful"), ("deny", "Failed"), ("inconclusive", "Inconclusive")])
def test_argo_measures_each_verdict_as_what_it_is(house: Gatehouse, state: str, phase: str) -> None:
    """The template's own address, header, path and conditions are what is played."""
    STATES[state](house)
    (metric,) = template()["spec"]["metrics"]
    assert measured(house, metric) == phase


def test_argo_sees_an_error_where_there_is_no_verdict(house: Gatehouse) -> None:
    (metric,) = template()["spec"]["metrics"]
    metric["provider"]["web"]["headers"][0]["value"] = "Bearer wrong"
    assert measured(house, metric) == "Error"


def test_the_template_has_the_shape_that_argo_asks_for() -> None:
    whole = template()
    assert (whole["apiVersion"], whole["kind"]) == ("argoproj.io/v1alpha1", "AnalysisTemplate")
    declared = {arg["name"] for arg in whole["spec"]["args"]}
    (metric,) = whole["spec"]["metrics"]
    used = set(re.findall(r"\{\{args\.(\w+)\}\}", str(metric)))
    assert used == declared
    assert metric["provider"]["web"]["timeoutSeconds"] <= 10
    assert (metric["failureLimit"], metric["inconclusiveLimit"]) == (0, 0)


# ---- Flagger ----


def passes(status: int) -> bool:
    """Flagger's rule: what is above 202 is a failure, 204 too."""
    return 200 <= status <= 202


@pytest.mark.parametrize("hook", FLAGGER)
@pytest.mark.parametrize("state", STATES)
def test_flaggers_questions_pass_on_allow_only(house: Gatehouse, hook: str, state: str) -> None:
    STATES[state](house)
    status, document = house.ask(f"/v1/gate/flagger/{hook}", CANARY)
    assert status == (200 if state == "allow" else 403)
    assert passes(status) == (state == "allow")
    assert (document["data"]["decision"], document["data"]["stage"]) == (state, hook)


@pytest.mark.parametrize(("state", "status"), [("allow", 403), ("deny", 200), ("inconclusive", 403)])
def test_flaggers_rollback_is_the_other_way_round(house: Gatehouse, state: str, status: int) -> None:
    """It rolls back on 2xx; not knowing is no reason to."""
    STATES[state](house)
    assert house.ask("/v1/gate/flagger/rollback", CANARY)[0] == status


def test_a_confirm_hook_that_is_asked_again_does_not_resume_by_itself(house: Gatehouse) -> None:
    """Flagger asks until it hears 200: a severe alert that is over must not be enough."""
    house.attack()
    house.tick(30)
    assert house.ask("/v1/gate/flagger/confirm-promotion", CANARY)[0] == 403
    house.ask("/v1/gate/bot/clear", {"reason": "looked at"})
    assert house.ask("/v1/gate/flagger/confirm-promotion", CANARY)[0] == 200


def test_every_answer_to_flagger_is_a_verdict_on_the_record(house: Gatehouse) -> None:
    verdict = house.ask("/v1/gate/flagger/rollout", CANARY)[1]["data"]["verdictId"]
    assert house.ask(f"/v1/gate/verdicts/{verdict}")[1]["data"]["stage"] == "rollout"


def test_events_of_flagger_are_kept_as_markers(house: Gatehouse) -> None:
    body = CANARY | {"metadata": {"eventMessage": "Advance bot.prod canary weight 10", "eventType": "Normal",
                                  "timestamp": "1790000000000"}}
    assert house.ask("/v1/gate/flagger/event", body) == (200, {"kept": True})
    (marker,) = house.store.markers()
    assert (marker.service, marker.source, marker.kind, marker.text) == (
        "bot", "flagger", "Normal", "Advance bot.prod canary weight 10")
    assert marker.detail == {"name": "bot", "namespace": "prod", "phase": "Progressing", "timestamp": "1790000000000"}
    assert house.actions("deployment") == ["deployment"]


def test_a_canary_of_another_name_says_whose_it_is(house: Gatehouse) -> None:
    named = CANARY | {"name": "bot-primary", "metadata": {"service": "bot"}}
    assert house.ask("/v1/gate/flagger/rollout", named)[0] == 200
    assert house.ask("/v1/gate/flagger/rollout", CANARY | {"name": "other"})[0] == 404
    assert house.ask("/v1/gate/flagger/rollout", {"metadata": {}})[0] == 400
    assert house.ask("/v1/gate/flagger/event", CANARY | {"metadata": []})[0] == 400
    assert house.ask("/v1/gate/flagger/event", CANARY | {"name": "other"})[0] == 404


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"bongsu:{password}".encode()).decode()}


def test_hooks_ask_for_the_token_in_a_header_or_in_the_url(house: Gatehouse) -> None:
    """Flagger has no headers to give; Go sends what stands in a URL as basic authentication."""
    for headers, status in ((BEARER, 200), (basic(TOKEN), 200), (basic("wrong"), 401), (basic(""), 401), ({}, 401),
                            ({"Authorization": "Basic %%%"}, 401), ({"Authorization": "Bearer wrong"}, 401)):
        assert house.ask("/v1/gate/flagger/rollout", CANARY, headers)[0] == status, headers


def test_a_token_in_the_url_opens_hooks_and_nothing_else(house: Gatehouse) -> None:
    """Browsers send basic authentication by themselves; a foreign page must not act with it."""
    body = {"reason": "x", "for": "1h", "author": "park"}
    assert house.ask("/v1/gate/bot/overrides", body, basic(TOKEN))[0] == 401
    assert house.ask("/v1/automation", {"on": False, "reason": "x"}, basic(TOKEN))[0] == 401


def test_the_canarys_webhooks_lead_to_hooks_that_are_there(house: Gatehouse) -> None:
    whole = yaml.safe_load((INTEGRATIONS / "flagger/canary-webhooks.yaml").read_text())
    hooks = whole["analysis"]["webhooks"]
    assert {hook["type"] for hook in hooks} == {*FLAGGER, "rollback", "event"}
    for hook in hooks:
        path = hook["url"].partition("://")[2].partition("/")[2]
        assert path == f"v1/gate/flagger/{hook['type']}"
        assert all(isinstance(value, str) for value in hook["metadata"].values())
        status, _ = house.ask(f"/{path}", CANARY | {"metadata": {"service": "bot"}})
        assert status == (403 if hook["type"] == "rollback" else 200)


def test_the_description_of_the_api_lists_the_gates_ways(house: Gatehouse) -> None:
    paths = house.ask("/openapi.json")[1]["paths"]
    assert {"/v1/gate/{service}/overrides", "/v1/gate/overrides/{id}/approve", "/v1/gate/verdicts/{id}/replay",
            "/v1/gate/{service}/clear", "/v1/gate/flagger/rollback"} <= set(paths)
