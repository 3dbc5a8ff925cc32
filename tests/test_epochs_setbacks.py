"""Epochs where something is amiss: a key that opens no more, a master key that is away, a start or an end cut short."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bongsu.access.restriction import Restriction
from bongsu.host.backup import back_up, restore
from bongsu.host.epochs import EpochFiles, tokeniser
from bongsu.quantity import DAY, SECOND
from bongsu.room import epochdesk
from bongsu.room.epochs import LEAD
from bongsu.stores.vault import DataKey, VaultStore
from bongsu.verbs import epoch as verbs
from bongsu.verbs.console import WRONG
from bongsu.web.purse import Draw, Purse, Reserved, Spent
from bongsu.wraps.wrapping import WrapError
from peoplekit import T0, TOKEN, fetch
from test_epochs import MAIL, after, post
from vaultkit import VAULT, Safe, safe


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Safe]:
    with safe(tmp_path) as made:
        yield made


def states(one: Safe) -> list[str]:
    return [row["state"] for row in one.one.api().get("/v1/epochs")["epochs"]]


def away(one: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever keeps the master key answers no more, and no key is remembered."""
    def nobody(*_: object) -> Any:
        raise WrapError("no answer")

    vaulting = one.one.control.vault
    vaulting._opened.forget()
    monkeypatch.setattr(vaulting._opened, "_unwrap", nobody)
    monkeypatch.setattr(vaulting.keepers, "wrap", nobody)


# ---- budgets ----


def test_a_new_epoch_gives_nobody_their_budget_again(tmp_path: Path) -> None:
    policy = VAULT.replace("routes:", "budgets:\n  people: {limit: 100 USD, window: 1d, per: user}\nroutes:", 1)
    with safe(tmp_path, policy) as one:
        one.say("hello", user="kim")
        one.one.cycle()
        assert post(one, "").status == 200
        one.one.cycle(LEAD)
        one.one.cycle(SECOND)
        [account] = one.one.control.spending.standing
        assert account.subject == f"user/{one.token('USER', 'kim')}"
        assert 0 < account.left < account.budget.limit
        budgets = one.one.policy.budgets
        purse = Purse(one.one.folder.live, "another")
        try:
            draw, lease = [Draw(budgets[0], account.subject)], purse.lease(budgets)
            assert purse.reserve(draw, account.left + 1, lease) == Spent(draw[0], account.left)
            last = purse.reserve(draw, account.left, lease)
            assert isinstance(last, Reserved)
            purse.settle(last, 0, lease)
        finally:
            purse.close()


# ---- the vault ----


def test_a_key_of_the_vault_that_opens_no_more_keeps_no_epoch_from_its_end(tmp_path: Path) -> None:
    with safe(tmp_path, VAULT.replace("vault: on", "vault: on, retention: {epochs: 30d}")) as one:
        vault = one.one.control.vault.vault
        assert vault is not None
        bad = "local:v1:" + "A" * 80
        vault.add_key(DataKey("bad", "day/2020-01-01", bad, T0, T0, T0 + 900 * DAY, "another keeper"))
        after(one)
        assert one.one.control.view().troubles
        assert states(one) == ["sealed", "current"]
        one.one.cycle(30 * DAY)
        assert states(one) == ["destroyed", "current"]


def test_an_epoch_ends_in_time_though_the_master_key_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with safe(tmp_path, VAULT.replace("vault: on", "vault: on, retention: {epochs: 30d}")) as one:
        after(one)
        assert states(one) == ["sealed", "current"]
        away(one, monkeypatch)
        one.one.cycle(30 * DAY)
        assert one.one.control.view().troubles
        assert states(one) == ["destroyed", "current"]


