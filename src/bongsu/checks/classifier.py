"""A text classifier of the user's own: a transformer that says how sure it is of each of its labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bongsu.checks.onnx import sigmoid, softmax, span_of
from bongsu.checks.onnx_check import KIND, OnnxCheck
from bongsu.ports import Finding

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Classifier(OnnxCheck):
    """Finds windows of a text that the model in ``folder`` gives the ``bad`` labels a share of ``threshold`` or more.

    A finding's kind is ``kind``, or the bad label it is surest of. ``several`` says that labels do not exclude each
    other; ``attack`` that what is found counts as an attempt on the model. A finding is a window of ``tokens``.
    """

    name: ClassVar[str] = "classifier"

    bad: tuple[str, ...]
    kind: str = ""
    several: bool = False
    attack: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for i, label in enumerate(self.bad):
            if label not in self.labels:
                raise ValueError(f"bad[{i}]: expected one of {', '.join(self.labels)}, came {label!r}")
        if not self.bad or (len(self.bad) == len(self.labels) > 1 and not self.several):
            raise ValueError("bad: expected some of the labels and not all, came "
                             f"{', '.join(self.bad) or 'none'}")
        if self.kind and not KIND.fullmatch(self.kind):
            raise ValueError(f"kind: expected small letters, digits and _, came {self.kind!r}")

    def look(self, text: str) -> Sequence[Finding]:
        """Raises ``ModelError``."""
        loaded = self.loaded()
        bad = [self.labels.index(label) for label in self.bad]
        found = []
        for window in loaded.windows(text):
            odds = self._odds(loaded.run(window, len(self.labels)))
            score = max(odds[i] for i in bad) if self._independent else min(1.0, sum(odds[i] for i in bad))
            if score >= self.threshold:
                found.append(Finding(self._kind(max(bad, key=odds.__getitem__)), *span_of(window), score))
        return tuple(found)

    @property
    def _independent(self) -> bool:
        """Whether each label has a probability of its own; one label alone has no other to exclude."""
        return self.several or len(self.labels) == 1

    def _odds(self, logits: NDArray[Any]) -> list[float]:
        odds: list[float] = (sigmoid if self._independent else softmax)(logits).tolist()
        return odds

    def _kind(self, label: int) -> str:
        return self.kind or re.sub(r"[^a-z0-9]+", "_", self.labels[label].lower()).strip("_") or "found"
