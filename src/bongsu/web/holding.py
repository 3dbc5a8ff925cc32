"""What waits for a person: sealed on disk with a key that only the caller has, and given out when it was let pass.

A reply that is held is written to the data folder before its caller is answered, under a key made for it; the key is in
the ticket that the caller gets, and nowhere else. So nobody can read it but who asked for it, and they only when a
person has let it pass: the gateway looks up what was decided in the snapshot that control publishes. Of a prompt that
is held only a keyed hash is kept: it may be sent again, and is let in if it is the same.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bongsu.guard import Guard
from bongsu.live import Live
from bongsu.privacy.envelope import SIZE, SealError, seal, unseal
from bongsu.review import LETS
from bongsu.web import errors
from bongsu.web.errors import Header

if TYPE_CHECKING:
    from bongsu.web.call import Call

HEADER = b"x-bongsu-review"
"""In an answer the ticket of what is held, in a request the same: what was decided?"""
TEXTS = "REVIEW"
"""The kind of the keyed hash of a prompt's texts."""
PREFIX = "review/"
_TICKET = re.compile(rb"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43})")


def holds(guards: Sequence[Guard]) -> bool:
    """Whether a whole reply waits for what these guards find."""
    return any(g.act == "review" and not g.shadow for g in guards)


class _Kept(msgspec.Struct, array_like=True):
    """What is sealed: ``body`` in base64."""

    on: str
    body: str
    stream: bool
    passed: int = 0


class Found(NamedTuple):
    """What a person has let pass: the ``body`` of a reply, or the hash of the texts of a prompt (``on`` input).
    ``passed`` is how much that is personal the reader of the reply gets to read."""

    review: str
    on: str
    body: bytes
    stream: bool
    passed: int

    def lets(self, guards: Sequence[Guard], call: Call, texts: Sequence[str]) -> tuple[Guard, ...]:
        """The guards of a prompt, of which none holds it again; raises ``ApiError`` where it is another prompt."""
        if self.on != "input":
            return tuple(guards)
        if call.masking.mark(TEXTS, "\0".join(texts)).encode() != self.body:
            raise errors.another_request(self.review)
        call.facts["review"] = "released"
        return tuple(replace(g, act="flag") if g.act == "review" else g for g in guards)


class Holding:
    """One folder of what is held; ``decided`` is the snapshot of what people said of it."""

    def __init__(self, folder: Path, decided: Live) -> None:
        self._folder, self._decided = folder, decided

    def close(self) -> None:
        self._decided.close()

    async def hold(self, call: Call, on: str, body: bytes, stream: bool) -> list[Header]:
        """The header with the ticket; none where it cannot be kept, which the caller is told."""
        key = secrets.token_bytes(SIZE)
        kept = msgspec.json.encode(_Kept(on, b64encode(body).decode(), stream, call.facts.get("pii_passed", 0)))
        sealed = seal(key, _about(call.id, call), kept)
        try:
            await asyncio.to_thread(self._write, call.id, sealed, call.at)
        except OSError:
            return []
        ticket = f"{call.id}.{urlsafe_b64encode(key).decode().rstrip('=')}"
        return [(HEADER, ticket.encode())]

    async def redeem(self, given: bytes, call: Call, stream: bool) -> Found:
        """What a ticket stands for, if a person has let it pass; else the error that says how it stands."""
        ticket = _TICKET.fullmatch(given)
        if ticket is None:
            raise errors.unknown_review()
        review, key = ticket[1].decode(), urlsafe_b64decode(ticket[2] + b"=")
        try:
            sealed = await asyncio.to_thread((self._folder / review).read_bytes)
            kept = msgspec.json.decode(unseal(key, _about(review, call), sealed), type=_Kept)
        except (OSError, SealError, msgspec.DecodeError):
            raise errors.unknown_review() from None
        self._must_be_let(review)
        if kept.on == "output" and kept.stream != stream:
            raise errors.another_request(review)
        return Found(review, kept.on, b64decode(kept.body), kept.stream, kept.passed)

    def _must_be_let(self, review: str) -> None:
        word = self._decided.current().changes.get(PREFIX + review)
        if word is None:
            raise errors.not_decided(review)
        if word not in LETS:
            raise errors.review_denied(review)

    def _write(self, name: str, sealed: bytes, at: int) -> None:
        """Whole and on disk, or not at all; dated by the gateway's own clock."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._folder / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        os.utime(partial, (at / 10**6, at / 10**6))
        partial.replace(self._folder / name)


def _about(review: str, call: Call) -> str:
    """What is sealed opens for the same key only."""
    return f"{review}|{call.key.id if call.key is not None else ''}"
