"""Fields that this version does not know: read like all others, and as they came where nothing is in them."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.web.surfaces.chat import ChatAsked
from bongsu.web.surfaces.messages import MessagesAsked
from gatewaykit import PII, Script, chunk, reply, sse, standing

MAIL = "minsu.kim@example.com"
HI = b'"model": "m", "messages": [{"role": "user", "content": "hi"}]'
numbers = st.integers(-2**53, 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(st.none() | st.booleans() | numbers | st.text(),
                      lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


def sent(body: bytes) -> bytes:
    """What goes on of a request in which guards read everything and replaced nothing."""
    asked = ChatAsked(body)
    asked.slots()
    asked.others()
    return asked.body(b'"up"')


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=("L",)), min_size=3).map(lambda n: f"x_{n}"),
                       values, max_size=4), st.sampled_from((None, 1, "\t")))
def test_what_nobody_replaces_goes_on_byte_for_byte(fields: dict[str, object], indent: int | str | None) -> None:
    written = {name: json.dumps(value, indent=indent).encode() for name, value in fields.items()}
    body = b"{" + b", ".join([HI, *(json.dumps(n).encode() + b": " + v for n, v in written.items())]) + b"}"
    came = msgspec.json.decode(sent(body), type=dict[str, msgspec.Raw])
    assert {name: bytes(came[name]) for name in written} == written


def test_numbers_keep_their_spelling() -> None:
    note = b'{ "a":1.50, "b" : 1e3,"c":"\\u0041" }'
    assert note in sent(b"{" + HI + b', "x_note": ' + note + b"}")


def test_of_two_names_alike_only_the_one_that_was_read_goes_on() -> None:
    """Else one could hide from the guards behind the other."""
    out = sent(b"{" + HI + b', "x_note": {"say": "' + MAIL.encode() + b'", "say": "x"}}')
    assert MAIL.encode() not in out
    assert json.loads(out)["x_note"] == {"say": "x"}


def test_ids_and_files_are_not_read() -> None:
    asked = MessagesAsked(b'{"model": "m", "messages": [], "previous_response_id": "a@b.com", "container": "a@b.com",'
                          b' "x": {"id": "a@b.com", "data": "a@b.com", "type": "a@b.com", "note": "here"}}')
    asked.slots()
    assert [slot.text for slot in asked.others()] == ["here"]


@pytest.mark.req("D3")
def test_a_note_of_the_callers_is_an_alias_to_the_model_and_itself_to_the_caller(tmp_path: Path) -> None:
    with standing(tmp_path, [PII], model=Script(plain=reply("noted: [[EMAIL_1]]"))) as stand:
        said = stand.ask(extra_body={"session_note": f"write to {MAIL}"})
        assert MAIL not in json.dumps(stand.model.seen)
        assert "[[EMAIL_1]]" in stand.model.seen[0]["session_note"]
    assert said.choices[0].message.content == f"noted: {MAIL}"


@pytest.mark.parametrize("stream", [False, True])
def test_a_new_field_of_the_models_is_read_too(tmp_path: Path, stream: bool) -> None:
    whole = reply("see the record")
    whole["choices"][0]["message"]["record"] = [{"mail": MAIL}]
    model = Script(sse(chunk("see the record", record=MAIL), chunk("", reason="stop"), "[DONE]"), plain=whole)
    with standing(tmp_path, [PII], model=model) as stand:
        said = repr(stand.stream() if stream else stand.ask())
    assert "see the" in said
    assert "record=" in said
    assert MAIL not in said
