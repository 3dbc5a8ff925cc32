"""Epochs of the token key: the same value has another token, joins only by the keys of both, and never without one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.access.restriction import Restriction
from bongsu.host import keys
from bongsu.host.backup import back_up, restore
from bongsu.host.epochs import EpochFiles, tokeniser
from bongsu.host.folder import Folder
from bongsu.privacy.epochs import Epoch, carried, parted
from bongsu.privacy.ff1 import Ff1
from bongsu.privacy.tokens import Tokeniser
from bongsu.quantity import DAY, HOUR, MINUTE, SECOND
from bongsu.room.epochs import GRACE, LEAD
from machine import until
from peoplekit import T0, fetch
from vaultkit import VAULT, WHY, Safe, safe

MAIL = "marker.kim@example.com"
K128 = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
K256 = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94")
TWEAK = bytes.fromhex("3737373770717273373737")


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Safe]:
    with safe(tmp_path) as made:
        yield made


def post(one: Safe, way: str, token: str | None = None, **body: Any) -> Any:
    return fetch(f"{one.one.url}/v1/epochs{way}", one.officer if token is None else token, {**WHY, **body})


def after(one: Safe, n: int = 1) -> None:
    """Begin so many epochs, each over for a day before the next."""
    for _ in range(n):
        assert post(one, "").status == 200
        one.one.cycle(LEAD + SECOND)
        one.one.cycle(GRACE)
        one.one.cycle()


# ---- the permutation ----


@pytest.mark.parametrize(("key", "radix", "plain", "secret", "tweak"), [
    (K128, 10, "0123456789", "2433477484", b""), (K128, 10, "0123456789", "6124200773", b"9876543210"),
    (K128, 36, "0123456789abcdefghi", "a9tv40mll9kdu509eum", TWEAK), (K256, 10, "0123456789", "6657667009", b""),
    (K256, 10, "0123456789", "1001623463", b"9876543210"),
    (K256, 36, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd", TWEAK)])
def test_ff1_gives_what_the_examples_of_nist_say(key: bytes, radix: int, plain: str, secret: str,
                                                 tweak: bytes) -> None:
    """NIST's examples for SP 800-38G, samples 1 to 3 and 7 to 9."""
    one = Ff1(key, radix, len(plain), tweak)
    assert one.encrypt(int(plain, radix)) == int(secret, radix)
    assert one.decrypt(int(secret, radix)) == int(plain, radix)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_token_is_carried_over_and_back_and_is_another_in_each_epoch(root: bytes, a: bytes, b: bytes) -> None:
    one, two = Epoch(1, 0, a), Epoch(2, 0, b)
    token = one.token("EMAIL", root)
    assert carried(token, one, two) == two.token("EMAIL", root)
    assert carried(carried(token, one, two), two, one) == token
    parts = parted(two.token("EMAIL", root))
    assert parts is not None
    assert (parts.name, parts.epoch) == ("EMAIL", 2)
    with pytest.raises(ValueError, match="expected one of epoch 2"):
        carried(token, two, one)


@pytest.mark.parametrize("kind", ["room_e2", "e2", "x_E14", "email"])
def test_a_kind_that_ends_like_an_epoch_is_not_taken_for_one(kind: str) -> None:
    for n in (1, 2, 14):
        epoch = Epoch(n, 0, bytes(32))
        parts = parted(Tokeniser(bytes(32), lambda epoch=epoch: epoch).token(kind, "value"))
        assert parts is not None
        assert parts.epoch == n


def test_too_few_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="a million numbers or more"):
        Ff1(K128, 10, 5)


# ---- a new epoch ----


