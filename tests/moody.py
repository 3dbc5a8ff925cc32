"""A check for tests of processes: what becomes of the one that looks depends on the text."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from bongsu.ports import Finding
from bongsu.support import Support


@dataclass(frozen=True)
class Moody:
    """Finds ``zeus``. ``sleeps`` and ``spins`` never end, ``dies`` kills its process, ``dies once`` only the first."""

    name: ClassVar[str] = "moody"
    version: ClassVar[str] = "1"
    costly: ClassVar[Literal[True]] = True
    usual: ClassVar[int] = 1000

    kind: str = "word"
    unable: str = ""
    folder: str = ""
    gate: str = ""
    """It sees nothing, and so has not loaded, before this file is there."""

    def look(self, text: str) -> Sequence[Finding]:
        while self.gate and not Path(self.gate).exists():
            time.sleep(0.01)
        if self.unable:
            raise FileNotFoundError(self.unable)
        if "sleeps" in text:
            time.sleep(600)
        if "spins" in text:
            while 9 ** len(text * 100_000):  # in C, with Python's lock held for long at a time
                continue
        if "dies" in text and not self._again(text):
            os.kill(os.getpid(), signal.SIGKILL)
        if "raises" in text:
            raise ValueError(text)
        at = text.find("zeus")
        return [Finding(self.kind, at, at + 4)] if at >= 0 else []

    def _again(self, text: str) -> bool:
        if "once" not in text:
            return False
        mark = Path(self.folder, "died")
        there = mark.exists()
        mark.touch()
        return there

    def hold(self, text: str) -> int:
        return len(text) - text.rfind(" ") - 1


@dataclass(frozen=True)
class Resting(Moody):
    """Holds a reply against its context: a word that is not in it is not supported."""

    @property
    def roles(self) -> tuple[str, ...]:
        return ("user",)

    def support(self, text: str, context: Sequence[str]) -> Support:
        self.look(text)
        known = any(text in one for one in context)
        return Support(float(known), () if known else (Finding("unsupported", 0, len(text)),))
