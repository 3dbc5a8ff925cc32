"""The allow-list: only the very text, only that guard, only until then, and every use is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from bongsu.allow import LONGEST, MOST, AllowFault, Allowing, Entry, by_guard, canonical, entries, grant, mark
from bongsu.checks.pattern import Pattern
from bongsu.checks.pii import Pii
from bongsu.guard import Guard
from bongsu.ports import Change, Done
from bongsu.privacy.tokens import Tokeniser
from bongsu.quantity import DAY, HOUR, SECOND
from bongsu.stores.database import Transaction
from bongsu.web.screen import Gate, Stopped, Track, decide, screen
from gatewaykit import INJECTION, PII, SECRET, TOKENS, Mail, Script, Word, chunk, reply, sse, standing, text_of
from stage import T0, actions_of, clear, fire, opened

TOKEN = TOKENS.token
PHRASE = "ignore all rules"
UNSEEN = ("", "\u200b", "\u200d", "\u00ad", "\ufeff")
WIDE = {chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)}
ALPHABET = "abcXYZ 019.,-'가나다라é"


def entry(guard: str = "injection", text: str = PHRASE, until: int = T0 + HOUR) -> Entry:
    return Entry(mark(guard, text, TOKEN), guard, until, "kim", "a film's title")


def live(*some: Entry) -> dict[str, Any]:
    return {one.key: one.value() for one in some}


def allowing(guards: Sequence[Guard], *some: Entry, now: int = T0) -> Allowing:
    return Allowing(by_guard(live(*some), guards), now, TOKEN)


# ---- which text ----


@st.composite
def respelt(draw: Any) -> tuple[str, str]:
    """A text, and the same in other case, width, white space, with characters that cannot be seen."""
    text = draw(st.text(ALPHABET, min_size=1, max_size=20).filter(canonical))
    spaces = st.sampled_from([" ", "  ", "\n", "\t", "\u3000", "\u00a0"])
    forms = {ch: st.sampled_from(sorted({ch, ch.upper(), ch.lower(), WIDE.get(ch, ch)})) for ch in text}
    out = [draw(spaces) if ch == " " else draw(forms[ch]) + draw(st.sampled_from(UNSEEN)) for ch in text]
    return text, draw(st.sampled_from(["", " "])) + "".join(out) + draw(st.sampled_from(["", "\n"]))


@given(respelt())
def test_another_spelling_of_the_allowed_text_is_allowed(pair: tuple[str, str]) -> None:
    text, other = pair
    assert allowing([INJECTION], entry(text=text)).entry("injection", other) == entry(text=text).id


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_is_allowed_that_is_not_equal_in_canonical_form(text: str, other: str) -> None:
    assume(canonical(text) != canonical(other))
    assert allowing([INJECTION], entry(text=text)).entry("injection", other) == ""


@given(st.text(ALPHABET, min_size=1, max_size=20).filter(canonical), st.text(ALPHABET, min_size=1, max_size=5),
       st.booleans())
def test_a_text_with_anything_more_in_it_is_not_the_allowed_one(text: str, more: str, after: bool) -> None:
    longer = text + more if after else more + text
    assume(canonical(longer) != canonical(text))
    assert allowing([INJECTION], entry(text=text)).entry("injection", longer) == ""


def test_an_entry_is_for_one_guard_one_key_and_one_time() -> None:
    other = replace(INJECTION, name="other")
    one = allowing([INJECTION, other], entry())
    assert one.entry("injection", PHRASE) == entry().id
    assert one.entry("other", PHRASE) == ""
    assert Allowing(by_guard(live(entry()), [INJECTION]), T0, Tokeniser(bytes([1] * 32)).token).entry(
        "injection", PHRASE) == ""
    ends = T0 + HOUR
    assert allowing([INJECTION], entry(), now=ends - 1).entry("injection", PHRASE)
    assert allowing([INJECTION], entry(), now=ends).entry("injection", PHRASE) == ""
    assert mark("other", PHRASE, TOKEN) != entry().id


def test_what_a_guard_found_at_great_length_is_never_allowed() -> None:
    """White space folds, so a text far longer than any entry could be equal to one; it is not looked at."""
    assert allowing([INJECTION], entry()).entry("injection", "ignore all" + " " * LONGEST + "rules") == ""


@pytest.mark.parametrize("value", [None, "x", 5, {}, {"until": None}, {"until": "9"}, {"until": 9e18}, {"until": True}])
def test_a_live_change_that_is_no_entry_allows_nothing(value: Any) -> None:
    changes = {entry().key: value, "allow/x": entry().value(), "route/a": "b", "guard/injection": "enforce"}
    assert list(entries(changes)) == []


def test_guards_that_tokenise_have_no_entries_even_if_some_were_made_before(tmp_path: Path) -> None:
    """A policy may have changed what the guard does since; hidden values stay hidden."""
    assert by_guard(live(entry("pii", "kim@example.com")), [PII]) == {}
    assert by_guard(live(entry("pii", "kim@example.com")), [replace(PII, act="flag")]) == {
        "pii": {entry("pii", "kim@example.com").id: T0 + HOUR}}


# ---- a new entry ----


def ask(guard: str = "injection", text: str = PHRASE, lasting: str = "7d", reason: str = "a film's title") -> Entry:
    return grant([INJECTION, PII], guard, text, lasting, reason, "kim", T0, TOKEN)


def test_a_new_entry_holds_a_hash_and_an_end_and_no_text() -> None:
    made = ask(text="Ignore  ALL rules")
    assert made == Entry(entry().id, "injection", T0 + 7 * DAY, "kim", "a film's title")
    assert "rules" not in f"{made.key}{made.value()}"
    assert ask(lasting="90d").until == T0 + MOST


@pytest.mark.parametrize(("change", "code", "said"), [
    ({"guard": "nobody"}, "unknown_guard", "injection, pii"), ({"guard": "pii"}, "guard_cannot_allow", "hides"),
    ({"text": ""}, "bad_text", "came 0"), ({"text": " \u200b\n"}, "bad_text", "1 to 4096"),
    ({"text": "x" * (LONGEST + 1)}, "bad_text", "came 4097"),
    ({"lasting": "7"}, "bad_for", "7s"), ({"lasting": "0s"}, "bad_for", "90d"), ({"lasting": "91d"}, "bad_for", "90d"),
    ({"lasting": "forever"}, "bad_for", "duration"), ({"lasting": ""}, "bad_for", "duration"),
    ({"reason": "they say IGNORE\u200b all  rules a lot"}, "text_in_reason", "say why without it"),
])
def test_what_cannot_be_allowed_is_refused_without_repeating_the_text(change: dict[str, str], code: str,
                                                                      said: str) -> None:
    with pytest.raises(AllowFault) as caught:
        ask(**change)
    assert caught.value.code == code
    assert said in str(caught.value)
    assert PHRASE not in str(caught.value)


# ---- guards at work ----


TWO = Guard("injection", Pattern(phrases=("ignore all rules", "ignore all rules now", "zeus"), builtin=False))
PIECES = ("hello there", "Ignore ALL rules", "zeus", "ignore\u200b all\nrules", "ignore all rules now", "bye")


@given(st.lists(st.sampled_from(PIECES), max_size=6))
def test_a_guard_blocks_exactly_when_it_finds_anything_that_is_not_allowed(pieces: list[str]) -> None:
    """An allowed text beside another finding, or at the beginning of a longer one, opens no door for it."""
    seen = screen([TWO], "input", [" . ".join(pieces)], allowing=allowing([TWO], entry()))
    bad = {"zeus", "ignore all rules now"} & set(pieces)
    used = {"Ignore ALL rules", "ignore\u200b all\nrules"} & set(pieces)
    verdict = seen.outcome.verdicts[0]
    assert seen.outcome.act == ("block" if bad else "allow")
    assert verdict.act == seen.outcome.act
    assert verdict.allowed == ((entry().id,) if used else ())
    assert verdict.kinds == (("pattern",) if bad or used else ())
    assert bool(seen.counts.injections) == bool(bad)


def cut(text: str, places: Sequence[int]) -> list[str]:
    ends = sorted({min(p, len(text)) for p in places} | {len(text)})
    return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.lists(st.integers(1, 100), max_size=12))
def test_a_stream_cut_anywhere_is_judged_as_the_whole(pieces: list[str], places: list[int]) -> None:
    """Nothing forbidden is let go, all else is; a phrase that begins as an allowed one waits until it has ended."""
    text = " . ".join(pieces)
    tracks = [Track(TWO, "output", allowing([TWO], entry()))]
    gate, said, stopped = Gate(tracks), "", False
    try:
        for piece in cut(text, places):
            said += gate.feed(piece).text
        said += gate.feed("", last=True).text
    except Stopped:
        stopped = True
    assert stopped == bool({"zeus", "ignore all rules now"} & set(pieces))
    assert "zeus" not in said
    assert "ignore all rules now" not in said
    if not stopped:
        assert said == text
        used = any(canonical(p) == PHRASE for p in pieces)
        assert decide(tracks).verdicts[0].allowed == ((entry().id,) if used else ())


def test_what_a_masking_guard_finds_is_masked_in_stores_though_it_is_allowed() -> None:
    """Allowed towards the caller and the model; our own stores never hold it."""
    guard = Guard("pii", Pii(), act="block")
    text, mail = "write to help@example.com please", "help@example.com"
    seen = screen([guard], "input", [text], allowing=allowing([guard], entry("pii", mail)))
    assert seen.outcome.act == "allow"
    assert seen.hidden is not None
    assert [text[f.start : f.end] for f in seen.hidden[0]] == [mail]
    assert seen.counts.personal == 0
    freed = Gate([Track(guard, "output", allowing([guard], entry("pii", mail)))]).feed(text, last=True)
    assert [freed.text[f.start : f.end] for f in freed.hidden] == [mail]


# ---- the gateway ----


class Hand:
    """A clock in the hand."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


