"""Sealing: values under a data key, and a day's box that anybody may fill and only one may open.

Values and keys are sealed with AES-256-GCM (NIST SP 800-38D): 12 random bytes, then ciphertext and tag. What it is
about goes into the tag, so a ciphertext moved to another place does not open there.

A box is a key pair (X25519, RFC 7748). Whoever fills it makes a key pair of its own, derives a key from both with
HKDF-SHA256 (RFC 5869) over the two public keys, and forgets the private half: not even the sender can open it again.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SIZE, NONCE, TAG = 32, 12, 16
_BOX = b"bongsu box 1"


class SealError(Exception):
    """What was sealed does not open: another key, another place, or it was changed. Says nothing of what is in it."""


def new_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(SIZE)


def seal(key: bytes, about: str, data: bytes) -> bytes:
    """Nonce, ciphertext and tag.

    >>> unseal(bytes(32), "shop|EMAIL_X|k1", seal(bytes(32), "shop|EMAIL_X|k1", b"a@b.co"))
    b'a@b.co'
    """
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, about.encode())


def unseal(key: bytes, about: str, sealed: bytes) -> bytes:
    """What was sealed with this key about this very thing. Raises ``SealError``."""
    if len(sealed) < NONCE + TAG:
        raise SealError(f"expected at least {NONCE + TAG} sealed bytes, came {len(sealed)}; the store is damaged")
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
    except InvalidTag:
        raise SealError("expected what was sealed with this key for this place, came something else; it was moved, "
                        "changed, or the key is another one") from None


def new_box() -> tuple[bytes, bytes]:
    """A key pair, 32 bytes each: the private half opens what the public half seals."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def put_in_box(public: bytes, about: str, data: bytes) -> bytes:
    """The sender's public key of this one time, then what ``seal`` gives.

    >>> private, public = new_box()
    >>> open_box(private, "shop|b1", put_in_box(public, "shop|b1", b"a@b.co"))
    b'a@b.co'
    """
    mine = X25519PrivateKey.generate()
    ours = mine.public_key().public_bytes_raw()
    shared = mine.exchange(X25519PublicKey.from_public_bytes(public))
    return ours + seal(_derived(shared, ours, public), about, data)


def open_box(private: bytes, about: str, sealed: bytes) -> bytes:
    """What somebody put into the box. Raises ``SealError``."""
    if len(sealed) < SIZE + NONCE + TAG:
        raise SealError(f"expected at least {SIZE + NONCE + TAG} sealed bytes, came {len(sealed)}; the spool is "
                        "damaged, or the box was not filled")
    mine, theirs = X25519PrivateKey.from_private_bytes(private), sealed[:SIZE]
    try:
        shared = mine.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:  # a point of low order: nobody honest sends one
        raise SealError("expected a public key before what was sealed, came none that can be used") from None
    return unseal(_derived(shared, theirs, mine.public_key().public_bytes_raw()), about, sealed[SIZE:])


def _derived(shared: bytes, theirs: bytes, ours: bytes) -> bytes:
    return HKDF(SHA256(), SIZE, None, _BOX + theirs + ours).derive(shared)
