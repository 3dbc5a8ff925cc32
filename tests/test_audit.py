"""The audit log: RFC 6962 vectors, laws of the tree, the forms of record, checkpoint and proof."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.audit import (
    EMPTY,
    AuditError,
    CheckpointError,
    Record,
    SignatureError,
    Tree,
    canonical,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    parse_vkey,
    prove,
    read_checkpoint,
    read_record,
    root_of,
    show_vkey,
    sign_checkpoint,
    verify,
    verify_consistency,
    verify_inclusion,
    verify_proof,
)

# The inputs and roots that Certificate Transparency implementations test themselves with.
CT_INPUTS = [bytes.fromhex(h) for h in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_PATH_0_OF_8 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
ORIGIN = "example.com/audit"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
VKEY = show_vkey(ORIGIN, KEY.public_key())


def plain_root(leaves):
    """RFC 6962's definition, word for word."""
    n = len(leaves)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return leaves[0]
    k = max(1 << i for i in range(n.bit_length()) if 1 << i < n)
    return node_hash(plain_root(leaves[:k]), plain_root(leaves[k:]))


def numbered(n):
    return [leaf_hash(str(i).encode()) for i in range(n)]


def write(n, begin=(), **changed):
    """A log of ``n`` records whose first are ``begin``; ``changed`` goes into every record after those."""
    rows, prev = list(begin), begin[-1][2].hex() if begin else ""
    for seq in range(len(rows), n):
        record = Record(seq, 10**15 + seq, "rule:cost", "route.change", "봇", "cpt", {"step": seq}, "9f2c", prev)
        data = canonical(replace(record, **changed))
        prev = leaf_hash(data).hex()
        rows.append((seq, data, leaf_hash(data)))
    return rows


def note(rows, size, key=KEY):
    return sign_checkpoint(ORIGIN, size, root_of(row[2] for row in rows[:size]), key)


def notes(rows, sizes=(4, 10, 16), key=KEY):
    return [note(rows, size, key) for size in sizes if size <= len(rows)]


# ---- the tree ----


def test_roots_are_those_of_certificate_transparency():
    assert root_of([]) == EMPTY == sha256(b"").digest()
    leaves = [leaf_hash(data) for data in CT_INPUTS]
    assert [root_of(leaves[:n]).hex() for n in range(1, 9)] == CT_ROOTS
    tree = Tree()
    for leaf, root in zip(leaves, CT_ROOTS, strict=True):
        tree.append(leaf)
        assert tree.root().hex() == root


def test_paths_are_those_of_certificate_transparency():
    leaves = [leaf_hash(data) for data in CT_INPUTS]
    assert [node.hex() for node in inclusion_proof(leaves, 0)] == CT_PATH_0_OF_8
    assert [node.hex() for node in consistency_proof(leaves, 1, 8)] == CT_PATH_0_OF_8


@given(st.lists(st.binary(max_size=8), max_size=80), st.integers(0, 80))
def test_a_tree_restored_then_grown_is_the_naive_tree(inputs, cut):
    leaves = [leaf_hash(data) for data in inputs]
    tree = Tree(leaves[:cut])
    for leaf in leaves[cut:]:
        tree.append(leaf)
    assert (tree.size, tree.root()) == (len(leaves), plain_root(leaves))
    assert root_of(leaves) == plain_root(leaves)


def test_every_leaf_of_every_small_tree_is_proven_at_its_place_and_nowhere_else():
    for size in range(1, 34):
        leaves = numbered(size)
        root = root_of(leaves)
        for index in range(size):
            proof = inclusion_proof(leaves, index)
            assert verify_inclusion(leaves[index], index, size, proof, root)
            elsewhere = [i for i in range(-1, size + 1) if i != index]
            assert not any(verify_inclusion(leaves[index], i, size, proof, root) for i in elsewhere)
            assert not verify_inclusion(leaf_hash(b"x"), index, size, proof, root)
            assert not verify_inclusion(leaves[index], index, size, [*proof, root], root)
            assert not proof or not verify_inclusion(leaves[index], index, size, proof[:-1], root)


