"""What the documents claim is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import bongsu
from bongsu.cli import cli
from bongsu.policy import PolicyError, parse
from bongsu.policy.schema import json_schema

ROOT = Path(__file__).parent.parent
SRC = Path(bongsu.__file__).parent
ROWS = {"D": 15, "O": 15, "A": 4, "R": 11, "P": 7, "X": 6, "G": 7, "H": 4}


def covered() -> dict[str, list[str]]:
    """Requirement id -> the cells of its row."""
    out: dict[str, list[str]] = {}
    for line in (ROOT / "docs/coverage.md").read_text(encoding="utf-8").splitlines():
        match = re.match(r"\| ([A-Z])(\d+)(?:–[A-Z](\d+))? \|", line)
        if match:
            for n in range(int(match[2]), int(match[3] or match[2]) + 1):
                out[f"{match[1]}{n}"] = [cell.strip() for cell in line.strip("|").split("|")]
    return out


def test_a_decision_has_a_number_of_its_own_in_its_name_and_in_its_title() -> None:
    files = sorted((ROOT / "docs/decisions").glob("*.md"))
    titles = [file.read_text(encoding="utf-8").partition("\n")[0] for file in files]
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    assert [re.match(r"# (\d+)\. \S", title)[1] for title in titles] == [str(n) for n in range(1, len(files) + 1)]


def test_every_requirement_has_a_row() -> None:
    assert set(covered()) == {f"{letter}{n}" for letter, last in ROWS.items() for n in range(1, last + 1)}


def test_a_row_that_claims_something_names_code_and_a_test_that_exist() -> None:
    for row, (_, _, state, where, proof) in covered().items():
        if state.startswith("not yet"):
            continue
        code, tests = re.findall(r"`([^`]+)`", where), re.findall(r"`([^`]+)`", proof)
        assert code, f"{row} claims without code"
        assert tests, f"{row} claims without a test"
        assert all((SRC / name).exists() for name in code), f"{row}: {code}"
        assert all((ROOT / "tests" / name).is_file() for name in tests), f"{row}: {tests}"


def test_each_file_that_a_row_calls_its_proof_has_a_test_that_says_so() -> None:
    for row, (_, _, state, _, proof) in covered().items():
        files = [] if state.startswith("not yet") else re.findall(r"`([^`]+)`", proof)
        says = re.compile(rf'mark\.req\([^)]*"{row}"')
        silent = [name for name in files if not says.search((ROOT / "tests" / name).read_text(encoding="utf-8"))]
        assert silent == [], f"{row}: no test in {silent} is marked with it"


def test_the_readme_names_every_verb_a_person_uses() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    verbs = {name for name, command in cli.commands.items() if not command.hidden}
    assert {verb for verb in verbs if not re.search(rf"(bongsu |`){verb}\b", readme)} == set()


def test_links_in_the_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+?)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_whole_policy_in_the_documents_is_right() -> None:
    seen = 0
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for text in re.findall(r"^```yaml\n(bongsu: 1\n.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            parse(text, page.name, {})
            seen += 1
    assert seen >= 3


def test_every_part_of_a_policy_in_the_documents_is_right_but_for_what_it_leaves_to_the_reader() -> None:
    """Names that a reader's own policy declares, and what stands as an ellipsis."""
    seen = 0
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for text in re.findall(r"^```yaml\n(?!bongsu: 1\n)(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            seen += 1
            try:
                parse(f"bongsu: 1\nservice: {{name: shop}}\n{text}", page.name, {})
            except PolicyError as error:
                wrong = [f for f in error.faults if "none is declared" not in f.expected and "…" not in f.came]
                assert wrong == [], text
    assert seen >= 10


def test_the_schema_beside_the_documents_is_that_of_the_code() -> None:
    """`make docs` writes it; editors are pointed at it."""
    kept = json.loads((ROOT / "docs/bongsu.schema.json").read_text(encoding="utf-8"))
    assert kept == json_schema(), "run `make docs`"
