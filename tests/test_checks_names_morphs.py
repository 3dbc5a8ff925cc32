"""Korean names found with the help of morphemes: the real Kiwi and the packaged weights."""

from __future__ import annotations

import sys
from itertools import pairwise, product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.checks import names_morphs
from bongsu.checks.names import MORPHS, Names, model
from bongsu.checks.names_map import BITS, tokens
from bongsu.checks.names_map import features as numbers
from bongsu.checks.names_morphs import Morpheme, MorphemesError, features, morphemes, told
from bongsu.policy import parse

TEXT = "김철수는 어제 박영희 교수와 서울에서 만났다."


def said(text: str, names: Names) -> list[tuple[str, str]]:
    return [(f.kind, text[f.start:f.end]) for f in names.look(text)]


def test_morphemes_stand_where_they_are_in_the_text() -> None:
    text = "😀 x " + TEXT
    found = morphemes(text, 4, len(text))
    assert [text[m.start:m.end] for m in found if m.tag == "NNP"] == ["김철수", "박영희", "서울"]
    assert found[1] == Morpheme("는", "JX", 7, 8)


def test_half_a_surrogate_pair_moves_nothing() -> None:
    text = "\ud83d " + TEXT
    assert next(text[m.start:m.end] for m in morphemes(text, 0, len(text)) if m.tag == "NNP") == "김철수"


def test_every_token_is_told_of_its_morpheme_and_their_neighbours() -> None:
    found = tokens("철수는 왔", "ko", 0, 5)
    known = [Morpheme("철수", "NNP", 0, 2), Morpheme("는", "JX", 2, 3), Morpheme("오", "VV", 4, 5),
             Morpheme("았", "EP", 4, 5)]
    rows = [row for row in told("철수는 왔", found, known, ()) if row is not None]
    assert [row[:3] for row in rows] == [
        ("NNP 0 2", "NNP 0 철수", "< NNP 0"), ("NNP 1 2", "NNP 1 철수", "< NNP 1"), ("JX 0 1", "JX 0 는", "NNP JX 0"),
        ("EP 0 1", "EP 0 았", "VV EP 0")]
    assert {len(row) for row in rows} == {16}
    assert [*told("철수는 왔", found, known)] == [*rows[:3], None], "no name has the past tense"


def test_what_is_in_no_name_has_no_features_and_leaves_those_of_others_as_they_are() -> None:
    found = tokens(TEXT, "ko", 0, len(TEXT))
    whole = numbers(TEXT, found, MORPHS, features(TEXT, found, ()))
    asked = numbers(TEXT, found, MORPHS, features(TEXT, found))
    assert all(a == b for a, b in zip(whole, asked, strict=True) if b)
    left_out = {TEXT[t.start:t.end] for t, ids in zip(found, asked, strict=True) if not ids}
    assert {"에", "서", "다", "."} <= left_out
    assert left_out.isdisjoint("김철수박영희울")


def test_a_token_in_no_name_is_certain_and_its_neighbours_sums_begin_anew() -> None:
    tagger, text = model(MORPHS), "박영희를 김철수는 만났다."
    found = tokens(text, "ko", 0, len(text))
    odds = tagger._marginals(text, found)
    known = names_morphs.features(text, found)
    assert all(row == [1.0, *[0.0] * (len(tagger.labels) - 1)]
               for row, said in zip(odds, known, strict=True) if said is None)
    assert all(abs(sum(row) - 1) < 1e-9 for row in odds)
    first = known.index(None)  # all before it, alone, with an O behind
    brute = [[0.0] * len(tagger.labels) for _ in range(first)]
    weighed = tagger._weighed(text, found)[:first]
    for path in product(range(len(tagger.labels)), repeat=first):
        weight = prod(e[y] for e, y in zip(weighed, path, strict=True)) * prod(
            tagger.moves[a][b] for a, b in pairwise((*path, 0)))
        for i, y in enumerate(path):
            brute[i][y] += weight
    for row, sums in zip(odds, brute, strict=False):
        assert row == pytest.approx([s / sum(sums) for s in sums])


def test_what_is_in_no_morpheme_is_told_so() -> None:
    found = tokens("가나", "ko", 0, 2)
    assert [row[0] for row in told("가나", found, [])] == ["< 1 0", "< 2 0"]
    assert [*features("", [])] == []


def test_its_features_have_a_place_in_the_table() -> None:
    found = tokens(TEXT, "ko", 0, len(TEXT))
    rows = numbers(TEXT, found, MORPHS, features(TEXT, found))
    assert all(0 <= i < 1 << BITS[MORPHS] for row in rows for i in row)


@pytest.mark.req("D3")
def test_names_are_found_without_their_particles() -> None:
    names = Names(morphology=True)
    text = "담당자 김철수는 자리에 없고, 박영희가 대신 받았습니다."
    assert said(text, names) == [("person", "김철수"), ("person", "박영희")]
    assert said("My name is Karen Smith.", names) == [("person", "Karen Smith")]
    assert said("오늘 회의는 3시에 시작합니다.", names) == []


@given(st.text(alphabet="김철수박영희는가 .!?\n😀a1\ud83d", max_size=60))
@settings(max_examples=40, deadline=None)
def test_findings_are_places_of_the_text_and_none_overlap(text: str) -> None:
    found = sorted(Names(threshold=0.1, morphology=True).look(text), key=lambda f: f.start)
    assert all(0 <= f.start < f.end <= len(text) for f in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_an_installation_without_kiwi_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    names_morphs._kiwi.cache_clear()
    with pytest.raises(MorphemesError, match=r"an installation without it; pip install 'bongsu\[korean\]'"):
        Names(morphology=True).look(TEXT)
    assert Names().look(TEXT)
    names_morphs._kiwi.cache_clear()


def test_its_weights_are_packed_like_the_others_and_a_policy_asks_for_them() -> None:
    assert model(MORPHS).head["labels"] == model("ko").head["labels"]
    guard, = parse("bongsu: 1\nservice: {name: b}\nguards:\n  n: {check: names, morphology: true, on: store, "
                   "act: tokenise}\n", "p.yaml", {}).guards
    assert guard.check == Names(morphology=True)