def test_every_small_tree_is_proven_to_have_only_grown():
    for new in range(34):
        leaves = numbered(new)
        for old in range(new + 1):
            proof = consistency_proof(leaves, old)
            assert verify_consistency(old, new, root_of(leaves[:old]), root_of(leaves), proof)


@given(st.integers(1, 70), st.data())
def test_a_rewritten_past_is_never_consistent(new, data):
    """Whichever leaf of the old log changed, and whichever part of the proof, the answer is no."""
    leaves, old = numbered(new), data.draw(st.integers(1, new))
    past = leaves[:old]
    past[data.draw(st.integers(0, old - 1))] = leaf_hash(b"changed")
    proof = consistency_proof(leaves, old)
    assert not verify_consistency(old, new, root_of(past), root_of(leaves), proof)
    if proof:
        i = data.draw(st.integers(0, len(proof) - 1))
        bent = [*proof[:i], leaf_hash(b"bent"), *proof[i + 1 :]]
        assert not verify_consistency(old, new, root_of(leaves[:old]), root_of(leaves), bent)
        assert not verify_consistency(old, new, root_of(leaves[:old]), root_of(leaves), proof[:-1])
        assert not verify_consistency(old, new, root_of(leaves[:old]), root_of(leaves), [*proof, proof[0]])


def test_roots_wrapped_in_more_hashes_are_not_consistent():
    """A proof longer than the tree is high would otherwise pass for two roots that are no roots of these sizes."""
    leaves, extra = numbered(7), leaf_hash(b"extra")
    proof = consistency_proof(leaves, 3)
    old, new = root_of(leaves[:3]), root_of(leaves)
    assert verify_consistency(3, 7, old, new, proof)
    assert not verify_consistency(3, 7, node_hash(extra, old), node_hash(extra, new), [*proof, extra])


def test_a_proof_outside_the_log_is_refused():
    with pytest.raises(IndexError, match="from 0 to 2, came 3"):
        inclusion_proof(numbered(3), 3)
    with pytest.raises(IndexError, match="old 2, new 4"):
        consistency_proof(numbered(3), 2, 4)


# ---- records ----

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | words
exact = st.recursive(scalars, lambda s: st.lists(s, max_size=3) | st.dictionaries(words, s, max_size=3), max_leaves=8)
floats = st.dictionaries(words, st.floats(allow_nan=False, allow_infinity=False), max_size=3)


