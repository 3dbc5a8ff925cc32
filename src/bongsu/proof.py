"""The record, checked from outside: read only, while it is written to or long after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bongsu.audit import AuditError, peek_checkpoint, prove, verify
from bongsu.checkpoint import show_vkey
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.stores.database import StateError
from bongsu.stores.state import State

ORIGIN = "bongsu/audit"


def verify_audit(data: Path, anchor: Path | None, vkey: str | None) -> dict[str, Any]:
    """Verify the audit log of a data folder. ``vkey`` is the verifier key shown at first start, else the one there."""
    folder = Folder(data)
    if not folder.state.is_file():
        return _wrong(f"expected a data folder with a state.db, came {data}")
    try:
        store = State(f"sqlite:///{folder.state}", opening="look")
    except StateError as error:
        return _wrong(str(error))
    try:
        note = None if anchor is None else anchor.read_text(encoding="utf-8")
        key = vkey or show_vkey(ORIGIN, keys.existing_audit_key(folder.keys).public_key())
        report = verify(store.stored(), store.checkpoints(), key, note)
    except (OSError, ValueError, keys.KeyFault) as error:
        return _wrong(str(error))
    finally:
        store.dispose()
    if report.ok:
        words = (f"proven: {report.records} records agree with {report.checkpoints} signed checkpoints; "
                 f"{report.covered} are under a signature")
    else:
        place = "" if report.first_bad is None else f" (first bad record: {report.first_bad})"
        words = f"NOT proven: {report.why}{place}"
    return {"ok": report.ok, "records": report.records, "covered": report.covered, "first_bad": report.first_bad,
            "why": report.why, "words": words}


def prove_audit(data: Path, seq: int) -> dict[str, Any] | None:
    """A self-contained proof that a record is in the log, under the latest checkpoint; None where none covers it.

    Raises ``AuditError`` where the folder has no record at all.
    """
    folder = Folder(data)
    if not folder.state.is_file():
        raise AuditError("--data", "a data folder with a state.db", str(data))
    store = State(f"sqlite:///{folder.state}", opening="look")
    try:
        notes, rows = store.checkpoints(), list(store.stored())
    finally:
        store.dispose()
    try:
        size = peek_checkpoint(notes[-1]).size if notes else 0
    except AuditError:
        return None
    if not 0 <= seq < min(size, len(rows)):
        return None
    return prove(rows[seq][1], [row[2] for row in rows[:size]], seq, notes[-1])


def _wrong(words: str) -> dict[str, Any]:
    return {"ok": False, "wrong": True, "words": words}
