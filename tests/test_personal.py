"""What people write is recorded without personal data, and what a form refuses is said in the reader's language."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.access.apikey import ApiKey, KeyRefused, checked, lasting
from bongsu.access.restriction import RestrictionFault
from bongsu.language.sentences import say
from bongsu.privacy import told
from bongsu.privacy.personal import recorded
from bongsu.quantity import DAY
from bongsu.room.keydesk import KeyDesk
from bongsu.room.restrictdesk import RestrictionDesk
from bongsu.web.access import Wrong
from bongsu.web.keys import whole_fields
from peoplekit import Place, place

MAIL, PHONE = "marker.kim@example.com", "010-9876-5432"


@pytest.mark.req("X2", "X3")
def test_what_an_admin_writes_is_recorded_without_personal_data(tmp_path) -> None:
    """Names of keys, reasons, and notes how to appeal: over the API, by the verbs, and in what is kept of them."""
    with place(tmp_path) as one:
        _, id_ = one.key(f"laptop of {MAIL}", team="research")
        one.api().post("/v1/restrictions", {"subject": f"key/{id_}", "rung": "warn", "reason": f"asked for {PHONE}",
                                            "appeal": f"write to {MAIL}"})
        assert one.cli("unrestrict", f"key/{id_}", "--reason", f"{MAIL} asked").exit_code == 0
        one.api().post(f"/v1/keys/{id_}/rotate", {"reason": f"lost by {MAIL}"})
        assert one.cli("key", "revoke", id_, "--reason", f"{PHONE} called").exit_code == 0
        records = {r.action: r for r in one.store.trail(50)}
        assert records["key.create"].reason == "laptop of [email]"
        assert records["restrict.add"].reason.startswith("asked for [")
        assert records["restrict.remove"].reason == "[email] asked"
        assert records["key.rotate"].reason == "lost by [email]"
        body = b"".join(row for _, row, _ in one.store.stored())
        kept = msgspec.json.encode([one.store.api_keys(), [str(r) for r in one.store.restrictions()]])
        for marker in (MAIL.encode(), PHONE.encode()):
            assert marker not in body
            assert marker not in kept


def test_a_whole_record_stays_verifiable_and_its_hashes_are_untouched(tmp_path) -> None:
    with place(tmp_path) as one:
        place_of = one.store.record("x", MAIL, "y", f"by {MAIL}", {
            "hash": "41111111111111114111111111111111", "vkey": one.store.vkey(), "said": [f"to {MAIL}", 7, None, True],
            MAIL: 1.5}, one.now)
        record = next(r for r in one.store.trail(5) if r.seq == place_of)
        assert (record.actor, record.reason) == ("[email]", "by [email]")
        assert record.detail == {"hash": "41111111111111114111111111111111", "vkey": one.store.vkey(),
                                 "said": ["to [email]", 7, None, True], "[email]": 1.5}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
def test_recording_again_changes_nothing_and_keeps_the_shape(value: object) -> None:
    once = recorded(value)
    assert recorded(once) == once
    assert type(once) is type(value)


def _refused(work) -> str:
    with pytest.raises((KeyRefused, RestrictionFault, Wrong)) as caught:
        work()
    return str(caught.value)


def _key(**fields) -> ApiKey:
    return ApiKey(**{"id": "1", "name": "n", "created": 0, "by": "", **fields})


def _faults(one: Place) -> list[str]:
    """Every sentence by which a key or a restriction is refused."""
    keys = KeyDesk(one.control)
    desk = RestrictionDesk(one.control, keys)
    bad = ({"name": ""}, {"team": "\n"}, {"tier": "!"}, {"scopes": ("x",)}, {"routes": ("x",)}, {"service": "x"},
           {"requests": -1}, {"tokens": -1})
    said = [_refused(lambda fields=fields: checked(_key(**fields), ["shop", "plain"], "shop")) for fields in bad]
    said.append(_refused(lambda: checked(_key(routes=("x",)), [], "shop")))
    said += [_refused(lambda text=text: lasting(text, "expires", 9 * DAY)) for text in ("soon", "10d")]
    said.append(_refused(lambda: keys.create({"name": "n", "requests": "many"}, "a")))
    said += [_refused(lambda fields=fields: whole_fields(fields)) for fields in ({}, {"name": "n", "colour": "red"})]
    said += [_refused(lambda args=args: desk.restrict(*args, "why", "", "a"))
             for args in (("nobody", "warn", ""), ("user/x", "shot", ""), ("user/x", "warn", "soon"),
                          ("user/x", "warn", "999d"), ("key/00000000", "warn", ""))]
    return [*said, _refused(lambda: desk.restrict("user/x", "warn", "", "why", "\n", "a"))]


@pytest.mark.req("O15", "P6")
def test_every_refusal_of_a_key_or_a_restriction_has_korean_words(tmp_path) -> None:
    with place(tmp_path) as one:
        said = _faults(one)
    assert len(set(said)) > 15
    assert [sentence for sentence in said if say(sentence, "ko") == sentence] == []
    assert say(said[0], "en") == said[0]


@pytest.mark.req("X2", "O1")
def test_whom_to_appeal_to_is_told_as_it_was_written_and_is_in_no_file(tmp_path) -> None:
    with place(tmp_path) as one:
        key, id_ = one.key("laptop")
        shown = one.api().post("/v1/restrictions", {
            "subject": f"key/{id_}", "rung": "suspended", "reason": f"asked for {PHONE}", "appeal": f"write to {MAIL}"})
        one.cycle()
        refused = one.post(key)
        assert refused.status == 403
        assert f"to appeal: write to {MAIL}" in refused.text
        assert PHONE not in refused.text
        assert shown["appeal"] == one.api().get("/v1/restrictions")["restrictions"][0]["appeal"] == f"write to {MAIL}"
        files = [p for p in one.folder.root.rglob("*") if p.is_file()]
        assert not [p.name for p in files for marker in (MAIL, PHONE) if marker.encode() in p.read_bytes()]


def test_what_was_sealed_under_lost_keys_is_told_as_nothing() -> None:
    stored = told.kept(bytes(32), "appeal", f"write to {MAIL}")
    assert (told.told(bytes(32), "appeal", stored), told.told(bytes(range(32)), "appeal", stored)) == (
        f"write to {MAIL}", "")
    assert told.told(bytes(32), "appeal", told.FORM + "!") == ""
