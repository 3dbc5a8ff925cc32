"""GitHub's action and GitLab's job, run as their runners run them, against a real gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bongsu.quantity import SECOND
from bongsu.verbs.github import annotate, markdown
from gatehouse import POLICY, TOKEN, Gatehouse, gatehouse

pytestmark = pytest.mark.req("A2", "G7")
INTEGRATIONS = Path(__file__).parent.parent / "integrations"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data") as made:
        yield made


def environ(root: Path, house: Gatehouse, **more: str) -> dict[str, str]:
    """What a runner gives: the verb on the PATH, the address and the token as variables."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "BONGSU_URL": house.url, "BONGSU_TOKEN": TOKEN} | more


class Step:
    """One run of the action's script; the runner's files are read back."""

    def __init__(self, root: Path, house: Gatehouse, **more: str) -> None:
        files = {name: root / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        given = {"GATE_SERVICE": "bot", "GATE_STAGE": "canary", "GATE_ON_INCONCLUSIVE": "deny"} | more
        done = subprocess.run(["bash", INTEGRATIONS / "github/gate.sh"], capture_output=True, text=True, timeout=60,
                              check=False, env=environ(root, house, **given) | {k: str(v) for k, v in files.items()})
        self.code, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr
        self.commands = [line for line in done.stdout.splitlines() if line.startswith("::")]
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        self.outputs = dict(line.split("=", 1) for line in lines)
        self.summary = files["GITHUB_STEP_SUMMARY"].read_text()


def test_githubs_action_passes_on_allow_and_gives_the_verdict_on(house: Gatehouse, tmp_path: Path) -> None:
    step = Step(tmp_path, house)
    assert (step.code, step.outputs["decision"], step.outputs["exit-code"]) == (0, "allow", "0")
    assert house.ask(f"/v1/gate/verdicts/{step.outputs['verdict-id']}")[1]["data"]["stage"] == "canary"
    assert step.commands[0].startswith("::notice title=Deploy gate%3A allow::")
    assert "| available | 100.0% |" in step.summary


def test_githubs_action_fails_on_deny_and_says_why_where_people_look(house: Gatehouse, tmp_path: Path) -> None:
    house.attack()
    step = Step(tmp_path, house)
    assert (step.code, step.outputs["decision"], step.outputs["exit-code"]) == (1, "deny", "1")
    assert json.loads(step.outputs["reasons"]) == ["page_active"]
    (command,) = step.commands
    assert command.startswith("::error title=Deploy gate%3A deny::")
    assert "alert attack is firing" in command
    assert "### Deploy gate: deny" in step.summary


@pytest.mark.parametrize(("choice", "code"), [("deny", 3), ("allow", 0)])
def test_githubs_action_on_not_knowing_does_as_it_is_told(house: Gatehouse, tmp_path: Path, choice: str,
                                                          code: int) -> None:
    house.now += 300 * SECOND
    step = Step(tmp_path, house, GATE_ON_INCONCLUSIVE=choice)
    assert (step.code, step.outputs["exit-code"]) == (code, str(code))
    assert step.commands[0].startswith("::warning title=Deploy gate%3A inconclusive::")


def test_githubs_action_without_a_verdict_fails_and_says_so(house: Gatehouse, tmp_path: Path) -> None:
    """Nobody there, a wrong token, an unknown service: three ways to know nothing, each told."""
    for more, code in (({"BONGSU_URL": "http://127.0.0.1:9"}, 4), ({"BONGSU_TOKEN": "wrong"}, 2),
                       ({"GATE_SERVICE": "other"}, 2)):
        step = Step(tmp_path, house, **more)
        assert (step.code, step.outputs["exit-code"], step.outputs["decision"]) == (code, str(code), "")
        assert step.commands[0].startswith("::error title=Deploy gate%3A no verdict::")


def test_githubs_action_names_an_override(house: Gatehouse, tmp_path: Path) -> None:
    house.attack()
    made = house.ask("/v1/gate/bot/overrides", {"reason": "fix | now", "for": "1h", "author": "park"})[1]
    house.ask(f"/v1/gate/overrides/{made['id']}/approve", {"approver": "kim"})
    step = Step(tmp_path, house)
    assert step.code == 0
    assert any(c.startswith("::notice title=Deploy gate%3A override::") and "by park, approved by kim" in c
               for c in step.commands)
    assert "fix \\| now" in step.summary


def test_what_a_person_wrote_adds_no_command_and_no_markup() -> None:
    """A reason with a new line could otherwise mask a secret, set an output or fake an approval."""
    evil = "x\n::add-mask::y\r%0A<img src=x>|"
    assert annotate("error", "a,b:c", evil).splitlines() == [
        "::error title=a%2Cb%3Ac::x%0A::add-mask::y%0D%250A<img src=x>|"]
    data: dict[str, Any] = {"decision": "deny", "service": "bot", "verdictId": "g_1", "asOf": "now", "override": None,
                            "objectives": [], "reasons": [{"decision": "deny", "text": evil, "code": "frozen"}]}
    assert markdown(data).splitlines()[-1] == r"- **deny** x ::add\-mask::y %0A\<img src=x\>\|"


def test_no_input_of_the_action_becomes_a_command(house: Gatehouse, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for service in (f"$(touch {mark})", f"bot; touch {mark}", "--help", ""):
        assert Step(tmp_path, house, GATE_SERVICE=service).code == 2, service
    assert not mark.exists()


def test_the_action_has_the_shape_that_github_asks_for() -> None:
    """Inputs reach the script as variables only, and every output is one that the step writes."""
    action = yaml.safe_load((INTEGRATIONS / "github/action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
    given = str([step["env"] for step in action["runs"]["steps"]])
    assert all(f"inputs.{name}" in given for name in action["inputs"])
    assert {out["value"] for out in action["outputs"].values()} == {
        f"${{{{ steps.gate.outputs.{name} }}}}" for name in ("decision", "verdict-id", "reasons", "exit-code")}


# ---- GitLab ----


def job() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((INTEGRATIONS / "gitlab/gate.yml").read_text())["deploy-gate"]
    return found


def pipeline(house: Gatehouse, folder: Path) -> str:
    """How GitLab would show the job: its lines in one shell that stops at the first failure."""
    found = job()
    more = {"GATE_SERVICE": "bot", **found["variables"]}
    done = subprocess.run(["bash", "-e", "-c", "\n".join([*found["before_script"], *found["script"]])], cwd=folder,
                          env=environ(folder, house, **more), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        return "passed"
    return "warning" if done.returncode in found["allow_failure"]["exit_codes"] else f"failed ({done.returncode})"


def test_gitlabs_job_passes_warns_or_fails_as_the_gate_says(house: Gatehouse, tmp_path: Path) -> None:
    assert pipeline(house, tmp_path) == "passed"
    house.now += 300 * SECOND
    assert pipeline(house, tmp_path) == "warning"
    house.tick()
    house.attack()
    assert pipeline(house, tmp_path) == "failed (1)"
    kept = json.loads((tmp_path / "bongsu-verdict.json").read_text())
    assert kept["data"]["decision"] == "deny"


def test_gitlabs_job_fails_without_a_verdict(house: Gatehouse, tmp_path: Path) -> None:
    """Only exit 3 is a warning: a gate that nobody answers at is no permission."""
    house.url = "http://127.0.0.1:9"
    assert pipeline(house, tmp_path) == "failed (4)"


def test_the_verbs_exits_are_those_that_were_promised(tmp_path: Path) -> None:
    strict = POLICY.replace(", gate: false", "")
    with gatehouse(tmp_path / "data", strict) as house:
        assert house.cli("check", "bot").exit_code == 0
        assert house.cli("check", "nobody").exit_code == 2
        house.now += 300 * SECOND
        assert house.cli("check", "bot").exit_code == 3
        assert house.cli("check", "bot", "--on-inconclusive", "allow").exit_code == 0
        house.tick()
        house.feed(1, outcome="error")
        house.tick()
        assert house.cli("check", "bot").exit_code == 1
