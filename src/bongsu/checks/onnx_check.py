"""What checks have in common that run a transformer of the user's own: which it is, and how it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from bongsu.checks.onnx import MODEL, TOKENIZER, Model, model

FEWEST, MOST = 8, 8192
"""Tokens of a window."""
HELD = 400
"""Characters of a stream held back at most: the sentence that has not ended."""
KIND = re.compile(r"[a-z][a-z0-9_]*")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class OnnxCheck:
    """``folder`` (an absolute path) holds model.onnx and tokenizer.json, whose hashes are ``sha256``; ``labels`` are
    the model's, in its order. What has a share of ``threshold`` or more is found. A window is ``tokens``.
    """

    version: ClassVar[str] = "1"
    costly: ClassVar[Literal[True]] = True
    usual: ClassVar[int] = 2000

    folder: str
    sha256: Mapping[str, str]
    labels: tuple[str, ...]
    threshold: float = field(default=0.5, kw_only=True)
    tokens: int = field(default=512, kw_only=True)

    def __post_init__(self) -> None:
        if not Path(self.folder).is_absolute():
            raise ValueError("folder: expected an absolute path, since every process reads it; came a relative one")
        if set(self.sha256) != {MODEL, TOKENIZER}:
            raise ValueError(f"sha256: expected the hashes of {MODEL} and {TOKENIZER}, came those of "
                             f"{', '.join(sorted(self.sha256)) or 'nothing'}; sha256sum prints them")
        for name, value in sorted(self.sha256.items()):
            if not _HASH.fullmatch(value):
                raise ValueError(f"sha256: expected 64 hexadecimal digits in lower case for {name}, came {value!r}")
        if not FEWEST <= self.tokens <= MOST:
            raise ValueError(f"tokens: expected {FEWEST} to {MOST}, came {self.tokens}")
        _check_labels(self.labels)
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: expected a number between 0 and 1, came {self.threshold}")

    def loaded(self) -> Model:
        """The model, read at the first look of a process. Raises ``ModelError``."""
        return model(self.folder, self.sha256, self.tokens)

    def hold(self, text: str) -> int:
        """The sentence that has not ended: what a word is depends on those after it."""
        return open_sentence(text)


def _check_labels(labels: Sequence[str]) -> None:
    """Raises ``ValueError`` where they cannot be told apart."""
    if len(set(labels)) < len(labels) or not labels:
        raise ValueError("labels: expected the names of the model's outputs in order, each once (id2label in its "
                         f"config.json), came {', '.join(labels) or 'none'}")


def open_sentence(text: str) -> int:
    """How many trailing characters of a stream belong to a sentence that has not ended.

    >>> open_sentence("It is done. And now"), open_sentence("Done.\\n")
    (8, 0)
    """
    last = max(text.rfind(mark) for mark in (". ", "! ", "? ", "\n"))
    return min(len(text) - last - 1, HELD) if text else 0
