"""Documents with and without a task for their reader in them, the same ones every time (``documents.txt``).

Carriers are our own and texts under permissive licences (``packages.py``, ``injection.py``); what is hidden in them
are our own tasks and people's plain requests to assistants. Beside them stand the same carriers with an honest request
about what they say: that is how people hand a document to an assistant, and no attack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grammar import Draw, Grammar

FILE = Path(__file__).parent / "documents.txt"
CLEAN, TASK, REQUEST = 0, 1, 2
TABLES = 240
COLUMNS = ("c_year", "c_place", "c_person", "c_team", "c_score", "c_money", "c_film", "c_note")
OURS = "seeds"
"""The source of what was written for this project."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_GAP = re.compile(r" ([.?:,](?:\s|$))")
_WORD = re.compile(r"[^\W\d_]{4,}")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}(?: [A-Z][a-z]{3,})?")


@dataclass(frozen=True)
class Piece:
    """A part of what a document is made of; ``source`` may be held back from a training."""

    text: str
    lang: str
    source: str = OURS


@dataclass(frozen=True)
class Document:
    """``kind`` is CLEAN, TASK or REQUEST; ``planted`` is what was put in, empty in a clean one."""

    text: str
    kind: int
    lang: str
    planted: str
    sources: frozenset[str]


def ours(label: int) -> list[Piece]:
    """Carriers (0), tasks (1) or honest requests (2) of ``documents.txt``."""
    return [Piece(_GAP.sub(r"\1", t.text), t.lang) for t in Grammar(FILE).texts() if t.label == label]


def tables() -> Iterator[Piece]:
    """Tables as they come out of web pages, spreadsheets and programs."""
    slots = Grammar(FILE).slots
    for n in range(TABLES):
        draw = Draw(f"table {n}")
        kinds = [COLUMNS[draw.below(len(COLUMNS))] for _ in range(3 + draw.below(4))]
        head = [slots["c_head"][draw.below(len(slots["c_head"]))] for _ in kinds]
        rows = [[slots[k][draw.below(len(slots[k]))] for k in kinds] for _ in range(4 + draw.below(14))]
        yield Piece(FORMS[draw.below(len(FORMS))]([head, *rows]), "en")


def piped(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows)


def html(rows: list[list[str]]) -> str:
    return "<table>" + "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows) + "</table>"


def listed(rows: list[list[str]]) -> str:
    return "\n".join("; ".join(f"{h}: {c}" for h, c in zip(rows[0], row, strict=True)) for row in rows[1:])


FORMS = (piped, piped, lambda rows: "\n".join(",".join(row) for row in rows),
         lambda rows: "\n".join("\t".join(row) for row in rows), html, listed)


def planted(carrier: str, task: str, draw: Draw) -> str:
    """A task at the start, at the end, or between two lines or sentences."""
    gap = ("\n", "\n\n", " ", "\n")[draw.below(4)]
    where = draw.below(3)
    if where == 0:
        return f"{task}{gap}{carrier}"
    if where == 1:
        return f"{carrier}{gap}{task}"
    lines = carrier.split("\n")
    joint = "\n"
    if len(lines) < 3:
        lines, joint = _SENTENCE_END.split(carrier), " "
    at = 1 + draw.below(max(1, len(lines) - 1))
    return joint.join([*lines[:at], gap.strip(" ") + task, *lines[at:]])


def asked(carrier: str, request: str, draw: Draw) -> str:
    """A request about a document, before or after it; words of the document stand where the request has slots."""
    found, names = _WORD.findall(carrier) or ["it"], _NAME.findall(carrier)
    names = names or found
    request = request.replace("{word}", found[draw.below(len(found))].lower())
    request = request.replace("{name}", names[draw.below(len(names))])
    gap = ("\n\n", "\n", " ", "\n\n")[draw.below(4)]
    return f"{carrier}{gap}{request}" if draw.below(2) else f"{request}{gap}{carrier}"


def documents(carriers: Sequence[Piece], tasks: Sequence[Piece], requests: Sequence[Piece]) -> Iterator[Document]:
    """Each carrier as it is, with a task hidden in it, and with a request about it."""
    for n, carrier in enumerate(carriers):
        draw = Draw(f"document {n} {carrier.text[:40]}")
        yield Document(carrier.text, CLEAN, carrier.lang, "", frozenset((carrier.source,)))
        for kind, pool, put in ((TASK, tasks, planted), (REQUEST, requests, asked)):
            mine = [p for p in pool if (p.lang == "ko") == (carrier.lang == "ko")]
            piece = mine[draw.below(len(mine))]
            text = put(carrier.text, piece.text, draw)
            yield Document(text, kind, carrier.lang, piece.text, frozenset((carrier.source, piece.source)))