@given(words, st.dictionaries(words, exact, max_size=4))
def test_canonical_json_is_what_any_strict_json_writer_says(word, detail):
    record = Record(3, 7, word, "a", word, "r", detail, "p", "00")
    expected = json.dumps(vars(record), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert canonical(record) == expected.encode()
    assert read_record(canonical(record)) == record


@given(floats)
def test_a_record_reads_back_to_the_last_bit(detail):
    record = Record(0, 0, "a", "b", "c", "d", detail, "p", "")
    assert canonical(read_record(canonical(record))) == canonical(record)
    assert read_record(canonical(record)).detail == detail


@pytest.mark.parametrize(("detail", "place"), [
    ({"a": {"b": [1, float("nan")]}}, r"detail\.a\.b\[1\]"),
    ({"a": float("-inf")}, r"detail\.a"),
    ({"a": b"x"}, r"detail\.a"),
    ({"a": {1: 2}}, r"detail\.a.*keys that are texts"),
    ({"a": "\ud800"}, "what JSON can say"),
    ("text", "a mapping"),
])
def test_what_json_cannot_say_is_refused_with_its_place(detail, place):
    with pytest.raises(AuditError, match=place):
        canonical(Record(0, 0, "a", "b", "c", "d", detail, "p", ""))


@pytest.mark.parametrize("change", [{"seq": -1}, {"time": 1.5}, {"seq": True}, {"actor": None}, {"prev": b""}])
def test_a_field_of_the_wrong_type_is_refused(change):
    with pytest.raises(AuditError, match=f"record .*, {next(iter(change))}: expected"):
        canonical(replace(Record(0, 0, "a", "b", "c", "d", {}, "p", ""), **change))


def test_another_spelling_of_a_record_is_refused():
    data = canonical(Record(0, 0, "a", "b", "c", "d", {"x": 1}, "p", ""))
    for other in (data + b" ", data.replace(b":1}", b": 1}"), data.replace(b'{"action"', b'{"action":"z","action"'),
                  data.replace(b'"time":0', b'"time":0,"zone":1'), b"[]", b"\xff"):
        with pytest.raises(AuditError):
            read_record(other)


# ---- checkpoints ----


def test_a_checkpoint_is_a_c2sp_note():
    """The bytes, spelled out by hand: key id, signed text, signature line."""
    text = sign_checkpoint(ORIGIN, 8, bytes.fromhex(CT_ROOTS[7]), KEY)
    body, _, line = text.partition("\n\n")
    assert body == f"{ORIGIN}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="
    assert line.startswith(f"— {ORIGIN} ")
    assert line.endswith("\n")
    checkpoint = read_checkpoint(text, KEY.public_key(), ORIGIN)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root.hex()) == (ORIGIN, 8, CT_ROOTS[7])
    name, key_id, _ = VKEY.split("+", 2)
    public = KEY.public_key().public_bytes_raw()
    assert (name, key_id) == (ORIGIN, sha256(ORIGIN.encode() + b"\n\x01" + public).hexdigest()[:8])
    assert parse_vkey(VKEY).public_key.public_bytes_raw() == public


def test_no_character_of_a_checkpoint_or_a_verifier_key_can_change():
    text = sign_checkpoint(ORIGIN, 16, bytes(range(32)), KEY)
    for i, c in enumerate(text):
        for other in {chr(ord(c) ^ 1), "\n", "A", "9", ""} - {c}:
            with pytest.raises(CheckpointError):
                read_checkpoint(text[:i] + other + text[i + 1 :], KEY.public_key())
    for i, c in enumerate(VKEY):
        with pytest.raises(CheckpointError):
            parse_vkey(VKEY[:i] + chr(ord(c) ^ 1) + VKEY[i + 1 :])


def test_a_signature_has_one_spelling():
    """The last base64 character has two spare bits; a text that differs only there is refused too."""
    text = sign_checkpoint(ORIGIN, 16, bytes(range(32)), KEY)
    for other in set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") - {text[-3]}:
        with pytest.raises(CheckpointError):
            read_checkpoint(f"{text[:-3]}{other}=\n", KEY.public_key())


@pytest.mark.parametrize(("old", "new"), [
    ("=\n\n—", "=\n\n\n—"), ("=\n\n—", "=\nmore\x07\n\n—"), ("=\n\n—", "=\r\n\n—"), ("=\n\n—", "=\n—"),
    ("\n16\n", "\n016\n"), ("\n16\n", "\n-16\n"), ("\n16\n", "\n１６\n"), ("\n16\n", "\n"),
    ("AAEC", "AAEC\n"), ("audit\n", "au dit\n"), ("—", "-")])
def test_a_malformed_checkpoint_is_not_called_a_wrong_signature(old, new):
    text = sign_checkpoint(ORIGIN, 16, bytes(range(32)), KEY)
    assert old in text
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(text.replace(old, new), KEY.public_key())
    assert caught.type is CheckpointError


def test_a_witness_may_sign_below_us_but_not_instead():
    ours = sign_checkpoint(ORIGIN, 1, EMPTY, KEY)
    witness = "— witness.example/w AAAAAAECAwQF\n"
    assert read_checkpoint(ours + witness, KEY.public_key()).size == 1
    with pytest.raises(SignatureError, match=r"one of key example.com/audit"):
        read_checkpoint(ours[: ours.index("—")] + witness, KEY.public_key())


