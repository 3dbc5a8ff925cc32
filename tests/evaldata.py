"""Evaluation data, no part of the repository: the folder BONGSU_EVAL_DATA names, else shared/data beside the project.

A test that asks for a file that is not there is skipped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DATA = Path(os.environ.get("BONGSU_EVAL_DATA") or Path(__file__).parents[2] / "shared" / "data")


def file(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no evaluation data: {name} is not in the folder BONGSU_EVAL_DATA names")
    return path


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a JSONL file; its texts may hold what other splitters take for the end of a line."""
    return [json.loads(line) for line in file(name).read_text(encoding="utf-8").split("\n") if line]


def table(name: str) -> pa.Table:
    return pq.read_table(file(name))
