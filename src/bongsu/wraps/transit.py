"""A master key that never leaves HashiCorp Vault or OpenBao: the transit engine's HTTP API.

``POST /v1/MOUNT/encrypt/NAME`` with ``plaintext`` and ``associated_data`` (base64) answers ``data.ciphertext``
(``vault:v1:…``); ``decrypt`` is the way back. The key must be of an AEAD type (``aes256-gcm96``, the default, or
``chacha20-poly1305``), since what a data key is about goes into its tag.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from bongsu.wraps.wrapping import Secrets, WrapError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT = 3.0
"""Seconds. The vault's own thread waits for it; a failure is not repeated for half a minute."""
MOST = 1 << 20


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token and the key to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay())


@dataclass(frozen=True)
class Transit:
    """``{transit: https://bao.internal:8200, token: secret://env/BAO_TOKEN, name: bongsu}``."""

    url: str
    token: str
    name: str = "bongsu"
    mount: str = "transit"
    namespace: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError(f"url: expected https, since keys go over it, came http to {parts.hostname}")

    @property
    def keeper(self) -> str:
        return f"transit {self.url} {self.namespace} {self.mount}/{self.name}"

    def wrap(self, key: bytes, about: str, secret: Secrets) -> str:
        return self._ask("encrypt", {"plaintext": _text(key), "associated_data": _text(about.encode())}, "ciphertext",
                         secret)

    def unwrap(self, wrapped: str, about: str, secret: Secrets) -> bytes:
        said = self._ask("decrypt", {"ciphertext": wrapped, "associated_data": _text(about.encode())}, "plaintext",
                         secret)
        return b64decode(said)

    def _ask(self, way: str, body: dict[str, str], want: str, secret: Secrets) -> str:
        headers = {"content-type": "application/json", "x-vault-request": "true",
                   "x-vault-token": secret(self.token).reveal()}
        if self.namespace:
            headers["x-vault-namespace"] = self.namespace
        url = f"{self.url.rstrip('/')}/v1/{quote(self.mount)}/{way}/{quote(self.name, safe='')}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 (the policy's own URL)
        where = f"transit key '{self.name}' ({way})"
        try:
            with _OPENER.open(request, timeout=TIMEOUT) as reply:
                said = json.loads(reply.read(MOST))["data"][want]
        except urllib.error.HTTPError as error:
            with error:
                raise WrapError(f"{where}: expected 200, came {error.code}; {_todo(error.code)}",
                                lasting=error.code == 400) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise WrapError(f"{where}: no answer ({type(getattr(error, 'reason', error)).__name__}); is it up, "
                            "unsealed and reachable from here?") from None
        except (ValueError, KeyError, TypeError):
            raise WrapError(f"{where}: expected data.{want} in the answer, came something else; is this "
                            "Vault?") from None
        return str(said)


def _todo(status: int) -> str:
    return {400: "the key is no AEAD key, or this was not wrapped by it for this place",
            403: "the token's policy needs 'update' on encrypt and decrypt of this key",
            404: "the mount or the key does not exist", 503: "it is sealed"}.get(status, "its log says why")


def _text(data: bytes) -> str:
    return b64encode(data).decode()
