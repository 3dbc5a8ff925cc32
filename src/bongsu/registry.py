"""Kind in the policy -> class of the part.

Each folder of parts keeps one table, kind -> ``module:Class``; nothing is imported before it is asked for. A package
adds parts of its own through entry points of the same name (group ``bongsu.slis``, ``bongsu.checks``…).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

FAMILIES = {
    "slis": ("bongsu.slis", "SLIS"),
    "checks": ("bongsu.checks", "CHECKS"),
    "channels": ("bongsu.channels", "CHANNELS"),
    "actions": ("bongsu.actions", "ACTIONS"),
    "secrets": ("bongsu.secrets", "SECRETS"),
    "wraps": ("bongsu.wraps", "WRAPS"),
}


@cache
def kinds(family: str) -> dict[str, str]:
    """Every kind of a family with where its class is, built-ins first."""
    module, table = FAMILIES[family]
    built_in: dict[str, str] = getattr(import_module(module), table)
    return {**{e.name: e.value for e in entry_points(group=f"bongsu.{family}")}, **built_in}


def part(family: str, kind: str) -> type[Any]:
    """The class of a part. Raises KeyError for a kind that does not exist."""
    module, _, name = kinds(family)[kind].partition(":")
    cls: type[Any] = getattr(import_module(module), name)
    return cls


def kind_of(family: str, one: object) -> str:
    """The kind whose class this part is of; empty for none."""
    for kind in kinds(family):
        try:
            if type(one) is part(family, kind):
                return kind
        except (ImportError, AttributeError):  # a kind of a package that is not whole
            continue
    return ""
