"""Keys that bongsu makes at its first start: the audit log's signing key, the token key, the admin's token.

Key files are made once, with mode 0600, and refused if anyone else may read them. The admin's token is shown once and
kept only as a hash.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from base64 import b64encode
from binascii import crc32
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bongsu.host.folder import Folder

AUDIT, TOKENS = "audit.key", "token.key"
ADMIN, INGEST, OFFICER = "admin.token", "ingest.token", "officer.token"
"""The officer is the privacy officer: who may read what tokens stand for, which the admin may not."""
VAULT = "kek"
SIZE = 32
_FORM = re.compile(r"(bsu_[a-z0-9]{1,16}_[0-9a-f]{8}_[A-Za-z0-9_-]{43})_([0-9a-f]{8})")


class KeyFault(Exception):
    """A key file that must not be used: which, what is wrong, what to do."""


class Notes(Protocol):
    """Where the hash of a token is kept."""

    def note(self, key: str) -> Any: ...

    def put_token(self, key: str, digest: str, actor: str, reason: str, now: int) -> bool: ...


def audit_key(folder: Path) -> Ed25519PrivateKey:
    """The Ed25519 key that signs checkpoints; made if there is none."""
    return Ed25519PrivateKey.from_private_bytes(_kept(folder / AUDIT))


def existing_audit_key(folder: Path) -> Ed25519PrivateKey:
    """The key that signed what is there. To look at a log must never make a key."""
    try:
        return Ed25519PrivateKey.from_private_bytes(opened(folder / AUDIT, SIZE))
    except FileNotFoundError:
        raise KeyFault(f"{AUDIT}: expected the key that signed this audit log, came no file; restore it from a backup, "
                       "or verify with the key that was shown at first start (--vkey)") from None


def token_key(folder: Path) -> bytes:
    """The root of all tokens: the key of the HMAC behind them (``privacy/epochs.py``); made if there is none."""
    return _kept(folder / TOKENS)


def vault_key(folder: Path) -> Path:
    """Where the vault's own master key is, 32 bytes in base64; made if there is none. No backup holds it."""
    path = folder.resolve() / VAULT
    if not path.exists():
        made(path, b64encode(secrets.token_bytes(SIZE)))
    return path


def first_admin_token(notes: Notes, now: int) -> str | None:
    """At the first start a new token, to be shown once; afterwards None. Only its hash is kept."""
    if notes.note(ADMIN) is not None:
        return None
    return new_token(notes, ADMIN, "bongsu", "the first start", now)


def new_token(notes: Notes, name: str, actor: str, reason: str, now: int) -> str:
    """A new token (``ADMIN``, or ``INGEST`` for those who send events) in place of the one before, which is worth
    nothing from now on. Audited."""
    token = mint(name.removesuffix(".token"))
    notes.put_token(name, digest(token), actor, reason, now)
    return token


def is_kept(notes: Notes, name: str, token: str) -> bool:
    """Whether this is the token kept under a name, compared in constant time."""
    kept = notes.note(name)
    return isinstance(kept, str) and hmac.compare_digest(kept, digest(token))


def mint(role: str, id_: str = "") -> str:
    """``bsu_ROLE_ID_SECRET_CRC``: a form that secret scanners can find, and a check that a cut token fails."""
    body = f"bsu_{role}_{id_ or secrets.token_hex(4)}_{secrets.token_urlsafe(SIZE)}"
    return f"{body}_{crc32(body.encode()):08x}"


def whole(token: str) -> bool:
    """Whether it has the form of a token of ours and was not cut or mistyped.

    >>> whole(mint("live")), whole(mint("live")[:-1]), whole("sk-something")
    (True, False, False)
    """
    found = _FORM.fullmatch(token)
    return found is not None and found[2] == f"{crc32(found[1].encode()):08x}"


def renew_token(data: Path, name: str, actor: str, reason: str, now: int) -> str:
    """A new token (the admin's, or the privacy officer's) for whoever may write the data folder; a running control
    heeds it at the next request."""
    from bongsu.stores.state import State

    folder = Folder(data)
    if not folder.state.is_file():
        raise ValueError(f"expected a data folder with a state.db, came {data}")
    store = State(f"sqlite:///{folder.state}", opening="same")
    try:
        return new_token(store, name, actor, reason, now)
    finally:
        store.dispose()


def digest(token: str) -> str:
    """What is kept of a token. It holds 256 random bits, so one SHA-256 is enough."""
    return sha256(token.encode(errors="replace")).hexdigest()


def _kept(path: Path) -> bytes:
    try:
        return opened(path, SIZE)
    except FileNotFoundError:
        made(path, secrets.token_bytes(SIZE))
        return opened(path, SIZE)


def made(path: Path, key: bytes) -> None:
    """Written beside, then linked into place: two first starts at once agree on one key, and none is half written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, key)
        os.fsync(descriptor)
        os.link(partial, path)
    except FileExistsError:
        return  # the other start was first; its key is the one
    finally:
        os.close(descriptor)
        partial.unlink()
    synced(path.parent)


def synced(folder: Path) -> None:
    """Which names are in a folder is durable when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def opened(path: Path, *sizes: int) -> bytes:
    """A key file of one of these sizes. Raises ``KeyFault``, and FileNotFoundError."""
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyFault(f"{path.name}: expected a file that only its owner may read (mode 0600), came mode "
                           f"{mode:04o}; whoever could read it may have it: consider it stolen, or run chmod 600 on it")
        key = file.read(max(sizes) + 1)
    if len(key) not in sizes:
        raise KeyFault(f"{path.name}: expected {' or '.join(map(str, sizes))} bytes, came {len(key)}; restore it from "
                       "a backup")
    return key
