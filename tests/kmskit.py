"""A stand-in for AWS KMS by its published JSON 1.1 contract: Encrypt and Decrypt with an encryption context.

It recomputes each request's signature (AWS Signature Version 4) from the specification, not with botocore.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import threading
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from servers import StandIn, body_of

ACCESS, HIDDEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ARN = "arn:aws:kms:ap-northeast-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def signed_right(headers: dict[str, str], path: str, body: bytes) -> bool:
    """Whether the Authorization header is the Signature Version 4 of this POST."""
    scheme, _, rest = headers["authorization"].partition(" ")
    said = dict(part.strip().split("=", 1) for part in rest.split(","))
    access, *scope = said["Credential"].split("/")
    names = said["SignedHeaders"].split(";")
    lines = [f"{name}:{' '.join(headers[name].split())}\n" for name in names]
    whole = "\n".join(("POST", path, "", "".join(lines), said["SignedHeaders"], hashlib.sha256(body).hexdigest()))
    to_sign = "\n".join((scheme, headers["x-amz-date"], "/".join(scope), hashlib.sha256(whole.encode()).hexdigest()))
    key = f"AWS4{HIDDEN}".encode()
    for part in scope:
        key = _hmac(key, part)
    good = {"host", "x-amz-date", "x-amz-target"} <= set(names) and access == ACCESS
    return good and scope[1:] == ["ap-northeast-2", "kms", "aws4_request"] and hmac.compare_digest(
        _hmac(key, to_sign).hex(), said["Signature"])


class FakeKms(StandIn):
    """One key. ``fault`` is the code of an error to answer instead; ``held`` holds answers back until it is set."""

    def __init__(self) -> None:
        self.cipher, self.fault, self.asked = AESGCM(bytes(range(32))), "", 0
        self.held = threading.Event()
        self.held.set()
        self.contexts: list[str] = []

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked += 1
        await _until(self.held)
        status, said = self.answer(headers, scope["path"], body)
        await send({"type": "http.response.start", "status": status,
                    "headers": [(b"content-type", b"application/x-amz-json-1.1")]})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    def answer(self, headers: dict[str, str], path: str, body: bytes) -> tuple[int, Any]:
        if not signed_right(headers, path, body):
            return 400, {"__type": "InvalidSignatureException", "message": "no"}
        asked = json.loads(body)
        if self.fault:
            return 400, {"__type": self.fault, "message": "no"}
        if asked["KeyId"] != ARN:
            return 400, {"__type": "NotFoundException", "message": "no"}
        about = json.dumps(asked["EncryptionContext"], sort_keys=True).encode()
        self.contexts.append(about.decode())
        if headers["x-amz-target"] == "TrentService.Encrypt":
            nonce = os.urandom(12)
            blob = nonce + self.cipher.encrypt(nonce, base64.b64decode(asked["Plaintext"]), about)
            return 200, {"CiphertextBlob": base64.b64encode(blob).decode(), "KeyId": ARN,
                         "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
        blob = base64.b64decode(asked["CiphertextBlob"])
        try:
            plain = self.cipher.decrypt(blob[:12], blob[12:], about)
        except InvalidTag:
            return 400, {"__type": "InvalidCiphertextException", "message": ""}
        return 200, {"Plaintext": base64.b64encode(plain).decode(), "KeyId": ARN}


async def _until(event: threading.Event) -> None:
    import asyncio

    await asyncio.to_thread(event.wait, 60)
