"""What an operator meets: another version's state, a full disk, a lost token, a look from outside."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import event

from bongsu.app import open_store
from bongsu.cli import cli
from bongsu.host import keys
from bongsu.host.backup import back_up
from bongsu.host.folder import Folder
from bongsu.proof import prove_audit, verify_audit
from bongsu.stores.database import StateError, Store
from bongsu.stores.faults import LogError
from bongsu.stores.log import EventLog
from bongsu.web.site import control_app
from gatehouse import TOKEN, Gatehouse, gatehouse


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data") as house:
        yield house


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A data folder whose state is of a version before this one, as a running control of that version has it."""
    folder = Folder(tmp_path / "data").create()
    store = open_store(folder)
    store.record("x", "bongsu", "x", "", {}, 1)
    store.checkpoint(2, force=True)
    store.dispose()
    with sqlite3.connect(folder.state) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0001'")
    raw.close()
    return folder.root


def revision(root: Path) -> str:
    raw = sqlite3.connect(root / "state.db")
    try:
        return str(raw.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        raw.close()


# ---- another version ----


@pytest.mark.req("X3")
def test_to_verify_or_back_up_never_upgrades_the_state_of_another_version(older: Path, tmp_path: Path) -> None:
    report = verify_audit(older, None, None)
    assert report["wrong"]
    assert "came 0001; use the bongsu that runs on it" in report["words"]
    with pytest.raises(StateError, match="came 0001"):
        prove_audit(older, 0)
    with pytest.raises(ValueError, match="came 0001"):
        back_up(older, tmp_path / "copy")
    refused = CliRunner().invoke(cli, ["token", "renew", "--reason", "lost", "--data", str(older)])
    assert refused.exit_code != 0
    assert revision(older) == "0001", "it is left as it was"


def test_who_only_looks_cannot_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    Store(url).dispose()
    looking = Store(url, "look")
    try:
        with pytest.raises(Exception, match="readonly"), looking.writing() as transaction:
            transaction.audit("a", "b", "c", "", {}, 1)
    finally:
        looking.dispose()
    with pytest.raises(Exception, match="came none; use the bongsu"):
        Store(f"sqlite:///{tmp_path}/none.db", "look")


def test_a_running_state_is_verified_while_it_is_written_to(house: Gatehouse) -> None:
    house.attack()
    house.store.checkpoint(house.now, force=True)
    assert verify_audit(house.folder.root, None, None)["ok"]
    house.tick(30)
    assert "backed up" in back_up(house.folder.root, house.folder.root.parent / "copy")


# ---- from outside ----


def test_readiness_tells_the_world_what_is_wrong_and_no_path(house: Gatehouse) -> None:
    house.control.trouble("ingest", LogError(f"event log {house.folder.events}: disk is full"))
    status, said = house.ask("/readyz", headers={})
    assert status == 503
    assert said["troubles"] == ["events are not stored; free disk space, nothing is lost meanwhile"]
    assert str(house.folder.root) not in str(said)
    assert str(house.folder.events) in str(house.ask("/v1/board")[1]["troubles"]), "who may look is told where"


# ---- a full disk ----


def fill(house: Gatehouse) -> None:
    """The database may not grow any more: what SQLite says then is what it says on a full disk."""

    @event.listens_for(house.store._engine, "checkout")
    def full(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute("PRAGMA max_page_count=1")


@pytest.mark.parametrize(("path", "body"), [
    ("/v1/automation", {"on": False}), ("/v1/silences", {"match": ["alert=slow"], "for": "1h"}),
    ("/v1/gate/bot/overrides", {"author": "park", "for": "1h"})])
def test_a_write_on_a_full_disk_is_refused_with_what_to_do(house: Gatehouse, path: str, body: dict[str, Any]) -> None:
    fill(house)
    for turn in range(200):
        status, said = house.ask(path, body | {"reason": f"{turn} " + "word " * 90})
        if status >= 400:
            break
    assert (status, said["error"]["code"]) == (507, "not_recorded")
    assert "free disk space" in said["error"]["message"]
    assert "INSERT" not in said["error"]["message"]
    assert house.ask("/v1/board")[0] == 200, "it still answers who asks"


def test_an_event_log_on_a_full_disk_asks_for_room_and_not_for_a_backup(tmp_path: Path) -> None:
    program = ("import resource, sys; from pathlib import Path; from bongsu.stores.log import EventLog\n"
               "from bongsu.stores.faults import LogError\n"
               "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))\n"
               "try: EventLog(Path(sys.argv[1]))\nexcept LogError as error: print(type(error).__name__, error)\n")
    said = subprocess.run([sys.executable, "-c", program, str(tmp_path / "events.db"), "512"], capture_output=True,
                          text=True, check=True).stdout
    assert said.startswith("DiskFull ")
    assert "expected room on its disk" in said
    assert "backup" not in said


def test_an_event_log_that_may_not_be_opened_says_so_and_a_file_that_is_none_asks_for_a_backup(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(LogError, match="look at its folder's owner and rights"):
        EventLog(tmp_path / "folder")
    (tmp_path / "text").write_text("not a database, and long enough to be read as one " * 50)
    with pytest.raises(LogError, match="restore it from a backup"):
        EventLog(tmp_path / "text")


# ---- a lost token ----


@pytest.mark.req("X1", "X3")
def test_a_renewed_admin_token_counts_at_once_and_ends_the_sessions_of_the_old_one(house: Gatehouse) -> None:
    house.store.put_token(keys.ADMIN, keys.digest(TOKEN), "bongsu", "the first start", house.now)
    house.app = control_app(house.desk, lambda: str(house.store.note(keys.ADMIN)), clock=lambda: house.now)
    cookie = login(house, TOKEN)
    assert house.ask("/v1/board", headers=cookie)[0] == 200
    renewed = CliRunner().invoke(cli, ["token", "renew", "--reason", "it was lost", "--data", str(house.folder.root)])
    assert renewed.exit_code == 0, renewed.output
    token = renewed.stdout.strip()
    assert keys.whole(token)
    assert house.ask("/v1/board")[0] == 401, "the old token is worth nothing"
    assert house.ask("/v1/board", headers=cookie)[0] == 401, "nor is a session that it opened"
    assert house.ask("/v1/board", headers={"Authorization": f"Bearer {token}"})[0] == 200
    record = next(r for r in house.store.trail(10) if r.action == "token.new")
    assert (record.target, record.reason) == ("admin", "it was lost")
    assert "(command line)" in record.actor
    assert token not in str(house.store.trail(1000))
    house.store.checkpoint(house.now, force=True)
    assert verify_audit(house.folder.root, None, None)["ok"], "what the command wrote is part of the same log"


def login(house: Gatehouse, token: str) -> dict[str, str]:
    """The cookie of a new session."""
    request = urllib.request.Request(house.url + "/login", f"token={token}&next=/".encode(), {
        "Content-Type": "application/x-www-form-urlencoded", "Origin": house.url})

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    try:
        urllib.request.build_opener(Stay).open(request, timeout=10).close()
    except urllib.error.HTTPError as reply:
        with reply:
            return {"Cookie": str(reply.headers["Set-Cookie"]).partition(";")[0]}
    raise AssertionError("login did not lead on")


def test_a_token_is_on_the_record_once_and_its_value_never(house: Gatehouse) -> None:
    assert house.store.put_token(keys.INGEST, "a" * 64, "bongsu", "given by the environment", house.now)
    assert not house.store.put_token(keys.INGEST, "a" * 64, "bongsu", "given by the environment", house.now)
    made = [r for r in house.store.trail(100) if r.action == "token.new"]
    assert [(r.actor, r.target, r.detail) for r in made] == [("bongsu", "ingest", {"first": True})]
    assert "a" * 64 not in str(made)


def test_to_renew_a_token_needs_a_data_folder(tmp_path: Path) -> None:
    refused = CliRunner().invoke(cli, ["token", "renew", "--reason", "lost", "--data", str(tmp_path)])
    assert refused.exit_code == 2
    assert "expected a data folder with a state.db" in refused.stderr