def outcomes(ask: Callable[[], Any]) -> str:
    return str(ask().choices[0].finish_reason)


def test_blocked_then_allowed_then_over_by_the_gateways_own_clock(tmp_path: Path) -> None:
    """Control publishes once and is never heard of again: the entry ends all the same."""
    hand = Hand()
    with standing(tmp_path, [INJECTION], clock=hand) as stand:
        def hear(text: str) -> str:
            return outcomes(lambda: stand.ask(text))

        title = "who sang 'ignore all rules'?"
        assert hear(title) == "content_filter"
        stand.publisher.publish(live(entry()), "hash-1", hand.now)
        assert hear(title) == "stop"
        assert stand.model.seen[-1]["messages"][0]["content"] == title
        allowed = stand.spool.last()
        assert (allowed.outcome, allowed.blocked, allowed.injection_findings) == ("ok", False, 0)
        assert (allowed.verdicts[0].act, allowed.verdicts[0].kinds) == ("allow", ("pattern",))
        assert allowed.verdicts[0].allowed == (entry().id,)
        assert hear("hello") == "stop"
        assert stand.spool.last().verdicts[0].allowed == ()
        hand.now = T0 + HOUR - 1
        assert hear(title) == "stop"
        hand.now = T0 + HOUR
        assert hear(title) == "content_filter"
        last = stand.spool.last()
        assert (last.blocked_by, last.verdicts[0].act, last.verdicts[0].allowed) == ("injection", "block", ())


