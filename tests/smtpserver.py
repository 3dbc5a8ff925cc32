"""A real SMTP server of a few commands, with STARTTLS, TLS and AUTH, that keeps the mails it took."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Smtp:
    """``says`` overrides the reply to a verb (``RCPT``, ``DATA.`` for the end of data); ``None`` hangs up."""

    tls: ssl.SSLContext | None = None
    direct: bool = False
    login: tuple[str, str] | None = None
    says: dict[str, str | None] = field(default_factory=dict)
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, known = "CONNECT", self.login is None
        while line:
            verb = line.split()[0].split(":")[0].upper()
            reply = self.says.get(verb, self._reply(verb, line, known))
            known = known or (verb == "AUTH" and str(reply).startswith("235"))
            if reply is None:
                return
            writer.write(reply.encode() + b"\r\n")
            await writer.drain()
            if verb == "STARTTLS" and self.tls is not None:
                await writer.start_tls(self.tls)
            if verb == "RCPT" and reply.startswith("250"):
                self.to.append(line)
            if verb == "DATA" and reply.startswith("354"):
                data = await reader.readuntil(b"\r\n.\r\n")
                end = self.says.get("DATA.", "250 taken")
                if end is None:
                    return
                if end.startswith("250"):
                    self.mails.append(message_from_bytes(data[:-5], policy=policy.default))  # type: ignore[arg-type]
                    self.encrypted.append(writer.get_extra_info("ssl_object") is not None)
                writer.write(end.encode() + b"\r\n")
            if verb == "QUIT":
                return
            line = (await reader.readline()).decode()

    def _reply(self, verb: str, line: str, known: bool) -> str:
        if verb == "EHLO":
            offers = ["250-here"] + ["250-STARTTLS"] * (self.tls is not None and not self.direct)
            return "\r\n".join([*offers, "250 AUTH PLAIN" if self.login else "250 8BITMIME"])
        if verb == "AUTH" and self.login is not None:
            given = b64decode(line.split()[2]).decode().split("\0")[1:]
            return "235 hello" if tuple(given) == self.login else "535 wrong"
        if verb == "MAIL" and not known:
            return "530 authenticate first"
        replies = {"CONNECT": "220 here", "DATA": "354 go on", "STARTTLS": "220 go on", "QUIT": "221 bye"}
        return replies.get(verb, "250 ok")


@asynccontextmanager
async def serving_mail(server: Smtp) -> AsyncIterator[Smtp]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=server.tls if server.direct else None)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await asyncio.sleep(0.05)  # connections that are being closed


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the file of the authority to trust."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    signed = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
              .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
              .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False)
              .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, secret)
    return context, cert
