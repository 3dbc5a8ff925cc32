"""Who is at the desk: sessions kept in memory, and a brake on guessing.

A session dies with the process, after half an hour without a person, and after a working day whatever happens.
Times are microseconds; ``now`` is an argument.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from bongsu.quantity import HOUR, MINUTE

IDLE, ABSOLUTE = 30 * MINUTE, 8 * HOUR
MOST_SESSIONS = 1000
TRIES, TRIES_WINDOW = 5, MINUTE
TRIES_OF_ALL = 60


def token_matches(token: str, token_hash: str) -> bool:
    """Whether a token is the one whose SHA-256 (hex) was kept; takes the same time either way."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    return hmac.compare_digest(digest, token_hash.lower())


@dataclass(frozen=True)
class Session:
    """One login. ``csrf`` goes into every form, so that only our own pages can write.

    ``by`` is the hash of the token it was opened with: a session ends with its token. ``who`` is the name of the
    reviewer whose token that was; empty for the admin.
    """

    id: str
    csrf: str
    opened: int
    seen: int
    by: str = ""
    who: str = ""

    def alive(self, now: int) -> bool:
        return now - self.seen < IDLE and now - self.opened < ABSOLUTE


class Sessions:
    """All sessions now open. Ids are new at every login, so one planted beforehand is worth nothing."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, now: int, by: str = "", who: str = "") -> Session:
        self._open = {key: s for key, s in self._open.items() if s.alive(now)}
        while len(self._open) >= MOST_SESSIONS:
            del self._open[min(self._open, key=lambda key: self._open[key].seen)]
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), now, now, by, who)
        self._open[session.id] = session
        return session

    def find(self, key: str, now: int, *, touch: bool = True,
             by: Callable[[Session], str] = lambda _: "") -> Session | None:
        """The session of a cookie, if it still lives. ``touch`` says that a person, not a page's timer, asked; ``by``
        which token it must have been opened with."""
        session = self._open.get(key)
        if session is None:
            return None
        if not session.alive(now) or session.by != by(session):
            del self._open[key]
            return None
        if touch:
            session = self._open[key] = replace(session, seen=now)
        return session

    def close(self, key: str) -> None:
        self._open.pop(key, None)


class Brake:
    """Slows guessing: so many wrong tokens a minute from one address, and from everywhere together."""

    def __init__(self, tries: int = TRIES, of_all: int = TRIES_OF_ALL, window: int = TRIES_WINDOW) -> None:
        self.tries, self.of_all, self.window = tries, of_all, window
        self._wrong: list[tuple[int, str]] = []

    def wait(self, client: str, now: int) -> int:
        """Microseconds until this address may try again; 0 when it may now."""
        self._wrong = [(at, who) for at, who in self._wrong if now - at < self.window]
        own = [at for at, who in self._wrong if who == client]
        if len(own) >= self.tries:
            return own[-self.tries] + self.window - now
        if len(self._wrong) >= self.of_all:
            return self._wrong[-self.of_all][0] + self.window - now
        return 0

    def wrong(self, client: str, now: int) -> None:
        self._wrong.append((now, client))


Clock = Callable[[], int]