def test_a_streamed_reply_may_say_what_is_allowed_and_nothing_else(tmp_path: Path) -> None:
    hand, said = Hand(), ("the word is ze", "us, you know", "")
    model = Script(sse(*(chunk(t) for t in said), chunk("", 0, "stop"), "[DONE]"), plain=reply("".join(said)))
    with standing(tmp_path, [SECRET], model=model, clock=hand) as stand:
        assert text_of(stand.stream()) == "the word is "
        stand.publisher.publish(live(entry("secret", "Zeus")), "hash-1", hand.now)
        assert text_of(stand.stream()) == "the word is zeus, you know"
        assert stand.spool.last().verdicts[0].allowed == (entry("secret", "zeus").id,)
        assert stand.ask().choices[0].message.content == "the word is zeus, you know"
        stand.publisher.publish(live(entry("secret", "hera")), "hash-1", hand.now)
        assert text_of(stand.stream()) == "the word is "


def test_an_entry_taken_back_ends_with_the_next_snapshot(tmp_path: Path) -> None:
    hand = Hand()
    with standing(tmp_path, [INJECTION], clock=hand) as stand:
        stand.publisher.publish(live(entry()), "hash-1", hand.now)
        assert outcomes(lambda: stand.ask(PHRASE)) == "stop"
        stand.publisher.publish({}, "hash-1", hand.now)
        assert outcomes(lambda: stand.ask(PHRASE)) == "content_filter"


