"""One YAML file -> a typed policy, or every error in it with file, line and column."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bongsu.event import FEATURE_KINDS, WORDS, FeatureKind, columns
from bongsu.policy.declare import Document
from bongsu.policy.extend import Extension, extended
from bongsu.policy.fault import Fault, PolicyError
from bongsu.policy.link import Linker, Names
from bongsu.policy.model import Note, Policy, Service
from bongsu.policy.node import Node, Table, Text, compose
from bongsu.policy.read import BROKEN, Reader
from bongsu.policy.setting import settings

__all__ = ["Fault", "Note", "Policy", "PolicyError", "load", "parse"]


def load(path: str | Path, environ: Mapping[str, str]) -> Policy:
    """Read a policy file. Raises ``PolicyError`` with all its faults; ``environ`` serves ``${NAME}``."""
    name = str(path)
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise PolicyError([Fault(name, 1, 1, "a policy file", f"'{error.strerror}'")]) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise PolicyError([Fault(name, line, column, "text in UTF-8", f"the byte 0x{raw[error.start]:02x}")]) from None
    return parse(text, name, environ, hashlib.sha256(raw).hexdigest())


def parse(text: str, path: str, environ: Mapping[str, str], digest: str = "") -> Policy:
    """Read a policy from its text; ``path`` is how errors call it."""
    root, faults = compose(text, path)
    if root is None:
        raise PolicyError(faults)
    extensions: list[Extension] = []
    if isinstance(root, Table):
        root, wrong, extensions = extended(root, path)
        if wrong:  # what hangs on a pack that is not there would be a fault of nobody's
            raise PolicyError(faults + wrong)
    reader = Reader(path, environ)
    reader.faults += faults
    reader.nodes[()] = root
    reader.vocabulary = columns(_features(root))
    values = reader.settings(root, settings(Document), ())
    if isinstance(values, dict) and isinstance(root, Table):
        sound: dict[str, Any] = {name: value for name, value in values.items() if value is not BROKEN}
        document = Document(**{"bongsu": "1", "service": Service("broken"), **sound})
        linker = Linker(document, reader, Names.of(root), tuple(extensions))
        if ("settings",) in reader.lame:
            linker.references()  # windows and prices cannot be judged without it
        else:
            policy = linker.policy(digest or hashlib.sha256(text.encode()).hexdigest())
    if reader.faults:
        raise PolicyError(reader.faults)
    return policy


def _features(root: Node) -> dict[str, FeatureKind]:
    """What the policy declares of features, known before any expression is read."""
    section = root.get("features") if isinstance(root, Table) else None
    given = section.entries if isinstance(section, Table) else ()
    kinds: dict[str, FeatureKind] = {WORDS: "text"}
    kinds |= {kind: kind for kind in FEATURE_KINDS}
    return {name.text: kinds[value.text] for name, value in given if isinstance(value, Text) and value.text in kinds}
