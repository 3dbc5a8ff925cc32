"""Every test may say which requirements it proves; `pytest -m req` prints the rows and what proves them.

Examples of laws are the same in every run, and none is judged by how long it took: a run says something of the code,
not of the machine. ``HYPOTHESIS_PROFILE=explore`` looks for new ones.
"""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from outsiders import CANARY

settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

for _proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):  # tests speak to 127.0.0.1 only
    os.environ.pop(_proxy, None)

_PROVES: dict[str, set[str]] = defaultdict(set)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("req"):
            for row in mark.args:
                _PROVES[row].add(item.nodeid.partition("[")[0])


def pytest_collection_finish() -> None:
    """Thousands of tests are loaded: a collector that walks all of them stops a call for longer than a guard may take.
    The gateway does the same with what it has loaded."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """What is frozen is not collected when Python ends, and libraries in C++ call that a leak."""
    gc.unfreeze()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser, for as long as a file of tests needs one."""
    from browserkit import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def channel_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the channels of the tests have for a secret."""
    monkeypatch.setenv("BONGSU_TEST_KEY", CANARY)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("markexpr") == "req":
        terminalreporter.section("requirements proven")
        for row, tests in sorted(_PROVES.items(), key=lambda item: (item[0][0], int(item[0][1:]))):
            terminalreporter.line(f"{row:4} {len(tests)} tests: {', '.join(sorted(tests))}")
