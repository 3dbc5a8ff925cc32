"""The live example: a demo model, a story, and real traffic through the real gateway."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def packaged(name: str) -> Path:
    """A file that comes with the demo: its policy, its story."""
    return Path(str(files("bongsu.demo") / name))
