"""What a caller is told who may not: about keys, restrictions, limits and budgets. OpenAI's error shape, no key in it.

None of these is cured by trying again at once, so clients are told not to (``x-should-retry: false``) unless a limit
says when.
"""

from __future__ import annotations

from datetime import UTC, datetime

from bongsu.access.apikey import ApiKey
from bongsu.access.restriction import Restriction
from bongsu.web.errors import ApiError


def instant(at: int) -> str:
    return datetime.fromtimestamp(at // 10**6, UTC).isoformat().replace("+00:00", "Z")


def no_key() -> ApiError:
    return ApiError(401, "invalid_api_key", "expected a virtual key of this gateway as 'Authorization: Bearer "
                    "bsu_...', came none; ask whoever runs the gateway for one", retry=False)


def unknown_key() -> ApiError:
    return ApiError(401, "invalid_api_key", "this key is not known here, or it has been replaced; check that it was "
                    "copied whole, or ask for a new one", retry=False)


def not_yet() -> ApiError:
    return ApiError(503, "keys_unavailable", "the gateway has just begun and knows no keys yet; try again", retry=True,
                    after_s=1)


def over(key: ApiKey, now: int) -> ApiError:
    how = "was revoked" if key.state(now) == "revoked" else f"expired at {instant(key.expires)}"
    return ApiError(401, "invalid_api_key", f"key {key.id} {how}; ask for a new one", retry=False)


def budgets_unavailable() -> ApiError:
    return ApiError(503, "budgets_unavailable", "it is not known yet what was spent, and nothing is spent before it "
                    "is; try again", retry=True, after_s=1)


def too_many() -> ApiError:
    return ApiError(503, "too_many_accounts", "more users and keys have a budget or a rate limit than can be counted "
                    "at once, and nobody goes uncounted; try again later, or call as a user who has called before",
                    retry=True, after_s=60)


def budget_exceeded(name: str, end: int) -> ApiError:
    when = f"it begins anew at {instant(end)}" if end else "it frees what is older than its window"
    return ApiError(429, "budget_exceeded", f"budget {name!r} has less left than this call can cost; {when}, or ask "
                    "for a smaller reply", retry=False, kind="insufficient_quota")


def too_fast(whose: str, of: str, after: int) -> ApiError:
    return ApiError(429, "rate_limit_exceeded", f"{whose} has used its {of} of this minute; try again later",
                    retry=True, after_s=max(1, -(-after // 10**6)))


def other_service() -> ApiError:
    return ApiError(403, "wrong_service", "this key belongs to another service; use one of this service", retry=False)


def wrong_route(key: ApiKey) -> ApiError:
    return ApiError(403, "route_not_allowed", f"key {key.id} may not call this route; GET /v1/models lists those it "
                    "may", param="model", retry=False)


def no_listing(key: ApiKey) -> ApiError:
    return ApiError(403, "scope_missing", f"expected a key with the scope models:read, key {key.id} has "
                    f"{', '.join(key.scopes) or 'none'}; ask for another one", retry=False)


def standing(one: Restriction) -> str:
    """A restriction as a header tells it."""
    return f"{one.rung}; until={instant(one.until)}" if one.until else one.rung


def restricted(one: Restriction, appeal: str) -> ApiError:
    """A closed door says until when, why, and whom to ask."""
    until = f" until {instant(one.until)}" if one.until else ""
    why = f": {one.reason}" if one.reason else ""
    ask = f"; to appeal: {appeal}" if appeal else ""
    if one.rung == "reauthenticate":
        return ApiError(401, "reauthentication_required", f"sign in again: have your key rotated, or ask for the "
                        f"restriction to be cleared{why}{ask}", retry=False)
    if one.rung == "review":
        return ApiError(403, "human_review_required", f"calls wait for a person to look at them{until}{why}{ask}; "
                        f"review {one.id}",
                        retry=False, kind="permission_denied", more={"review": one.id})
    return ApiError(403, "suspended", f"suspended{until}{why}{ask}", retry=False, kind="permission_denied")