@pytest.mark.req("X2")
def test_what_needs_no_master_key_of_a_person_is_destroyed_though_it_is_away(one: Safe,
                                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    one.say(f"write to {MAIL}", subject="kim")
    after(one)
    one.say(f"write to {MAIL}", subject="kim")
    mail, kim = one.token("email", MAIL), one.token("USER", "kim")
    assert post(one, "").status == 200
    one.one.cycle(LEAD + SECOND)  # epoch 2 has its key in the folder still, that of the first is sealed
    assert states(one) == ["sealed", "before", "current"]
    with monkeypatch.context() as patch:
        away(one, patch)
        assert one.ask("shred", subject="kim").code() == (503, "no_master_key")
    assert {r.target for r in one.one.store.trail(50) if r.action == "vault.shred"} == {
        f"subject/{token}" for token in (one.token("USER", "kim"), kim)}
    assert one.reveal(mail) == {mail: None}
    done = one.ask("shred", subject="kim").json()
    assert (done["scope"], done["values"]) == (f"subject/{one.token('USER', 'kim')}", 2)


def test_the_certificate_of_an_ended_epoch_says_how_many_values_went_with_it(one: Safe) -> None:
    one.say(f"write to {MAIL}", subject="kim")
    after(one)
    assert post(one, "/destroy", epoch=1).json() == {"epoch": 1, "values": 2}
    [shred] = [r for r in one.one.store.trail(50) if r.action == "vault.shred"]
    assert (shred.target, shred.detail["values"], shred.detail["keys"]) == ("epoch/1", 2, [])


def test_a_vault_of_version_3_is_brought_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    VaultStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE disposal DROP COLUMN gone")
        db.execute("INSERT INTO disposal (scope, at, actor, reason, ticket, certified) VALUES ('epoch/1', 5, 'a', 'b', "
                   "'c', 0)")
        db.execute("PRAGMA user_version = 3")
    db.close()
    store = VaultStore(path)
    try:
        store.destroy_epoch(2, 6, "a", "b", "c")
        assert [(one.scope, one.values) for one in store.disposals()] == [("epoch/1", 0), ("epoch/2", 0)]
    finally:
        store.close()


# ---- key files ----


def test_a_first_start_cut_short_leaves_no_folder_and_the_next_one_works(tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("bongsu.host.keys.os.write", full)
        with pytest.raises(OSError, match="No space left"):
            EpochFiles(tmp_path, lambda: T0)
    assert list(tmp_path.iterdir()) == []
    files = EpochFiles(tmp_path, lambda: T0)
    assert [epoch.n for epoch in EpochFiles(tmp_path, lambda: T0).all()] == [1]
    assert files.current().key is not None
    assert [p.name for p in tmp_path.iterdir()] == ["epochs"]


def test_of_two_first_starts_at_once_the_first_one_makes_the_key(tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    first = list[EpochFiles]()

    def late(path: Path, target: Path) -> Path:
        monkeypatch.undo()
        first.append(EpochFiles(tmp_path, lambda: T0))
        return path.rename(target)

    monkeypatch.setattr(Path, "rename", late)
    second = EpochFiles(tmp_path, lambda: T0)
    assert second.current().key == first[0].current().key is not None
    assert [p.name for p in tmp_path.iterdir()] == ["epochs"]


@pytest.mark.req("X6")
def test_a_backup_leaves_out_what_a_killed_start_or_end_left(one: Safe, tmp_path: Path) -> None:
    folder = one.one.folder.keys
    shutil.copytree(folder / "epochs", folder / ".epochs.abcd")
    (folder / "epochs" / "7.gone").write_bytes(bytes(40))
    back_up(one.one.folder.root, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again")
    assert sorted(p.name for p in (tmp_path / "again" / "keys").iterdir()) == sorted(
        p.name for p in folder.iterdir() if p.name != ".epochs.abcd")
    assert [p.name for p in (tmp_path / "again" / "keys" / "epochs").iterdir()] == ["1.key"]
    assert tokeniser(tmp_path / "again" / "keys", lambda: T0).token("email", MAIL) == one.token("email", MAIL)


def test_an_end_killed_after_overwriting_leaves_no_noise_for_a_key(tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def dies(_: object) -> None:
        raise Killed

    files = EpochFiles(tmp_path, lambda: T0)
    files.make(2, T0, os.urandom(32))
    first = (tmp_path / "epochs" / "1.key").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dies)
        with pytest.raises(Killed):
            files.erase(1)
    again = EpochFiles(tmp_path, lambda: T0)
    assert [epoch.n for epoch in again.all()] == [2]
    [left] = (tmp_path / "epochs").glob("1*")
    assert left.read_bytes() != first
    again.finish()
    assert [p.name for p in (tmp_path / "epochs").iterdir()] == ["2.key"]


def test_a_start_finishes_the_end_of_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "keys"
    EpochFiles(folder, lambda: T0).make(2, T0, os.urandom(32))
    (folder / "epochs" / "1.key").rename(folder / "epochs" / "1.gone")
    with safe(tmp_path) as one:
        assert [p.name for p in (folder / "epochs").iterdir()] == ["2.key"]
        assert one.token("email", MAIL).startswith("EMAIL_E2_")


# ---- tokens of an epoch that is over ----


def test_an_older_token_of_a_person_is_carried_over_or_refused_never_kept_without_force(one: Safe) -> None:
    old, api = one.token("USER", "kim"), one.one.api()
    assert post(one, "").status == 200
    one.one.cycle(LEAD + SECOND)
    new = one.token("USER", "kim")
    body = {"subject": f"user/{old}", "rung": "suspended", "reason": "why"}
    assert api.post("/v1/restrictions", body)["subject"] == f"user/{new}"
    assert api.post("/v1/keys", {"name": "app", "user": old, "reason": "new"})["user"] == new
    assert api.delete("/v1/restrictions", {"subject": f"user/{old}", "reason": "why"}) == {"lifted": 1}
    one.one.cycle(DAY)
    one.one.cycle()
    assert states(one) == ["sealed", "current"]
    for path, more in (("/v1/restrictions", body), ("/v1/keys", {"name": "app", "user": old, "reason": "new"})):
        reply = fetch(f"{one.one.url}{path}", TOKEN, more)
        assert reply.code() == (400, "old_token")
        assert "bongsu epoch join" in reply.text
    assert one.one.store.restrictions() == []
    one.one.store.restrict(Restriction("r1", f"user/{old}", "slow", 0, "why", "", "playbook", T0), one.one.now)
    assert api.delete("/v1/restrictions", {"subject": f"user/{old}", "reason": "why"}) == {"lifted": 1}, "it is listed"
    gone = fetch(f"{one.one.url}/v1/restrictions", TOKEN, {**body, "subject": f"user:{old}"})
    assert gone.code() == (400, "old_token")
    assert api.post("/v1/restrictions", {**body, "subject": f"user/{new}"})["subject"] == f"user/{new}"


# ---- many tokens ----


def test_more_tokens_than_a_minute_allows_are_joined_in_their_turn(tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochdesk, "A_MINUTE", 4)
    monkeypatch.setattr(verbs, "BATCH", 3)
    waits = list[float]()
    with safe(tmp_path) as one:
        def wait(seconds: float) -> None:
            waits.append(seconds)
            one.one.now += round(seconds * SECOND)

        monkeypatch.setattr(verbs, "sleep", wait)
        old = [one.token("email", f"{n}{MAIL}") for n in range(8)]
        after(one)
        new = [one.token("email", f"{n}{MAIL}") for n in range(8)]
        done = one.cli("epoch", "join", *old)
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines() == [f"{token}  {other}" for token, other in zip(old, new, strict=True)]
        assert waits == [30, 30]
        assert "ask again in" in done.stderr


def test_what_was_joined_is_told_where_a_later_request_fails(one: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "BATCH", 1)
    old = one.token("email", MAIL)
    after(one)
    done = one.cli("epoch", "join", old, "nonsense")
    assert (done.exit_code, done.stdout) == (WRONG, f"{old}  {one.token('email', MAIL)}\n")
    assert "expected tokens such as" in done.stderr
