"""Secrets: found by reference, never shown, and refused where others could read them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from bongsu.host.keys import ADMIN, KeyFault, audit_key, first_admin_token, is_kept, mint, new_token, token_key
from bongsu.ports import Secret, SecretError
from bongsu.secret import resolve, reveal


def private(path: Path, data: bytes, mode: int = 0o600) -> str:
    path.write_bytes(data)
    path.chmod(mode)
    return f"secret://file/{path}"


def test_a_variable_is_resolved_and_a_missing_or_empty_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://hooks/x")
    monkeypatch.setenv("EMPTY", "")
    assert resolve("secret://env/HOOK").reveal() == "https://hooks/x"
    with pytest.raises(SecretError, match="secret://env/NOT_THERE: expected a variable with a value, came none"):
        resolve("secret://env/NOT_THERE")
    with pytest.raises(SecretError, match="came an empty one"):
        resolve("secret://env/EMPTY")


@pytest.mark.req("X5")
def test_a_private_file_is_read_anew_each_time_without_its_last_newline(tmp_path: Path) -> None:
    reference = private(tmp_path / "key", b"hunter2\n")
    assert resolve(reference).reveal() == "hunter2"
    private(tmp_path / "key", b"rotated \r\n")
    assert resolve(reference).reveal() == "rotated "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o601])
def test_a_file_that_others_may_touch_is_refused_with_its_mode(tmp_path: Path, mode: int) -> None:
    reference = private(tmp_path / "key", b"hunter2", mode)
    with pytest.raises(SecretError, match=f"came mode {mode:04o}; run: chmod 600") as caught:
        resolve(reference)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("data", "words"), [(b"", "an empty file"), (b"\n", "an empty file"),
                                             (b"\xff\xfe", "other bytes"), (b"x" * 70_000, "came 70000")])
def test_a_file_that_holds_no_secret_says_what_it_holds_instead(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SecretError, match=words):
        resolve(private(tmp_path / "key", data))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="No such file"):
        resolve(f"secret://file/{tmp_path}/nothing")
    with pytest.raises(SecretError, match="regular file"):
        resolve("secret://file//dev/null")
    with pytest.raises(SecretError, match="absolute path"):
        resolve("secret://file/keys/slack")


@pytest.mark.req("X5")
def test_a_literal_where_a_reference_belongs_is_not_repeated() -> None:
    with pytest.raises(SecretError) as caught:
        resolve("hunter2")
    assert "hunter2" not in str(caught.value)
    assert reveal("hunter2").reveal() == "hunter2"


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(SecretError, match=r"\(env, file\), came 'valt'"):
        reveal("secret://valt/kv/x")


def test_a_secret_prints_as_nothing_and_is_not_pickled() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


# ---- keys of our own ----


def test_keys_are_made_once_private_and_the_same_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = audit_key(folder).private_bytes_raw()
    assert audit_key(folder).private_bytes_raw() == first
    assert len(token_key(folder)) == 32
    assert token_key(folder) == token_key(folder) != first
    assert {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()} == {"audit.key": 0o600, "token.key": 0o600}


def test_a_key_that_others_may_read_or_that_is_cut_is_refused(tmp_path: Path) -> None:
    audit_key(tmp_path)
    (tmp_path / "audit.key").chmod(0o644)
    with pytest.raises(KeyFault, match="mode 0644"):
        audit_key(tmp_path)
    private(tmp_path / "audit.key", b"short")
    with pytest.raises(KeyFault, match="32 bytes, came 5"):
        audit_key(tmp_path)


class Notes(dict[str, object]):
    def note(self, key: str) -> object:
        return self.get(key)

    def put_token(self, key: str, digest: str, actor: str, reason: str, now: int) -> bool:
        self[key] = digest
        return True


def test_the_admins_token_is_shown_once_and_only_its_hash_is_kept() -> None:
    notes = Notes()
    token = first_admin_token(notes, 0)
    assert token is not None
    assert first_admin_token(notes, 0) is None
    assert is_kept(notes, ADMIN, token)
    assert not is_kept(notes, ADMIN, token[:-1])
    assert token.split("_", 3)[3].rsplit("_", 1)[0] not in str(notes)  # the secret part may hold underscores itself
    newer = new_token(notes, ADMIN, "anna", "a drill", 0)
    assert (is_kept(notes, ADMIN, token), is_kept(notes, ADMIN, newer)) == (False, True)
    assert not is_kept(Notes(), ADMIN, "")


def test_tokens_have_a_form_that_scanners_find() -> None:
    token = mint("admin")
    assert token.startswith("bsu_admin_")
    assert len(token) > 60
    assert mint("admin") != token
