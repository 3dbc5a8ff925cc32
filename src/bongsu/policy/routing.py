"""How a route's calls are spread: versions and their weights, and where a person's data may go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from bongsu.canary import Canary
from bongsu.policy.fault import Misfit, did_you_mean, listed, quoted

OTHER = "other"
"""The border of regions that no other border names."""
SETTING = r"[A-Za-z_]\w*"
HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
REGION = b"x-bongsu-region"


@dataclass(frozen=True)
class Version:
    """A named set: who answers, with which prompt, which guards and which parameters.

    ``upstream`` is the route's primary where none is named. ``prompt`` is put first as the system's message. With
    ``guards``, only those look (and any that is enforced live). ``set`` gives numbers of the request, ``cap`` limits
    them.
    """

    name: str
    upstream: str = field(default="", metadata={"ref": "upstreams"})
    model: str = ""
    model_version: str = ""
    prompt_version: str = ""
    prompt: str = ""
    guards: tuple[str, ...] = field(default=(), metadata={"ref": "guards"})
    fixed: Mapping[str, float] = field(default_factory=dict, metadata={"key": "set", "names": SETTING})
    cap: Mapping[str, float] = field(default_factory=dict, metadata={"names": SETTING})

    def __post_init__(self) -> None:
        for name, values in (("set", self.fixed), ("cap", self.cap)):
            bad = next((v for v in values.values() if not isfinite(v)), None)
            if bad is not None:
                raise Misfit("finite numbers", str(bad), field=name)
        if both := sorted(self.fixed.keys() & self.cap.keys()):
            raise Misfit("a parameter that is either set or capped", quoted(both[0]), field="cap")


def check_split(split: Mapping[str, int], versions: Mapping[str, Version]) -> None:
    """A split names versions of its own route, and sends the calls somewhere."""
    for name in split:
        if name not in versions:
            raise Misfit(f"a version of this route ({listed(versions) or 'none is declared'})", quoted(name),
                         did_you_mean(name, versions), "split")
    if split and not any(split.values()):
        raise Misfit("a weight above zero", "none", field="split")


def check_canary(canary: Canary, split: Mapping[str, int], versions: Mapping[str, Version]) -> None:
    """A canary tries one version of its route against another, and alone decides how calls are split."""
    for role in (canary.of, canary.base):
        if role not in versions:
            raise Misfit(f"versions of this route ({listed(versions) or 'none is declared'})", quoted(role),
                         did_you_mean(role, versions), "canary")
    if canary.of == canary.base:
        raise Misfit("another version as 'base' than as 'of'", quoted(canary.of), field="canary")
    if split:
        raise Misfit("no 'split' beside 'canary'", "both", "the canary begins with all calls on its base", "split")


@dataclass(frozen=True)
class Trust:
    """Whose word counts for the region of the person whose data a call carries.

    A key's own region wins. Then ``region_header``: name one only where a proxy in front of the gateway sets it and
    takes it from what callers send. Then ``x-bongsu-region``, from callers with a key, or from ``anybody``: who may say
    it can lead data across a border. Where nobody says it, the person is taken to be in the service's own region.
    """

    region: Literal["keys", "anybody"] = "keys"
    region_header: str = ""

    def __post_init__(self) -> None:
        if self.region_header and not HEADER.fullmatch(self.region_header):
            raise Misfit("the name of a header such as x-client-region", quoted(self.region_header),
                         field="region_header")

    def region_of(self, headers: Mapping[bytes, bytes], *, keyed: bool) -> bytes:
        """What the headers say of it, by the rules above; empty where nothing that counts does.

        >>> Trust().region_of({b"x-bongsu-region": b"eu"}, keyed=False)
        b''
        >>> Trust(region_header="X-Geo").region_of({b"x-bongsu-region": b"eu", b"x-geo": b"kr"}, keyed=True)
        b'kr'
        """
        said = headers.get(self.region_header.lower().encode(), b"") if self.region_header else b""
        return said or (headers.get(REGION, b"") if keyed or self.region == "anybody" else b"")


@dataclass(frozen=True)
class Borders:
    """To which regions of upstreams the data of each region's people may go; all in lower case.

    ``allowed`` maps a region, or a group of regions, to regions; what is not named is under ``other``, and may go
    anywhere where there is no such entry.
    """

    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, borders: Mapping[str, tuple[str, ...]], regions: Mapping[str, tuple[str, ...]]) -> Borders:
        """As they are declared: names of groups stand for their regions.

        >>> sorted(Borders.of({"eu": ("eu",)}, {"eu": ("eu-west", "eu-north")}).regions("EU-West"))
        ['eu', 'eu-north', 'eu-west']
        """
        groups = {name.lower(): frozenset(r.lower() for r in inside) for name, inside in regions.items()}
        return cls({name.lower(): frozenset(one for r in to for one in (r.lower(), *groups.get(r.lower(), ())))
                    for name, to in borders.items()}, groups)

    def regions(self, subject: str) -> frozenset[str] | None:
        """Where the data of people of a region may go; None for anywhere.

        A region's own entry wins; then what all its groups allow; then ``other``.
        """
        name = subject.strip().lower()
        if name != OTHER and name in self.allowed:
            return self.allowed[name]
        mine = [self.allowed[group] for group, inside in self.groups.items()
                if name in inside and group in self.allowed]
        return frozenset.intersection(*mine) if mine else self.allowed.get(OTHER)
