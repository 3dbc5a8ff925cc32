"""What is wrong with an event log that cannot be used, and what helps."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class LogError(Exception):
    """The event log cannot be used; the message says which, why and what to do."""


class DiskFull(LogError):
    """Nothing was taken and nothing was changed: append again when there is room."""


NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_NOT_NOW = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
            sqlite3.SQLITE_PERM)


def unusable(path: Path, error: sqlite3.DatabaseError) -> LogError:
    """Why a log cannot be opened, and what helps: room, rights, or a backup."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in NO_ROOM:
        return DiskFull(f"event log {path}: expected room on its disk, came none ({error}); free some, and start "
                        "again: nothing in it is lost")
    if code in _NOT_NOW:
        return LogError(f"event log {path}: expected a file that can be opened and written, came: {error}; look at "
                        "its folder's owner and rights, and who else has it open")
    return LogError(f"event log {path}: expected an event log, came a file SQLite cannot use ({error}); restore it "
                    "from a backup")
