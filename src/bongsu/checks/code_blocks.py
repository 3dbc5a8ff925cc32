"""Code in a text: fenced blocks with their place and language, said or guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

FENCE = re.compile(r"^[ \t]{0,3}(?P<mark>`{3,}|~{3,})[ \t]*(?P<says>[\w+#.-]*)[^\n]*$", re.MULTILINE)
OPEN_FENCE = re.compile(r"(?:^|\n)[ \t]{0,3}(?:`{1,2}|~{1,2})?\Z")
_NAMES = {"py": "python", "python3": "python", "js": "javascript", "jsx": "javascript", "ts": "javascript",
          "tsx": "javascript", "typescript": "javascript", "node": "javascript", "cs": "csharp", "c#": "csharp",
          "c++": "cpp", "cc": "cpp", "hpp": "cpp", "h": "c", "sh": "shell", "bash": "shell", "zsh": "shell",
          "console": "shell", "powershell": "shell", "ps1": "shell", "rs": "rust", "golang": "go", "rb": "ruby",
          "html": "javascript", "vue": "javascript"}
_LOOKS = (
    ("php", r"<\?php|\$\w+\s*=|\$this->|->\w+\("),
    ("python", r"^\s*(?:def \w+\(.*\)(?: ->.*)?:|class \w+.*:|import \w+$|from [\w.]+ import |elif |except\b|print\()|"
     r"self\.\w+"),
    ("rust", r"\bfn \w+.*\{|\blet (?:mut )?\w+|\bimpl\b|println!|::new\(|&mut |\bpub fn\b"),
    ("go", r"^package \w+|\bfunc (?:\(\w+ \*?\w+\) )?\w+\(|:="),
    ("csharp", r"\busing System|\bnamespace \w+|\bstring\b.*;|\bvar \w+ = new\b|"
     r"\bpublic (?:async |static |override )*(?:Task|void|string|ActionResult)\b"),
    ("java", r"\bpublic (?:static |final )*(?:class|void|String|int)\b|\bimport java|System\.out\.|\bfinal \w+ \w+ ="),
    ("cpp", r"#include <(?:iostream|string|vector|map|memory)>|\bstd::|\btemplate\s*<|::\w+\("),
    ("c", r"#include\s*[<\"]|\b(?:int|char|void|size_t|struct \w+) \*?\w+\s*[(\[;=]|->\w+|\bprintf\("),
    ("javascript", r"\b(?:const|let|var) \w+\s*=|=>|\bfunction\s*\w*\(|\bdocument\.|\brequire\(|console\.log"),
    ("ruby", r"^\s*(?:def \w+|end$|require '|puts )|\bdo \|\w+\|"),
    ("shell", r"^#!/bin/(?:ba)?sh|^\s*(?:sudo|apt|export|echo|curl|wget|cd|rm) |\$\(\w|\bfi$|\bdone$"))
_SIGNS = tuple((name, re.compile(pattern, re.MULTILINE)) for name, pattern in _LOOKS)


class Block(NamedTuple):
    """A piece of code: its language (empty if unknown), where the code stands, and where its fence begins and ends."""

    language: str
    start: int
    end: int
    outer_start: int
    outer_end: int


def blocks(text: str) -> Iterator[Block]:
    """Fenced blocks in order; one that is not closed goes to the end.

    >>> [(b.language, "a\\n```py\\nx = 1\\n```\\nb"[b.start:b.end]) for b in blocks("a\\n```py\\nx = 1\\n```\\nb")]
    [('python', 'x = 1\\n')]
    """
    opened: re.Match[str] | None = None
    for match in FENCE.finditer(text):
        if opened is None:
            opened = match
        elif match["mark"][0] == opened["mark"][0] and len(match["mark"]) >= len(opened["mark"]) and not match["says"]:
            yield _block(text, opened, match.start(), match.end())
            opened = None
    if opened is not None:
        yield _block(text, opened, len(text), len(text))


def _block(text: str, opened: re.Match[str], end: int, outer_end: int) -> Block:
    start = min(opened.end() + 1, end)
    return Block(language(opened["says"], text[start:end]), start, end, opened.start(), outer_end)


def language(says: str, code: str) -> str:
    """What the fence says, in one name, or what the code looks like."""
    said = says.casefold()
    if said and said not in ("text", "txt", "plain", "plaintext", "code"):
        return _NAMES.get(said, said)
    head = code[:4000]
    found = [(len(pattern.findall(head)), language_) for language_, pattern in _SIGNS]
    most = max(found, key=lambda f: f[0])
    return most[1] if most[0] else ""


def waiting(text: str) -> int:
    """Where an open block, or a line that may become a fence, begins; the length of the text if there is none."""
    opened = -1
    mark = ""
    for match in FENCE.finditer(text):
        if opened < 0:
            opened, mark = match.start(), match["mark"]
        elif match["mark"][0] == mark[0] and len(match["mark"]) >= len(mark) and not match["says"]:
            opened = -1
    if opened >= 0:
        return opened
    found = OPEN_FENCE.search(text)
    if found is None or found.end() - found.start() < 2:
        return len(text)
    return found.start() + (text[found.start()] == "\n")
