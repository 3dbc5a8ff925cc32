"""Tokens and aliases: what stands in for personal data, and the way back."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.checks.pii import Pii
from bongsu.ports import Finding
from bongsu.privacy.tokens import Aliases, Restorer, Tokeniser, beside_tokens, in_json

KEY = bytes(range(32))
TEXT = "홍길동 hong@example.com, 010-1234-5678 그리고 hong@example.com입니다"


@pytest.mark.req("X2")
def test_a_token_is_the_same_for_the_same_value_and_tells_nothing_of_it() -> None:
    token = Tokeniser(KEY).token("kr_rrn", "900101-1234568")
    assert token == Tokeniser(KEY).token("kr_rrn", "9001011234568")
    assert re.fullmatch(r"KR_RRN_[A-Z2-7]{16}", token)


@pytest.mark.parametrize(("kind", "one", "other"), [
    ("phone", "010-1234-5678", "+82 10 1234 5678"),
    ("phone", "010-1234-5678", "０１０－１２３４－５６７８"),
    ("card", "4012 8888 8888 1881", "4012888888881881"),
    ("email", "Hong@Example.com", "hong@example.com"),
    ("iban", "GB82 WEST 1234 5698 7654 32", "gb82west12345698765432"),
])
def test_layouts_of_one_value_have_one_token(kind, one, other) -> None:
    assert Tokeniser(KEY).token(kind, one) == Tokeniser(KEY).token(kind, other)


def test_another_key_kind_or_value_is_another_token() -> None:
    a, b = Tokeniser(KEY), Tokeniser(KEY[::-1])
    tokens = {a.token("email", "a@b.co"), b.token("email", "a@b.co"), a.token("key", "a@b.co"),
              a.token("email", "b@b.co")}
    assert len(tokens) == 4


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes, came 3"):
        Tokeniser(b"abc")


def test_masking_replaces_every_finding_and_nothing_else() -> None:
    masked = Tokeniser(KEY).mask(TEXT, Pii().look(TEXT))
    assert re.fullmatch(r"홍길동 (EMAIL_\w{16}), PHONE_\w{16} 그리고 \1입니다", masked)


@given(st.text(min_size=1, max_size=30),
       st.lists(st.tuples(st.integers(0, 29), st.integers(1, 30), st.floats(0, 1)), max_size=6))
def test_no_character_of_a_finding_survives_masking_even_where_findings_overlap(text, places) -> None:
    findings = [Finding("email", a % len(text), a % len(text) + 1 + b % (len(text) - a % len(text)), s)
                for a, b, s in places]
    hidden = {i for f in findings for i in range(f.start, f.end)}
    rest = "".join(ch for i, ch in enumerate(text) if i not in hidden)
    out = Tokeniser(KEY).mask(text, findings)
    if "EMAIL_" not in text:
        assert re.sub(r"EMAIL_[A-Z2-7]{16}", "", out) == rest


def test_a_finding_of_another_text_is_an_error_not_a_leak() -> None:
    with pytest.raises(ValueError, match="was it found in another text"):
        Tokeniser(KEY).mask("short", [Finding("email", 2, 50)])


# ---- aliases ----

def test_what_is_hidden_comes_back_and_the_model_sees_none_of_it() -> None:
    names = Aliases()
    hidden = names.hide(TEXT, Pii().look(TEXT))
    assert hidden == "홍길동 [[EMAIL_1]], [[PHONE_1]] 그리고 [[EMAIL_1]]입니다"
    assert names.restore(hidden) == TEXT


def test_one_value_has_one_alias_in_all_messages_of_a_request() -> None:
    names = Aliases()
    names.hide("a@b.co", [Finding("email", 0, 6)])
    assert names.hide("c@d.co a@b.co", [Finding("email", 0, 6), Finding("email", 7, 13)]) == "[[EMAIL_2]] [[EMAIL_1]]"


@pytest.mark.parametrize("edited", [
    "[[EMAIL_1]]는", "[[email_1]]", "[[ EMAIL_1 ]]", r"[[EMAIL\_1]]", r"\[\[EMAIL\_1\]\]", "[[[EMAIL_1]]]",
])
def test_an_alias_that_the_model_edited_is_still_known(edited) -> None:
    names = Aliases()
    names.hide("a@b.co", [Finding("email", 0, 6)])
    assert "a@b.co" in names.restore(edited)


def test_only_aliases_of_this_request_are_turned_back() -> None:
    mine, other = Aliases(), Aliases()
    mine.hide("a@b.co", [Finding("email", 0, 6)])
    text = "[[EMAIL_1]] [[EMAIL_2]] [[PHONE_1]]"
    assert other.restore(text) == text
    assert mine.restore(text) == "a@b.co [[EMAIL_2]] [[PHONE_1]]"


@pytest.mark.parametrize("typed", ["[[EMAIL_1]]", "[[email_1]]", r"\[\[EMAIL\_1\]\]", "[[TEXT_2]]", "[[ KR_RRN_3 ]]"])
def test_what_a_user_typed_like_an_alias_comes_back_as_typed(typed) -> None:
    """It must not turn into the data of whoever has that alias, before or after it was issued."""
    names = Aliases()
    before = names.hide(f"what is {typed}?", [])
    names.hide("a@b.co", [Finding("email", 0, 6)])
    after = names.hide(f"say {typed}", [])
    assert typed not in before + after
    assert names.restore(before) == f"what is {typed}?"
    assert names.restore(after) == f"say {typed}"


def test_typing_the_alias_of_a_typed_look_alike_gains_nothing() -> None:
    names = Aliases()
    assert names.restore(names.hide("[[TEXT_1]] and [[TEXT_2]]", [])) == "[[TEXT_1]] and [[TEXT_2]]"


def test_a_value_is_not_read_again_for_aliases() -> None:
    names = Aliases()
    names.hide("a@b.co", [Finding("email", 0, 6)])
    hidden = names.hide("my key is [[EMAIL_1]]", [Finding("key", 10, 21)])
    assert names.restore(hidden) == "my key is [[EMAIL_1]]"


def test_a_value_inside_json_is_escaped() -> None:
    names = Aliases()
    hidden = names.hide('say "hi"\n', [Finding("text", 4, 9)])
    arguments = json.dumps({"body": hidden})
    assert json.loads(names.restore(arguments, in_json)) == {"body": 'say "hi"\n'}


# ---- streams ----

def issued() -> Aliases:
    names = Aliases()
    names.hide("a@b.co 010-1234-5678 900101-1234568",
               [Finding("email", 0, 6), Finding("phone", 7, 20), Finding("kr_rrn", 21, 35)])
    return names


PARTS = ("[", "[[", "]]", "]", "\\", "[[EMAIL_1]]", "[[PHONE_1]]", r"\[\[KR\_RRN\_1\]\]", "[[EMAIL_12]]", "EMAIL", "_1",
         " ", "[[ email_1 ]]", "는", "x", "[[X_1]]")


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join), st.lists(st.integers(0, 200), max_size=20))
def test_a_stream_restores_to_the_same_text_however_it_is_cut(text, cuts) -> None:
    names = issued()
    ends = [*sorted({c % (len(text) + 1) for c in cuts}), len(text)]
    stream, out, begin = Restorer(names), [], 0
    for end in ends:
        out.append(stream.feed(text[begin:end]))
        begin = end
    assert "".join(out) + stream.close() == names.restore(text)


def test_a_stream_holds_back_only_what_may_become_an_issued_alias() -> None:
    stream = Restorer(issued())
    sent = [stream.feed(c) for c in ("see [", "1] or [[", "EMA", "IL_1]", "] [[EMU", " a[[EMAIL_9")]
    assert sent == ["see ", "[1] or ", "", "", "a@b.co [[EMU", " a[[EMAIL_9"]
    assert stream.close() == ""


def test_a_bracket_inside_what_is_no_alias_may_still_begin_one() -> None:
    stream = Restorer(issued())
    assert stream.feed("[[EMAILx\\]\\") + stream.feed(r"[\[EMAIL\_1\]\]") + stream.close() == "[[EMAILx\\]a@b.co"


def test_an_unfinished_alias_is_sent_as_it_is_at_the_end() -> None:
    stream = Restorer(issued())
    assert (stream.feed("to [[EMAIL_"), stream.close()) == ("to ", "[[EMAIL_")


def test_a_request_without_aliases_is_passed_through_at_once() -> None:
    assert Restorer(Aliases()).feed("array[[") == "array[["


@pytest.mark.parametrize("piece", ["[", "[[A", "[[EMAIL_1]]", "\\", "[[A_"])
def test_hostile_repetition_is_restored_however_long(piece) -> None:
    """What grows with the square of a text's length does not end within a test's time at this length."""
    names, text = issued(), (piece * 1_000_000)[:1_000_000]
    assert names.restore(names.hide(text, [])) == text


@given(st.text("ab K김", max_size=8), st.text("ab K김", max_size=8), st.integers(0, 30), st.integers(1, 30))
def test_what_is_a_token_already_is_not_masked_again_and_all_beside_it_is(before, after, start, length):
    tokens = Tokeniser(bytes(32))
    token = tokens.token("email", "kim@example.com")
    text = f"{before} {token} {after}"
    start = min(start, len(text) - 1)
    found = Finding("person", start, min(len(text), start + length))
    begin = len(before) + 1
    hidden = {i for f in beside_tokens(text, [found]) for i in range(f.start, f.end)}
    asked = set(range(found.start, found.end)) - set(range(begin, begin + len(token)))
    assert hidden <= asked
    assert not any(text[i].strip() for i in asked - hidden)
    assert token in tokens.mask(text, beside_tokens(text, [found]))
