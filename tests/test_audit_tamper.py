"""The tamper matrix: an insider with the database, with and without the signing key, against each layer of the log."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.audit import canonical, leaf_hash, read_record, sign_checkpoint, verify
from test_audit import KEY, ORIGIN, OTHER, VKEY, note, notes, write

LOG = write(20)
NOTES = notes(LOG)
ANCHOR = note(LOG, 16)


def edited(rows, seq, **changed):
    """One row rewritten with its leaf hash, the rest as they were."""
    data = canonical(replace(read_record(rows[seq][1]), **changed))
    return [*rows[:seq], (seq, data, leaf_hash(data)), *rows[seq + 1 :]]


@pytest.mark.req("X3")
@settings(max_examples=300)
@given(st.data())
def test_any_byte_changed_in_any_row_names_that_row(data):
    """Bytes (``prev`` among them) or stored hash, any row, any bit: the first bad record is that one, without a key."""
    seq, column = data.draw(st.integers(0, 19)), data.draw(st.sampled_from([1, 2]))
    row = list(LOG[seq])
    spot = data.draw(st.integers(0, len(row[column]) - 1))
    bent = bytearray(row[column])
    bent[spot] ^= data.draw(st.integers(1, 255))
    row[column] = bytes(bent)
    report = verify([*LOG[:seq], tuple(row), *LOG[seq + 1 :]], NOTES, VKEY)
    assert not report.ok
    assert (report.first_bad, report.last_bad, report.size, report.records) == (seq, seq, 20, seq)
    assert f"record {seq}: its bytes do not match its leaf hash" in report.why


def test_every_byte_of_every_prev_is_watched():
    for seq in range(1, 20):
        start = LOG[seq][1].index(b'"prev":"') + 8
        for spot in range(start, start + 64):
            bent = LOG[seq][1][:spot] + b"g" + LOG[seq][1][spot + 1 :]
            assert verify([*LOG[:seq], (seq, bent, LOG[seq][2]), *LOG[seq + 1 :]], NOTES, VKEY).first_bad == seq


@pytest.mark.parametrize("seq", range(1, 19))
def test_a_row_edited_with_its_hash_is_disowned_by_the_next_or_by_a_checkpoint(seq):
    report = verify(edited(LOG, seq, reason="nothing"), NOTES, VKEY)
    assert not report.ok
    assert report.first_bad <= seq <= report.last_bad
    if seq + 1 in (4, 10, 16):
        assert "root at checkpoint" in report.why
    else:
        assert (report.first_bad, report.last_bad) == (seq, seq + 1)
        assert f"prev link broken: record {seq + 1} does not carry the hash of record {seq}" in report.why


def test_a_checkpoint_between_two_records_says_which_one_is_bad():
    """Record 9 is covered by the checkpoint of 10, so where 10 disowns it, 10 is the bad one."""
    report = verify(edited(LOG, 10, prev="00" * 32), NOTES, VKEY)
    assert (report.first_bad, report.last_bad) == (10, 10)
    assert "which a checkpoint covers" in report.why


def test_the_first_record_has_no_record_before_it():
    report = verify(edited(LOG, 0, prev="00" * 32), [], VKEY)
    assert report.first_bad == 0
    assert "there is none" in report.why


@pytest.mark.parametrize("seq", [0, 7, 15])
def test_a_deleted_row_is_a_gap(seq):
    report = verify(LOG[:seq] + LOG[seq + 1 :], NOTES, VKEY)
    assert (report.ok, report.first_bad) == (False, seq)
    assert f"record {seq} is missing, record {seq + 1} came in its place" in report.why


def test_swapped_doubled_and_renumbered_rows_are_caught():
    swapped = [*LOG[:5], (5, *LOG[6][1:]), (6, *LOG[5][1:]), *LOG[7:]]
    renumbered = [(i, *row[1:]) for i, row in enumerate(LOG[:7] + LOG[8:])]
    assert "record 5 says of itself that it is record 6" in verify(swapped, NOTES, VKEY).why
    assert "record 7 says of itself that it is record 8" in verify(renumbered, NOTES, VKEY).why
    assert verify(LOG[:5] + LOG[4:], NOTES, VKEY).first_bad == 5


def test_what_is_not_a_record_is_named_and_not_a_crash():
    for data in (b"", b"[]", b"\xff", b'{"seq":19}', b"[" * 100_000):
        report = verify([*LOG[:19], (19, data, leaf_hash(data))], NOTES, VKEY)
        assert report.first_bad == 19
        assert "not an audit record" in report.why


@settings(max_examples=60)
@given(st.integers(0, 15))
def test_a_consistent_rewrite_without_the_key_is_caught_by_the_next_checkpoint(start):
    """Everything from ``start`` on written anew, hashes and links and all: the range named holds ``start``."""
    report = verify(write(20, LOG[:start], reason="nothing"), NOTES, VKEY)
    low, high = next((low, high) for low, high in [(0, 4), (4, 10), (10, 16)] if start < high)
    assert not report.ok
    assert (report.first_bad, report.last_bad, report.covered) == (low, high - 1, low)
    assert f"(size {high}) differs: the first bad record is one of {low} to {high - 1}" in report.why


def test_a_cut_tail_is_caught_by_the_checkpoint_that_covers_it():
    report = verify(LOG[:12], NOTES, VKEY)
    assert (report.ok, report.first_bad, report.records) == (False, 12, 12)
    assert "covers 16 records, the log has 12; records 12 to 15 are missing" in report.why


# ---- what only an anchor catches ----

REWRITTEN = write(20, reason="nothing")
LONGER = write(40, LOG[:3], actor="x")
FORKED = write(20, LOG[:12], reason="nothing")
ATTACKS = {
    "cut tail with its checkpoints": (LOG[:12], notes(LOG[:12]), "log shorter than the anchor"),
    "reset to an older backup and gone on": (FORKED[:15], notes(FORKED[:15]), "log shorter than the anchor"),
    "everything deleted": ([], [], "log shorter than the anchor"),
    "rewritten, checkpoints removed": (REWRITTEN, [], "root at the anchor"),
    "rewritten, signed with the stolen key": (REWRITTEN, notes(REWRITTEN), "its key has signed two histories"),
    "rewritten and longer, stolen key": (LONGER, notes(LONGER, (4, 10, 40)),
                                         "if the signing key is safe, one of 10 to 15"),
    "reset, gone on, signed with the stolen key": (FORKED, notes(FORKED), "root at the anchor (size 16) differs"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_the_log_alone_cannot_show_an_anchor_does(name):
    """Each of these is a log in itself sound: it passes without an anchor, and fails with one."""
    rows, signed, why = ATTACKS[name]
    assert verify(rows, signed, VKEY).ok
    report = verify(rows, signed, VKEY, ANCHOR)
    assert not report.ok
    assert why in report.why
    changed = [i for i, row in enumerate(LOG[:16]) if i >= len(rows) or rows[i] != row]
    assert set(changed) & set(range(report.first_bad, report.last_bad + 1))
    assert report.covered == 0


def test_an_anchor_reaches_only_as_far_as_it_was_taken():
    """The limit, stated: with the stolen key, what came after the last anchor can be rewritten unseen."""
    rows = write(20, LOG[:16], reason="nothing")
    report = verify(rows, [*notes(rows), note(rows, 20)], VKEY, ANCHOR)
    assert report.ok


# ---- the checkpoints themselves ----


@pytest.mark.parametrize("bad", [
    note(LOG, 10, OTHER), NOTES[1].replace("\n10\n", "\n11\n"), "nothing", sign_checkpoint("else", 10, bytes(32), KEY)])
def test_a_forged_checkpoint_is_named_and_hides_nothing(bad):
    report = verify(LOG, [NOTES[0], bad, NOTES[2]], VKEY)
    assert (report.ok, report.first_bad, report.checkpoints, report.covered) == (False, None, 2, 16)
    assert report.why.startswith("checkpoint 1 is not to be trusted")
    both = verify(LOG[:7] + LOG[8:], [NOTES[0], bad, NOTES[2]], VKEY)
    assert both.first_bad == 7
    assert "record 7 is missing" in both.why
    assert "checkpoint 1 is not to be trusted" in both.why


def test_the_wrong_verifier_key_trusts_no_checkpoint():
    report = verify(LOG, [note(LOG, size, OTHER) for size in (4, 10, 16)], VKEY, note(LOG, 16, OTHER))
    assert (report.ok, report.checkpoints, report.covered) == (False, 0, 0)
    assert "(and 3 more like it)" in report.why


def test_checkpoints_out_of_order_are_refused():
    report = verify(LOG, [NOTES[1], NOTES[0]], VKEY)
    assert (report.ok, report.checkpoints) == (False, 1)
    assert "covers 4 records but follows one that covers 10" in report.why


def test_two_checkpoints_of_one_size_must_agree():
    fork = sign_checkpoint(ORIGIN, 10, bytes(32), KEY)
    assert verify(LOG, [NOTES[1], NOTES[1]], VKEY).ok
    assert "root at checkpoint 1 (size 10) differs" in verify(LOG, [NOTES[1], fork], VKEY).why


def test_a_log_is_read_once_and_as_it_comes():
    """Rows are taken from a stream one by one, so a log larger than memory can be verified."""
    ahead = []

    def stream():
        for row in LOG:
            ahead.append(row[0])
            yield row

    def signed():
        for text, size in zip(NOTES, (4, 10, 16), strict=True):
            assert len(ahead) <= size
            yield text

    assert verify(stream(), signed(), VKEY).ok
    assert ahead == list(range(20))
