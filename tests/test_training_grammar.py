"""The sentences with slots that the injection check is trained on: what the file means, and that it stays the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "training"))

import documents
import grammar

FILES = sorted(path for path in grammar.FILE.parent.glob("*.txt") if path.name != "documents.txt")


def test_the_grammar_gives_the_same_texts_every_time_and_none_twice() -> None:
    first, second = list(grammar.Grammar().texts()), list(grammar.Grammar().texts())
    assert first == second
    assert len({t.text for t in first}) == len(first) > 4000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_slot_is_filled_and_has_its_words_once(path: Path) -> None:
    named = [line[1:].split(" = ")[0] for line in path.read_text(encoding="utf-8").splitlines()
             if line.startswith("$")]
    assert sorted(set(named)) == sorted(named)
    slots = {f"{{{name}}}" for name in named}
    assert not [t.text for t in grammar.Grammar(path).texts() if any(slot in t.text for slot in slots)]


def test_attacks_stand_beside_look_alikes_in_every_language() -> None:
    texts = [t for path in FILES for t in grammar.Grammar(path).texts()]
    for lang in {t.lang for t in texts}:
        assert {t.label for t in texts if t.lang == lang} >= {0, 1}


def test_a_name_once_drawn_stays_the_same_in_a_text() -> None:
    slots = {"name": ["A", "B", "C", "D"], "word": ["x", "y", "z"]}
    for n in range(20):
        said = grammar.expand("{name} {name} {name} {word}", slots, grammar.Draw(str(n))).split()
        assert len(set(said[:3])) == 1


def test_braces_that_are_no_slot_and_bars_of_a_mark_are_kept() -> None:
    assert grammar.expand('{"role": {x}}', {"x": ["1"]}, grammar.Draw("")) == '{"role": 1}'
    assert grammar.choices("a | <|end|> |") == ["a", "<|end|>", ""]


def test_a_line_of_the_grammar_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("2 en: what\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"g.txt: expected '1 en 12: text'"):
        list(grammar.Grammar(tmp_path / "g.txt").texts())


def test_documents_are_the_same_every_time_with_a_task_a_request_or_nothing_put_in() -> None:
    made = [*documents.ours(documents.CLEAN)[::40], *list(documents.tables())[::40]]
    tasks, requests = documents.ours(documents.TASK), documents.ours(documents.REQUEST)
    first = list(documents.documents(made, tasks, requests))
    assert first == list(documents.documents(made, tasks, requests))
    assert len(first) == 3 * len(made)
    for found in first:
        assert found.kind != documents.TASK or found.planted in found.text
        assert (found.planted == "") == (found.kind == documents.CLEAN)
        assert "{word}" not in found.text


def test_every_slot_of_the_documents_is_filled() -> None:
    slots = grammar.Grammar(documents.FILE).slots
    texts = [p.text for kind in (documents.CLEAN, documents.TASK, documents.REQUEST) for p in documents.ours(kind)]
    assert not [text for text in texts for name in slots if f"{{{name}}}" in text]
    assert len(texts) > 2000
