"""The data folder: where everything a bongsu remembers lives, by name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True)
class Folder:
    """Paths below one folder, which only its owner may read."""

    root: Path

    @property
    def events(self) -> Path:
        return self.root / "events.db"

    @property
    def state(self) -> Path:
        return self.root / "state.db"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def live(self) -> Path:
        return self.root / "live"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def vault(self) -> Path:
        """Sealed values and their keys. Made only where the policy keeps a vault; no backup holds it."""
        return self.root / "vault"

    @property
    def held(self) -> Path:
        """Replies that wait for a person, each sealed with a key that only its caller has."""
        return self.root / "held"

    @property
    def policies(self) -> Path:
        """Every policy text that was ever live, by hash: a record that names one can be understood years later."""
        return self.root / "policies"

    def policy(self, digest: str) -> Path:
        return self.policies / f"{digest}.yaml"

    @property
    def wanted(self) -> Path:
        """Which policy control is to run once it is told that there is a new one: a hash."""
        return self.root / "policy.sha256"

    def want(self, pinned: Path) -> None:
        partial = self.wanted.with_suffix(".new")
        partial.write_text(pinned.stem)
        partial.replace(self.wanted)

    @property
    def lock(self) -> Path:
        """Held by the one control process of the folder."""
        return self.root / "control.lock"

    def pin(self, text: bytes) -> Path:
        """Keep a policy's text. Processes live by what is kept: an edit of the file takes force with the next start,
        never because a process died in between."""
        kept = self.policy(sha256(text).hexdigest())
        if not kept.exists():
            partial = kept.with_name(f".{kept.name}.{os.getpid()}")
            partial.write_bytes(text)
            partial.replace(kept)
        return kept

    def create(self) -> Folder:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for sub in (self.spool, self.lake, self.live, self.keys, self.policies, self.held):
            sub.mkdir(exist_ok=True, mode=0o700)
        return self
