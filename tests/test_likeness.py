"""A text as 64 bits and a cell: what is nearly the same is near, what is not is far, and the key decides both."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.likeness import BITS, CELLS, FEWEST_WORDS, LONGEST, MOST_WORDS, NEAR, apart, sketch, words

KEY = b"a key of a test"
WORDS = [first + second for first in ("ka", "lo", "mi", "nu", "pe", "ra", "so", "ti", "vu", "ze")
         for second in ("bani", "cuder", "dolim", "fasen", "gorat", "hilup", "jemon", "kuvar", "lozin", "mepad")]
BITS_64 = st.integers(0, 2**BITS - 1)


@given(st.text(max_size=400), st.binary(max_size=64))
def test_every_text_has_a_sketch_or_is_too_short_for_one(text: str, key: bytes) -> None:
    seen = sketch(text, key)
    assert (seen is None) == (len(words(text)) < FEWEST_WORDS)
    if seen is not None:
        assert 0 <= seen.bits < 2**BITS
        assert 0 <= seen.cell < CELLS
        assert sketch(text, key) == seen


@given(st.lists(st.sampled_from(WORDS), min_size=FEWEST_WORDS, max_size=MOST_WORDS - 1),
       st.randoms(use_true_random=False))
def test_case_spacing_punctuation_numbers_and_order_change_nothing(said: list[str], chance: random.Random) -> None:
    plain = sketch(" ".join([*said, "17"]), KEY)
    mixed = [*map(str.upper, said), "9000"]
    chance.shuffle(mixed)
    assert sketch(" ,\n ".join(mixed) if len(said) < 100 else " ".join(mixed), KEY) == plain


@given(BITS_64, BITS_64, BITS_64)
def test_how_far_apart_is_a_distance(a: int, b: int, c: int) -> None:
    assert apart(a, a) == 0
    assert (apart(a, b) == 0) == (a == b)
    assert apart(a, b) == apart(b, a) <= BITS
    assert apart(a, c) <= apart(a, b) + apart(b, c)


def test_one_word_in_fifty_is_near_and_other_texts_are_far() -> None:
    chance = random.Random(3)
    texts = [chance.sample(WORDS, 50) for _ in range(60)]
    near = []
    for n, text in enumerate(texts):
        other = [*text[:10], f"other{chr(97 + n % 26)}{chr(97 + n // 26)}", *text[11:]]
        one, two = sketch(" ".join(text), KEY), sketch(" ".join(other), KEY)
        assert one is not None
        assert two is not None
        near.append(apart(one.bits, two.bits) <= NEAR)
    assert sum(near) >= 57
    unlike = [s.bits for i in range(40) if (s := sketch(" ".join(f"w{i}x{chr(97 + j)}q" for j in range(20)), KEY))]
    assert not any(apart(a, b) <= NEAR for a, b in combinations(set(unlike), 2))


def test_the_key_decides_bits_and_cell() -> None:
    """Without it nobody can tell what was said: under 50 keys the same words are far apart and in other cells."""
    seen = [s for n in range(50) if (s := sketch("please reset the password of my account", bytes([n])))]
    assert min(apart(a.bits, b.bits) for a, b in combinations(seen, 2)) > NEAR
    assert len({s.cell for s in seen}) > 40


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert sketch("word " * LONGEST, KEY) == sketch("word " * LONGEST * 2, KEY)
    assert len(words("a " * LONGEST)) == MOST_WORDS


@pytest.mark.req("D9")
def test_a_caller_who_keeps_to_a_subject_meets_few_cells_and_one_who_asks_about_everything_many() -> None:
    chance = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyz"
    broad = {s.cell for _ in range(500)
             if (s := sketch(" ".join("".join(chance.choices(letters, k=8)) for _ in range(12)), KEY))}
    narrow = {s.cell for _ in range(500) if (s := sketch(" ".join(chance.sample(WORDS, 12)), KEY))}
    assert len(narrow) < 80
    assert len(broad) > 400


@pytest.mark.parametrize("text", ["비밀번호를 재설정하는 방법을 알려 주세요", "ＰＬＥＡＳＥ ｒｅｓｅｔ ｍｙ ｐａｓｓ",
                                  "\ud800 lone surrogate in here"])
def test_other_scripts_and_broken_texts_have_sketches_too(text: str) -> None:
    assert sketch(text, KEY) is not None
