"""What `bongsu check` says of a policy before it runs: faults, what it does in words, notices, its own tests."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from bongsu.demo import packaged
from bongsu.language.sentences import say
from bongsu.policy import PolicyError, load
from bongsu.policy.model import Note


def demo_policy() -> Path:
    return packaged("bongsu.yaml")


DEMO_ENVIRON = {"BONGSU_DEMO_URL": "http://127.0.0.1:9100", "BONGSU_DEMO_WEBHOOK": "http://127.0.0.1:9101/webhook"}


def check_policy(path: Path, language: str | None) -> dict[str, Any]:
    """Everything `bongsu check` says, as plain values."""
    from bongsu.policy.explain import explain
    from bongsu.policy.powered import unproven
    from bongsu.policy.rehearse import rehearse
    from bongsu.references import ColumnsError, compared

    empty: dict[str, Any] = {"file": str(path), "language": language or "en", "faults": [], "notices": [], "words": [],
                             "failures": [], "tests": 0}
    environ = DEMO_ENVIRON | os.environ if path == demo_policy() else os.environ
    try:
        policy = compared(load(path, environ))
    except PolicyError as error:
        return empty | {"faults": [str(fault) for fault in error.faults]}
    except ColumnsError as error:
        return empty | {"faults": [f"references: {error}"]}
    chosen: Any = language or policy.service.language
    failures = [replace(one, text=say(one.text, chosen)) for one in rehearse(policy, count_events)]
    return empty | {
        "language": chosen, "words": explain(policy, chosen), "tests": len(policy.tests),
        "notices": [said(note, chosen) for note in (*policy.notices, *unproven(policy))],
        "failures": [str(one) for one in failures],
    }


def said(note: Note, language: str) -> str:
    """A note with its place, in the reader's language."""
    if language != "ko":
        return str(note)
    return f"{note.path}:{note.line}:{note.column}: 참고: {say(note.text, language)}"


def summed(report: dict[str, Any]) -> str:
    """The last line of a check without faults."""
    file, tests, failed = report["file"], report["tests"], len(report["failures"])
    if report["language"] == "ko":
        return f"{file}: 문법 이상 없음. 시험 {tests}건, " + (f"기대 {failed}건 어긋남" if failed else "모두 통과")
    return f"{file}: valid; {tests} tests, " + (f"{failed} expectations not met" if failed else "0 failed")


def count_events(events: Any, plan: Any) -> Any:
    """How a rehearsal counts: as the engine does."""
    from bongsu.runners.labelled import LabelledCounter

    counter = LabelledCounter(plan.signals, plan.base)
    try:
        return counter.count(list(events))
    finally:
        counter.close()
