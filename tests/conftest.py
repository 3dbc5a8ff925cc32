"""Every test may say which requirements it proves; `pytest -m req` prints the rows and what proves them."""

from __future__ import annotations

from collections import defaultdict

import pytest

_PROVES: dict[str, set[str]] = defaultdict(set)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("req"):
            for row in mark.args:
                _PROVES[row].add(item.nodeid.partition("[")[0])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("markexpr") == "req":
        terminalreporter.section("requirements proven")
        for row, tests in sorted(_PROVES.items(), key=lambda item: (item[0][0], int(item[0][1:]))):
            terminalreporter.line(f"{row:4} {len(tests)} tests: {', '.join(sorted(tests))}")
