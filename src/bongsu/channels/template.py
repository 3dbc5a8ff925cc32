"""A webhook's body from a template of the policy: Jinja2 in its sandbox; it must make JSON whatever a notice says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bongsu.ports import Notice, Refused
from bongsu.quantity import SECOND

_NASTY = 'a "quoted" \\ text,\nof two lines'
_FIRING = Notice("bongsu/bot/cost", "INC-1/calm/0/do", _NASTY, _NASTY, "firing", "major", "bot", 0, "http://desk/",
                 {"alert": _NASTY, "incident": "INC-1", "tier": "major"})
_SAMPLES = (_FIRING, replace(_FIRING, state="acknowledged", url=""), replace(_FIRING, state="resolved", text=""),
            replace(_FIRING, state="test"))


@cache
def _template(source: str) -> Template:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False).from_string(source)


def render(source: str, notice: Notice) -> bytes:
    """The body. Raises ``Refused`` where it cannot be made, or is not JSON."""
    at = datetime.fromtimestamp(notice.at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        body = _template(source).render(
            key=notice.key, delivery=notice.delivery, title=notice.title, text=notice.text, state=notice.state,
            tier=notice.tier, service=notice.service, at=at, url=notice.url, facts=dict(notice.facts),
            language=notice.language).encode()
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise Refused(f"the template fails ({type(error).__name__})") from error
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Refused("the template does not make JSON of this notice") from None
    return body


def check(source: str) -> None:
    """ValueError where the template could fail: found when the policy is read, not when something is on fire."""
    try:
        _template(source)
        for sample in _SAMPLES:
            render(source, sample)
    except TemplateError as error:
        raise ValueError(f"template: expected a Jinja2 template, came one with a mistake: {error}") from None
    except Refused as error:
        why = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        raise ValueError("template: expected JSON for every notice, whatever its texts hold, came one that does not "
                         f"make it ({why}); write {{{{ title | tojson }}}} without quotes around it") from None