@pytest.mark.req("X2")
def test_a_new_epoch_gives_the_same_value_another_token_and_who_acts_is_carried_over(one: Safe) -> None:
    one.say(f"write to {MAIL}", subject="kim")
    mail, kim = one.token("email", MAIL), one.token("USER", "kim")
    one.one.api().post("/v1/keys", {"name": "app", "user": "kim", "reason": "new"})
    one.one.store.restrict(Restriction("r1", f"user/{kim}", "suspended", 0, "why", "", "admin", T0), one.one.now)
    begun = post(one, "").json()
    assert begun == {"epoch": 2, "begins": one.one.now + LEAD}
    assert one.token("email", MAIL) == mail, "not before it begins"
    one.one.cycle()
    coming = one.one.control.epochs.elsewhere(kim)
    assert set(one.one.control.people.publisher.last.changes) >= {
        f"restrict/user/{token}/r1" for token in (kim, *coming)}, "whoever changes over first knows them, too"
    one.one.cycle(LEAD)
    new = one.token("USER", "kim")
    assert ([new], one.token("email", MAIL)[:9]) == (coming, "EMAIL_E2_")
    assert [r.subject for r in one.one.store.restrictions()] == [f"user/{new}"]
    assert [key.user for key in one.one.store.api_keys()] == [new]
    one.say(f"again {MAIL}", subject="kim")
    assert one.prompts() == [f"write to {mail}", f"again {one.token('email', MAIL)}"]
    assert one.reveal(mail, one.token("email", MAIL)) == {mail: MAIL, one.token("email", MAIL): MAIL}
    carry = next(r for r in one.one.store.trail(50) if r.action == "tokens.carry" and r.target == "epoch/2")
    assert carry.detail == {"rows": 2}


def test_what_a_user_spent_is_not_forgotten_with_an_epoch(tmp_path: Path) -> None:
    policy = VAULT.replace("routes:", "budgets:\n  people: {limit: 100 USD, window: 1d, per: user}\nroutes:", 1)
    with safe(tmp_path, policy) as one:
        one.say("hello", user="kim")
        [before] = one.one.control.spending.standing
        assert post(one, "").status == 200
        one.one.cycle(LEAD)
        one.one.cycle(SECOND)
        [now] = one.one.control.spending.standing
        assert (now.subject, now.spent) == (f"user/{one.token('USER', 'kim')}", before.spent)
        assert now.subject != before.subject
        assert now.spent > 0


def test_the_policy_begins_epochs_by_the_calendar(tmp_path: Path) -> None:
    with safe(tmp_path, VAULT.replace("vault: on", "vault: on, epoch: month")) as one:
        assert [row["epoch"] for row in one.one.api().get("/v1/epochs")["epochs"]] == [1]
        one.one.cycle(29 * DAY)
        one.one.cycle(LEAD + SECOND)
        found = one.one.api().get("/v1/epochs")
        assert (found["now"], found["every"], [row["state"] for row in found["epochs"]]) == (
            2, "month", ["before", "current"])
        one.one.cycle(HOUR)
        assert one.one.api().get("/v1/epochs")["now"] == 2
        begun = next(r for r in one.one.store.trail(50) if r.action == "tokens.epoch")
        assert (begun.reason, begun.actor) == ("settings.epoch: month", "bongsu")


# ---- joined ----


@pytest.mark.req("X2")
def test_tokens_join_over_epochs_by_the_officer_on_the_record_and_no_value_is_opened(one: Safe) -> None:
    made = []
    for _ in range(3):
        made.append(one.token("email", MAIL))
        after(one)
    made.append(one.token("email", MAIL))
    assert len(set(made)) == 4
    for token, other in pairwise(made):
        to = parted(other)
        assert to is not None
        assert post(one, "/join", tokens=[token], to=to.epoch).json() == {"epoch": to.epoch, "tokens": {token: other}}
    assert set(post(one, "/join", tokens=made).json()["tokens"].values()) == {made[-1]}
    record = one.one.store.trail(1)[0]
    assert (record.action, record.actor, record.target) == ("tokens.join", "privacy officer", "epoch/4")
    assert record.detail == {"ticket": "REQ-7", "tokens": made}
    done = one.cli("epoch", "join", *made[:2])
    assert done.output.splitlines() == [f"{token}  {made[-1]}" for token in made[:2]]
    shown = one.one.api().get("/v1/epochs")
    assert [row["state"] for row in shown["epochs"]] == ["sealed", "sealed", "sealed", "current"]
    files = sorted(p.name for p in (one.one.folder.keys / "epochs").iterdir())
    assert files == ["4.key"], "what joins is kept apart from what it joins"


