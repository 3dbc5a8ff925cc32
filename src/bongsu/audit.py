"""Every decision as a leaf of a Merkle log: record, proof, verify.

A record is canonical JSON; its leaf hash, the next record's ``prev`` and the Merkle tree all rest on those bytes, and
a signed checkpoint on the tree's root.

What each layer catches: the leaf hash, an edited row; ``prev``, a row edited together with its hash; a checkpoint,
every consistent rewrite and a cut tail, by anyone without the key; an anchor (a checkpoint kept where the log's owner
cannot reach it), the same by someone with the key. What neither covers yet is not proven, and ``Report.covered`` says
how much is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Annotated, Any, TypeAlias

import msgspec

from bongsu.checkpoint import (
    AuditError,
    Checkpoint,
    CheckpointError,
    SignatureError,
    Vkey,
    parse_vkey,
    peek_checkpoint,
    read_checkpoint,
    show_vkey,
    sign_checkpoint,
)
from bongsu.merkle import (
    EMPTY,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

__all__ = [
    "EMPTY",
    "AuditError",
    "Checkpoint",
    "CheckpointError",
    "Record",
    "Report",
    "SignatureError",
    "Stored",
    "Tree",
    "Vkey",
    "canonical",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "parse_vkey",
    "peek_checkpoint",
    "prove",
    "read_checkpoint",
    "read_record",
    "root_of",
    "show_vkey",
    "sign_checkpoint",
    "verify",
    "verify_consistency",
    "verify_inclusion",
    "verify_proof",
]

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
Stored: TypeAlias = tuple[int, bytes, bytes]
"""A row of the log as a store keeps it: seq, canonical bytes, leaf hash."""

PROOF = "bongsu-audit-proof/1"
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


# ---- records ----


@dataclass(frozen=True)
class Record:
    """One decision. ``prev`` is the leaf hash (hex) of the record before, empty for the first; ``policy`` its hash."""

    seq: int
    time: int
    actor: str
    action: str
    target: str
    reason: str
    detail: Mapping[str, JSON]
    policy: str
    prev: str


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    seq: int
    time: int
    actor: str
    action: str
    target: str
    reason: str
    detail: dict[str, Any]
    policy: str
    prev: str


class _Link(msgspec.Struct, gc=False):
    """The two fields of a record that tie it to the log."""

    seq: int
    prev: str


_encode = msgspec.json.Encoder(order="sorted").encode
_row = msgspec.json.Decoder(_Row).decode
_link = msgspec.json.Decoder(_Link).decode
_WORDS = ("actor", "action", "target", "reason", "policy", "prev")


def canonical(record: Record) -> bytes:
    """The one spelling of a record: JSON, keys sorted, UTF-8, no spaces.

    What JSON cannot say exactly (NaN, infinity, dates, bytes) is refused: it would be read back as something else.
    """
    where = f"record {record.seq}"
    fields: dict[str, Any] = {word: getattr(record, word) for word in _WORDS}
    for word, value in fields.items():
        if type(value) is not str:
            raise AuditError(f"{where}, {word}", "a text", type(value).__name__)
    for word in ("seq", "time"):
        value = fields[word] = getattr(record, word)
        if type(value) is not int or value < 0:
            raise AuditError(f"{where}, {word}", "a whole number, 0 or more",
                             str(value) if type(value) is int else type(value).__name__)
    if not isinstance(record.detail, Mapping):
        raise AuditError(f"{where}, detail", "a mapping", type(record.detail).__name__)
    try:
        fields["detail"] = _plain(record.detail, "detail", where)
        return _encode(fields)
    except AuditError:
        raise
    except (*_UNREADABLE, ValueError, OverflowError) as error:
        raise AuditError(where, "what JSON can say", f"{type(error).__name__}: {error}") from error


def _plain(value: Any, path: str, where: str) -> Any:
    """The value in plain JSON types, or an error that names the place."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if type(key) is not str:
                raise AuditError(f"{where}, {path}", "keys that are texts", f"a key of type {type(key).__name__}")
        return {key: _plain(item, f"{path}.{key}", where) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_plain(item, f"{path}[{i}]", where) for i, item in enumerate(value)]
    raise AuditError(f"{where}, {path}", "a JSON value (text, finite number, true, false, null, list, mapping)",
                     str(value) if kind is float else kind.__name__)