def test_another_key_or_another_log_is_refused():
    with pytest.raises(SignatureError, match="one of key"):
        read_checkpoint(sign_checkpoint(ORIGIN, 1, EMPTY, OTHER), KEY.public_key())
    with pytest.raises(SignatureError, match="origin"):
        read_checkpoint(sign_checkpoint("example.com/else", 1, EMPTY, KEY), KEY.public_key(), ORIGIN)
    with pytest.raises(CheckpointError, match="without spaces"):
        sign_checkpoint("two words", 1, EMPTY, KEY)
    with pytest.raises(CheckpointError, match="32 bytes"):
        sign_checkpoint(ORIGIN, 1, b"", KEY)


# ---- proofs ----


def test_a_proof_convinces_without_the_log():
    rows = write(21)
    leaves, text = [row[2] for row in rows], note(rows, 16)
    for seq in range(16):
        proof = json.loads(json.dumps(prove(rows[seq][1], leaves, seq, text)))
        assert verify_proof(proof, VKEY) == read_record(rows[seq][1])


def test_nothing_in_a_proof_can_change():
    rows = write(9)
    proof = prove(rows[5][1], [row[2] for row in rows], 5, note(rows, 9))
    changes = [{"index": 4}, {"size": 8}, {"size": 16}, {"size": "9"}, {"format": "x"}, {"more": 1},
               {"proof": proof["proof"][:-1]},
               {"proof": [h.upper() for h in proof["proof"]]}, {"checkpoint": note(rows, 8)},
               {"checkpoint": note(rows, 9, OTHER)}, {"record": proof["record"].replace("cpt", "cpu")},
               {"record": "\ud800"}]
    for change in changes:
        with pytest.raises(AuditError):
            verify_proof({**proof, **change}, VKEY)
    with pytest.raises(AuditError, match="format, record, index"):
        verify_proof([], VKEY)


def test_a_record_signed_into_another_place_is_refused():
    """A key holder may sign any tree; a record that names another place than its own is still no proof."""
    first = write(1)[0]
    text = sign_checkpoint(ORIGIN, 2, root_of([first[2], first[2]]), KEY)
    proof = {**prove(first[1], [first[2]] * 2, 0, text), "index": 1}
    with pytest.raises(AuditError, match="expected record 1, came one that says it is record 0"):
        verify_proof(proof, VKEY)


def test_a_false_proof_is_not_even_made():
    rows = write(9)
    leaves = [row[2] for row in rows]
    for record, index, size in [(rows[8][1], 8, 8), (rows[4][1], 5, 9), (write(9, reason="x")[5][1], 5, 9)]:
        with pytest.raises(AuditError):
            prove(record, leaves, index, note(rows, size))


# ---- verify: an honest log ----


@pytest.mark.req("X3")
@settings(max_examples=40)
@given(st.integers(0, 40), st.lists(st.integers(0, 40)), st.integers(0, 40))
def test_an_honest_log_passes_with_checkpoints_and_anchor_of_any_size(n, sizes, anchored):
    rows = write(n)
    sizes = sorted(size for size in sizes if size <= n)
    report = verify(iter(rows), iter(notes(rows, sizes)), VKEY, note(rows, min(anchored, n)))
    assert report.ok, report.why
    assert (report.size, report.records, report.checkpoints) == (n, n, len(sizes) + 1)
    assert report.covered == max([*sizes, min(anchored, n)])
    assert (report.first_bad, report.last_bad, report.why) == (None, None, "")


def test_what_no_checkpoint_covers_is_said():
    """Records after the last checkpoint are linked but not signed; the report does not pretend otherwise."""
    assert verify(write(20), [], VKEY).covered == 0
    assert verify(write(20), notes(write(20)), VKEY).covered == 16
