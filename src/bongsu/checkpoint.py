"""A log's size and root, signed: the form every transparency log speaks (C2SP tlog-checkpoint and signed-note).

    origin
    size
    base64(root)

    — origin base64(key id || Ed25519 signature)

The key id is the first four bytes of SHA-256(origin, newline, 0x01, public key). Lines signed by other keys (witnesses)
may follow; they are not ours to judge and are passed over. The verifier key, ``origin+key id+base64(0x01 || public
key)``, is printed at install and kept by whoever audits.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_MARK = "— "
_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class AuditError(ValueError):
    """Something of the audit log cannot be read or written: where, what was expected, what came."""

    def __init__(self, where: str, expected: str, came: str) -> None:
        super().__init__(f"{where}: expected {expected}, came {came}")
        self.where, self.expected, self.came = where, expected, came


class CheckpointError(AuditError):
    """A checkpoint or a verifier key that is not in its form."""


class SignatureError(CheckpointError):
    """A well-formed checkpoint that this key did not sign."""


@dataclass(frozen=True)
class Checkpoint:
    """The log ``origin`` had ``size`` records and this root. Reading one has verified its signature."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Vkey:
    """Who signs: the log's name and its public key."""

    origin: str
    public_key: Ed25519PublicKey


def sign_checkpoint(origin: str, size: int, root: bytes, private_key: Ed25519PrivateKey) -> str:
    _named(origin, "checkpoint, origin")
    if size < 0:
        raise CheckpointError("checkpoint, size", "0 or more", str(size))
    if len(root) != 32:
        raise CheckpointError("checkpoint, root", "32 bytes", f"{len(root)}")
    body = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    signed = _key_id(origin, private_key.public_key()) + private_key.sign(body.encode())
    return f"{body}\n{_MARK}{origin} {base64.b64encode(signed).decode()}\n"


def read_checkpoint(text: str, public_key: Ed25519PublicKey, origin: str = "") -> Checkpoint:
    """The checkpoint, if this key signed it (and it is of the log ``origin``, where one is given).

    Raises ``CheckpointError`` where the text is malformed, ``SignatureError`` where the key did not sign it.
    """
    body, signatures, checkpoint = _parts(text)
    if origin and checkpoint.origin != origin:
        raise SignatureError("checkpoint, origin", origin, checkpoint.origin)
    expected = _key_id(checkpoint.origin, public_key)
    ours = [signed[4:] for name, signed in signatures if name == checkpoint.origin and signed[:4] == expected]
    if not ours:
        raise SignatureError("checkpoint, signature", f"one of key {checkpoint.origin}+{expected.hex()}",
                             ", ".join(f"{name}+{signed[:4].hex()}" for name, signed in signatures))
    for signature in ours:
        try:
            public_key.verify(signature, body.encode())
        except InvalidSignature:
            raise SignatureError("checkpoint, signature", f"what key {checkpoint.origin}+{expected.hex()} signed",
                                 "a signature that does not match the text (one of them was changed)") from None
    return checkpoint


def peek_checkpoint(text: str) -> Checkpoint:
    """What a checkpoint says, its signature not looked at. Only for choosing one; never to trust it."""
    return _parts(text)[2]


def show_vkey(origin: str, public_key: Ed25519PublicKey) -> str:
    """The verifier key as text, to print at install and pin elsewhere."""
    _named(origin, "verifier key, origin")
    key = base64.b64encode(_ED25519 + public_key.public_bytes_raw()).decode()
    return f"{origin}+{_key_id(origin, public_key).hex()}+{key}"


def parse_vkey(text: str) -> Vkey:
    form = "origin+8 hex digits+base64, as printed at install"
    origin, *rest = text.strip().split("+", 2)
    if len(rest) != 2:
        raise CheckpointError("verifier key", form, repr(text))
    _named(origin, "verifier key, origin")
    raw = _unbase64(rest[1], "verifier key")
    if len(raw) != 33 or raw[:1] != _ED25519:
        raise CheckpointError("verifier key", "an Ed25519 key (0x01 and 32 bytes)", f"{len(raw)} bytes, {raw[:1]!r}")
    public_key = Ed25519PublicKey.from_public_bytes(raw[1:])
    if rest[0] != _key_id(origin, public_key).hex():
        raise CheckpointError("verifier key, key id", _key_id(origin, public_key).hex(), repr(rest[0]))
    return Vkey(origin, public_key)


def _key_id(origin: str, public_key: Ed25519PublicKey) -> bytes:
    return sha256(origin.encode() + b"\n" + _ED25519 + public_key.public_bytes_raw()).digest()[:4]


def _named(origin: str, where: str) -> None:
    if not _NAME.fullmatch(origin) or _CONTROL.search(origin) or not _is_utf8(origin):
        raise CheckpointError(where, "a name without spaces and plus signs, such as example.com/audit", repr(origin))


def _is_utf8(text: str) -> bool:
    return not any(0xD800 <= ord(c) < 0xE000 for c in text)


def _unbase64(text: str, where: str) -> bytes:
    """Strict: one spelling for each value, so that no character of a signed text can change unseen."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CheckpointError(where, "base64", repr(text[:100])) from None
    if base64.b64encode(raw).decode() != text:
        raise CheckpointError(where, "base64 in its one canonical spelling", repr(text[:100]))
    return raw


def _parts(text: str) -> tuple[str, list[tuple[str, bytes]], Checkpoint]:
    """The signed text, the signature lines (name, key id and signature), and what the text says."""
    body, gap, tail = text.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or _CONTROL.search(text) or not _is_utf8(text):
        raise CheckpointError("checkpoint", "a text, an empty line and signature lines, each ended by a newline",
                              repr(text[:200]))
    origin, *rest = body.split("\n")
    _named(origin, "checkpoint, line 1")
    if len(rest) < 2 or not all(rest):
        raise CheckpointError("checkpoint", "three lines or more: origin, size, root", repr(body[:200]))
    if not _SIZE.fullmatch(rest[0]):
        raise CheckpointError("checkpoint, line 2", "the size in decimal digits", repr(rest[0][:100]))
    root = _unbase64(rest[1], "checkpoint, line 3")
    if len(root) != 32:
        raise CheckpointError("checkpoint, line 3", "a root of 32 bytes", f"{len(root)} bytes")
    signatures = [_signature(line) for line in tail[:-1].split("\n")]
    return body + "\n", signatures, Checkpoint(origin, int(rest[0]), root)


def _signature(line: str) -> tuple[str, bytes]:
    name, gap, encoded = line.removeprefix(_MARK).partition(" ")
    if not line.startswith(_MARK) or not gap:
        raise CheckpointError("checkpoint, signature line", f"'{_MARK}origin base64'", repr(line[:200]))
    _named(name, "checkpoint, signature line")
    signed = _unbase64(encoded, "checkpoint, signature line")
    if len(signed) < 5:
        raise CheckpointError("checkpoint, signature line", "a key id and a signature", f"{len(signed)} bytes")
    return name, signed