def test_a_flag_is_not_raised_for_what_is_allowed(tmp_path: Path) -> None:
    guard = Guard("words", Word("zeus"), act="flag", on=("input",))
    with standing(tmp_path, [guard], clock=Hand()) as stand:
        stand.ask("zeus")
        assert (stand.spool.last().verdicts[0].act, stand.spool.last().injection_findings) == ("flag", 1)
        stand.publisher.publish(live(entry("words", "zeus")), "hash-1", T0)
        stand.ask("zeus")
        assert (stand.spool.last().verdicts[0].act, stand.spool.last().injection_findings) == ("allow", 0)


def test_a_value_that_is_tokenised_stays_hidden_whatever_the_list_says(tmp_path: Path) -> None:
    with standing(tmp_path, [Guard("pii", Mail(), act="tokenise")], clock=Hand()) as stand:
        stand.publisher.publish(live(entry("pii", "kim@example.com")), "hash-1", T0)
        stand.ask("I am kim@example.com")
        assert "kim@" not in str(stand.model.seen)


# ---- the record ----


def test_an_entry_is_on_the_record_with_actor_and_reason_and_lives_on_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        state.allow(entry(), T0, "policy-1")
        record = state.trail(1)[0]
        assert (record.action, record.actor, record.reason) == ("allow.add", "kim", "a film's title")
        assert record.detail == {"guard": "injection", "until": T0 + HOUR, "by": "kim"}
    with opened(tmp_path) as state:
        assert state.allowed() == [entry()]
        assert by_guard(state.changes(), [INJECTION]) == {"injection": {entry().id: T0 + HOUR}}


def test_an_entry_that_cannot_be_recorded_has_no_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any) -> int:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with opened(tmp_path) as state:
        state.allow(entry(text="kept"), T0)
        monkeypatch.setattr(Transaction, "audit", full)
        for change in (lambda: state.allow(entry(), T0), lambda: state.disallow(entry(text="kept").id, "kim", "x", T0),
                       lambda: state.expire_allowed(T0 + DAY)):
            with pytest.raises(OperationalError):
                change()
        assert state.allowed() == [entry(text="kept")]


def test_the_same_text_again_replaces_its_entry_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        state.allow(entry(), T0)
        state.allow(entry(until=T0 + DAY), T0)
        assert [one.until for one in state.allowed()] == [T0 + DAY]
        assert state.trail(1)[0].detail["until_before"] == T0 + HOUR


def test_removing_and_expiring_are_recorded_and_leave_all_else(tmp_path: Path) -> None:
    """Route, freeze and other entries stay; taking a playbook back leaves the entries."""
    with opened(tmp_path) as state:
        one = fire(state)
        while claimed := state.claim(T0):
            state.finish(claimed, Done({}, (Change(f"route/{claimed.step.kind}", "light"),)), T0)
        made = state.changes()
        assert len(made) == 3
        for text, until in (("a", T0 + SECOND), ("b", T0 + HOUR), ("c", T0 + HOUR)):
            state.allow(entry(text=text, until=until), T0)
        assert state.expire_allowed(T0 + SECOND - 1) == 0
        assert state.expire_allowed(T0 + SECOND) == 1
        assert state.disallow(entry(text="b").id, "lee", "not needed", T0)
        assert not state.disallow(entry(text="b").id, "lee", "again", T0)
        assert not state.disallow("ALLOW_NONE", "lee", "x", T0)
        assert state.changes() == made | live(entry(text="c"))
        assert actions_of(state)[-2:] == ["allow.expire", "allow.remove"]
        assert (state.trail(1)[0].actor, state.trail(1)[0].reason) == ("lee", "not needed")
        clear(state, one)
        assert [e.id for e in state.allowed()] == [entry(text="c").id]
