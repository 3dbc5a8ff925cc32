"""What went wrong with a step is read by people: all that channels, actions and workers write has a Korean form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bongsu
from bongsu.language.sentences import say
from bongsu.stores.runs import OVERTAKEN

pytestmark = pytest.mark.req("A1")
SRC = Path(bongsu.__file__).parent
WRITERS = [*sorted((SRC / "channels").glob("*.py")), *sorted((SRC / "actions").glob("*.py"))]
# What other modules write into a step's record, or hand on from a variable.
ALSO = ("answered 503", "answered 404 no_service", "not tried: it asked to wait",
        "not tried: it failed 5 times in a row", "chat.postMessage says channel_not_found",
        "chat.update says that it is not ok", "the mail server refused it",
        "the mail server broke off, or did not answer in time (TimeoutError)", "no outcome within 20 s", OVERTAKEN,
        "unexpected KeyError at slack.py:31", "the action cancelled itself", "taken back before it began",
        "this version of bongsu has no action 'call' with these settings (ValidationError)",
        "its worker died while it was carried out, and it must not be repeated",
        "its result cannot be recorded (TypeError): expected detail and changes that JSON can hold",
        "automation was switched off while it was carried out")


def written(path: Path) -> Iterator[str]:
    """The first argument of each ``Retry`` and ``Refused`` that is written out, with 7 for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Retry", "Refused"):
            for why in (part for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant | ast.JoinedStr)):
                text = why.value if isinstance(why, ast.Constant) else "".join(
                    str(v.value) if isinstance(v, ast.Constant) else "7" for v in why.values)
                yield text.replace("7: redirects", "answered 302: redirects").replace("by 7", "by user")
                break


FOUND = sorted({why for path in WRITERS for why in written(path)})


def test_the_places_where_setbacks_are_written_are_found() -> None:
    assert len(FOUND) >= 18
    assert "no answer within 7 s" in FOUND


@pytest.mark.parametrize("why", [*FOUND, *ALSO])
def test_every_setback_has_a_korean_form(why: str) -> None:
    assert re.search("[가-힣]", say(why, "ko")), why
    assert say(why, "en") == why


def test_what_a_server_chose_to_say_stays_as_it_is() -> None:
    assert say("answered 404 no_service", "ko") == "응답 404 no_service"
    assert say("chat.postMessage says channel_not_found", "ko") == "chat.postMessage 거절됨: channel_not_found"


def test_a_rest_of_a_channel_is_said_with_how_often_it_failed() -> None:
    assert say("not tried: it failed 5 times in a row", "ko") == "시도하지 않음: 연속 5회 실패"
