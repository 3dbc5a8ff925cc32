"""The verbs: exit codes, errors that teach, and nothing heavy imported before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bongsu.cli import cli, main

GOOD = Path(__file__).parent / "good" / "small.yaml"


def bongsu(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


@dataclass(frozen=True)
class Done:
    """What a verb left: its exit code and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The whole entry point, in this process: what it raises instead of saying fails the test."""
    def play(*args: str, **environ: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bongsu", *args])
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return play


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = {"duckdb", "pyarrow", "sqlglot", "sqlalchemy", "aiohttp"}
    code = f"import sys, bongsu.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_good_policy_is_explained_and_its_tests_run() -> None:
    result = bongsu("check", "--demo")
    assert result.exit_code == 0
    assert "is told and support-bot moves to light" in result.output
    assert "1 tests, 0 failed" in result.output


def test_the_same_in_korean_and_for_machines() -> None:
    report = json.loads(bongsu("check", "--demo", "--lang", "ko", "--json").output)
    assert report["faults"] == []
    assert any("통보" in line for line in report["words"])


def test_a_bad_policy_shows_all_its_faults_with_their_place(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    text = GOOD.read_text(encoding="utf-8")
    bad.write_text(text.replace("bongsu: 1", "bongsu: 1\nservce: {}\nroles: 5"), encoding="utf-8")
    result = bongsu("check", str(bad))
    assert result.exit_code == 2
    faults = result.stderr.splitlines()
    assert len(faults) >= 2
    assert all(line.startswith(f"{bad}:") for line in faults)


def test_a_policy_whose_own_tests_fail_exits_1(tmp_path: Path, run: Callable[..., Done]) -> None:
    from bongsu.offline.checkup import DEMO_ENVIRON, demo_policy

    text = demo_policy().read_text(encoding="utf-8")
    changed = tmp_path / "changed.yaml"
    text = text.replace("120% of", "99999% of").replace("clear: < 110%", "clear: < 9999%")
    changed.write_text(text, encoding="utf-8")
    done = run("check", str(changed), **DEMO_ENVIRON)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "firing" in done.stderr


@pytest.mark.parametrize("args", [["check"], ["check", "--demo", "x.yaml"], ["check", "no/such.yaml"]])
def test_check_without_one_policy_is_a_wrong_input(args: list[str]) -> None:
    result = bongsu(*args)
    assert result.exit_code == 2
    assert "expected" in result.stderr


def test_an_unreachable_gate_exits_4_and_says_where_it_looked() -> None:
    result = bongsu("gate", "check", "bot", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 4
    assert "http://127.0.0.1:9" in result.stderr
    assert "BONGSU_URL" in result.stderr


@pytest.mark.parametrize("args", [["audit", "verify"], ["audit", "prove", "0"], ["backup", "copy"]])
def test_a_folder_that_is_none_of_ours_is_a_wrong_input(
        args: list[str], tmp_path: Path, run: Callable[..., Done]) -> None:
    done = run(*args, "--data", str(tmp_path))
    assert done.returncode == 2
    assert "expected" in done.stderr + done.stdout


def test_replay_judges_a_recorded_file(tmp_path: Path, run: Callable[..., Done]) -> None:
    trace = tmp_path / "calls.csv"
    rows = [f"{i * 100},60,{30 if i < 300 else 300}" for i in range(900)]
    trace.write_text("time,input_tokens,output_tokens\n" + "\n".join(rows))
    done = run("replay", str(trace), "--unit", "ms", "--set", "outcome=ok", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["events"] == 900
    assert any("alert cost: pending -> firing" in d["text"] for d in found["decisions"])


@pytest.mark.parametrize(("options", "said"), [
    (["--map", "time"], "expected COLUMN=VALUE"), (["--map", "tiem=time"], "did you mean 'time'"),
    (["--map", "time=no_such"], "expected a column 'no_such'"), (["--upstream", "none"], "expected one of main, light"),
])
def test_a_wrong_column_map_is_told(tmp_path: Path, options: list[str], said: str, run: Callable[..., Done]) -> None:
    trace = tmp_path / "calls.csv"
    trace.write_text("time,input_tokens\n0,1\n")
    done = run("replay", str(trace), *options)
    assert done.returncode == 2
    assert said in done.stderr


def test_the_schema_is_json() -> None:
    assert json.loads(bongsu("schema").output)["$schema"]


def test_a_place_that_cannot_be_written_is_told_without_a_traceback(tmp_path: Path, run: Callable[..., Done]) -> None:
    (tmp_path / "file").write_text("")
    done = run("up", "--policy", str(GOOD), "--data", str(tmp_path / "file" / "data"))
    assert done.returncode == 2
    assert str(tmp_path / "file") in done.stderr


@pytest.mark.parametrize("words", [["audit", "verify"], ["audit", "prove", "0"], ["token", "officer", "--reason", "x"]])
def test_a_folder_without_a_record_is_named(words: list[str], tmp_path: Path, run: Callable[..., Done]) -> None:
    done = run(*words, "--data", str(tmp_path))
    assert done.returncode == 2
    assert f"expected a data folder with a state.db, came {tmp_path}" in done.stdout + done.stderr
