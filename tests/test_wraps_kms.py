"""AWS KMS as the keeper of the vault's master key, and the change from one keeper to another."""

from __future__ import annotations

import base64
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bongsu import registry
from bongsu.policy import PolicyError, load
from bongsu.ports import Secret
from bongsu.privacy.envelope import new_key
from bongsu.quantity import MINUTE
from bongsu.room import vaultdesk
from bongsu.room.opened import Opened
from bongsu.stores.vault import VaultStore
from bongsu.wraps.kms import Kms
from bongsu.wraps.wrapping import WrapError
from kmskit import ACCESS, ARN, HIDDEN, FakeKms
from machine import until
from servers import serving
from vaultkit import VAULT, safe

MAIL = "marker.kim@example.com"
KEK = base64.b64encode(bytes(32)).decode()


def secret(text: str) -> Secret:
    return Secret({"secret://env/A": ACCESS, "secret://env/S": HIDDEN, "secret://env/BAD": "another"}[text])


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeKms, Any]]:
    monkeypatch.setenv("KMS_A", ACCESS)
    monkeypatch.setenv("KMS_S", HIDDEN)
    fake = FakeKms()
    with serving(fake) as server:
        yield fake, server
        fake.held.set()


def with_kms(url: str, more: str = "") -> str:
    return VAULT.replace("vault: on", f'vault: on, vault_key: {{kms: "{ARN}", access_key: secret://env/KMS_A, '
                                      f'secret_key: secret://env/KMS_S, endpoint: "{url}"}}{more}')


def parts(fake_url: str, **more: str) -> Kms:
    return Kms(**{"key_id": ARN, "access_key": "secret://env/A", "secret_key": "secret://env/S", "endpoint": fake_url,
                  **more})


@pytest.mark.req("X2", "X5")
def test_kms_wraps_by_signed_requests_bound_to_what_the_key_is_about(kms: tuple[FakeKms, Any]) -> None:
    fake, server = kms
    key, one = new_key(), parts(server.url)
    wrapped = one.wrap(key, "shop|k1", secret)
    assert wrapped.startswith("kms:v1:")
    assert one.unwrap(wrapped, "shop|k1", secret) == key
    assert fake.contexts == ['{"bongsu": "shop|k1"}'] * 2
    for about, text in (("bank|k1", wrapped), ("shop|k1", wrapped[:-8] + "AAAAAAA=")):
        with pytest.raises(WrapError, match="not wrapped by it for this place") as caught:
            one.unwrap(text, about, secret)
        assert caught.value.lasting
    with pytest.raises(WrapError, match="expected one wrapped by AWS KMS"):
        one.unwrap("local:v1:abc", "shop|k1", secret)


@pytest.mark.parametrize(("more", "fault", "said"), [
    ({"secret_key": "secret://env/BAD"}, "", "came InvalidSignatureException; the secret key is wrong"),
    ({"key_id": ARN[:-1] + "c"}, "", "came NotFoundException; there is no such key"),
    ({}, "AccessDeniedException", "needs kms:Encrypt and kms:Decrypt"),
    ({}, "DisabledException", "enable it"),
    ({}, "KMSInternalException", "CloudTrail says why"),
])
def test_kms_faults_say_what_to_do_and_no_secret(kms: tuple[FakeKms, Any], more: dict[str, str], fault: str,
                                                 said: str) -> None:
    fake, server = kms
    fake.fault = fault
    with pytest.raises(WrapError, match=said) as caught:
        parts(server.url, **more).wrap(new_key(), "shop|k1", secret)
    assert not {ACCESS, HIDDEN, "another"} & set(str(caught.value).split())


def test_kms_that_is_not_there_says_so() -> None:
    with pytest.raises(WrapError, match=r"no answer \(EndpointConnectionError\)"):
        parts("http://127.0.0.1:9").wrap(new_key(), "a", secret)


def test_a_policy_names_a_key_of_kms_and_its_region(tmp_path: Path) -> None:
    def read(key: str) -> Any:
        path = tmp_path / "policy.yaml"
        path.write_text(VAULT.replace("vault: on", f"vault: on, vault_key: {key}"), encoding="utf-8")
        return load(path, {"TEST_MODEL": "http://127.0.0.1:9"}).vault_key

    assert registry.part("wraps", "kms") is Kms
    assert read(f'{{kms: "{ARN}"}}') == Kms(ARN)
    assert read("{kms: alias/bongsu, region: eu-west-1}").keeper == "kms eu-west-1 alias/bongsu"
    for wrong, said in (("{kms: alias/bongsu}", "a region such as"),
                        (f'{{kms: "{ARN}", endpoint: "http://kms.internal"}}', "expected https"),
                        (f'{{kms: "{ARN}", access_key: secret://env/A}}', "together with secret_key"),
                        (f'{{kms: "{ARN}", access_key: AKIDEXAMPLE, secret_key: secret://env/S}}', "secret://")):
        with pytest.raises(PolicyError) as caught:
            read(wrong)
        assert said in str(caught.value.faults[0])