def read_record(data: bytes) -> Record:
    """The record these bytes spell; refused unless they are its canonical spelling."""
    try:
        record = Record(**msgspec.structs.asdict(_row(data)))
    except _UNREADABLE as error:
        raise AuditError("record", "the fields of an audit record as JSON", str(error)) from error
    if canonical(record) != data:
        raise AuditError(f"record {record.seq}", "canonical JSON (sorted keys, no spaces)", "another spelling")
    return record


# ---- verify ----


@dataclass(frozen=True)
class Report:
    """What a walk over the whole log found.

    ``size`` is how many rows there are, ``records`` how many were good before the first fault. At least one record
    from ``first_bad`` to ``last_bad`` is bad: the two are equal where the place is certain, None where no record is
    at fault. Records before ``covered`` are proven by a good checkpoint or anchor (a contradicted anchor leaves it 0);
    those after it hang together but are not proven, wherever the fault shows.
    """

    ok: bool
    size: int
    records: int
    checkpoints: int
    covered: int
    first_bad: int | None = None
    last_bad: int | None = None
    why: str = ""


def verify(stored: Iterable[Stored], checkpoints: Iterable[str], vkey: str, anchor: str | None = None) -> Report:
    """Walk the log once, in order of seq, beside its checkpoints in order of size; memory grows with log2(size).

    ``anchor`` is a checkpoint kept elsewhere. The log must have been that, and have only grown since.
    """
    walk = _Walk(parse_vkey(vkey), checkpoints, anchor)
    rows = iter(stored)
    size = 0
    sound = walk.meet()
    while sound and (row := next(rows, None)) is not None:
        size += 1
        sound = walk.take(*row)
    if sound:
        walk.end()
    return walk.report(size + sum(1 for _ in rows))


class _Walk:
    """Where one pass over the log stands. The first bad record ends it; a bad checkpoint is noted and passed over."""

    def __init__(self, key: Vkey, checkpoints: Iterable[str], anchor: str | None) -> None:
        self.tree = Tree()
        self.prev = ""
        self.good = self.covered = self.checked = 0
        self.fault: tuple[int, int, str] | None = None
        self.refused, self.refusal = 0, ""
        named = ((f"checkpoint {i}", text) for i, text in enumerate(checkpoints))
        anchors = [] if anchor is None else [("the anchor", anchor)]
        self.signed = merge(self._signed(key, named), self._signed(key, anchors), key=lambda pair: pair[1].size)
        self.next = next(self.signed, None)

    def _signed(self, key: Vkey, named: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Checkpoint]]:
        size = 0
        for name, text in named:
            try:
                checkpoint = read_checkpoint(text, key.public_key, key.origin)
            except CheckpointError as error:
                self.refuse(f"{name} is not to be trusted: {error}")
                continue
            if checkpoint.size < size:
                self.refuse(f"{name} covers {checkpoint.size} records but follows one that covers {size}: "
                            "checkpoints were removed, added or put in another order")
                continue
            size = checkpoint.size
            yield name, checkpoint

    def refuse(self, why: str) -> None:
        self.refused, self.refusal = self.refused + 1, self.refusal or why

    def blame(self, first: int, last: int, why: str) -> bool:
        self.fault = (first, last, why)
        return False

    def take(self, seq: int, data: bytes, stored: bytes) -> bool:
        """Check one row; False once something is wrong."""
        due, leaf = self.tree.size, leaf_hash(data)
        if seq != due:
            return self.blame(due, due, f"gap in sequence: record {due} is missing, record {seq} came in its place")
        if leaf != stored:
            return self.blame(seq, seq, f"record {seq}: its bytes do not match its leaf hash; one of them was changed")
        try:
            link = _link(data)
        except _UNREADABLE as error:
            return self.blame(seq, seq, f"record {seq} is not an audit record: {error}")
        if link.seq != seq:
            return self.blame(seq, seq, f"record {seq} says of itself that it is record {link.seq}; rows were swapped "
                              "or renumbered")
        if link.prev != self.prev:
            return self.unlinked(seq)
        self.prev = leaf.hex()
        self.tree.append(leaf)
        return self.meet() if self.next else True

    def unlinked(self, seq: int) -> bool:
        """A record that disowns the one before it: which of the two is bad, only a checkpoint between them can say."""
        if seq == 0:
            return self.blame(0, 0, "prev link broken: record 0 names a record before it, and there is none")
        why = f"prev link broken: record {seq} does not carry the hash of record {seq - 1}"
        if self.covered == seq:
            return self.blame(seq, seq, f"{why}, which a checkpoint covers")
        since = "" if self.covered == seq - 1 else f"; no earlier checkpoint covers records {self.covered} to {seq}"
        return self.blame(seq - 1, seq, f"{why}; record {seq - 1} was changed together with its leaf hash, "
                          f"or record {seq} was{since}")

    def meet(self) -> bool:
        """Compare the root with every checkpoint of this size."""
        size = self.tree.size
        while self.next and self.next[1].size == size:
            name, checkpoint = self.next
            if self.tree.root() != checkpoint.root:
                return self.differs(name, size)
            self.checked += 1
            self.covered = size
            self.next = next(self.signed, None)
        return True

    def differs(self, name: str, size: int) -> bool:
        """Name the range. Where an anchor differs, the log's own checkpoints may be forged too and narrow nothing."""
        last, covered, doubt = max(size - 1, 0), self.covered, ""
        if name == "the anchor":
            self.covered = 0
            if covered == size:
                doubt = "; the log's own checkpoint of that size agrees with the log: its key has signed two histories"
            elif covered:
                doubt = f"; if the signing key is safe, one of {covered} to {last}"
        return self.blame(self.covered, last, f"root at {name} (size {size}) differs: the first bad record is one of "
                          f"{self.covered} to {last}{doubt}")

    def end(self) -> None:
        if not self.next:
            return
        (name, checkpoint), size, doubt = self.next, self.tree.size, ""
        if name == "the anchor":
            doubt = f"; if the signing key is safe, the first {self.covered} are as they were" if self.covered else ""
            self.covered = 0
        self.blame(size, size, f"log shorter than {name}: it covers {checkpoint.size} records, the log has {size}; "
                   f"records {size} to {checkpoint.size - 1} are missing{doubt}")

    def report(self, size: int) -> Report:
        first, last, why = self.fault or (None, None, "")
        more = f" (and {self.refused - 1} more like it)" if self.refused > 1 else ""
        whole = ". ".join(s for s in (why, self.refusal + more) if s)
        return Report(not whole, size, self.tree.size, self.checked, self.covered, first, last, whole)


