"""A transformer model of the user's own, as ONNX: its files, pinned by hash, and what it says of a text.

A folder holds ``model.onnx`` and ``tokenizer.json``, as ``optimum-cli export onnx`` leaves them. Both are read once a
process and must have the SHA-256 that the policy names, so that no model changes unnoticed: what was read is what is
hashed, and what is hashed is what runs. A text longer than the model's window is seen in windows that overlap.

Needs the extra ``bongsu[onnx]`` (ONNX Runtime, Hugging Face tokenizers): no torch, nothing is fetched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
_FED = ("input_ids", "attention_mask", "token_type_ids")


class ModelError(Exception):
    """A model that cannot be used: which file, what was expected, what came, what to do."""


class Piece(NamedTuple):
    """A token of a text: where it stands, the number of its word, and one number a label."""

    start: int
    end: int
    word: int | None
    odds: NDArray[Any]


@dataclass(frozen=True)
class Model:
    """A loaded model with its tokenizer. ``overlap`` is how many tokens two windows share."""

    session: Any
    tokenizer: Any
    fed: tuple[str, ...]
    overlap: int

    def windows(self, text: str) -> list[Any]:
        """A text as encodings of no more than the window's tokens each, without those that hold nothing of it."""
        whole = self.tokenizer.encode(text)
        return [one for one in (whole, *whole.overflowing) if not all(one.special_tokens_mask)]

    def run(self, window: Any, labels: int) -> NDArray[Any]:
        """The model's first output for a window, as it is: of a classifier one row, of a tagger one a token."""
        import numpy

        rows = {"input_ids": window.ids, "attention_mask": window.attention_mask, "token_type_ids": window.type_ids}
        out: NDArray[Any] = self.session.run(
            None, {name: numpy.array([rows[name]], dtype=numpy.int64) for name in self.fed})[0][0]
        if out.shape[-1] != labels:
            raise ModelError(f"labels: expected the {out.shape[-1]} labels that the model tells apart, came {labels}")
        return out

    def pieces(self, text: str, labels: int) -> Iterator[Piece]:
        """Every token of a text once, with its label odds (softmax); where windows overlap each gives its inner half,
        since a token is judged better the more of its sentence is seen."""
        windows = self.windows(text)
        for n, window in enumerate(windows):
            odds = softmax(self.run(window, labels))
            inside = [i for i, special in enumerate(window.special_tokens_mask) if not special]
            first = self.overlap // 2 if n else 0
            last = len(inside) - (self.overlap - self.overlap // 2 if n + 1 < len(windows) else 0)
            for i in inside[first:last]:
                start, end = window.offsets[i]
                yield Piece(start, end, window.word_ids[i], odds[i])


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Shares of the last axis: exp(x) / sum exp(x), from the largest down so that nothing overflows."""
    import numpy

    powers: NDArray[Any] = numpy.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: NDArray[Any] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-x)) of each, by the hyperbolic tangent, which does not overflow."""
    import numpy

    return (numpy.tanh(logits / 2) + 1) / 2


def span_of(window: Any) -> tuple[int, int]:
    """Where a window's own tokens begin and end in the text."""
    own = [place for place, special in zip(window.offsets, window.special_tokens_mask, strict=True) if not special]
    return min(start for start, _ in own), max(end for _, end in own)


def model(folder: str, sha256: Mapping[str, str], tokens: int) -> Model:
    """The model of a folder, loaded once a process. Raises ``ModelError``."""
    return _loaded(folder, sha256[MODEL], sha256[TOKENIZER], tokens)


@lru_cache(maxsize=4)
def _loaded(folder: str, of_model: str, of_tokenizer: str, tokens: int) -> Model:
    try:
        import numpy  # noqa: F401 (ONNX Runtime's own)
        import onnxruntime
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ModelError(f"expected the packages onnxruntime and tokenizers, came an installation without "
                         f"{error.name}; pip install 'bongsu[onnx]'") from None
    weights, table = _pinned(folder, MODEL, of_model), _pinned(folder, TOKENIZER, of_tokenizer)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a guard may have more processes, not more cores
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_buffer(table)
    except Exception as error:  # noqa: BLE001 (both libraries raise classes of their own, and bare ones)
        raise ModelError(f"{folder}: expected a model of one file and its tokenizer, as 'optimum-cli export onnx' "
                         f"writes them; came what cannot be loaded ({type(error).__name__})") from None
    fed = tuple(one.name for one in session.get_inputs())
    if "input_ids" not in fed or not set(fed) <= set(_FED):
        raise ModelError(f"{folder}/{MODEL}: expected a text model (inputs {', '.join(_FED)}), came one with "
                         f"{', '.join(fed)}")
    overlap = tokens // 8
    tokenizer.no_padding()
    tokenizer.enable_truncation(tokens, stride=overlap)
    return Model(session, tokenizer, fed, overlap)


def _pinned(folder: str, name: str, sha256: str) -> bytes:
    try:
        data = Path(folder, name).read_bytes()
    except OSError as error:
        raise ModelError(f"{folder}/{name}: expected a file that can be read, came {error.strerror}") from None
    came = hashlib.sha256(data).hexdigest()
    if came != sha256:
        raise ModelError(f"{folder}/{name}: expected SHA-256 {sha256}, came {came}; if it was changed on purpose, put "
                         "that into the policy")
    return data
