"""An exemption from the gate: asked for by one person, approved by another, signed, and over at a time.

    request -> approve -> in force until it expires or is revoked

What is signed is all that gives it force: for which service and stage, why, by whom, approved by whom, from when until
when. A row of the database that was changed afterwards does not verify, and then it excuses nothing.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bongsu.gate import Excuse
from bongsu.quantity import DAY, QuantityError, parse_duration, show_duration

MOST = DAY
"""The longest that an override is in force, and that a request waits for its approval."""
LONGEST_NAME = 100
_DOMAIN = b"bongsu.override/v1\n"
"""Before what is signed, so that no signature of another kind can stand for one of these."""
_SIGNED = ("id", "service", "stage", "author", "reason", "lasting", "including_stale", "requested", "approver",
           "approved", "expires")


class OverrideFault(ValueError):
    """What is wrong with a request or an approval: ``code`` for machines, a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Override:
    """One exemption. ``stage`` is empty where it holds for every stage; instants are 0 where that has not happened."""

    id: str
    service: str
    stage: str
    author: str
    reason: str
    lasting: int
    including_stale: bool
    requested: int
    approver: str = ""
    approved: int = 0
    expires: int = 0
    signature: str = ""
    revoked: int = 0
    revoker: str = ""
    why_revoked: str = ""

    def state(self, now: int) -> str:
        """``pending``, ``active``, ``revoked``, or ``expired`` (a request that nobody approved in time, too)."""
        if self.revoked:
            return "revoked"
        if not self.approved:
            return "pending" if now < self.requested + MOST else "expired"
        return "active" if now < self.expires else "expired"

    def holds(self, stage: str, at: int) -> bool:
        """Whether it was in force at a moment, as its row says."""
        over = min(self.expires, self.revoked or self.expires)
        return bool(self.approved) and self.approved <= at < over and self.stage in ("", stage)

    def excuse(self) -> Excuse:
        return Excuse(self.id, self.author, self.approver, self.reason, self.expires, self.including_stale)


def canonical(override: Override) -> bytes:
    """The one spelling of what is signed."""
    whole = asdict(override)
    text = json.dumps({name: whole[name] for name in _SIGNED}, sort_keys=True, separators=(",", ":"),
                      ensure_ascii=False)
    return _DOMAIN + text.encode()


def genuine(override: Override, key: Ed25519PublicKey) -> bool:
    """Whether this very override was signed by the audit key."""
    try:
        key.verify(bytes.fromhex(override.signature), canonical(override))
    except (InvalidSignature, ValueError):
        return False
    return 0 < override.expires - override.approved <= MOST and not _same(override.author, override.approver)


# ---- the steps ----


def request(service: str, stage: str, author: str, reason: str, lasting: str, including_stale: bool,
            now: int) -> Override:
    """What a person asks for; it excuses nothing until somebody else approves it."""
    length, author = _lasting(lasting), _name("author", author)
    seed = json.dumps([service, stage, author, reason, length, including_stale, now])
    return Override(f"o_{sha256(seed.encode()).hexdigest()[:16]}", service, stage, author, reason, length,
                    including_stale, now)


def approve(override: Override, approver: str, approvers: Sequence[str], now: int,
            sign: Callable[[bytes], bytes]) -> Override:
    """The override in force from now on. The approver is named by the policy and is not the author."""
    approver, state = _name("approver", approver), override.state(now)
    if state != "pending":
        raise OverrideFault("not_pending", f"expected an override that waits for approval, came one that is {state}; "
                            "request another")
    if not approvers:
        raise OverrideFault("no_approvers", "nobody may approve: the policy has no roles.approver; "
                            "add it, such as roles: {approver: [kim]}")
    if not any(_same(approver, name) for name in approvers):
        raise OverrideFault("not_an_approver", f"expected one of roles.approver ({', '.join(approvers)}), "
                            f"came '{approver}'")
    if _same(approver, override.author):
        raise OverrideFault("own_request", f"'{approver}' asked for it, so another approver must look at it")
    given = replace(override, approver=approver, approved=now, expires=now + override.lasting)
    return replace(given, signature=sign(canonical(given)).hex())


def revoke(override: Override, revoker: str, reason: str, now: int) -> Override:
    """The override without force, whether it was approved or not."""
    state = override.state(now)
    if state not in ("pending", "active"):
        raise OverrideFault("not_in_force", f"expected an override that is pending or active, came one that is {state}")
    return replace(override, revoked=now, revoker=revoker, why_revoked=reason)


def _name(what: str, text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise OverrideFault(f"bad_{what}", f"'{what}' is the name of a person, 1 to {LONGEST_NAME} characters; "
                            f"came {len(name)}")
    return name


def _same(one: str, other: str) -> bool:
    """Names in one spelling: ``Kim`` does not approve what ``kim`` asked for."""
    def plain(name: str) -> str:
        return " ".join(unicodedata.normalize("NFKC", name).casefold().split())

    return plain(one) == plain(other)


def _lasting(text: str) -> int:
    try:
        lasting = parse_duration(text[:32])
    except QuantityError as error:
        raise OverrideFault("bad_for", f"'for': {error}") from None
    if not 0 < lasting <= MOST:
        raise OverrideFault("bad_for", f"'for' is more than nothing and at most {show_duration(MOST)}, "
                            f"came '{text[:32]}'")
    return lasting
