"""The quick ways that the injection check goes are the plain ones: the same words, tongue, features for any text."""

from __future__ import annotations

import re
from itertools import pairwise
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.checks import folded as folding
from bongsu.checks import injection_map as quick
from bongsu.checks.flat import spelled
from bongsu.checks.folded import folded
from bongsu.checks.hashed import MASK, SIZE, hashed, raised, total
from bongsu.checks.injection_ideas import IDEAS

OTHER = re.compile(r"[^\x00-\x7f가-힣ㄱ-ㅣ]")
STEMS = {crc32(folded(stem).words[0][:6]): idea for stem, idea in IDEAS.items()}
SOME = st.sampled_from(["ignore", "previous", "instructions", "you", "이전", "지시", "무시", "시스템", "프롬프트를",
                        "der", "und", "ist", "the", "of", "회의실에서", "extraordinarily", "1gn0r3", "пароль", "忘れて",
                        "a", "é"])
TEXTS = st.text(max_size=200) | st.lists(SOME, max_size=150).map(" ".join) | st.lists(SOME, max_size=60).map(".-".join)

TABLE = [n * n % 255 - 127 for n in range(SIZE)]


def plain_features(tokens: list[bytes]) -> list[set[int]]:
    """The features of each window, word by word and pair by pair."""
    stems = [crc32(w[:6]) for w in tokens]
    rows: list[set[int]] = []
    for at in range(0, len(tokens), quick.BLOCK):
        here = range(at, min(at + quick.BLOCK, len(tokens)))
        row = {stems[n] & MASK for n in here} | {(stems[n - 1] ^ stems[n] >> 7) & MASK for n in here if n}
        row |= {crc32(tokens[n][6:12], 1) & MASK for n in here if len(tokens[n]) > 8}
        ideas = [(n, STEMS[stems[n]]) for n in here if stems[n] in STEMS]
        for at_, (n, one) in enumerate(ideas):
            row |= {(one * 7919 + copy * 104729) & MASK for copy in range(quick.COPIES)}
            for m, two in ideas[at_ + 1:at_ + 3]:
                if m - n <= quick.NEAR and one != two:
                    row |= {((one * 64 + two) * 15485863 + copy * 32452843 + 11) & MASK for copy in range(quick.COPIES)}
        rows.append(row)
    return [one | two for one, two in pairwise(rows)] or rows or [set()]


@settings(deadline=None)
@given(TEXTS)
def test_features_are_those_of_words_pairs_and_ideas_one_by_one(text: str) -> None:
    for seen in quick.views(text):
        windows = list(quick.windows(seen))
        assert windows == plain_features(seen.words)
        assert all(total(ids, raised(TABLE)) == sum(TABLE[one] for one in ids) for ids in windows)


@settings(deadline=None)
@given(TEXTS)
def test_words_are_runs_of_letters_and_digits(text: str) -> None:
    found = folded(text)
    if not OTHER.search(found.text):
        runs = [run.decode() for run in re.findall(rb"[a-z0-9\x80-\xff]+", found.text.encode())]
        assert found.words == [folding._short(run) for run in runs]
    assert found.words == [word for words, _ in found.sentences for word in words]
    assert b" " not in b"".join(found.words)
    assert all(found.words)


def test_no_sign_that_parts_words_is_part_of_a_word_in_any_script() -> None:
    signs = [chr(n) for n in range(0x110000) if folding._SIGNS.fullmatch(chr(n))]
    assert len(signs) > 1000
    assert not [sign for sign in signs if folding._RUN.findall(f"a{sign}b") != ["a", "b"]]
    assert not [sign for sign in signs if re.match(r"\w", sign)]
    for sign in "“”‘’…—·、。「」":
        assert quick.words(f"말해{sign}줘 it{sign}s") == [w.encode() for w in ("말해", "줘", "it", "s")]


@settings(deadline=None)
@given(st.text("가나ㅋㅠㅎa1 _.“·。", max_size=40))
def test_single_letters_of_hangul_are_words_of_another_script_where_they_begin_one(text: str) -> None:
    runs = re.findall(r"[^\W_]+", folded(text).text)
    assert folded(text).words == [folding._short(run) for run in runs]


@settings(deadline=None)
@given(TEXTS)
def test_what_is_plain_is_its_own_spelling_in_small_letters(text: str) -> None:
    assert spelled(text).plain == (not OTHER.search(text))
    if spelled(text).plain:
        assert folded(text).text == text.lower()
        assert folded(text).data == text.lower().encode()
    assert folded(text).plain == (not OTHER.search(folded(text).text))


@settings(deadline=None)
@given(st.lists(SOME | st.text(min_size=1, max_size=4), max_size=20).map(" ".join))
def test_a_tongue_is_told_by_how_words_begin_and_by_short_words(text: str) -> None:
    tokens = folded(text).words
    hangul = sum(b"\xea\xb0\x80" <= w < b"\xed\x9e\xa4" for w in tokens)
    foreign = len(quick.FOREIGN & set(tokens)) > len(quick._COMMON & set(tokens))
    far = 2 * sum(w.startswith(b"\xff") for w in tokens) > len(tokens)
    assert quick.tongue(folded(text)) == (1 if tokens and 2 * hangul >= len(tokens) else 2 if foreign or far else 0)


@given(st.lists(st.binary(min_size=1, max_size=14) | st.binary(min_size=254, max_size=258), max_size=40))
def test_words_are_hashed_together_as_they_would_be_one_by_one(words: list[bytes]) -> None:
    found, long = hashed(words), [w for w in words if len(w) > 8]
    assert found.stems == [crc32(w[:6]) for w in words]
    assert found.features[::2] == [s & MASK for s in found.stems]
    assert found.features[3::2] == [(a ^ b >> 7) & MASK for a, b in pairwise(found.stems)]
    assert found.features[1:2] == found.features[:1]
    assert found.rests == [crc32(w[6:12], 1) & MASK for w in long]
    assert [w for w, is_long in zip(words, found.long, strict=True) if is_long] == long
    assert list(found.sizes) == [min(len(w), 255) for w in words]


@settings(deadline=None)
@given(st.text("aZ09+/_-%: =é가", max_size=120) | st.from_regex(r"x?([0-9A-F]{2}[ :]){11,13}", fullmatch=True)
       | st.from_regex(r"가 [a-z_-]{22,26}|(%[0-9a-f]{2}){3,5}", fullmatch=True))
def test_what_may_be_coded_is_told_by_a_quick_look_that_misses_nothing(text: str) -> None:
    if quick._CODED.search(text):
        assert quick._may_be_coded(text)


@settings(deadline=None)
@given(st.text("ab13@! 가é\n", max_size=60))
def test_digits_that_may_stand_for_letters_are_told_by_a_quick_look_that_misses_nothing(text: str) -> None:
    seen = folded(text)
    assert seen.data.translate(quick._MAY_BE_LEET).count(b"1a") >= len(quick._LEET.findall(seen.text))