def test_nobody_but_the_officer_begins_joins_or_ends_epochs(one: Safe) -> None:
    mail = one.token("email", MAIL)
    for token in ("", "bsu_wrong", keys.mint("officer"), one.one.api().token):
        for way in ("", "/join", "/destroy"):
            assert post(one, way, token, tokens=[mail], epoch=1).code() == (401, "not_the_officer")
    for body, code in (({"tokens": []}, "too_many"), ({"tokens": [MAIL]}, "bad_token"),
                       ({"tokens": MAIL}, "bad_tokens"), ({"tokens": [mail], "to": -1}, "bad_to"),
                       ({"tokens": [mail], "ticket": ""}, "bad_ticket")):
        reply = post(one, "/join", **body)
        assert reply.code() == (400, code)
        assert MAIL not in reply.text
    assert one.one.actions("tokens.join") == []


# ---- the end ----


@pytest.mark.req("X2", "X6")
def test_tokens_of_a_destroyed_epoch_join_with_nothing_and_open_nothing_for_good(one: Safe) -> None:
    one.say(f"write to {MAIL}", subject="kim")
    old, kim = one.token("email", MAIL), one.token("USER", "kim")
    [first] = EpochFiles(one.one.folder.keys, lambda: T0).all()
    assert post(one, "/destroy", epoch=1).code() == (409, "in_use")
    after(one)
    assert first.key is not None
    one.say(f"write to {MAIL}", subject="kim")
    new = one.token("email", MAIL)
    assert post(one, "/join", tokens=[old]).json()["tokens"] == {old: new}
    assert post(one, "/destroy", epoch=1).json() == {"epoch": 1, "values": 2}
    assert post(one, "/join", tokens=[old, new]).json()["tokens"] == {old: None, new: new}
    assert post(one, "/join", tokens=[new], to=1).json()["tokens"] == {new: None}
    assert one.reveal(old, kim, new) == {old: None, kim: None, new: MAIL}
    assert post(one, "/destroy", epoch=1).code() == (404, "no_epoch")
    shred = next(r for r in one.one.store.trail(50) if r.action == "vault.shred")
    assert (shred.target, shred.actor, shred.detail["ticket"]) == ("epoch/1", "privacy officer", "REQ-7")
    assert [row["state"] for row in one.one.api().get("/v1/epochs")["epochs"]] == ["destroyed", "current"]
    one.one.cycle(MINUTE)
    files = [p for p in one.one.folder.root.rglob("*") if p.is_file()]
    assert not [p.name for p in files if first.key in p.read_bytes()], "its key is nowhere on the disk"


def test_a_person_is_forgotten_under_every_token_they_had(one: Safe) -> None:
    one.say(f"write to {MAIL}", subject="kim")
    old = one.token("email", MAIL)
    after(one)
    one.say(f"write to {MAIL}", subject="kim")
    done = one.ask("shred", subject="kim").json()
    assert (done["scope"], done["keys"], done["values"]) == (f"subject/{one.token('USER', 'kim')}", 2, 4)
    assert one.reveal(old, one.token("email", MAIL)) == {old: None, one.token("email", MAIL): None}


def test_without_a_vault_the_key_of_an_epoch_that_is_over_is_destroyed(tmp_path: Path) -> None:
    with safe(tmp_path, VAULT.replace(", vault: on", "")) as one:
        old = one.token("email", MAIL)
        after(one)
        assert post(one, "/join", tokens=[old]).json()["tokens"] == {old: None}
        assert [row["state"] for row in one.one.api().get("/v1/epochs")["epochs"]] == ["destroyed", "current"]
        assert one.one.actions("tokens.destroyed") == ["tokens.destroyed"]


def test_an_epoch_ends_with_its_retention(tmp_path: Path) -> None:
    with safe(tmp_path, VAULT.replace("vault: on", "vault: on, retention: {epochs: 30d}")) as one:
        old = one.token("email", MAIL)
        after(one)
        assert post(one, "/join", tokens=[old]).json()["tokens"][old]
        one.one.cycle(30 * DAY)
        one.one.cycle()
        assert post(one, "/join", tokens=[old]).json()["tokens"] == {old: None}
        assert next(r for r in one.one.store.trail(50) if r.action == "tokens.destroyed").reason == (
            "retention of the policy")


# ---- keys ----


def test_a_folder_from_before_epochs_goes_on_and_joins_with_later_ones(tmp_path: Path) -> None:
    plain = Tokeniser(keys.token_key(Folder(tmp_path / "data").keys))
    with safe(tmp_path) as one:
        old = one.token("email", MAIL)
        assert old == plain.token("email", MAIL)
        after(one)
        assert post(one, "/join", tokens=[old]).json()["tokens"] == {old: one.token("email", MAIL)}
        reply = post(one, "/destroy", epoch=1)
        assert reply.code() == (409, "in_use")
        assert "older than epochs" in reply.text


