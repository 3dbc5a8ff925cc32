"""The prompts of ``sealed`` stay out of the training, and what the check makes of them stays as good as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import sealedkit

sys.path.append(str(Path(__file__).parents[1] / "training"))

import grammar

LABELLED = ("injection_ko", "everyday_en", "everyday_ko")


def every() -> list[sealedkit.Prompt]:
    return [*(p for name in LABELLED for p in sealedkit.prompts(name)), *sealedkit.planted()]


def test_none_of_the_sealed_prompts_is_one_of_the_training() -> None:
    home = grammar.FILE.parent
    taught = {t.text for path in home.glob("*.txt") for t in grammar.Grammar(path).texts()}
    taught |= {line.split("\t")[2] for line in (home / "seeds.tsv").read_text(encoding="utf-8").splitlines()}
    assert not {p.text for p in every()} & taught


@pytest.mark.parametrize(("label", "lang", "least"), [(1, "ko", 30), (0, "ko", 200), (0, "en", 150), (1, "en", 19)])
def test_there_are_enough_of_each_kind_and_no_two_alike(label: int, lang: str, least: int) -> None:
    texts = [p.text for p in every() if (p.label, p.lang) == (label, lang)]
    assert len(texts) >= least
    assert len(set(texts)) == len(texts)
