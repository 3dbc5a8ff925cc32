"""Keys and passwords in a column whose head names them: tables in Markdown, CSV, TSV.

The head stands at the beginning of the lines that the value is among, no more than ``REACH`` bytes before it. What the
heads of a table name is found out once, not again for each cell.
"""

from __future__ import annotations

import re
from functools import lru_cache

from bongsu.checks.linear import Linear
from bongsu.checks.pii_named import KEY_NAME, PASSWORD_NAME, PIN_NAME, named, strong
from bongsu.checks.pii_rules import Answer, Candidate

REACH = 8_192
LONGEST_LINE = 2_048
"""Characters of a line that may yet become the heads of a table in a stream."""
LONGEST_HEAD = 80
"""Bytes of a head; what is longer is a sentence."""
_CELL = r"[!#-&(-+./0-9:<-_a-{}~-]"
CELL = rf"(?:^|[|,;\t\n])[ \t]*[\"'`]?({_CELL}{{0,64}}[0-9]{_CELL}{{0,64}})[\"'`]?[ \t]*(?:[|,;\t\r\n]|$)"
_CLOSED = r"(?:\s?값)?[\"'`*)\]]*"
HINT = (rf"(?:(?i:{KEY_NAME}|{PASSWORD_NAME})|키){_CLOSED}"
        r"(?:[ \t]*\||[ \t]*[,;\t][^\s]|[ \t]*\n[ \t:|]*-|\r?\n[^\n,;\t]*[,;\t][^\s])")
"""The name, and what ends its cell; a line break ends one only where the next line has cells, too."""
_BEGUN = r"[^\p{L}\p{N}_]*[\p{L}\p{N}_ .-]{0,30}?"
_KINDS = tuple((kind, Linear(rf"(?i){_BEGUN}{names}{_CLOSED}")) for kind, names in (
    ("pin", PIN_NAME), ("password", PASSWORD_NAME), ("key", KEY_NAME)))
_LETTERS = re.compile(r"[\w+/.~=-]{16,}", re.ASCII)
_PIN = re.compile(r"[0-9]{4,6}")
_MARKED = re.compile(r"[|\t]|[,;][^\s]")
_RULE = re.compile(rb"[ \t:|-]+\r?")
"""The second line of a table in Markdown; at least two hyphens are in it."""


def cell(c: Candidate) -> Answer:
    """What a value of its own column is, by the head of that column."""
    text = c.text
    pin, password = _PIN.fullmatch(text) is not None, strong(text, told=True)
    key = named(c) if _LETTERS.fullmatch(text) else None
    if not pin and not password and key is None:
        return None
    kind = _kind(c)
    if (pin and kind == "pin") or (password and kind in ("pin", "password")):
        return "password", 0.75
    return key if kind == "key" else None


def _kind(c: Candidate) -> str:
    """What the first line's cell above it names; empty where it names nothing or there is none."""
    least = max(0, c.start - REACH)
    begun = c.data.rfind(b"\n", least, c.start)
    if begun < 0:
        return ""
    blank = c.data.rfind(b"\n\n", least, begun)
    if blank < 0 and least:  # the head is further away; what stands here is a row
        return ""
    first, _, lines = c.data[least if blank < 0 else blank + 2 : begun].partition(b"\n")
    mark, kinds = _table(first)
    if not kinds or (mark == b"|" and not _ruled(lines.partition(b"\n")[0])):
        return ""
    row = c.data[begun + 1 : c.start]
    at = row.count(mark)
    if mark == b"|":
        at += (not first.lstrip().startswith(b"|")) - (not row.lstrip().startswith(b"|"))
    return kinds[at] if 0 <= at < len(kinds) else ""


def _ruled(line: bytes) -> bool:
    return b"--" in line and _RULE.fullmatch(line) is not None


@lru_cache(maxsize=8)
def _table(first: bytes) -> tuple[bytes, tuple[str, ...]]:
    """What stands between the cells of a table with this first line, and what each head names; none, if none does."""
    mark = next((m for m in (b"|", b"\t", b";", b",") if m in first), b"")
    kinds = tuple(_names(head.strip()) for head in first.split(mark)) if mark else ()
    return mark, kinds if any(kinds) else ()


def _names(head: bytes) -> str:
    return "" if len(head) > LONGEST_HEAD else next((kind for kind, names in _KINDS if names.whole(head)), "")


def above(gone: str, least: int) -> str:
    """What of the text that is ``gone`` has to stand before what follows it: the heads of the table that it ends in,
    with the last rows, or its last ``least`` characters. A line break before these says that no head is among them.

    >>> above("Monday. " * 9, 7), above("a,token\\nb,c1\\nd,e2\\nf,", 4)
    ('\\nonday. ', '\\n\\na,token\\nd,e2\\nf,')
    """
    size = len(gone)
    if size <= least:
        return gone
    last = gone[-least:]
    cut = last if last[0] == "\n" else "\n" + last
    blank = gone.rfind("\n\n")
    begun = blank + 2 if blank >= 0 else 0
    if gone[begun : begun + 1] == "\n":  # nearly always
        return cut
    end = gone.find("\n", begun)
    if end < 0:
        open_ = size - begun <= LONGEST_LINE and _MARKED.search(gone, begun) is not None
        return gone[min(max(blank, 0), size - least):] if open_ else cut
    end = _heads_end(gone, begun, end)
    if end < 0:
        return cut
    row = gone.rfind("\n", 0, max(end, size - least) + 1)
    if row <= end:
        return gone[min(max(blank, 0), size - least):]
    return f"\n\n{gone[begun:end]}{gone[row:]}" if size - row <= REACH else cut


def _heads_end(text: str, begun: int, end: int) -> int:
    """Where the heads of a table end that begins there, with the rule below them; -1 where it is none that counts."""
    mark, kinds = _table(text[begun:end].encode("utf-8", "replace"))
    if not kinds or mark != b"|":
        return end if kinds else -1
    below = text.find("\n", end + 1)
    if below < 0:
        return end
    return below if _ruled(text[end + 1 : below].encode("utf-8", "replace")) else -1
