"""Who keeps the vault's master key: one wraps from now on, and those before it still unwrap what they wrapped."""

from __future__ import annotations

from pathlib import Path

from bongsu.host.keys import VAULT, vault_key
from bongsu.policy.model import Policy
from bongsu.secret import reveal
from bongsu.wraps.local import Local
from bongsu.wraps.wrapping import Wrap, WrapError


class Keepers:
    """The keeper of the policy (the vault's own key file, if it names none), the one before, and that key file where
    there is one. ``name`` is what is noted beside a wrapped key: the keeper, and how often people asked to renew."""

    def __init__(self, policy: Policy, vault: Path, needed: bool) -> None:
        own = f"secret://file/{vault.resolve() / VAULT}"
        if needed and policy.vault_key is None:
            vault_key(vault)
        self._now: Wrap = policy.vault_key or Local(own)
        before = [policy.vault_key_before] if policy.vault_key_before else []
        if (vault / VAULT).exists():
            before.append(Local(own))
        self._all = (self._now, *before)

    def name(self, generation: int) -> str:
        return f"{self._now.keeper} #{generation}"

    def wrap(self, key: bytes, about: str, generation: int) -> tuple[str, str]:
        """The wrapped key, and the name to note beside it. Raises ``WrapError`` or ``SecretError``."""
        return self._now.wrap(key, about, reveal), self.name(generation)

    def unwrap(self, wrapped: str, about: str, name: str) -> bytes:
        """The way back, by whoever wrapped it: that is noted, but not of keys from before it was."""
        keeper = name.rpartition(" #")[0]
        for one in self._all:
            if one.keeper == keeper:
                return one.unwrap(wrapped, about, reveal)
        failed: WrapError | None = None
        for one in self._all:
            try:
                return one.unwrap(wrapped, about, reveal)
            except WrapError as error:
                failed = failed or error
        assert failed is not None
        raise failed
