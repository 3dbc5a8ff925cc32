"""The vault: what a token stands for is read again by one role only, on the record, and never after its key is gone."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.app import open_store
from bongsu.checks.names import KINDS
from bongsu.checks.pii_forms import ENTITIES
from bongsu.host import keys
from bongsu.host.backup import back_up, restore
from bongsu.host.folder import Folder
from bongsu.privacy.envelope import SealError, new_box, new_key, open_box, put_in_box, seal, unseal
from bongsu.privacy.sealing import KEPT, NEVER
from bongsu.quantity import DAY as ONE_DAY
from bongsu.quantity import MINUTE
from bongsu.stores.vault import VaultError, VaultStore
from machine import until
from peoplekit import POLICY, TOKEN, place
from vaultkit import DAY, VAULT, Safe, safe

MAIL, PHONE = "marker.kim@example.com", "010-9876-5432"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Safe]:
    with safe(tmp_path) as made:
        yield made


# ---- envelopes ----


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_is_sealed_opens_with_its_key_in_its_place_only(data: bytes, about: str) -> None:
    key, (private, public) = new_key(), new_box()
    sealed, boxed = seal(key, about, data), put_in_box(public, about, data)
    assert unseal(key, about, sealed) == open_box(private, about, boxed) == data
    for wrong in (lambda: unseal(new_key(), about, sealed), lambda: unseal(key, about + "x", sealed),
                  lambda: open_box(new_box()[0], about, boxed), lambda: open_box(private, about + "x", boxed),
                  lambda: unseal(key, about, sealed[:-1]), lambda: open_box(private, about, boxed[:40]),
                  lambda: open_box(private, about, bytes(32) + boxed[32:])):
        with pytest.raises(SealError):
            wrong()


# ---- the round trip ----


@pytest.mark.req("X2")
def test_the_officer_reads_a_value_again_and_the_record_of_it_is_there_first(one: Safe) -> None:
    one.say(f"write to {MAIL} or call {PHONE}", subject="customer-17")
    mail, phone = one.token("email", MAIL), one.token("phone", PHONE)
    assert one.prompts() == [f"write to {mail} or call {phone}"]
    reply = one.ask("reveal", tokens=[mail, phone])
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "no-store"
    whose = one.token("USER", "customer-17")
    assert reply.json() == {"values": {mail: MAIL, phone: PHONE}, "subjects": {mail: whose, phone: whose}}
    record = one.one.store.trail(1)[0]
    assert (record.action, record.actor) == ("vault.reveal", "privacy officer")
    assert record.reason == "the customer asks for it"
    assert record.detail == {"ticket": "REQ-7", "tokens": [mail, phone], "kept": [mail, phone], "subjects": [whose]}


def test_the_verb_reads_values_and_says_which_are_not_kept(one: Safe) -> None:
    one.say(f"write to {MAIL}")
    mail, never = one.token("email", MAIL), one.token("email", "nobody@example.com")
    found = one.cli("reveal", mail, never)
    assert (found.exit_code, found.output) == (1, f"{mail}  {MAIL}\n{never}  not kept, or destroyed\n")
    assert one.cli("reveal", mail).exit_code == 0
    assert one.one.actions("vault.") == ["vault.reveal", "vault.reveal"]


@pytest.mark.req("X2")
def test_nobody_but_the_officer_may_and_what_is_refused_opens_nothing(one: Safe) -> None:
    one.say(f"write to {MAIL}")
    mail, before = one.token("email", MAIL), one.one.store.trail(1)
    for token in (TOKEN, "", "bsu_wrong", keys.mint("officer")):
        for way in ("reveal", "shred"):
            reply = one.ask(way, token, tokens=[mail], day=DAY)
            assert reply.code() == (401, "not_the_officer")
            assert MAIL not in reply.text
    for body, code in (({"tokens": [mail], "reason": " "}, "no_reason"), ({"tokens": []}, "too_many"),
                       ({"tokens": [mail], "ticket": ""}, "bad_ticket"), ({"tokens": mail}, "bad_tokens"),
                       ({"tokens": [mail] * 21}, "too_many"), ({"tokens": [MAIL]}, "bad_token")):
        reply = one.ask("reveal", **body)
        assert reply.code() == (400, code)
        assert MAIL not in reply.text
    assert one.one.store.trail(1) == before
    assert one.reveal(mail) == {mail: MAIL}


def test_a_verb_without_the_officers_token_says_which_token_it_needs(one: Safe) -> None:
    one.officer = TOKEN
    done = one.cli("reveal", one.token("email", MAIL))
    assert done.exit_code != 0
    assert "BONGSU_OFFICER_TOKEN" in done.output
    assert "`bongsu token officer`" in done.output


def test_an_officer_who_is_too_fast_is_told_when_and_that_is_on_the_record(one: Safe) -> None:
    one.say(f"write to {MAIL}")
    mail = one.token("email", MAIL)
    others = [one.token("email", f"n{i}@example.com") for i in range(19)]
    for _ in range(3):
        assert one.ask("reveal", tokens=[mail, *others]).status == 200
    reply = one.ask("reveal", tokens=[mail])
    assert (reply.code(), reply.headers["Retry-After"]) == ((429, "too_fast"), "1")
    assert one.one.actions("vault.")[0] == "vault.refused"
    one.one.now += MINUTE
    assert one.reveal(mail) == {mail: MAIL}


def test_a_reason_with_personal_data_is_masked_on_the_record(one: Safe) -> None:
    one.ask("reveal", tokens=[one.token("email", MAIL)], reason=f"asked by {MAIL}", ticket=f"mail of {MAIL}")
    record = one.one.store.trail(1)[0]
    assert (record.reason, record.detail["ticket"]) == ("asked by [email]", "mail of [email]")


def test_without_a_vault_nothing_is_kept_and_the_officer_is_told(tmp_path: Path) -> None:
    with safe(tmp_path, POLICY) as one:
        one.say(f"write to {MAIL}")
        assert one.ask("reveal", tokens=[one.token("email", MAIL)]).code() == (409, "no_vault")
        assert not one.one.folder.vault.exists()
        assert one.one.api().get("/v1/vault") == {"on": False}


def test_a_box_is_kept_where_texts_wait_for_slower_guards(tmp_path: Path) -> None:
    slow = VAULT.replace("guards:\n", "guards:\n  names: {check: names, on: store, act: tokenise, timeout: 5s}\n")
    with safe(tmp_path, slow) as one:
        one.say(f"write to {MAIL}")
        mail = one.token("email", MAIL)
        assert one.reveal(mail) == {mail: MAIL}
        until(lambda: one.one.cycle() or one.prompts() == [f"write to {mail}"], "the text, masked twice")


def test_of_every_entity_that_is_found_somebody_has_said_whether_it_is_kept() -> None:
    """A new entity without a word about it would be masked for good, or kept although the law forbids it."""
    assert not KEPT & NEVER
    assert {*ENTITIES, *KINDS} - KEPT == NEVER


def test_a_wallet_is_read_again(one: Safe) -> None:
    address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    one.say(f"pay to {address}")
    wallet = one.token("wallet", address)
    assert one.reveal(wallet) == {wallet: address}


def test_passwords_keys_and_resident_numbers_are_never_kept(one: Safe) -> None:
    one.say("my number is 900101-1234568, the key sk-ant-api03-abcdefghijklmnopqrstuvwxyz012345")
    counts = one.one.api().get("/v1/vault")
    assert (counts["values"], counts["waiting"]) == (0, 0)
    assert one.prompts()[0].startswith("my number is KR_")


# ---- destroyed for good ----


@pytest.mark.req("X6")
def test_a_shredded_person_is_unreadable_for_good_while_others_are_not_and_tokens_still_join(one: Safe) -> None:
    one.say(f"write to {MAIL}", subject="kim")
    one.say(f"call {PHONE}", subject="lee")
    mail, phone = one.token("email", MAIL), one.token("phone", PHONE)
    done = one.cli("shred", "--subject", "kim")
    assert done.exit_code == 0, done.stderr
    whose = one.token("USER", "kim")
    assert done.output == f"subject/{whose}: 1 keys destroyed, 2 values gone for good (disposal 1)\n"
    assert one.reveal(mail, phone) == {mail: None, phone: PHONE}
    record = next(r for r in one.one.store.trail(5) if r.action == "vault.shred")
    assert (record.actor, record.target, record.detail["values"], record.policy) == (
        "privacy officer", f"subject/{whose}", 2, one.one.policy.hash)
    with sqlite3.connect(one.one.folder.vault / "vault.db") as db:
        [(key, wrapped)] = db.execute("SELECT id, wrapped FROM dek WHERE shredded_at IS NOT NULL").fetchall()
    db.close()
    assert (record.detail["keys"], wrapped) == ([key], None)
    one.say(f"write to {MAIL}", subject="lee")
    assert one.prompts()[0] == one.prompts()[2], "the token is what it was"


def test_a_shredded_day_is_unreadable_and_the_next_one_is_not(one: Safe) -> None:
    one.say(f"write to {MAIL}")
    one.one.cycle(ONE_DAY)
    one.say(f"call {PHONE}")
    mail, phone = one.token("email", MAIL), one.token("phone", PHONE)
    assert one.ask("shred", day=DAY).json() == {"scope": f"day/{DAY}", "keys": 1, "values": 1, "disposals": [1]}
    assert one.reveal(mail, phone) == {mail: None, phone: PHONE}
    for wrong in ({"day": "yesterday"}, {}, {"day": DAY, "subject": "kim"}):
        assert one.ask("shred", **wrong).status == 400


def test_what_was_on_its_way_when_its_person_was_shredded_is_not_kept(one: Safe) -> None:
    """Said before, collected after: neither under the old key nor under a new one."""
    with one.one.client("sk-any") as client:
        client.chat.completions.create(model="shop", messages=[{"role": "user", "content": f"write to {MAIL}"}],
                                       user="kim")
    assert one.ask("shred", subject="kim").json()["keys"] == 0
    one.one.cycle()
    mail = one.token("email", MAIL)
    assert one.reveal(mail) == {mail: None}
    one.one.cycle(MINUTE)
    one.say(f"write to {MAIL}", user="kim")
    assert one.reveal(mail) == {mail: MAIL}, "what is said later is kept again"


def test_copies_in_spools_open_no_more_once_the_box_is_gone(one: Safe) -> None:
    one.say(f"write to {MAIL}", subject="kim")
    kept = {p: p.read_bytes() for p in one.one.folder.spool.iterdir()}
    assert any(b"C00001-vault" in raw for raw in kept.values())
    one.ask("shred", subject="kim")
    one.one.cycle()  # another box is there to be filled
    one.one.cycle(3 * MINUTE)
    vault = one.one.control.vault.vault
    assert vault is not None
    [box] = vault.boxes()
    raw = next(raw for raw in kept.values() if b"C00001-vault" in raw)
    assert box.id.encode() not in raw
    vault.hold([("again", "a box that is gone", b"x" * 80)])
    one.one.cycle()
    assert one.one.actions("vault.lost") == ["vault.lost"]


@pytest.mark.req("X6")
def test_a_key_ends_with_retention_and_leaves_a_certificate(tmp_path: Path) -> None:
    with safe(tmp_path, VAULT.replace("vault: on", "vault: on, retention: {vault: 2d}")) as one:
        one.say(f"write to {MAIL}")
        mail = one.token("email", MAIL)
        one.one.now += 2 * ONE_DAY - 1
        one.one.control.vault.sweep(one.one.now)
        assert one.reveal(mail) == {mail: MAIL}
        one.one.now += 1
        one.one.control.vault.sweep(one.one.now)
        assert one.reveal(mail) == {mail: None}
        record = next(r for r in one.one.store.trail(5) if r.action == "vault.expire")
        assert (record.reason, record.detail["values"]) == ("retention of the policy", 1)


@pytest.mark.req("X6")
def test_no_backup_brings_back_what_was_shredded(one: Safe, tmp_path: Path) -> None:
    one.say(f"write to {MAIL}", subject="kim")
    back_up(one.one.folder.root, tmp_path / "backup")
    one.ask("shred", subject="kim")
    names = {p.name for p in (tmp_path / "backup").rglob("*")}
    assert not names & {"vault", "vault.db", "kek"}
    (tmp_path / "again").mkdir()
    restore(tmp_path / "backup", tmp_path / "again" / "data")
    with safe(tmp_path / "again") as restored:
        mail = one.token("email", MAIL)
        assert restored.token("email", MAIL) == mail, "tokens still join"
        assert restored.reveal(mail) == {mail: None}


# ---- tampering, death, canaries ----


@pytest.mark.req("X2")
def test_a_ciphertext_moved_to_another_token_or_tenant_does_not_open(one: Safe, tmp_path: Path) -> None:
    one.say(f"write to {MAIL}")
    one.say(f"call {PHONE}")
    mail, phone = one.token("email", MAIL), one.token("phone", PHONE)
    with sqlite3.connect(one.one.folder.vault / "vault.db") as db:
        db.execute("UPDATE sealed SET value = (SELECT value FROM sealed WHERE token = ?) WHERE token = ?",
                   (mail, phone))
    db.close()
    vault = one.one.control.vault
    assert vault.open(mail).value == MAIL
    with pytest.raises(SealError):
        vault.open(phone)
    vault._tenant = "another"
    with pytest.raises(SealError):
        vault.open(mail)


DYING = """
import os, signal, sys
from pathlib import Path
from vaultkit import safe, VAULT
from bongsu.room.vaulting import Vaulting

