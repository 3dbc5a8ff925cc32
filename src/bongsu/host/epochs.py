"""The keys of token epochs in the data folder: a file each, made once with mode 0600, overwritten before it is gone.

Only those are here that a gateway needs: the epoch of now, the one to come, and for a while the one before. Every
process reads the same files and goes by the same clock, so all change over at one moment.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bongsu.host.keys import TOKENS, KeyFault, made, opened, synced, token_key
from bongsu.privacy.epochs import Epoch
from bongsu.privacy.tokens import Tokeniser
from bongsu.quantity import SECOND

FOLDER = "epochs"
BESIDE, GONE = ".epochs.", ".gone"
"""How the name of a folder in the making begins, and that of a key on its way out ends: nobody's keys."""
SIZE, TIME = 32, 8
AGAIN = SECOND
"""So long after a look at the folder it is looked at again."""


class EpochFiles:
    """The epochs whose keys are in this folder of keys. Any thread may ask."""

    def __init__(self, keys: Path, clock: Callable[[], int]) -> None:
        self.folder, self._clock, self._read_at = keys / FOLDER, clock, 0
        if not self.folder.exists():
            # A root from before there were epochs: what it made is the first one, and plain.
            plain = (keys / TOKENS).exists()
            self._begin(b"" if plain else os.urandom(SIZE))
        self._epochs = self.all()

    def all(self) -> tuple[Epoch, ...]:
        """As they are on the disk, the oldest first."""
        found = []
        for path in sorted(self.folder.glob("[0-9]*.key"), key=lambda p: int(p.stem)):
            try:
                data = opened(path, TIME, TIME + SIZE)
            except FileNotFoundError:  # erased meanwhile
                continue
            found.append(Epoch(int(path.stem), int.from_bytes(data[:TIME], "big"), data[TIME:] or None))
        return tuple(found)

    def current(self) -> Epoch:
        """The epoch that tokens are made in now. Raises ``KeyFault`` where there is none: tokens of another key would
        join with nothing."""
        now = self._clock()
        if not 0 <= now - self._read_at < AGAIN:
            self._epochs, self._read_at = self.all(), now
        here = [epoch for epoch in self._epochs if epoch.begins <= now] or list(self._epochs[:1])
        if not here:
            raise KeyFault(f"{FOLDER}: expected the key of an epoch, came none; restore the keys from a backup")
        return here[-1]

    def recent(self) -> tuple[Epoch, ...]:
        """As they were when the folder was last looked at, a second ago at most."""
        self.current()
        return self._epochs

    def make(self, n: int, begins: int, key: bytes) -> None:
        """Once and for good: where there is one of this number, that one stays."""
        made(self.folder / f"{n}.key", begins.to_bytes(TIME, "big") + key)
        self._read_at = 0

    def _begin(self, key: bytes) -> None:
        """The folder with its first key, made beside and renamed: it is there whole or not at all, and of two first
        starts at once one is first."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = Path(tempfile.mkdtemp(prefix=BESIDE, dir=self.folder.parent))
        try:
            made(beside / "1.key", bytes(TIME) + key)
            beside.rename(self.folder)
        except OSError:
            shutil.rmtree(beside)
            if not self.folder.exists():
                raise
        synced(self.folder.parent)

    def erase(self, n: int) -> None:
        """Overwrite a key and remove it; whether it is there or not. It has another name first: what it is overwritten
        with is no key."""
        path = self.folder / f"{n}.key"
        try:
            path.rename(path.with_suffix(GONE))
        except FileNotFoundError:
            return
        synced(self.folder)
        self._read_at = 0
        self.finish()

    def finish(self) -> None:
        """Overwrite and remove what is erased, also what a process that was killed left of it."""
        for path in self.folder.glob(f"*{GONE}"):
            with path.open("r+b") as file:
                file.write(os.urandom(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()


def tokeniser(keys: Path, clock: Callable[[], int]) -> Tokeniser:
    """What makes tokens from the keys of a folder, each in the epoch of its moment; keys are made if there are none."""
    return of_files(keys, EpochFiles(keys, clock))


def of_files(keys: Path, files: EpochFiles) -> Tokeniser:
    return Tokeniser(token_key(keys), files.current)
