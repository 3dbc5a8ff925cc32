"""Small models for tests, as real ones come: ONNX that ONNX Runtime runs, and a tokenizer of the real library.

Each word of a vocabulary has a row of numbers, one a label. A tagger says that row for each token; a classifier the
largest of each label in its window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
FED = ("input_ids", "attention_mask", "token_type_ids")


def write_model(folder: Path, rows: Mapping[str, Sequence[float]], labels: int,
                says: Literal["tokens", "text"] = "tokens", fed: Sequence[str] = FED,
                unknown: float = 6.0) -> dict[str, str]:
    """``model.onnx`` and ``tokenizer.json`` in a folder, and their hashes. Words without a row say label 0, so sure."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [*SPECIAL, *rows]
    other = [unknown] + [0.0] * (labels - 1)
    table = numpy.array([rows.get(word, other) for word in words], dtype=numpy.float32)
    made = {"model.onnx": _graph(table, says, fed), "tokenizer.json": _tokenizer(words).encode()}
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}


def _graph(table: numpy.ndarray, says: str, fed: Sequence[str]) -> bytes:  # type: ignore[type-arg]
    shape: list[str | int] = ["batch", "sequence", table.shape[1]] if says == "tokens" else ["batch", table.shape[1]]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["logits" if says == "tokens" else "each"])]
    if says == "text":
        nodes.append(helper.make_node("ReduceMax", ["each"], ["logits"], axes=[1], keepdims=0))
    graph = helper.make_graph(
        nodes, "words", [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in fed],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)], [numpy_helper.from_array(table, "table")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return bytes(made.SerializeToString())


def _tokenizer(words: Sequence[str]) -> str:
    numbers = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[
        (name, numbers[name]) for name in ("[CLS]", "[SEP]")])
    return str(tokenizer.to_str())
