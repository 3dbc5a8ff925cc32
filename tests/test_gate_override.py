"""Overrides: two people, a signature, an end; every step on the record."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bongsu.override import MOST, Override, OverrideFault, approve, canonical, genuine, request
from bongsu.quantity import HOUR, SECOND
from gatehouse import POLICY, T0, Gatehouse, gatehouse

pytestmark = pytest.mark.req("A2", "G7")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data") as made:
        made.attack()
        yield made


def asked(house: Gatehouse, **fields: Any) -> dict[str, Any]:
    body = {"reason": "security fix", "for": "2h", "author": "park"} | fields
    status, made = house.ask("/v1/gate/bot/overrides", body)
    assert status == 201, made
    found: dict[str, Any] = made
    return found


def approved(house: Gatehouse, approver: str = "kim", **fields: Any) -> dict[str, Any]:
    made = asked(house, **fields)
    status, found = house.ask(f"/v1/gate/overrides/{made['id']}/approve", {"approver": approver})
    assert status == 200, found
    shown: dict[str, Any] = found
    return shown


def live(house: Gatehouse) -> None:
    """Let an event come in, so that data is fresh."""
    house.feed(1)
    house.tick()


def test_an_approved_override_allows_and_keeps_the_reasons(house: Gatehouse) -> None:
    pending = asked(house)
    assert (pending["state"], house.verdict()["decision"]) == ("pending", "deny")
    active = approved(house)
    verdict = house.verdict()
    assert (active["state"], verdict["decision"], verdict["allow"]) == ("active", "allow", True)
    assert [reason["code"] for reason in verdict["reasons"]] == ["page_active"]
    assert verdict["override"] == {"id": active["id"], "author": "park", "approver": "kim", "reason": "security fix",
                                   "expires": house.now + 2 * HOUR, "including_stale": False}


def test_it_ends_by_itself(house: Gatehouse) -> None:
    approved(house, **{"for": "10m"})
    house.tick(599)
    assert house.verdict()["override"]
    house.tick(1)
    assert (house.verdict()["override"], house.verdict()["decision"]) == (None, "deny")


def test_it_ends_when_it_is_revoked(house: Gatehouse) -> None:
    made = approved(house)
    assert house.ask(f"/v1/gate/overrides/{made['id']}/revoke", {"reason": "rolled back"})[1]["state"] == "revoked"
    assert house.verdict()["decision"] == "deny"
    assert house.ask(f"/v1/gate/overrides/{made['id']}/revoke", {"reason": "again"})[0] == 409
    assert house.ask(f"/v1/gate/overrides/{made['id']}/approve", {"approver": "lee"})[0] == 409


def test_every_step_is_on_the_record_and_so_is_every_use(house: Gatehouse) -> None:
    made = approved(house)
    house.verdict()
    house.ask(f"/v1/gate/overrides/{made['id']}/revoke", {"reason": "done"})
    assert house.actions("override.") == ["override.request", "override.approve", "override.revoke"]
    used = [r for r in house.store.trail(50) if r.action == "gate.allow" and r.detail.get("override")]
    assert [r.detail["override"] for r in used] == [made["id"]]


@pytest.mark.parametrize(("author", "approver", "code"), [
    ("kim", "kim", "own_request"), ("kim", " Kim ", "own_request"), ("ｋｉｍ", "KIM", "own_request"),
    ("park", "park", "not_an_approver"), ("park", "choi", "not_an_approver"), ("park", "", "bad_approver")])
def test_nobody_approves_his_own_and_only_approvers_approve(house: Gatehouse, author: str, approver: str,
                                                            code: str) -> None:
    made = asked(house, author=author)
    status, answer = house.ask(f"/v1/gate/overrides/{made['id']}/approve", {"approver": approver})
    assert (status in (400, 403), answer["error"]["code"]) == (True, code)
    assert house.verdict()["decision"] == "deny"


def test_without_approvers_in_the_policy_nobody_may(tmp_path: Path) -> None:
    with gatehouse(tmp_path / "data", POLICY.replace("roles: {approver: [kim, lee]}\n", "")) as house:
        made = asked(house)
        status, answer = house.ask(f"/v1/gate/overrides/{made['id']}/approve", {"approver": "kim"})
        assert (status, answer["error"]["code"]) == (403, "no_approvers")


@pytest.mark.parametrize(("fields", "code"), [
    ({"for": "25h"}, "bad_for"), ({"for": "0s"}, "bad_for"), ({"for": "soon"}, "bad_for"), ({"for": 5}, "bad_for"),
    ({"author": " "}, "bad_author"), ({"author": "x" * 101}, "bad_author"), ({"reason": ""}, "no_reason"),
    ({"stage": "<b>"}, "bad_stage"), ({"including_stale": "yes"}, "bad_including_stale")])
def test_a_request_that_makes_no_sense_is_explained(house: Gatehouse, fields: dict[str, Any], code: str) -> None:
    body = {"reason": "fix", "for": "2h", "author": "park"} | fields
    status, answer = house.ask("/v1/gate/bot/overrides", body)
    assert (status, answer["error"]["code"]) == (400, code)


def test_unknown_names_are_404(house: Gatehouse) -> None:
    body = {"reason": "fix", "for": "2h", "author": "park"}
    assert house.ask("/v1/gate/other/overrides", body)[0] == 404
    assert house.ask("/v1/gate/other/overrides")[0] == 404
    assert house.ask("/v1/gate/overrides/o_none/approve", {"approver": "kim"})[0] == 404
    assert house.ask("/v1/gate/overrides/o_none/revoke", {"reason": "x"})[0] == 404


def test_a_request_left_for_a_day_can_no_longer_be_approved(house: Gatehouse) -> None:
    made = asked(house)
    house.now += MOST
    status, answer = house.ask(f"/v1/gate/overrides/{made['id']}/approve", {"approver": "kim"})
    assert (status, answer["error"]["code"]) == (409, "not_pending")


def test_it_holds_for_its_stage_only(house: Gatehouse) -> None:
    approved(house, stage="canary")
    assert (house.verdict("canary")["decision"], house.verdict("full")["decision"]) == ("allow", "deny")


def test_stale_data_is_not_excused_unless_it_says_so(house: Gatehouse) -> None:
    """Whoever approved looked at what was known; nobody looked at what came since."""
    approved(house)
    house.now += 300 * SECOND
    verdict = house.verdict()
    assert (verdict["decision"], verdict["allow"], bool(verdict["override"])) == ("inconclusive", False, True)
    approved(house, approver="lee", including_stale=True)
    verdict = house.verdict()
    assert (verdict["decision"], verdict["override"]["approver"]) == ("allow", "lee")
    assert {r["code"] for r in verdict["reasons"]} == {"page_active", "data_stale", "coverage_low"}


def test_an_override_that_changes_nothing_is_not_named(house: Gatehouse) -> None:
    approved(house)
    house.tick(30)
    house.cli("clear", "bot", "--reason", "looked at")
    live(house)
    assert (house.verdict()["decision"], house.verdict()["override"]) == ("allow", None)


@pytest.mark.parametrize("change", [
    "expires = expires + 3600000000", "service = 'bot', stage = ''", "approver = 'lee'", "author = 'nobody'",
    "including_stale = 1", "signature = ''", "reason = 'another'"])
def test_a_row_changed_behind_our_back_excuses_nothing_and_is_told(house: Gatehouse, change: str) -> None:
    made = approved(house, stage="canary")
    assert house.verdict("canary")["decision"] == "allow"
    with sqlite3.connect(house.folder.state) as raw:
        raw.execute(f"UPDATE override SET {change}")
    raw.close()
    verdict = house.verdict("canary")
    assert (verdict["decision"], verdict["override"]) == ("deny", None)
    assert ("override_invalid", made["id"]) in {(r["code"], r["about"]) for r in verdict["reasons"]}


def test_it_outlives_a_restart(house: Gatehouse) -> None:
    approved(house)
    house.close()
    house.open()
    live(house)
    assert house.verdict()["decision"] == "allow"


def test_the_board_names_the_override_that_opens_the_gate(house: Gatehouse) -> None:
    made = approved(house)
    board = house.ask("/v1/board")[1]
    assert board["gate"] == "allow"
    assert board["gate_reasons"][0].startswith(f"override {made['id']} by park, approved by kim, until 2026-")
    assert "alert attack is firing" in board["gate_reasons"]


def test_the_verbs_take_it_through_its_life(house: Gatehouse) -> None:
    made = house.cli("override", "request", "bot", "--for", "1h", "--author", "park", "--reason", "fix")
    key, state = made.output.split()[:2]
    assert (made.exit_code, state) == (0, "pending")
    assert house.cli("override", "approve", key, "--approver", "park").exit_code == 1
    assert house.cli("override", "approve", key, "--approver", "lee").exit_code == 0
    assert house.cli("check", "bot").exit_code == 0
    listed = house.cli("override", "list", "bot").output
    assert "active until" in listed
    assert "by park, approved by lee: fix" in listed
    assert house.cli("override", "revoke", key, "--reason", "over").exit_code == 0
    assert house.cli("check", "bot").exit_code == 1
    assert house.cli("override", "approve", "o_none", "--approver", "lee").exit_code == 2


def test_two_changes_at_once_cannot_both_win(house: Gatehouse) -> None:
    """An approval that was begun before a revocation does not undo it."""
    made = asked(house)
    before = house.store.override(made["id"])
    assert before is not None
    given = approve(before, "kim", ("kim",), house.now, house.store.sign)
    house.ask(f"/v1/gate/overrides/{made['id']}/revoke", {"reason": "changed my mind"})
    assert not house.store.keep_override(given, "override.approve", "x", "y", house.now, before="")
    assert house.verdict()["decision"] == "deny"


def test_no_signature_of_another_kind_stands_for_an_override() -> None:
    """What is signed begins with what kind of thing it is."""
    made = request("bot", "", "park", "fix", "1h", False, T0)
    assert canonical(made).startswith(b"bongsu.override/v1\n")


def test_a_signed_override_that_breaks_the_rules_is_not_genuine(tmp_path: Path) -> None:
    """Even our own signature on a longer time, or on one person's word, is not heeded."""
    with gatehouse(tmp_path / "data") as house:
        key = house.store._signing_key()
        made = request("bot", "", "kim", "fix", "1h", False, T0)
        for broken in (Override(**{**vars(made), "approver": "lee", "approved": T0, "expires": T0 + MOST + 1}),
                       Override(**{**vars(made), "approver": "Kim", "approved": T0, "expires": T0 + 1})):
            signed = Override(**{**vars(broken), "signature": key.sign(canonical(broken)).hex()})
            assert not genuine(signed, key.public_key())
        with pytest.raises(OverrideFault, match="another approver"):
            approve(made, "kim", ("kim",), T0, key.sign)
