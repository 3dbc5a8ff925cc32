"""Keys and passwords in a column whose head names them: tables in Markdown, CSV, TSV.

The head stands at the beginning of the lines that the value is among, no more than ``REACH`` bytes before it.
"""

from __future__ import annotations

import re

from bongsu.checks.pii_named import KEY_NAME, PASSWORD_NAME, named, strong
from bongsu.checks.pii_rules import Answer, Candidate

REACH = 8_192
_CELL = r"[!#-&(-+./0-9:<-_a-{}~-]"
CELL = rf"(?:^|[|,;\t\n])[ \t]*[\"'`]?({_CELL}{{0,64}}[0-9]{_CELL}{{0,64}})[\"'`]?[ \t]*(?:[|,;\t\r\n]|$)"
_NAMES = r"(?i:key|token|secret|passw(?:or)?d|passcode|\bpwd?|pass)|키|토큰|시크릿|비밀번호|비번|패스워드|암호"
HINT = rf"(?:{_NAMES})(?:\s?값)?[\"'`*]*(?:[ \t]*\||[,;\t][^\s]|[ \t]*\n[ \t:|]*-|\r?\n[^\n,;\t]*[,;\t][^\s])"
"""The name, and what ends its cell; a line break ends one only where the next line has cells, too."""
_KEYS = re.compile(rf"(?i)\W*[\w .-]{{0,30}}?{KEY_NAME}(?:\s?값)?\W*")
_PASSWORDS = re.compile(rf"(?i)\W*[\w .-]{{0,30}}?{PASSWORD_NAME}\W*")
_LETTERS = re.compile(r"[\w+/.~=-]{16,}", re.ASCII)
_RULE = re.compile(rb"[ \t]*\|?[ :|-]*-{2,}[ :|-]*\r?")
"""The second line of a table in Markdown."""


def cell(c: Candidate) -> Answer:
    """What a value of its own column is, by the head of that column."""
    password = strong(c.text, told=True)
    key = named(c) if _LETTERS.fullmatch(c.text) else None
    if not password and key is None:
        return None
    head = _head(c)
    if password and _PASSWORDS.fullmatch(head):
        return "password", 0.75
    return key if _KEYS.fullmatch(head) else None


def _head(c: Candidate) -> str:
    """The first line's cell above it; empty where there is none."""
    above, line, row = c.data[max(0, c.start - REACH) : c.start].rpartition(b"\n")
    if not line:
        return ""
    lines = above.rpartition(b"\n\n")[2].split(b"\n", 2)
    mark = next((m for m in (b"|", b"\t", b";", b",") if m in lines[0]), b"")
    if not mark or (mark == b"|" and not (len(lines) > 1 and _RULE.fullmatch(lines[1]))):
        return ""
    at, heads = row.count(mark), lines[0].split(mark)
    if mark == b"|":
        at += (not lines[0].lstrip().startswith(b"|")) - (not row.lstrip().startswith(b"|"))
    return heads[at].decode("utf-8", "replace") if 0 <= at < len(heads) else ""