@pytest.mark.req("X2")
def test_a_slow_kms_holds_up_neither_events_nor_the_cycle(tmp_path: Path, kms: tuple[FakeKms, Any]) -> None:
    fake, server = kms
    with safe(tmp_path, with_kms(server.url)) as one:
        fake.held.clear()
        with one.one.client("sk-any") as client:
            client.chat.completions.create(model="shop", messages=[{"role": "user", "content": f"I am {MAIL}"}],
                                           extra_headers={"x-bongsu-subject": "kim"})
        before = fake.asked
        for _ in range(5):  # each returns, though nobody answers
            one.one.control.cycle()
        until(lambda: fake.asked > before, "KMS is asked")
        assert one.prompts() == [f"I am {one.token('email', MAIL)}"]
        assert one.one.api().get("/v1/vault")["waiting"] == 1
        fake.held.set()
        one.one.cycle(MINUTE)
        one.one.cycle(MINUTE)
        mail = one.token("email", MAIL)
        assert one.reveal(mail) == {mail: MAIL}


@pytest.mark.req("X2")
def test_an_officer_who_waits_for_a_slow_kms_holds_up_no_other_and_is_told_in_time(
        tmp_path: Path, kms: tuple[FakeKms, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fake, server = kms
    monkeypatch.setattr(vaultdesk, "WITHIN", 1.0)
    with safe(tmp_path, with_kms(server.url)) as one, ThreadPoolExecutor() as pool:
        one.say(f"I am {MAIL}", subject="kim")
        one.say("I am lee@example.com", subject="lee")
        assert one.ask("shred", day="2026-01-01").status == 200  # from here on no key is in memory
        mail, fake.asked = one.token("email", MAIL), 0
        fake.held.clear()
        waiting = pool.submit(one.ask, "reveal", tokens=[mail])
        until(lambda: fake.asked > 0, "KMS is asked for the key")
        shred = one.ask("shred", subject="lee").json()
        one.one.control.cycle()
        assert (shred["keys"], shred["values"], fake.held.is_set()) == (1, 2, False)
        late = waiting.result()
        assert (late.code(), late.headers["Retry-After"], MAIL in late.text) == ((503, "slow_master_key"), "1", False)
        assert one.one.actions("vault.")[-2:] == ["vault.reveal", "vault.shred"]
        fake.held.set()
        assert one.ask("reveal", tokens=[mail]).json()["values"] == {mail: MAIL}


def test_a_key_destroyed_while_it_is_being_opened_is_not_remembered() -> None:
    asked: list[str] = []

    def unwrap(wrapped: str, about: str, _keeper: str) -> bytes:
        asked.append(about)
        if len(asked) == 1:
            opened.forget()
        return wrapped.encode()

    opened = Opened(unwrap, lambda id_: f"shop|{id_}")
    assert [opened.key("k1", "raw", "") for _ in range(3)] == [b"raw"] * 3
    assert asked == ["shop|k1"] * 2


# ---- another keeper ----


@pytest.mark.req("X2")
def test_a_new_master_key_wraps_every_key_anew_and_the_old_one_is_needed_no_more(
        tmp_path: Path, kms: tuple[FakeKms, Any]) -> None:
    _, server = kms
    with safe(tmp_path) as one:  # under the vault's own key file
        for n in range(7):
            one.say(f"I am {n}{MAIL}", subject=f"person-{n}")
        shredded = one.ask("shred", subject="person-3").json()
        assert shredded["keys"] == 1
        mails = [one.token("email", f"{n}{MAIL}") for n in range(7)]
        one.one.now += MINUTE
    with safe(tmp_path, with_kms(server.url)) as one:
        one.one.cycle()
        assert one.one.api().get("/v1/vault")["to_rewrap"] == 0
        record = next(r for r in one.one.store.trail(9) if r.action == "vault.rewrapped")
        assert record.detail["keys"] >= 7
        assert record.detail["whole"]
        (one.one.folder.vault / "kek").unlink()
    with safe(tmp_path, with_kms(server.url)) as one:
        found = one.reveal(*mails)
        assert [found[m] for m in mails] == [None if n == 3 else f"{n}{MAIL}" for n in range(7)]
        rows = sqlite3.connect(one.one.folder.vault / "vault.db")
        kept = [w for t in ("box", "dek") for (w,) in rows.execute(f"SELECT wrapped FROM {t}") if w]
        rows.close()
        assert len(kept) >= 7
        assert all(w.startswith("kms:v1:") for w in kept)


def test_the_officer_has_keys_wrapped_anew_after_a_rotation_and_both_ends_are_on_the_record(
        tmp_path: Path, kms: tuple[FakeKms, Any]) -> None:
    _, server = kms
    with safe(tmp_path, with_kms(server.url)) as one:
        one.say(f"I am {MAIL}", subject="kim")
        before = {row.id: row.wrapped for row in one.one.control.vault.vault.boxes()}  # type: ignore[union-attr]
        done = one.cli("rewrap")
        assert done.exit_code == 0
        assert done.output.endswith("keys are being wrapped anew\n")
        one.one.cycle(1)
        after = {row.id: row.wrapped for row in one.one.control.vault.vault.boxes()}  # type: ignore[union-attr]
        assert before.keys() == after.keys()
        assert not set(before.values()) & set(after.values())
        assert one.one.actions("vault.re")[:2] == ["vault.rewrapped", "vault.rewrap"]
        mail = one.token("email", MAIL)
        assert one.reveal(mail) == {mail: MAIL}
        assert one.ask("rewrap", "bsu_wrong").code() == (401, "not_the_officer")


def test_a_key_that_opens_no_more_holds_up_neither_the_others_nor_new_values(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEK_NEW", KEK)
    with safe(tmp_path) as one:
        for n in range(3):
            one.say(f"I am {n}{MAIL}", subject=f"person-{n}")
        path = one.one.folder.vault / "vault.db"
        first = one.token("USER", "person-0")
    db = sqlite3.connect(path)
    db.execute("UPDATE dek SET wrapped = ? WHERE scope = ?", ("local:v1:" + base64.b64encode(bytes(60)).decode(),
                                                             f"subject/{first}"))
    db.commit()
    db.close()
    policy = VAULT.replace("vault: on", "vault: on, vault_key: {local: secret://env/KEK_NEW}")
    with safe(tmp_path, policy) as one:
        one.one.cycle()
        assert one.one.api().get("/v1/vault")["to_rewrap"] == 1
        assert "was the master key changed" in one.one.control.view().troubles[0]
        one.say(f"I am 9{MAIL}", subject="person-9")
        mails = [one.token("email", f"{n}{MAIL}") for n in (1, 9)]
        assert one.reveal(*mails) == dict(zip(mails, (f"1{MAIL}", f"9{MAIL}"), strict=True))


KILLED = """
import sys
from pathlib import Path
from bongsu.app import open_store
from bongsu.host.folder import Folder
from bongsu.policy import load
from bongsu.room import vaulting
vaulting.REWRAPPED = 1
folder = Folder(Path(sys.argv[1]))
policy = load(Path(sys.argv[2]), {"TEST_MODEL": "http://127.0.0.1:9"})
one = vaulting.Vaulting(policy, folder, open_store(folder))
one.settle(int(sys.argv[3]))
print("settled", flush=True)
"""


@pytest.mark.req("X2")
def test_killed_in_the_middle_of_wrapping_anew_the_rest_is_done_at_the_next_start(
        tmp_path: Path, kms: tuple[FakeKms, Any]) -> None:
    fake, server = kms
    with safe(tmp_path) as one:
        for n in range(6):
            one.say(f"I am {n}{MAIL}", subject=f"person-{n}")
        mails = [one.token("email", f"{n}{MAIL}") for n in range(6)]
        now, data = one.one.now, one.one.folder.root
    path = tmp_path / "kms.yaml"
    path.write_text(with_kms(server.url), encoding="utf-8")
    real, before = fake.answer, fake.asked

    def slow(*rest: Any) -> Any:
        if fake.asked >= before + 4:
            fake.held.clear()
        return real(*rest)

    fake.answer = slow  # type: ignore[method-assign]
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(data), str(path), str(now)], stdout=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": "src"})
    until(lambda: not fake.held.is_set(), "some keys are wrapped anew")
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate(timeout=30)
    assert said == b""
    fake.answer = real  # type: ignore[method-assign]
    fake.held.set()
    store = VaultStore(data / "vault" / "vault.db")
    wrapped = [w for t in ("box", "dek") for (w,) in store._rows(f"SELECT wrapped FROM {t}")]
    store.close()
    assert 0 < sum(w.startswith("kms:") for w in wrapped) < len(wrapped)
    with safe(tmp_path, with_kms(server.url)) as one:
        one.one.cycle()
        assert one.one.api().get("/v1/vault")["to_rewrap"] == 0
        assert one.reveal(*mails) == {m: f"{n}{MAIL}" for n, m in enumerate(mails)}
        assert "vault.rewrapped" in one.one.actions("vault.")


def test_a_vault_of_the_first_version_goes_on(tmp_path: Path) -> None:
    with safe(tmp_path) as one:
        one.say(f"I am {MAIL}", subject="kim")
        mail, path = one.token("email", MAIL), one.one.folder.vault / "vault.db"
    db = sqlite3.connect(path)
    for statement in ("ALTER TABLE box DROP COLUMN keeper", "ALTER TABLE dek DROP COLUMN keeper", "DROP TABLE epoch",
                      "DROP TABLE rewrap", "DROP TABLE generation", "ALTER TABLE disposal DROP COLUMN gone",
                      "PRAGMA user_version = 1"):
        db.execute(statement)
    db.close()
    with safe(tmp_path) as one:
        one.one.cycle()
        assert one.reveal(mail) == {mail: MAIL}
        assert one.one.api().get("/v1/vault")["to_rewrap"] == 0
