"""Secrets in files that only their owner may read: ``secret://file//run/secrets/slack``."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from bongsu.ports import Secret, SecretError

LARGEST = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class File:
    """``secret://file/`` and an absolute path. Read anew each time, so a rotated file is in force at once.

    One newline at the end is not part of the secret: editors add it.
    """

    def get(self, path: str) -> Secret:
        reference = f"secret://file/{path}"
        if not Path(path).is_absolute():
            raise SecretError(f"{reference}: expected an absolute path such as secret://file//run/secrets/name, "
                              "came a relative one")
        try:
            value = _read(path, reference)
        except OSError as error:
            came = error.strerror or type(error).__name__
            raise SecretError(f"{reference}: expected a file that can be read, came: {came}") from None
        try:
            text = value.decode()
        except UnicodeDecodeError:
            raise SecretError(f"{reference}: expected UTF-8 text, came other bytes") from None
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise SecretError(f"{reference}: expected a value, came an empty file")
        return Secret(text)


def _read(path: str, reference: str) -> bytes:
    """Judge the file that was opened, not the name: it could be another one a moment later."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise SecretError(f"{reference}: expected a regular file, came something else")
        if found.st_mode & _OTHERS:
            raise SecretError(f"{reference}: expected a file that only its owner may read (mode 0600), came mode "
                              f"{stat.S_IMODE(found.st_mode):04o}; run: chmod 600 on it")
        if found.st_size > LARGEST:
            raise SecretError(f"{reference}: expected at most {LARGEST} bytes, came {found.st_size}")
        return file.read(LARGEST + 1)
