"""A master key that bongsu reads itself: from a file that only its owner may read, or from the environment."""

from __future__ import annotations

import binascii
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bongsu.wraps.wrapping import Secrets, WrapError

SIZE, NONCE = 32, 12
FORM = "local:v1:"


@dataclass(frozen=True)
class Local:
    """``{local: secret://file//run/secrets/vault}``: 32 bytes in base64. AES-256-GCM, ``about`` in the tag."""

    master: str = field(metadata={"form": "secret"})

    @property
    def keeper(self) -> str:
        return f"local {self.master}"

    def wrap(self, key: bytes, about: str, secret: Secrets) -> str:
        nonce = os.urandom(NONCE)
        return FORM + b64encode(nonce + self._cipher(secret).encrypt(nonce, key, about.encode())).decode()

    def unwrap(self, wrapped: str, about: str, secret: Secrets) -> bytes:
        if not wrapped.startswith(FORM):
            raise WrapError(f"a data key: expected one wrapped by a local master key ({FORM}…), came another; "
                            "settings.vault_key or vault_key_before must name what wrapped it", lasting=True)
        cipher = self._cipher(secret)
        try:
            raw = b64decode(wrapped.removeprefix(FORM), validate=True)
            return cipher.decrypt(raw[:NONCE], raw[NONCE:], about.encode())
        except (InvalidTag, ValueError):  # not its tag, or not even the form of it
            raise WrapError("a data key: expected one wrapped by this master key for this place, came another; was "
                            "the master key changed, or the vault copied from elsewhere?", lasting=True) from None

    def _cipher(self, secret: Secrets) -> AESGCM:
        try:
            key = b64decode(secret(self.master).reveal(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != SIZE:
            raise WrapError(f"settings.vault_key.local: expected a secret of {SIZE} bytes in base64, came another text "
                            "(not shown); make one with: head -c 32 /dev/urandom | base64")
        return AESGCM(key)
