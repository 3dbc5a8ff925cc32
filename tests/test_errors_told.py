"""Every code that a caller of the gateway can be told is in ``docs/errors.md`` with its status, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import bongsu

SRC = Path(bongsu.__file__).parent
PAGE = SRC.parent.parent / "docs/errors.md"
SOURCES = ("web/errors.py", "web/denials.py", "web/call.py", "web/appealing.py", "host/lobby.py",
           "host/line.py")


def raised() -> set[tuple[str, str]]:
    """Status and code of every error that these modules name."""
    text = "\n".join((SRC / name).read_text(encoding="utf-8") for name in SOURCES)
    return set(re.findall(r'(?:ApiError|Fault|Refused|send_away|refuse)\(\s*(\d{3}), "([a-z_]+)"', text))


def test_every_error_is_on_the_page_and_the_page_names_no_other() -> None:
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {(status, code) for status, codes in rows for code in re.findall(r"`([a-z_]+)`", codes)}
    assert told == raised()
