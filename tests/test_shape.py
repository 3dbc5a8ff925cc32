"""The house rules, executed: a map that is run does not rot."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import bongsu

SRC = Path(bongsu.__file__).parent
STORY = re.findall(r"^    ([a-z]+)  ", bongsu.__doc__ or "", re.MULTILINE)
PARTS = ("slis", "checks", "channels", "actions", "secrets", "wraps")
IMPURE = {"os", "time", "random", "socket", "asyncio", "threading", "logging", "subprocess", "pathlib", "io", "sqlite3"}
ROOM = 400
MODULES = sorted(SRC.rglob("*.py"))
PURE = [p for p in MODULES if (p.parent == SRC and p.stem in STORY) or p.parent.name == "slis"]


def name_of(path: Path) -> str:
    return str(path.relative_to(SRC))


def imports(path: Path) -> set[str]:
    """Absolute names of every module a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path.name}: imports are absolute"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    """First room of every bongsu module a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("bongsu.")}


@pytest.mark.parametrize("name", STORY)
def test_a_story_module_imports_only_what_stands_above_it(name: str) -> None:
    above = set(STORY[: STORY.index(name)])
    rooms = {room for room in ours(SRC / f"{name}.py") if (SRC / f"{room}.py").exists() or (SRC / room).is_dir()}
    assert rooms <= above


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_what_is_pure_has_no_clock_no_file_no_socket(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name in PARTS], ids=name_of)
def test_a_part_knows_the_ports_and_its_own_family_only(path: Path) -> None:
    allowed = {"event", "cell", "aggregate", "ports", "support", "expression", "quantity", "interval", "tails",
               "moments", "sampling", "drift", "overlap", path.parent.name}
    assert ours(path) <= allowed


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "access"], ids=name_of)
def test_a_policy_knows_of_access_so_access_knows_nothing_of_a_policy(path: Path) -> None:
    assert "policy" not in ours(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_wiring_sees_the_web(path: Path) -> None:
    if "web" not in path.relative_to(SRC).parts:
        assert "web" not in ours(path) or path.stem in ("app", "cli")


@pytest.mark.parametrize("path", [*MODULES, *sorted(Path(__file__).parent.rglob("*.py"))], ids=lambda p: p.name)
def test_no_room_is_larger_than_400_lines(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= ROOM, f"{path.name} has {lines} lines: is it one idea?"


def test_the_story_is_told_in_files() -> None:
    assert len(STORY) >= 12
    assert all((SRC / f"{name}.py").is_file() for name in STORY)
