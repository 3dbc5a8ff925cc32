"""A text classifier of the user's own: a transformer that says how sure it is of each of its labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from bongsu.checks.onnx import KIND, check_files, check_labels, model, open_sentence, sigmoid, softmax, span_of
from bongsu.ports import Finding

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Classifier:
    """Finds windows of a text that the model in ``folder`` gives the ``bad`` labels a share of ``threshold`` or more.

    ``folder`` (an absolute path) holds model.onnx and tokenizer.json, whose hashes are ``sha256``; ``labels`` are the
    model's, in its order. A finding's kind is ``kind``, or the bad label it is surest of. ``several`` says that labels
    do not exclude each other; ``attack`` that what is found counts as an attempt on the model. A window is ``tokens``.
    """

    name: ClassVar[str] = "classifier"
    version: ClassVar[str] = "1"
    costly: ClassVar[Literal[True]] = True
    usual: ClassVar[int] = 2000

    folder: str
    sha256: Mapping[str, str]
    labels: tuple[str, ...]
    bad: tuple[str, ...]
    threshold: float = 0.5
    tokens: int = 512
    kind: str = ""
    several: bool = False
    attack: bool = True

    def __post_init__(self) -> None:
        check_files(self.folder, self.sha256, self.tokens)
        check_labels(self.labels)
        for i, label in enumerate(self.bad):
            if label not in self.labels:
                raise ValueError(f"bad[{i}]: expected one of {', '.join(self.labels)}, came {label!r}")
        if not self.bad or (len(self.bad) == len(self.labels) > 1 and not self.several):
            raise ValueError("bad: expected some of the labels and not all, came "
                             f"{', '.join(self.bad) or 'none'}")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: expected a number between 0 and 1, came {self.threshold}")
        if self.kind and not KIND.fullmatch(self.kind):
            raise ValueError(f"kind: expected small letters, digits and _, came {self.kind!r}")

    def look(self, text: str) -> Sequence[Finding]:
        """Raises ``ModelError``."""
        loaded = model(self.folder, self.sha256, self.tokens)
        bad = [self.labels.index(label) for label in self.bad]
        found = []
        for window in loaded.windows(text):
            odds = self._odds(loaded.run(window, len(self.labels)))
            score = max(odds[i] for i in bad) if self._independent else min(1.0, sum(odds[i] for i in bad))
            if score >= self.threshold:
                found.append(Finding(self._kind(max(bad, key=odds.__getitem__)), *span_of(window), score))
        return tuple(found)

    def hold(self, text: str) -> int:
        """The sentence that has not ended: of a stream it judges sentences, with a little of what was before."""
        return open_sentence(text)

    @property
    def _independent(self) -> bool:
        """Whether each label has a probability of its own; one label alone has no other to exclude."""
        return self.several or len(self.labels) == 1

    def _odds(self, logits: NDArray[Any]) -> list[float]:
        odds: list[float] = (sigmoid if self._independent else softmax)(logits).tolist()
        return odds

    def _kind(self, label: int) -> str:
        return self.kind or re.sub(r"[^a-z0-9]+", "_", self.labels[label].lower()).strip("_") or "found"
