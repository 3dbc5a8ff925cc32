"""A reference -> the secret it stands for: ``secret://KIND/PATH``, looked up when it is needed."""

from __future__ import annotations

import re

from bongsu import registry
from bongsu.ports import Secret, SecretError, SecretStore

SCHEME = "secret://"
_REFERENCE = re.compile(r"secret://([a-z][a-z0-9_]*)/(\S+)")


def resolve(reference: str) -> Secret:
    """The secret. Raises ``SecretError``, which names the reference and never the value.

    A text that is no reference is not repeated: it may be the secret itself, put where a reference belongs.
    """
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise SecretError("expected a reference such as secret://env/NAME or secret://file//run/secrets/name, came "
                          "another text (not shown)")
    kind, path = match[1], match[2]
    try:
        store: SecretStore = registry.part("secrets", kind)()
    except KeyError:
        known = ", ".join(sorted(registry.kinds("secrets")))
        raise SecretError(f"{SCHEME}{kind}/…: expected a kind of secret ({known}), came '{kind}'") from None
    return store.get(path)


def reveal(text: str) -> Secret:
    """The secret of a reference; any other text stands for itself."""
    return resolve(text) if text.startswith(SCHEME) else Secret(text)
