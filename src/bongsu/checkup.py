"""What `bongsu check` says of a policy before it runs: faults, what it does in words, notices, its own tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bongsu.demo import packaged
from bongsu.policy import PolicyError, load


def demo_policy() -> Path:
    return packaged("bongsu.yaml")


DEMO_ENVIRON = {"BONGSU_DEMO_URL": "http://127.0.0.1:9100", "BONGSU_DEMO_WEBHOOK": "http://127.0.0.1:9101/webhook"}


def check_policy(path: Path, language: str | None) -> dict[str, Any]:
    """Everything `bongsu check` says, as plain values."""
    from bongsu.policy.explain import explain
    from bongsu.policy.rehearse import rehearse
    from bongsu.references import ColumnsError, compared

    empty: dict[str, Any] = {"file": str(path), "faults": [], "notices": [], "words": [], "failures": [], "tests": 0}
    environ = DEMO_ENVIRON | os.environ if path == demo_policy() else os.environ
    try:
        policy = compared(load(path, environ))
    except PolicyError as error:
        return empty | {"faults": [str(fault) for fault in error.faults]}
    except ColumnsError as error:
        return empty | {"faults": [f"references: {error}"]}
    chosen: Any = language or policy.service.language
    return empty | {
        "words": explain(policy, chosen), "notices": [str(note) for note in policy.notices],
        "failures": [str(failure) for failure in rehearse(policy, count_events)], "tests": len(policy.tests),
    }


def count_events(events: Any, plan: Any) -> Any:
    """How a rehearsal counts: as the engine does."""
    from bongsu.runners.labelled import LabelledCounter

    counter = LabelledCounter(plan.signals, plan.base)
    try:
        return counter.count(list(events))
    finally:
        counter.close()
