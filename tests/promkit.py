"""The real promtool: rules and their tests written to a folder and run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bongsu.exports.prometheus import dump
from bongsu.policy import Policy, parse

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")

HEAD = """bongsu: 1
service: {name: bot}
settings: {base_window: 1m}
signals:
  failures: {kind: ratio, bad: "outcome = 'error'"}
"""


def policy(rest: str, head: str = HEAD) -> Policy:
    return parse(head + rest, "bot.yaml", {})


def burning(target: str = "99%", window: str = "30d", alert: str = "tier: major") -> Policy:
    """One objective with one burn alert."""
    return policy(f"objectives:\n  available: {{signal: failures, target: {target}, window: {window}}}\n"
                  f"alerts:\n  available: {{burn: available, {alert}}}\n")


def promtool(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL
    return subprocess.run([PROMTOOL, *arguments], cwd=cwd, capture_output=True, text=True, timeout=110, check=False)


def passes(folder: Path, rules: str, tests: str | dict[str, Any]) -> None:
    """Assert that promtool takes the rules and that its tests pass."""
    folder.mkdir(exist_ok=True)
    (folder / "rules.yml").write_text(rules)
    (folder / "rules_test.yml").write_text(tests if isinstance(tests, str) else dump(tests))
    checked = promtool("check", "rules", "rules.yml", cwd=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", "rules_test.yml", cwd=folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr
