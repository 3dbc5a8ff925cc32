"""Whose word counts: for the region of a person, and for the list of models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from bongsu.policy import parse
from bongsu.policy.explain import explain
from bongsu.policy.fault import PolicyError
from peoplekit import POLICY, Place, fetch, place

REGIONS = """
borders: {eu: [eu-west], other: [us]}
regions: {eu: [eu-west]}
"""
BORDERED = POLICY.replace("service: {name: shop,", "service: {name: shop, region: us,").replace(
    "main:  {url", "main:  {region: us, url").replace("light: {url", "light: {region: eu-west, url") + REGIONS


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, BORDERED) as made:
        yield made


def goes(one: Place, key: str = "sk-any", **headers: str) -> tuple[str, str]:
    """The upstream that was asked, and the region as the event has it."""
    with one.client(key) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="shop", messages=[{"role": "user", "content": "hi"}],
            extra_headers={name.replace("_", "-"): value for name, value in headers.items()})
    return raw.headers["x-bongsu-upstream"], one.last().region


@pytest.mark.req("D4")
def test_a_caller_without_a_key_cannot_say_where_its_people_are(one: Place) -> None:
    assert goes(one, x_bongsu_region="eu") == ("main", "us"), "nobody's word: the service's own region"
    key, _ = one.key()
    assert goes(one, key, x_bongsu_region="eu") == ("light", "eu")
    europe, _ = one.key(region="eu")
    assert goes(one, europe) == ("light", "eu")
    assert goes(one, europe, x_bongsu_region="us") == ("light", "eu"), "a key's own region wins"


@pytest.mark.req("D4")
def test_a_policy_may_trust_a_proxys_header_or_anybody(tmp_path: Path) -> None:
    def told(trust: str) -> str:
        return BORDERED.replace("fail: closed}", f"fail: closed, trust: {{{trust}}}}}")

    with place(tmp_path / "a", told("region_header: X-Geo")) as one:
        assert goes(one, x_geo="eu", x_bongsu_region="us") == ("light", "eu")
        assert goes(one, x_bongsu_region="eu") == ("main", "us")
    with place(tmp_path / "b", told("region: anybody")) as one:
        assert goes(one, x_bongsu_region="eu") == ("light", "eu")


def test_a_policy_says_whose_word_counts_and_a_header_has_a_name() -> None:
    environ = {"TEST_MODEL": "http://127.0.0.1:1"}
    policy = parse(BORDERED.replace("fail: closed}", "fail: closed, trust: {region_header: x-geo}}"), "p", environ)
    assert any("the header x-geo that a proxy sets" in line for line in explain(policy, "en"))
    assert any("프록시가 넣는 x-geo 헤더" in line for line in explain(policy, "ko"))
    with pytest.raises(PolicyError, match="the name of a header such as x-client-region"):
        parse(BORDERED.replace("fail: closed}", "fail: closed, trust: {region_header: 'x geo'}}"), "p", environ)


def test_who_may_not_list_models_is_told_so(one: Place) -> None:
    caller, id_ = one.key(scopes=["gateway:invoke"])
    assert one.post(caller).status == 200
    refused = fetch(f"{one.gateways[0]}/v1/models", caller)
    assert refused.code() == (403, "scope_missing")
    assert id_ in refused.text
    with one.client(caller) as client, pytest.raises(openai.PermissionDeniedError):
        client.models.list()
    reader, _ = one.key(scopes=["models:read"])
    assert fetch(f"{one.gateways[0]}/v1/models", reader).status == 200
    assert one.post(reader).code() == (403, "route_not_allowed")
    usual, _ = one.key()
    with one.client(usual) as client:
        assert {model.id for model in client.models.list()} == {"shop", "plain"}
