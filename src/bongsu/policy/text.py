"""Texts that a policy takes from elsewhere: ``${NAME}`` of the environment, ``secret://`` references, URLs.

A literal where a secret is expected is refused and never repeated: an error ends up in a log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from bongsu import registry
from bongsu.policy.fault import Misfit, did_you_mean, listed, quoted

_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_REFERENCE = re.compile(r"secret://([a-z][a-z0-9_]*)/(\S+)")
_KEYLIKE = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}")
"""A part of a URL that nobody would choose: twenty characters, letters and digits."""
_HIDDEN = "a literal value (not shown)"


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """``${NAME}`` replaced by the environment's value; ``$${NAME}`` stands for itself.

    >>> substitute("${A}/v1 $${A}", {"A": "http://h"})
    'http://h/v1 ${A}'
    """

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return match[0][1:]
        if match[2] not in environ:
            raise Misfit(f"the environment variable {match[2]}", "none of that name",
                         "set it, or write the value", offset=match.start())
        return environ[match[2]]

    return _VARIABLE.sub(one, text)


def secret(text: str) -> str:
    """A reference to a secret, kept as a text; what it names is looked up when it is needed."""
    if not text.startswith("secret://"):
        variable = _VARIABLE.fullmatch(text)
        hint = f"did you mean 'secret://env/{variable[2]}'?" if variable else ""
        raise Misfit("a secret reference such as secret://env/NAME", _HIDDEN, hint)
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise Misfit("a secret reference such as secret://env/NAME or secret://file//run/secrets/name", quoted(text))
    known = registry.kinds("secrets")
    if match[1] not in known:
        raise Misfit(f"a kind of secret ({listed(known)})", quoted(match[1]), did_you_mean(match[1], known), offset=9)
    return text


def url(text: str, written: str) -> str:
    """An http(s) URL without a password in it. ``written`` is how it stands in the file, and all that is shown."""
    try:
        parts = urlsplit(text)
        host, password = parts.hostname, parts.password
    except ValueError:
        host, password, parts = None, None, urlsplit("")
    if password is not None:
        raise Misfit("a URL without a password", _HIDDEN, "keep passwords in a secret reference")
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", text):
        hint = f"did you mean 'https://{written}'?" if re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?(/\S*)?", written) else ""
        raise Misfit("a URL such as https://example.com/v1", quoted(written), hint)
    return text


def endpoint(text: str, written: str) -> str:
    """A URL, or a reference to one that is itself a secret (a chat webhook's is)."""
    if text.startswith("secret://"):
        return secret(text)
    if not text.startswith(("http://", "https://")) or _KEYLIKE.search(written.partition("://")[2]):
        raise Misfit("a URL without a key in it, or a secret reference such as secret://env/NAME",
                     quoted(written) if _VARIABLE.fullmatch(written) else _HIDDEN)
    return url(text, written)
