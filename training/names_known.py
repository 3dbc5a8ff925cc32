# ruff: noqa: T201 (it prints what it wrote)
"""Writes the lists of names that the ``names`` check knows (``names_known.bin``): see README.md beside it.

Given and family names of every country in Latin letters that Faker (MIT) has, and those of the United States' census of
1990 (public domain, by way of the package names, MIT). Only numbers of them are kept.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import sys
import tarfile
from array import array
from pathlib import Path

from bongsu.checks.names_map import listed

HERE = Path(__file__).parent
TARGET = HERE.parent / "src/bongsu/checks/names_known.bin"
WHEELS = Path(os.environ.get("BONGSU_WHEELS", HERE / "wheels"))
COMMON = 20_000
"""Names of a census list that are taken, the commonest first."""
_WORD = re.compile(r"[^\W\d_][^\W\d_'’.-]+")
_PARTS = ("first_name", "last_name", "middle_name")


def plain(names: list[str]) -> set[str]:
    """The words of names, those in Latin letters."""
    words = {word for name in names for word in re.split(r"[\s-]+", name.lower())}
    return {word for word in words if _WORD.fullmatch(word) and max(word) < "\u0250"}


def faker(wheel: Path) -> tuple[set[str], set[str]]:
    """Given and family names of all its countries."""
    sys.path.insert(0, str(wheel))
    person = importlib.import_module("faker.providers.person")
    given, family = set[str](), set[str]()
    for module in pkgutil.iter_modules(person.__path__):
        if not module.ispkg:
            continue
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        for field in dir(provider):
            value = getattr(provider, field)
            if field.startswith(_PARTS) and isinstance(value, tuple | list | dict):
                (family if "last" in field else given).update(plain([n for n in value if isinstance(n, str)]))
    return given, family


def census(archive: Path) -> tuple[set[str], set[str]]:
    given, family = set[str](), set[str]()
    with tarfile.open(archive) as pack:
        for name in pack.getnames():
            if "dist." in name and (file := pack.extractfile(name)) is not None:
                words = plain([line.split()[0] for line in file.read().decode().splitlines() if line.strip()][:COMMON])
                (family if name.endswith("last") else given).update(words)
    return given, family


def main() -> None:
    one, other = faker(next(iter(WHEELS.glob("faker-*.whl")))), census(next(iter(WHEELS.glob("names-*.tar.gz"))))
    given, family = (array("I", sorted(listed(a | b))) for a, b in zip(one, other, strict=True))
    if sys.byteorder == "big":
        given.byteswap()
        family.byteswap()
    TARGET.write_bytes(len(given).to_bytes(4, "little") + given.tobytes() + family.tobytes())
    print(f"{TARGET.name}: {len(given):,} given names, {len(family):,} family names")


if __name__ == "__main__":
    main()
