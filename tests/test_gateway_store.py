"""Guards on what is kept: names are masked before anything is stored, and no call waits for that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from bongsu.checks.names import Names
from bongsu.checks.pii import Pii
from bongsu.event import Event
from bongsu.guard import Guard
from bongsu.policy import PolicyError, parse
from bongsu.policy.explain import explain
from bongsu.ports import Finding
from bongsu.web.veil import Veil, veiled
from gatewaykit import TOKENS, Broken, standing

NAMES = Guard("names", Names(), on=("store",), act="tokenise")
FORMS = Guard("pii", Pii(), act="tokenise")
TEXT = "저는 김민수입니다. 담당자 박지영 대리에게 kim@example.com 으로 보내 주세요."


@dataclass(frozen=True)
class Slow:
    """Waits while it is held, then finds the word."""

    name: ClassVar[str] = "slow"
    version: ClassVar[str] = "1"
    go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.go.set()  # guards are tried once when a policy is loaded

    def look(self, text: str) -> Sequence[Finding]:
        assert self.go.wait(30)
        at = text.find("zeus")
        return [Finding("word", at, at + 4)] if at >= 0 else []

    def hold(self, text: str) -> int:
        return 0


@pytest.mark.req("O1")
@pytest.mark.req("D3")
def test_names_are_tokens_in_what_is_kept_and_themselves_to_the_model_and_the_caller(tmp_path: Path) -> None:
    with standing(tmp_path, [FORMS, NAMES]) as stand:
        plain = stand.ask(TEXT)
        stand.stream(TEXT)
        sent = repr(stand.model.seen)
    assert "김민수" in plain.choices[0].message.content, "the caller reads what the model said"
    assert "김민수" in sent, "a route that asks for it has the guard on input"
    kept = stand.spool.content()
    assert [c.call for c in kept] == [e.id for e in stand.spool.calls()], "texts are written before the process ends"
    for text in (t for c in kept for t in (c.prompt, c.reply)):
        assert text is not None
        assert "김민수" not in text
        assert "박지영" not in text
        assert "kim@" not in text
        assert "PERSON_" in text
        assert "EMAIL_" in text
    assert len({c.prompt for c in kept}) == 1, "the same name has the same token"


def test_a_call_does_not_wait_for_them(tmp_path: Path) -> None:
    slow = Slow()
    with standing(tmp_path, [FORMS, Guard("slow", slow, on=("store",), act="tokenise")]) as stand:
        slow.go.clear()
        stand.ask("about zeus")
        assert [e.outcome for e in stand.spool.calls()] == ["ok"]
        assert stand.spool.content() == []
        slow.go.set()
    (kept,) = stand.spool.content()
    assert kept.prompt == f"about {TOKENS.token('word', 'zeus')}"


@pytest.mark.parametrize(("fails", "kept"), [("closed", 0), ("open", 1)])
def test_a_guard_that_fails_keeps_no_texts_unless_told_to(tmp_path: Path, caplog: pytest.LogCaptureFixture,
                                                          fails: str, kept: int) -> None:
    broken = Guard("broken", Broken(), on=("store",), act="tokenise", fails=fails)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING), standing(tmp_path, [FORMS, broken]) as stand:
        stand.ask("a text of mine")
    assert len(stand.spool.calls()) == 1
    assert len(stand.spool.content()) == kept
    assert "guard broken failed" in caplog.text
    assert "a text of mine" not in caplog.text


def test_texts_beyond_what_may_wait_are_not_kept_and_that_is_counted(tmp_path: Path) -> None:
    slow = Slow()
    with standing(tmp_path, [FORMS, Guard("slow", slow, on=("store",), act="tokenise")]) as stand:
        slow.go.clear()
        stand.gateway.ledger.veil = veil = Veil(TOKENS.mask, most=2)
        for _ in range(5):
            stand.ask()
        slow.go.set()
    assert (len(stand.spool.calls()), len(stand.spool.content()), veil.lost) == (5, 2, 3)


def test_what_has_no_text_is_left_alone() -> None:
    content = Event(id="c", time=1, kind="content", prompt=None, reply="")
    assert veiled(content, [NAMES], TOKENS.mask) == content


POLICY = """bongsu: 1
service: {{name: bot}}
guards:
  names: {{check: names, {}}}
"""


def test_a_policy_says_so_and_is_told_what_it_means() -> None:
    policy = parse(POLICY.format("on: store, act: tokenise"), "p.yaml", {})
    assert policy.guards[0].on == ("store",)
    assert any("looks for names in what is kept of calls" in line for line in explain(policy, "en"))
    assert any("보관하는 호출 내용" in line for line in explain(policy, "ko"))


@pytest.mark.parametrize("settings", ["on: store", "on: [input, store], act: tokenise",
                                      "on: store, act: tokenise, sample: 10%"])
def test_on_store_is_for_masking_alone(settings: str) -> None:
    with pytest.raises(PolicyError, match="expected on: store with act: tokenise and no sample"):
        parse(POLICY.format(settings), "p.yaml", {})
