"""Budgets on control's page of numbers: limit, reserved, settled; no user is ever a label."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bongsu.exports.exposition import page
from bongsu.quantity import NANO
from bongsu.room.spending import Account
from bongsu.web.budgets import NAMED, of_budgets
from bongsu.web.purse import Draw, Reserved
from peoplekit import POLICY, Place, place

BUDGETS = """
budgets:
  all: {limit: 1 USD, window: 1d}
  teams: {limit: 0.000001 USD, window: 1d, per: team, then: light}
  people: {limit: 0.5 USD, window: 1d, per: user}
"""


def numbers(one: Place) -> dict[str, float]:
    one.cycle()
    said = page(of_budgets(one.control.spending.standing, one.policy, one.folder.live))
    return {m[1]: float(m[2]) for m in re.finditer(r"^(bongsu_budget_.*) (\S+)$", said, re.MULTILINE)}


@pytest.mark.req("O4", "O3")
def test_limit_reserved_and_settled_are_there_by_budget(tmp_path: Path) -> None:
    with place(tmp_path, POLICY + BUDGETS) as one:
        key, _ = one.key(team="research")
        for user in ("kim@example.com", "lee@example.com"):
            assert one.post(key, user=user).status == 200
        spent = sum(event.cost or 0 for event in one.events()) / NANO
        purse = one.doors[0]._purse
        assert purse is not None
        lease = purse.lease(one.policy.budgets)
        held = purse.reserve([Draw(one.policy.budgets[0], "service/shop")], NANO // 4, lease)
        assert isinstance(held, Reserved)
        found = numbers(one)
        about = 'service="shop",budget="{}",subject="{}",currency="USD"'
        assert found['bongsu_budget_limit{service="shop",budget="people",per="user",currency="USD"}'] == 0.5
        for budget, subject in (("all", "service/shop"), ("teams", "team/research"), ("people", "user/*")):
            key_ = about.format(budget, subject)
            assert found[f"bongsu_budget_settled{{{key_}}}"] == pytest.approx(spent)
            assert found[f"bongsu_budget_reserved{{{key_}}}"] == (0.25 if budget == "all" else 0)
        assert found['bongsu_budget_subjects{service="shop",budget="people",state="within"}'] == 2
        assert found['bongsu_budget_subjects{service="shop",budget="teams",state="spent"}'] == 1
        assert not [name for name in found if "USER_" in name or "example" in name]
        purse.settle(held, 0, lease)
        assert not any(value for name, value in numbers(one).items() if "reserved" in name)


def test_of_many_keys_the_most_strained_are_named_and_none_is_lost(tmp_path: Path) -> None:
    with place(tmp_path, POLICY + "budgets: {keys: {limit: 1 USD, window: 1d, per: key}}") as one:
        budget = one.policy.budgets[0]
        standing = [Account(budget, f"key/{n:08x}", n) for n in range(3 * NAMED)]
        lines = [line for some in of_budgets(standing, one.policy, one.folder.live).values() for line in some]
        settled = [line for line in lines if line.startswith("bongsu_budget_settled")]
        assert len(settled) == NAMED + 1
        total = sum(float(line.rpartition(" ")[2]) for line in settled)
        assert total == pytest.approx(sum(range(3 * NAMED)) / NANO)
        assert "key/0000012b" in settled[0]
