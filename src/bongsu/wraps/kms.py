"""A master key that never leaves AWS KMS: ``Encrypt`` and ``Decrypt`` of its JSON API, signed by botocore (SigV4).

What a data key is about goes into the encryption context, so what was wrapped for one thing does not unwrap for
another, and every use shows in CloudTrail with the tenant and the key's id (never a value). The key is a symmetric
one (``SYMMETRIC_DEFAULT``); KMS's own yearly rotation needs nothing here, since a ciphertext names its key.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from bongsu.wraps.wrapping import Secrets, WrapError

FORM = "kms:v1:"
TIMEOUT = 3.0
"""Seconds, of each of at most two attempts. The vault's own thread waits for it."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TODO = {
    "AccessDeniedException": "the role needs kms:Encrypt and kms:Decrypt on this key",
    "NotFoundException": "there is no such key in this region and account",
    "DisabledException": "the key is disabled; enable it",
    "KMSInvalidStateException": "the key is disabled, pending deletion or has no material",
    "InvalidCiphertextException": "this was not wrapped by it for this place",
    "IncorrectKeyException": "another key wrapped this; name it in settings.vault_key_before",
    "UnrecognizedClientException": "the access key is not known",
    "InvalidSignatureException": "the secret key is wrong",
    "ExpiredTokenException": "the credentials have expired", "ThrottlingException": "asked too often; it will be again",
}
_LASTING = frozenset(("InvalidCiphertextException", "IncorrectKeyException"))


@dataclass(frozen=True)
class Kms:
    """``{kms: arn:aws:kms:ap-northeast-2:111122223333:key/…}``: a key's id, ARN, or alias.

    Without ``access_key`` and ``secret_key`` (secret references) the credentials are found as AWS's own tools find
    them: environment, profile, web identity, the role of the task or machine. ``endpoint`` is for a VPC's own.
    """

    key_id: str
    region: str = ""
    access_key: str = field(default="", metadata={"form": "secret"})
    secret_key: str = field(default="", metadata={"form": "secret"})
    endpoint: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.endpoint)
        if self.endpoint and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError(f"endpoint: expected https, since keys go over it, came {parts.scheme or 'no scheme'}")
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("access_key: expected it together with secret_key, came one of them")
        if not self._region:
            raise ValueError("region: expected a region such as ap-northeast-2, or a key's ARN, which says it; came "
                             "neither")

    @property
    def keeper(self) -> str:
        return f"kms {self._region} {self.key_id}"

    @property
    def _region(self) -> str:
        parts = self.key_id.split(":")
        return self.region or (parts[3] if len(parts) > 5 else "")

    def wrap(self, key: bytes, about: str, secret: Secrets) -> str:
        said = self._ask("encrypt", {"Plaintext": key}, about, secret)
        return FORM + b64encode(said["CiphertextBlob"]).decode()

    def unwrap(self, wrapped: str, about: str, secret: Secrets) -> bytes:
        try:
            if not wrapped.startswith(FORM):
                raise ValueError
            blob = b64decode(wrapped.removeprefix(FORM), validate=True)
        except (NoBase64, ValueError):
            raise WrapError(f"a data key: expected one wrapped by AWS KMS ({FORM}…), came another; settings.vault_key "
                            "or vault_key_before must name what wrapped it", lasting=True) from None
        return bytes(self._ask("decrypt", {"CiphertextBlob": blob}, about, secret)["Plaintext"])

    def _ask(self, way: str, body: Mapping[str, Any], about: str, secret: Secrets) -> Mapping[str, Any]:
        where = f"AWS KMS ({way})"
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise WrapError("settings.vault_key.kms: expected the package botocore, came none; install "
                            "bongsu[aws]") from None
        try:
            access, hidden = (secret(one).reveal() if one else "" for one in (self.access_key, self.secret_key))
            client = _client(self._region, self.endpoint, access, hidden)
            found: Mapping[str, Any] = getattr(client, way)(KeyId=self.key_id, EncryptionContext={"bongsu": about},
                                                            **body)
            return found
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise WrapError(f"{where}: expected 200, came {code or 'a refusal'}; "
                            f"{_TODO.get(code, 'CloudTrail says why')}", lasting=code in _LASTING) from None
        except BotoCoreError as error:
            raise WrapError(f"{where}: no answer ({type(error).__name__}); are there credentials, and is it reachable "
                            "from here?") from None


@lru_cache(maxsize=8)
def _client(region: str, endpoint: str, access: str, hidden: str) -> Any:
    """To make one takes longer than to ask; it may be used by any thread."""
    from botocore.config import Config
    from botocore.session import Session

    retries = {"total_max_attempts": 2, "mode": "standard"}
    config = Config(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries=retries, user_agent_extra="bongsu")
    return Session().create_client("kms", region, endpoint_url=endpoint or None, config=config,
                                   aws_access_key_id=access or None, aws_secret_access_key=hidden or None)