def test_keys_of_epochs_are_for_their_owner_only_and_erased_for_good(tmp_path: Path) -> None:
    files = EpochFiles(tmp_path, lambda: T0)
    token = tokeniser(tmp_path, lambda: T0).token("email", MAIL)
    files.make(2, T0, os.urandom(32))
    files.make(2, T0 + 1, os.urandom(32))
    assert [(e.n, e.begins) for e in files.all()] == [(1, 0), (2, T0)]
    assert tokeniser(tmp_path, lambda: T0 - 1).token("email", MAIL) == token
    assert tokeniser(tmp_path, lambda: T0).token("email", MAIL) != token
    path = tmp_path / "epochs" / "2.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(keys.KeyFault, match=r"2\.key: expected a file that only its owner may read"):
        files.all()
    path.chmod(0o600)
    files.erase(2)
    files.erase(2)
    assert [e.n for e in files.all()] == [1]
    files.erase(1)
    with pytest.raises(keys.KeyFault, match="expected the key of an epoch, came none"):
        files.current()


@pytest.mark.req("X6")
def test_a_backup_has_the_key_of_now_and_no_key_of_what_is_over(one: Safe, tmp_path: Path) -> None:
    after(one)
    back_up(one.one.folder.root, tmp_path / "backup")
    assert [p.name for p in (tmp_path / "backup" / "keys" / "epochs").iterdir()] == ["2.key"]
    restore(tmp_path / "backup", tmp_path / "again")
    made = tokeniser(tmp_path / "again" / "keys", lambda: one.one.now)
    assert made.token("email", MAIL) == one.token("email", MAIL)


KILLED = """
import os, signal, sys
from pathlib import Path
from bongsu.host.epochs import EpochFiles
from bongsu.room import epochs as under
from bongsu.stores.state import State
from bongsu.stores.vault import VaultStore
from vaultkit import safe
from test_epochs import LEAD, GRACE, SECOND, post
step, root = sys.argv[1], Path(sys.argv[2])
def dies(cls, name, late):
    whole = getattr(cls, name)
    def work(*args, **more):
        if late:
            whole(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(cls, name, work)
with safe(root) as one:
    one.say("write to marker.kim@example.com", subject="kim")
    one.one.api().post("/v1/keys", {"name": "app", "user": "kim", "reason": "new"})
    (root / "old").write_text(one.token("email", "marker.kim@example.com"))
    if step == "made":
        dies(EpochFiles, "make", True)
    if step == "noted":
        dies(State, "begin_epoch", True)
    post(one, "")
    one.one.now += LEAD + SECOND
    if step == "carried":
        dies(State, "carry_over", True)
    one.one.cycle()
    one.one.now += GRACE
    if step == "sealed":
        dies(VaultStore, "add_epoch", True)
    if step == "erasing":
        dies(EpochFiles, "erase", False)
    if step == "erased":
        dies(EpochFiles, "erase", True)
    one.one.cycle()
    one.one.cycle()
"""


@pytest.mark.real
@pytest.mark.parametrize("step", ["made", "noted", "carried", "sealed", "erasing", "erased"])
def test_killed_at_any_step_the_rest_is_done_at_the_next_start_and_tokens_join(tmp_path: Path, step: str) -> None:
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", KILLED, step, str(tmp_path)], cwd=here, capture_output=True,
                          env={**os.environ, "PYTHONPATH": str(here)}, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    old = (tmp_path / "old").read_text()
    with safe(tmp_path) as one:
        one.one.now += 3 * GRACE

        def settled() -> bool:
            one.one.cycle(SECOND)
            return [row["state"] for row in one.one.api().get("/v1/epochs")["epochs"]] == ["sealed", "current"]

        until(settled, "the old key is in the vault only")
        assert [key.user for key in one.one.store.api_keys()] == [one.token("USER", "kim")]
        assert post(one, "/join", tokens=[old]).json()["tokens"] == {old: one.token("email", MAIL)}
        assert one.reveal(old) == {old: MAIL}
        assert "tokens.sealed" in one.one.actions("tokens.")
