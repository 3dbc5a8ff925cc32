"""Who keeps the vault's master key: what is wrapped unwraps for the same thing only, and faults say what to do."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bongsu import registry
from bongsu.policy import PolicyError, load
from bongsu.ports import Secret
from bongsu.privacy.envelope import new_key
from bongsu.quantity import MINUTE
from bongsu.secret import reveal
from bongsu.wraps.local import Local
from bongsu.wraps.transit import Transit
from bongsu.wraps.wrapping import WrapError
from peoplekit import POLICY
from servers import StandIn, body_of, serving
from vaultkit import VAULT, safe

KEY = base64.b64encode(bytes(range(32))).decode()
MAIL = "marker.kim@example.com"


def secret(_: str) -> Secret:
    return Secret(KEY)


class FakeTransit(StandIn):
    """The transit engine as HashiCorp Vault and OpenBao publish it: encrypt and decrypt with associated data."""

    def __init__(self) -> None:
        self.cipher, self.status, self.asked = AESGCM(bytes(32)), 0, 0
        self.seen: list[dict[str, str]] = []

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        status, said = self.answer(scope["path"], dict(scope["headers"]), json.loads(body))
        await send({"type": "http.response.start", "status": status,
                    "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    def answer(self, path: str, headers: dict[bytes, bytes], body: dict[str, str]) -> tuple[int, Any]:
        self.asked += 1
        self.seen.append({name.decode(): value.decode() for name, value in headers.items()})
        if self.status:
            return self.status, {"errors": ["no"]}
        if headers.get(b"x-vault-token") != KEY.encode():
            return 403, {"errors": ["permission denied"]}
        about = base64.b64decode(body["associated_data"])
        if path == "/v1/transit/encrypt/bongsu":
            nonce = os.urandom(12)
            raw = nonce + self.cipher.encrypt(nonce, base64.b64decode(body["plaintext"]), about)
            return 200, {"data": {"ciphertext": f"vault:v1:{base64.b64encode(raw).decode()}", "key_version": 1}}
        if path == "/v1/transit/decrypt/bongsu":
            raw = base64.b64decode(body["ciphertext"].removeprefix("vault:v1:"))
            try:
                plain = self.cipher.decrypt(raw[:12], raw[12:], about)
            except InvalidTag:
                return 400, {"errors": ["cipher: message authentication failed"]}
            return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}
        return 404, {"errors": []}


@pytest.fixture
def bao() -> Iterator[tuple[FakeTransit, Any]]:
    fake = FakeTransit()
    with serving(fake) as server:
        yield fake, server


@pytest.mark.req("X2", "X5")
def test_a_local_master_key_unwraps_what_it_wrapped_for_the_same_thing_only() -> None:
    key, local = new_key(), Local("secret://env/KEK")
    wrapped = local.wrap(key, "shop|k1", secret)
    assert local.unwrap(wrapped, "shop|k1", secret) == key
    for about, other in (("shop|k2", secret), ("bank|k1", secret),
                         ("shop|k1", lambda _: Secret(base64.b64encode(bytes(32)).decode()))):
        with pytest.raises(WrapError, match="expected one wrapped by this master key"):
            local.unwrap(wrapped, about, other)
    for damaged in (wrapped[:16], wrapped[:-1], f"{wrapped[:20]}é{wrapped[21:]}"):
        with pytest.raises(WrapError, match="expected one wrapped by this master key") as caught:
            local.unwrap(damaged, "shop|k1", secret)
        assert caught.value.lasting
    with pytest.raises(WrapError, match="must name what wrapped it"):
        local.unwrap("vault:v1:abc", "shop|k1", secret)


def test_a_master_key_of_another_form_is_refused_and_not_shown() -> None:
    for text in ("too short and secret-looking", base64.b64encode(b"16 bytes of them").decode()):
        with pytest.raises(WrapError, match="32 bytes in base64") as caught:
            Local("secret://env/KEK").wrap(new_key(), "a", lambda _, text=text: Secret(text))
        assert text not in str(caught.value)


@pytest.mark.req("X2", "X5")
def test_transit_wraps_with_the_token_and_what_the_key_is_about(bao: tuple[FakeTransit, Any]) -> None:
    fake, server = bao
    key, transit = new_key(), Transit(server.url, "secret://env/T", namespace="team-a")
    wrapped = transit.wrap(key, "shop|k1", secret)
    assert wrapped.startswith("vault:v1:")
    assert transit.unwrap(wrapped, "shop|k1", secret) == key
    assert fake.seen[0]["x-vault-namespace"] == "team-a"
    with pytest.raises(WrapError, match="came 400; the key is no AEAD key, or this was not wrapped by it"):
        transit.unwrap(wrapped, "bank|k1", secret)


@pytest.mark.parametrize(("change", "said"), [
    ({"token": "x"}, r"came 403; the token's policy needs 'update'"),
    ({"name": "other"}, "came 404; the mount or the key"),
    ({"url": "http://127.0.0.1:9"}, "no answer"),
])
def test_transits_faults_say_what_to_do_and_no_secret(bao: tuple[FakeTransit, Any], change: dict[str, str],
                                                     said: str) -> None:
    wrong = Transit(**{"url": bao[1].url, "token": "secret://env/T", **change})
    with pytest.raises(WrapError, match=said) as caught:
        wrong.wrap(new_key(), "a", lambda text: Secret(KEY if text.startswith("secret://") else "wrong-token-77"))
    assert KEY not in str(caught.value)
    assert "wrong-token-77" not in str(caught.value)


def test_every_kind_of_the_table_loads() -> None:
    found = [registry.part("wraps", kind).__name__ for kind in ("kms", "local", "transit")]
    assert found == ["Kms", "Local", "Transit"]


def test_a_policy_names_its_keeper_and_keys_do_not_go_over_plain_http(tmp_path: Path) -> None:
    def read(key: str) -> Any:
        path = tmp_path / "policy.yaml"
        path.write_text(POLICY.replace("fail: closed}\nup", f"fail: closed, vault: on, vault_key: {key}}}\nup"))
        return load(path, {"TEST_MODEL": "http://127.0.0.1:9"})

    assert read("{local: secret://env/KEK}").vault_key == Local("secret://env/KEK")
    assert read('{transit: "https://bao.internal:8200", token: secret://env/T}').vault_key == Transit(
        "https://bao.internal:8200", "secret://env/T")
    for wrong, said in (('{transit: "http://bao.internal:8200", token: secret://env/T}', "expected https"),
                        ("{local: abcdef}", "secret://"), ("{hsm: x}", "keeper of a key")):
        with pytest.raises(PolicyError) as caught:
            read(wrong)
        assert said in str(caught.value.faults[0])


@pytest.mark.req("X2")
def test_a_master_key_that_cannot_be_reached_holds_up_no_event_and_loses_no_value(
        tmp_path: Path, bao: tuple[FakeTransit, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fake, server = bao
    monkeypatch.setenv("BAO", KEY)
    policy = VAULT.replace("vault: on", f'vault: on, vault_key: {{transit: "{server.url}", token: secret://env/BAO}}')
    with safe(tmp_path, policy) as one:
        fake.status = 503
        one.say(f"write to {MAIL}", subject="kim")
        assert one.one.last().outcome == "ok"
        assert one.one.api().get("/v1/vault")["waiting"] == 1
        [trouble] = one.one.control.view().troubles
        assert "came 503; it is sealed" in trouble
        asked = fake.asked
        one.one.cycle(MINUTE // 10)
        assert fake.asked == asked, "who keeps the key is not asked at every turn"
        fake.status = 0
        one.one.cycle(MINUTE)
        mail = one.token("email", MAIL)
        assert one.reveal(mail) == {mail: MAIL}
        assert one.one.control.view().troubles == ()
        assert not (one.one.folder.vault / "kek").exists()
    with safe(tmp_path, policy) as one:
        fake.status = 503
        reply = one.ask("reveal", tokens=[mail])
        assert reply.code() == (503, "no_master_key")
        assert MAIL not in reply.text


def test_the_key_file_is_in_base64_and_read_as_any_secret_is(tmp_path: Path) -> None:
    with safe(tmp_path) as one:
        path = one.one.folder.vault / "kek"
        assert len(base64.b64decode(reveal(f"secret://file/{path.resolve()}").reveal(), validate=True)) == 32
