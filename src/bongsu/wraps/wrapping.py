"""The shape of who keeps a master key: a port like those of ``ports``, for the parts in ``wraps``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bongsu.ports import Secret

Secrets = Callable[[str], Secret]
"""A reference -> its secret; raises ``SecretError``."""


class WrapError(Exception):
    """A key that cannot be wrapped or unwrapped now: which, why, what to do; never a key. ``lasting`` says that it is
    this key that is refused, so that asking again, or for another, says nothing new of it."""

    def __init__(self, why: str, *, lasting: bool = False) -> None:
        super().__init__(why)
        self.lasting = lasting


class Wrap(Protocol):
    """Who keeps the master key, and with it wraps the keys that values are sealed with.

    ``about`` says what a key is for; one that was wrapped for something else does not unwrap. What is wrapped is
    useless without the master key, so whoever destroys the wrapped form has destroyed the key.
    """

    @property
    def keeper(self) -> str:
        """Which master key this is, without a secret; another text means that keys are to be wrapped anew."""
        ...

    def wrap(self, key: bytes, about: str, secret: Secrets) -> str:
        """The key as it may be stored. Raises ``WrapError`` or ``SecretError``."""
        ...

    def unwrap(self, wrapped: str, about: str, secret: Secrets) -> bytes:
        """The way back. Raises ``WrapError`` or ``SecretError``."""
        ...