def die(self, token):
    os.kill(os.getpid(), signal.SIGKILL)

Vaulting.open = die
with safe(Path(sys.argv[1])) as one:
    one.say("write to marker.kim@example.com")
    print(one.token("email", "marker.kim@example.com"), flush=True)
    one.ask("reveal", tokens=[one.token("email", "marker.kim@example.com")])
"""


@pytest.mark.req("X2")
def test_killed_between_record_and_plaintext_the_record_is_there(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    dead = subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], env=env, capture_output=True, text=True,
                          timeout=100, check=False)
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    assert MAIL not in dead.stdout
    store = open_store(Folder(tmp_path / "data"))
    record = store.trail(1)[0]
    store.close()
    assert (record.action, record.detail["tokens"]) == ("vault.reveal", [dead.stdout.strip()])


@pytest.mark.req("X2", "D3", "O1")
def test_a_planted_value_is_in_no_file_of_the_data_folder(one: Safe) -> None:
    """Prompts, streams, users, subjects, tags, a reveal, a shred: every file is searched, write-ahead logs too."""
    one.say(f"write to {MAIL}", subject="subject-marker-5512")
    one.say(f"again {MAIL} {PHONE}", user="user-marker-7733", stream=False)
    with one.one.client("sk-any") as client:
        for _ in client.chat.completions.create(model="shop", messages=[{"role": "user", "content": f"say {MAIL}"}],
                                                stream=True, extra_headers={"x-bongsu-tier": PHONE}):
            pass
    one.one.cycle()
    mail = one.token("email", MAIL)
    assert one.reveal(mail) == {mail: MAIL}
    one.ask("shred", subject="subject-marker-5512")
    one.one.cycle(3 * MINUTE)
    files = [p for p in one.one.folder.root.rglob("*") if p.is_file()]
    assert {"vault.db", "state.db", "events.db"} <= {p.name for p in files}
    for marker in (MAIL, "marker.kim", PHONE, "98765432", "subject-marker", "user-marker"):
        for raw in (marker.encode(), json.dumps(marker)[1:-1].encode(), marker.encode("utf-16-le")):
            assert [p.name for p in files if raw in p.read_bytes()] == []
    for path in one.one.folder.vault.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_a_shredded_key_is_in_no_byte_of_the_vault(tmp_path: Path) -> None:
    with safe(tmp_path) as one:
        one.say(f"write to {MAIL}", subject="kim")
        path = one.one.folder.vault / "vault.db"
        with sqlite3.connect(path) as db:
            wrapped = [row[0] for row in db.execute("SELECT wrapped FROM dek")]
            sealed = [row[0] for row in db.execute("SELECT value FROM sealed")]
        db.close()
        one.ask("shred", subject="kim")
        kept = b"".join(p.read_bytes() for p in one.one.folder.vault.iterdir())
        assert wrapped
        assert not [w for w in wrapped if w.encode() in kept]
        assert not [s for s in sealed if s in kept]


def test_values_survive_a_restart_and_a_policy_that_keeps_none_any_more_still_ends_them(tmp_path: Path) -> None:
    with safe(tmp_path) as one:
        one.say(f"write to {MAIL}")
        mail = one.token("email", MAIL)
    with safe(tmp_path) as one:
        assert one.reveal(mail) == {mail: MAIL}
    with safe(tmp_path, POLICY) as one:
        assert one.reveal(mail) == {mail: MAIL}
        one.say(f"call {PHONE}")
        assert one.one.api().get("/v1/vault")["values"] == 1
        one.one.control.vault.sweep(one.one.now + 91 * ONE_DAY)
        assert one.reveal(mail) == {mail: None}


def test_another_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "vault.db") as db:
        db.execute("PRAGMA application_id = 7")
    db.close()
    with pytest.raises(VaultError, match=r"vault\.db: expected a vault of version 4, came another database"):
        VaultStore(tmp_path / "vault.db")


def test_an_admin_cannot_make_the_officers_token_but_who_writes_the_folder_can(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from bongsu.cli import cli

    with place(tmp_path) as one:
        assert not [way for way in one.control.store.trail(50) if "officer" in way.target]
        made = CliRunner().invoke(cli, ["token", "officer", "--reason", "appointed", "--data", str(one.folder.root)])
        assert made.exit_code == 0, made.output
        assert keys.is_kept(one.store, keys.OFFICER, made.output.strip())
        record = one.store.trail(1)[0]
        assert (record.action, record.target, record.reason) == ("token.new", "officer", "appointed")
