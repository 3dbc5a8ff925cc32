"""What checks find in files: texts out of plain files and JSONL, findings with their place. ``bongsu scan``.

A finding names its place, kind and score, never the text: a report of what leaks must not leak it again.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from bongsu import registry
from bongsu.guard import Guard
from bongsu.offline.chosen import GuardError, compares, ready
from bongsu.ports import Check, Finding

_HANGUL = re.compile(rb"[\xb0-\xc8][\xa1-\xfe]")
"""A common Korean syllable in CP949."""


_WIDE = (((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "utf-32"), ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "utf-16"))
"""What a file of wide characters begins with; UTF-32's little mark begins with UTF-16's."""


class ScanError(ValueError):
    """A file that cannot be read as it was said to be."""


class Text(NamedTuple):
    """One text of a file: its line there (the first is 1), and for JSONL the field it stood in."""

    line: int
    field: str
    body: str


class Hit(NamedTuple):
    """One finding of a check, or of the guard of that name. ``column`` counts characters from 1; in a field of JSONL,
    within the field's text."""

    file: str
    line: int
    column: int
    length: int
    field: str
    check: str
    kind: str
    score: float

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "score": round(self.score, 4)}


class Miss(NamedTuple):
    """A text that a check, or the guard of that name, could not look at, and the kind of its error: no word of the
    text, which the error's own message may hold."""

    file: str
    line: int
    field: str
    check: str
    error: str

    def as_json(self) -> dict[str, Any]:
        return self._asdict()


def checks_of(kinds: Sequence[str]) -> dict[str, Check]:
    """A check of each kind, with its own defaults. Raises ``ScanError`` for a kind that cannot look at a text alone or
    has no defaults."""
    out: dict[str, Check] = {}
    for kind in kinds:
        if kind not in (known := _known()):
            raise ScanError(f"--check: expected one of {', '.join(known)}, came {kind!r}; a guard that is set up in a "
                            "policy is scanned with by --policy and --guard")
        out[kind] = registry.part("checks", kind)()
    return out


def _known() -> list[str]:
    """Kinds that look at a text as they are."""
    parts = {kind: registry.part("checks", kind) for kind in registry.kinds("checks")}
    return [kind for kind, part in parts.items()
            if not any(f.default is MISSING and f.default_factory is MISSING for f in fields(part))
            and not any(hasattr(part, name) for name in ("support", "question", "rated", "recalling"))]


def checks_in(guards: Sequence[Guard]) -> dict[str, Check]:
    """The checks of guards, by the names of these. Raises ``GuardError``."""
    for guard in guards:
        if compares(guard):
            raise GuardError(f"guard {guard.name}: expected one that looks at one text, came {guard.check.name}, which "
                             "holds a reply against something; 'bongsu eval grounding' tries it")
    return {guard.name: ready(guard).check for guard in guards}


def decoded(raw: bytes) -> tuple[str, int]:
    """A file's text and how many of its characters are none: UTF-8, UTF-16 or UTF-32 that say so, or what Korean
    Windows writes.

    What is no text does not stop a search for what is; who asked is to hear of it, since "none found" would be untrue.

    >>> decoded("전화 1".encode("utf-16")), decoded("전화".encode("cp949")), decoded(b"\\x89PNG ok \\xff")
    (('전화 1', 0), ('전화', 0), ('\ufffdPNG ok \ufffd', 2))
    """
    for marks, wide in _WIDE:
        if raw.startswith(marks) and b"\0" in raw:
            text = raw.decode(wide, "replace")
            return text, text.count("\ufffd") + text.count("\0")
    try:
        text = raw.decode("utf-8-sig")
        return text, text.count("\0")  # wide characters whose file does not say so
    except UnicodeDecodeError:
        high = sum(1 for byte in raw if byte >= 0x80)
        if b"\0" not in raw and 4 * len(_HANGUL.findall(raw)) > high:  # else it is another code page, or no text
            with contextlib.suppress(UnicodeDecodeError):
                return raw.decode("cp949"), 0
        astray = sum(1 for byte in raw.decode("utf-8", "surrogateescape") if "\udc80" <= byte <= "\udcff")
        return raw.decode("utf-8", "replace"), astray


def texts(name: str, body: str, jsonl: bool, fields: Sequence[str] = ()) -> Iterator[Text]:
    """A plain file is one text. Of JSONL every string counts, or those under the named ``fields``."""
    if not jsonl:
        yield Text(1, "", body)
        return
    for number, line in enumerate(body.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ScanError(f"{name}:{number}: expected JSON on each line, came {error}") from None
        found = [t for t in _strings(row, "", number) if not fields or t.field.split(".")[0].split("[")[0] in fields]
        if fields and not found:
            raise ScanError(f"{name}:{number}: expected a text under {' or '.join(fields)}, came "
                            f"{', '.join(row) if isinstance(row, dict) else type(row).__name__}")
        yield from found


def _strings(value: Any, field: str, line: int) -> Iterator[Text]:
    if isinstance(value, str):
        yield Text(line, field, value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(inner, f"{field}.{key}" if field else str(key), line)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _strings(inner, f"{field}[{i}]", line)


def looked(name: str, text: Text, checks: Mapping[str, Check]) -> Iterator[Hit | Miss]:
    """What each check finds in one text, and each that could not look at it; the others look all the same."""
    starts: list[int] = []
    for called, check in checks.items():
        try:
            found = check.look(text.body)
        except Exception as error:  # noqa: BLE001 (any fault of a part; its message could hold the text)
            yield Miss(name, text.line, text.field, called, type(error).__name__)
            continue
        for f in found:
            starts = starts or _line_starts(text.body)
            yield _placed(name, text, called, f, starts)


def _placed(name: str, text: Text, check: str, f: Finding, starts: Sequence[int]) -> Hit:
    row = bisect_right(starts, f.start) - 1
    line, column = (text.line, f.start + 1) if text.field else (text.line + row, f.start - starts[row] + 1)
    return Hit(name, line, column, f.end - f.start, text.field, check, f.kind, f.score)


def _line_starts(body: str) -> list[int]:
    """Where each line begins; only line feeds part lines, as in every editor.

    >>> _line_starts("a\\nbc\\n")
    [0, 2, 5]
    """
    out, at = [0], body.find("\n")
    while at >= 0:
        out.append(at + 1)
        at = body.find("\n", at + 1)
    return out