# ---- prove ----


class _Proof(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    record: str
    index: int
    size: int
    proof: list[Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]]
    checkpoint: str


def prove(record: bytes, leaves: Sequence[bytes], index: int, checkpoint: str) -> dict[str, JSON]:
    """One record with all that shows it is in the log: JSON a third party checks with the verifier key alone.

    ``leaves`` are the leaf hashes from the log's beginning, at least as many as the checkpoint covers.
    """
    where, signed = f"proof of record {index}", peek_checkpoint(checkpoint)
    if not 0 <= index < signed.size <= len(leaves):
        raise AuditError(where, f"0 <= index < the checkpoint's size <= {len(leaves)} leaves",
                         f"index {index}, size {signed.size}")
    if read_record(record).seq != index:
        raise AuditError(where, f"record {index}", "another record")
    path = inclusion_proof(leaves[: signed.size], index)
    if not verify_inclusion(leaf_hash(record), index, signed.size, path, signed.root):
        raise AuditError(where, "a record and leaf hashes that give the checkpoint's root",
                         "another root; verify the whole log to find the place")
    return {"format": PROOF, "record": record.decode(), "index": index, "size": signed.size,
            "proof": [node.hex() for node in path], "checkpoint": checkpoint}


def verify_proof(proof: Mapping[str, JSON], vkey: str) -> Record:
    """The record, now known to be at its place in the log this key signs; ``AuditError`` if anything was changed."""
    key = parse_vkey(vkey)
    try:
        given = msgspec.convert(proof, _Proof)
        path = [bytes.fromhex(h) for h in given.proof]
        data = given.record.encode()
    except (*_UNREADABLE, ValueError) as error:
        raise AuditError("proof", "format, record, index, size, proof (hex) and checkpoint", str(error)) from error
    where = f"proof of record {given.index}"
    if given.format != PROOF:
        raise AuditError(where, f"format {PROOF}", repr(given.format))
    checkpoint = read_checkpoint(given.checkpoint, key.public_key, key.origin)
    if checkpoint.size != given.size:
        raise AuditError(where, f"the checkpoint's size {checkpoint.size}", str(given.size))
    if not verify_inclusion(leaf_hash(data), given.index, given.size, path, checkpoint.root):
        raise AuditError(where, "a path from the record to the checkpoint's root", "another root")
    record = read_record(data)
    if record.seq != given.index:
        raise AuditError(where, f"record {given.index}", f"one that says it is record {record.seq}")
    return record
