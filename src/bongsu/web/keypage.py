"""The page of keys and users: keys, who is restricted or limited, and what is spent of the budgets.

A secret is in the page that answers the form, and in no other: that page does not refresh itself and is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import RedirectResponse, Response

from bongsu.access.apikey import SCOPES, KeyRefused
from bongsu.access.restriction import RUNGS, RestrictionFault
from bongsu.web.access import Visit, Way, Wrong
from bongsu.web.api import reason_of
from bongsu.web.cockpit import show_page
from bongsu.web.keys import Keys, whole_fields
from bongsu.web.limits import Limits
from bongsu.web.restrictions import Restrictions, text_of
from bongsu.web.spending import Accounts

PAGE = "/keys"
MOST = 100
"""Rows of each list; the API has them all."""
_TEXTS = (("name", ""), ("user", ""), ("team", ""), ("tier", ""), ("region", ""), ("expires", "90d"),
          ("origin", "live"), ("block", "reply"), ("scopes", " ".join(SCOPES)), ("routes", ""),
          ("requests", ""), ("tokens", ""))
_SAY = (("subject", ""), ("rung", RUNGS[0]), ("for", "24h"), ("appeal", ""), ("reason", ""))
CHOICES = {"scopes": (" ".join(SCOPES), *SCOPES), "origin": ("live", "redteam", "evaluation"),
           "block": ("reply", "error"), "rung": RUNGS}


class KeyHouse(Keys, Accounts, Limits, Protocol):
    """Keys, what is spent on their account, and how near their limits are."""


def key_pages(desk: KeyHouse, ladder: Restrictions) -> tuple[Way, ...]:
    """The rows of the table for this page and its forms."""
    return (*_listing(desk, ladder), *_keys(desk), *_restrictions(ladder, desk))


def _listing(desk: KeyHouse, ladder: Restrictions) -> tuple[Way, ...]:
    async def shown(visit: Visit) -> Response:
        """Keys that live, newest first, then others; restrictions; limits and budgets, the most strained first."""
        keys = sorted(desk.keys(), key=lambda key: (key["state"] != "live", -key["created"], key["id"]))
        lists: dict[str, Sequence[Mapping[str, Any]]] = {
            "keys": keys, "restrictions": ladder.restrictions(), "limits": desk.limits(), "budgets": desk.accounts()}
        return show_page(visit, "keys.html", names={key["id"]: key["name"] for key in keys},
                         lists={name: rows[:MOST] for name, rows in lists.items()},
                         more={name: max(0, len(rows) - MOST) for name, rows in lists.items()})

    return (Way("GET", PAGE, shown, "admin", page=True),)


def _keys(desk: Keys) -> tuple[Way, ...]:
    def named(visit: Visit) -> Mapping[str, Any] | None:
        wanted, known = visit.request.path_params["id"], desk.keys()
        return next((key for key in known if key["id"] == wanted and key["state"] == "live"), None)

    def ask(visit: Visit, kind: str) -> Response:
        key = named(visit)
        if key is None:
            return show_page(visit, "missing.html", 404)
        return show_page(visit, "confirm.html", kind=kind, story_id=key["name"], hidden={}, back=PAGE)

    async def form(visit: Visit) -> Response:
        """Whose key, and what it may do."""
        return _form(visit, "key.html", _TEXTS)

    async def create(visit: Visit) -> Response:
        """Make it and show it, this once. What cannot be is said above the form, which keeps what was typed."""
        try:
            made = desk.create(whole_fields(_asked(visit)), visit.actor)
        except KeyRefused as fault:
            return _form(visit, "key.html", _TEXTS, str(fault), 400)
        except Wrong as wrong:
            return _form(visit, "key.html", _TEXTS, wrong.message, wrong.status)
        return show_page(visit, "key_made.html", 201, made=made)

    async def confirm_rotate(visit: Visit) -> Response:
        """Ask before a key gets a new secret."""
        return ask(visit, "rotate_key")

    async def rotate(visit: Visit) -> Response:
        """A new secret, shown this once; the old one lives on for a day."""
        made = desk.rotate(visit.request.path_params["id"], "", reason_of(visit), visit.actor)
        return show_page(visit, "missing.html", 404) if made is None else show_page(visit, "key_made.html", made=made)

    async def confirm_revoke(visit: Visit) -> Response:
        """Ask before a key is ended."""
        return ask(visit, "revoke_key")

    async def revoke(visit: Visit) -> Response:
        """End a key, with a reason."""
        desk.revoke(visit.request.path_params["id"], reason_of(visit), visit.actor)
        return RedirectResponse(PAGE, 303)

    return (
        Way("GET", f"{PAGE}/new", form, "admin", page=True),
        Way("POST", PAGE, create, "admin", page=True),
        Way("GET", f"{PAGE}/{{id}}/rotate", confirm_rotate, "admin", page=True),
        Way("POST", f"{PAGE}/{{id}}/rotate", rotate, "admin", page=True),
        Way("GET", f"{PAGE}/{{id}}/revoke", confirm_revoke, "admin", page=True),
        Way("POST", f"{PAGE}/{{id}}/revoke", revoke, "admin", page=True),
    )


def _restrictions(ladder: Restrictions, desk: Keys) -> tuple[Way, ...]:
    def found(visit: Visit) -> Mapping[str, Any] | None:
        wanted = visit.request.path_params["id"]
        return next((one for one in ladder.restrictions() if one["id"] == wanted), None)

    async def form(visit: Visit) -> Response:
        """Who is restricted, how, how long, and why."""
        return _form(visit, "restriction.html", _SAY)

    async def of_key(visit: Visit) -> Response:
        """The same for a key of the list."""
        id_, known = visit.request.path_params["id"], desk.keys()
        if id_ not in {key["id"] for key in known}:
            return show_page(visit, "missing.html", 404)
        return _form(visit, "restriction.html", (("subject", f"key/{id_}"), *_SAY[1:]))

    async def add(visit: Visit) -> Response:
        """Restrict them. What cannot be is said above the form, which keeps what was typed."""
        try:
            subject, rung = text_of(visit, "subject").strip(), text_of(visit, "rung")
            lasting, appeal = text_of(visit, "for", "").strip(), text_of(visit, "appeal", "").strip()
            ladder.restrict(subject, rung, lasting, reason_of(visit), appeal, visit.actor)
        except RestrictionFault as fault:
            return _form(visit, "restriction.html", _SAY, str(fault), 400)
        except Wrong as wrong:
            return _form(visit, "restriction.html", _SAY, wrong.message, wrong.status)
        return RedirectResponse(PAGE, 303)

    async def confirm_lift(visit: Visit) -> Response:
        """Ask before all that somebody is under is lifted."""
        one = found(visit)
        if one is None:
            return show_page(visit, "missing.html", 404)
        return show_page(visit, "confirm.html", kind="lift", story_id=one["subject"], hidden={}, back=PAGE)

    async def lift(visit: Visit) -> Response:
        """Lift it, with a reason; nothing is left to lift where it has ended meanwhile."""
        one, reason = found(visit), reason_of(visit)
        if one is not None:
            ladder.unrestrict(one["subject"], reason, visit.actor)
        return RedirectResponse(PAGE, 303)

    return (
        Way("GET", f"{PAGE}/{{id}}/restrict", of_key, "admin", page=True),
        Way("GET", "/restrictions/new", form, "admin", page=True),
        Way("POST", "/restrictions", add, "admin", page=True),
        Way("GET", "/restrictions/{id}", confirm_lift, "admin", page=True),
        Way("POST", "/restrictions/{id}", lift, "admin", page=True),
    )


def _form(visit: Visit, template: str, fields: tuple[tuple[str, str], ...], problem: str = "",
          status: int = 200) -> Response:
    typed = {name: str(visit.form.get(name, usual)) for name, usual in fields}
    return show_page(visit, template, status, typed=typed, problem=problem, choices=CHOICES)


def _asked(visit: Visit) -> dict[str, Any]:
    """The fields of a form, which are all texts, as those of the API; what was left empty was not asked for."""
    typed = {name: str(visit.form.get(name, "")).strip() for name, _ in _TEXTS}
    asked: dict[str, Any] = {name: value for name, value in typed.items() if value}
    for name in ("scopes", "routes"):
        asked[name] = asked.pop(name, "").replace(",", " ").split()
    for name in ("requests", "tokens"):
        if name in asked:
            if not (asked[name].isascii() and asked[name].isdigit() and len(asked[name]) < 12):
                raise Wrong(400, f"bad_{name}", f"'{name}' is a whole number a minute, came '{asked[name][:20]}'")
            asked[name] = int(asked[name])
    return asked
