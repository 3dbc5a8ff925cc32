"""Backup and restore of a data folder.

The state is copied before the event log, so the copy's log is never behind its cells: what the state does not stand
for yet is counted again after a restore, and nothing twice. Spools and the lake are not copied: spools drain into the
log within a second, the lake is plain files for a file backup. The keys are in it: keep a backup as safe as the folder,
and no longer than the token epochs whose keys it holds.
"""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path, PurePosixPath

from bongsu import __version__
from bongsu.host.epochs import BESIDE, GONE
from bongsu.host.epochs import FOLDER as EPOCHS
from bongsu.host.folder import Folder
from bongsu.stores.database import StateError
from bongsu.stores.faults import LogError
from bongsu.stores.log import EventLog
from bongsu.stores.state import State
from bongsu.stores.state import restore as restore_state

MANIFEST = "manifest.json"


def back_up(data: Path, target: Path) -> str:
    """Copy a data folder, also while it is in use. Raises ValueError where the words say why."""
    source = Folder(data)
    if not source.state.is_file():
        raise ValueError(f"expected a data folder with a state.db, came {data}")
    if target.exists() and any(target.iterdir()):
        raise ValueError(f"expected a new or empty folder for the backup, came {target}, which has files in it")
    copy = Folder(target).create()
    try:
        state = State(f"sqlite:///{source.state}", opening="look")
        try:
            state.backup(copy.root)
        finally:
            state.dispose()
        with EventLog(source.events) as log:
            log.backup(copy.events)
    except (StateError, LogError) as error:
        raise ValueError(str(error)) from error
    copy.events.chmod(0o600)
    for folder in ("keys", "policies"):
        shutil.copytree(getattr(source, folder), getattr(copy, folder), dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns(f"{BESIDE}*", f"*{GONE}"))
    files = {str(p.relative_to(target)): _digest(p) for p in sorted(target.rglob("*")) if p.is_file()}
    manifest = target / MANIFEST
    manifest.write_text(json.dumps({"bongsu": __version__, "sha256": files}, indent=1))
    manifest.chmod(0o600)
    return f"backed up {len(files)} files to {target}"


def restore(source: Path, data: Path) -> str:
    """Make a data folder from a backup. Every file is checked against the manifest first."""
    if data.exists() and any(data.iterdir()):
        raise ValueError(f"expected a new or empty data folder, came {data}, which has files in it: move it away first")
    try:
        files: dict[str, str] = json.loads((source / MANIFEST).read_text())["sha256"]
    except (OSError, ValueError, KeyError):
        raise ValueError(f"expected a backup made by 'bongsu backup', came {source} (no readable {MANIFEST})") from None
    for name, digest in files.items():
        if not _ours(name):
            raise ValueError(f"the backup is not one of ours: it names the file {name!r}")
        if not (source / name).is_file() or _digest(source / name) != digest:
            raise ValueError(f"the backup is damaged: {name} is missing or not what was backed up")
    beside = data.with_name(f"{data.name}.restoring")
    shutil.rmtree(beside, ignore_errors=True)  # what an earlier restore left when it was interrupted
    folder = Folder(beside).create()
    try:
        restore_state(source, f"sqlite:///{folder.state}")
    except StateError as error:
        raise ValueError(str(error)) from error
    for name in files:
        if name != folder.state.name:
            (folder.root / name).parent.mkdir(exist_ok=True, mode=0o700)
            shutil.copy2(source / name, folder.root / name)
    if data.exists():
        data.rmdir()
    beside.rename(data)
    return f"restored {len(files)} files to {data}"


def _ours(name: str) -> bool:
    """Whether a manifest may name this file: a database, a key or a policy, and nothing outside the folder."""
    parts = PurePosixPath(name).parts
    if parts[:2] == ("keys", EPOCHS):
        return len(parts) == 3 and parts[2] not in (".", "..")
    return name in ("state.db", "events.db") or (len(parts) == 2 and parts[0] in ("keys", "policies")
                                                 and parts[1] not in (".", ".."))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        h = sha256()
        while chunk := file.read(1 << 20):
            h.update(chunk)
    return h.hexdigest()
