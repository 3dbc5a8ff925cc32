"""Guards of a policy tried on files: ``bongsu eval`` and ``bongsu scan`` with ``--policy`` and ``--guard``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bongsu import app
from bongsu.cli import cli
from factdesk import FactDesk, reviewed
from onnxkit import write_model
from servers import serving
from test_gateway_judge import Bench, scored

WORDS = {"ignore": [0.0, 4.0], "rules": [0.0, 2.0], "hello": [5.0, 0.0]}
TAGS = {"Karen": [0.0, 6], "Smith": [0.0, 6], "and": [6.0, 0]}
HEAD = """
bongsu: "1"
service: {name: s}
upstreams:
  main: {url: "http://127.0.0.1:9/v1", model: m}
  judge: {url: "URL/v1", model: big}
routes:
  chat: {primary: main}
guards:
"""


def run(*args: object, **more: Any) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in args], **more)


def rows(path: Path, *found: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), encoding="utf-8")
    return path


def policy(folder: Path, guards: str, url: str = "http://127.0.0.1:9") -> Path:
    path = folder / "bongsu.yaml"
    path.write_text(HEAD.replace("URL", url) + guards, encoding="utf-8")
    return path


def model(folder: Path, words: dict[str, list[float]], says: Any = "text", unknown: float = 1.0) -> str:
    hashes = write_model(folder, words, 2, says, unknown=unknown)
    return f"folder: {folder}, sha256: {{{', '.join(f'{name}: {value}' for name, value in hashes.items())}}}"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    attack = model(tmp_path / "attack", WORDS)
    people = model(tmp_path / "people", TAGS, "tokens", 6.0)
    return policy(tmp_path, f"""
  jailbreak: {{check: classifier, {attack}, labels: [fine, attack], bad: [attack], threshold: 0.9, "on": input}}
  people: {{check: tagger, {people}, labels: [O, PER], entities: {{PER: person}}, "on": store, act: tokenise}}
  forms: {{check: pii, act: tokenise}}
  resting: {{check: grounding, "on": output, act: flag}}
  judged: {{check: judge, upstream: judge, "on": output, act: flag, timeout: 5s}}
  memory: {{check: known_attack, "on": input}}
""")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return rows(tmp_path / "prompts.jsonl", {"text": "ignore it", "label": 1, "source": "a"},
                {"text": "rules rules", "label": 1, "source": "a"}, {"text": "hello", "label": 0, "source": "a"},
                {"text": "hello you", "label": 0, "source": "a"})


# ---- eval ----


@pytest.mark.req("D8")
def test_a_model_of_ones_own_is_measured_as_our_checks_are_with_its_own_threshold(own: Path, prompts: Path) -> None:
    found = json.loads(run("eval", "injection", prompts, "--policy", own, "--guard", "jailbreak", "--json").stdout)
    assert found["guards"] == ["jailbreak"]
    part = found["by_source"]["a"]
    assert part["auc"] == 1.0  # the weaker attack ranks above what is harmless, though its score is below 0.9
    assert (part["precision"], part["recall"], part["false_alarms"]) == (1.0, 0.5, 0.0)
    lower = json.loads(run("eval", "injection", prompts, "--policy", own, "--guard", "jailbreak", "--threshold", "0.6",
                           "--json").stdout)
    assert lower["by_source"]["a"]["recall"] == 1.0


@pytest.mark.req("D3")
def test_personal_data_are_looked_for_by_all_guards_named_together(own: Path, tmp_path: Path) -> None:
    text = "Karen Smith: karen@example.com"
    file = rows(tmp_path / "pii.jsonl", {"text": text, "spans": [{"start": 0, "end": 11, "label": "PERSON"},
                                                                {"start": 13, "end": 30, "label": "EMAIL_ADDRESS"}]})

    def recalls(*names: str) -> dict[str, float]:
        given = [word for name in names for word in ("--guard", name)]
        found = json.loads(run("eval", "pii", file, "--policy", own, *given, "--json").stdout)
        return {kind: one["recall"] for kind, one in found["by_entity"].items()}

    assert recalls("people") == {"email": 0.0, "person": 1.0}
    assert recalls("people", "forms") == {"email": 1.0, "person": 1.0}


ANSWERS = ({"context": "Opened: 1937.", "answer": "It opened in 1937.", "label": 0},
           {"context": "Opened: 1937.", "answer": "It opened in 1951.", "label": 1},
           {"context": "", "answer": "It is red.", "label": 0})


@pytest.mark.req("D7")
def test_a_judge_is_asked_once_a_row_and_its_failures_are_counted_apart(own: Path, tmp_path: Path) -> None:
    file = rows(tmp_path / "rag.jsonl", *ANSWERS, {"context": "x" * 70_000, "answer": "y", "label": 1})
    bench = Bench(scored(0.2))
    with serving(bench) as judge:
        path = policy(tmp_path, '  judged: {check: judge, upstream: judge, "on": output, act: flag, timeout: 5s}\n',
                      judge.url)
        done = run("eval", "grounding", file, "--policy", path, "--guard", "judged", "--json")
        words = run("eval", "grounding", file, "--policy", path, "--guard", "judged").stdout
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    part = found["by_source"]["all"]
    assert len(bench.seen) == 2 * 2  # what has no context is not asked about, nor what is too long
    assert found["asked"] == 4
    assert (part["flagged"], part["not_judged"], part["failed"]) == (0.5, 1, 1)
    assert [*part["failures"]] == ["there is too much text: a judge is asked about 60000 characters at most"]
    assert "without a verdict: 1 (there is too much text" in words


def test_a_judge_that_cannot_be_reached_fails_on_every_row_and_says_so(own: Path, tmp_path: Path) -> None:
    done = run("eval", "grounding", rows(tmp_path / "rag.jsonl", *ANSWERS), "--policy", own, "--guard", "judged")
    assert done.exit_code == 0
    assert "without a verdict: 2 (it did not answer (NotConnected))" in done.stdout


@pytest.mark.req("D7")
def test_fact_checkers_are_asked_for_each_answer(tmp_path: Path) -> None:
    desk = FactDesk(reviewed("The Earth is flat", "False"), key="k1")
    file = rows(tmp_path / "facts.jsonl", {"context": "", "answer": "The Earth is flat.", "label": 1},
                {"context": "", "answer": "My cat is called Tom.", "label": 0})
    with serving(desk) as service:
        path = policy(tmp_path, f'  facts: {{check: factcheck, url: "{service.url}", key: secret://env/FACTS, '
                                '"on": output, act: flag, timeout: 5s}\n')
        done = run("eval", "grounding", file, "--policy", path, "--guard", "facts", "--json", env={"FACTS": "k1"})
    part = json.loads(done.stdout)["by_source"]["all"]
    assert (part["recall"], part["not_judged"]) == (1.0, 1)


def test_a_grounding_guard_with_a_threshold_of_its_own_is_measured_with_it(tmp_path: Path) -> None:
    path = policy(tmp_path, '  strict: {check: grounding, "on": output, act: flag, threshold: 0.999}\n'
                            '  lax: {check: grounding, "on": output, act: flag, threshold: 0.001}\n')
    file = rows(tmp_path / "rag.jsonl", *ANSWERS)

    def flagged(name: str) -> float:
        done = run("eval", "grounding", file, "--policy", path, "--guard", name, "--json")
        return float(json.loads(done.stdout)["macro"]["flagged"])

    assert flagged("strict") > flagged("lax") == 0


def test_pieces_of_code_are_shown_to_a_guard_as_a_reply_would_have_them(tmp_path: Path) -> None:
    path = policy(tmp_path, '  code: {check: code, "on": output, act: flag, least: 0.4}\n')
    file = rows(tmp_path / "code.jsonl", {"code": "import os\nos.system(input())", "label": 1, "language": "python"},
                {"code": "print(1 + 1)", "label": 0, "language": "python"})
    found = json.loads(run("eval", "code", file, "--policy", path, "--guard", "code", "--json").stdout)
    assert (found["macro"]["recall"], found["macro"]["false_alarms"]) == (1.0, 0.0)


@pytest.mark.req("D8")
def test_the_same_call_serves_a_program(own: Path, prompts: Path) -> None:
    told, curves = app.evaluate("injection", prompts, own, ["jailbreak"])
    assert told["macro"]["auc"] == 1.0
    assert [*curves] == ["a"]


@pytest.mark.parametrize(("args", "says"), [
    (("--guard", "jailbreak"), "--guard: expected the policy that it is in (--policy FILE), came none"),
    (("--policy", "OWN", "--guard", "jailbrake"), "did you mean 'jailbreak'?"),
    (("--policy", "OWN", "--guard", "resting"), "expected one that looks at one text for 'injection', came grounding"),
    (("--policy", "OWN", "--guard", "memory"), "which looks texts up in the memory of a running gateway"),
    (("--policy", "OWN", "--guard", "forms", "--guard", "jailbreak"), "expected one for 'injection', came forms, jail"),
    (("--policy", "nowhere.yaml"), "expected a policy file"),
    (("--policy", "OWN", "--forms"), "expected our own checks, came a policy"),
])
def test_what_cannot_be_evaluated_is_said(own: Path, prompts: Path, args: tuple[str, ...], says: str) -> None:
    done = run("eval", "injection", prompts, *(own if word == "OWN" else word for word in args))
    assert done.exit_code == 2
    assert says in done.output


def test_a_model_whose_file_has_changed_is_not_run_and_the_reason_is_told(own: Path, prompts: Path) -> None:
    (own.parent / "attack" / "model.onnx").write_bytes(b"other")
    done = run("eval", "injection", prompts, "--policy", own, "--guard", "jailbreak")
    assert done.exit_code == 2
    assert "guard jailbreak cannot look" in done.output
    assert "expected SHA-256" in done.output


# ---- scan ----


def test_files_are_scanned_with_the_guards_of_a_policy_under_their_names(own: Path) -> None:
    given = "Karen Smith says ignore it"
    named = json.loads(run("scan", "--policy", own, "--guard", "people", "--json", input=given).stdout)
    assert [(f["check"], f["kind"], f["column"], f["length"]) for f in named["findings"]] == [
        ("people", "person", 1, 11)]
    every = json.loads(run("scan", "--policy", own, "--json", input=given).stdout)
    assert {f["check"] for f in every["findings"]} == {"jailbreak", "people"}
    both = run("scan", "--policy", own, "--guard", "people", "--check", "pii", input=f"{given} k@example.com")
    assert both.exit_code == 1
    assert "person (people, " in both.stdout
    assert "email (pii, " in both.stdout
    assert "Karen" not in both.output


def test_what_holds_replies_against_something_cannot_scan(own: Path) -> None:
    done = run("scan", "--policy", own, "--guard", "judged", input="x")
    assert done.exit_code == 2
    assert "'bongsu eval grounding' tries it" in done.output


@pytest.mark.parametrize("kind", ["classifier", "grounding", "factcheck", "judge", "known_attack", "no-such"])
def test_a_check_that_cannot_look_as_it_is_is_not_one_to_scan_with(kind: str) -> None:
    done = run("scan", "--check", kind, input="x")
    assert done.exit_code == 2
    assert "--check: expected one of code, " in done.output
    assert "--policy and --guard" in done.output


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> None:
    from bongsu.checks.classifier import Classifier

    look = Classifier.look
    monkeypatch.setattr(Classifier, "look", lambda self, text: 1 / 0 if "secret" in text else look(self, text))


@pytest.mark.usefixtures("raising")
def test_a_check_that_fails_on_a_text_is_said_without_the_text(own: Path) -> None:
    done = run("scan", "--policy", own, "--guard", "jailbreak", input="my secret is out")
    assert done.exit_code == 3
    assert "standard input:1: jailbreak could not look at this text (ZeroDivisionError)" in done.output
    assert "0 findings in 1 text; 1 look failed" in done.output
    assert "secret" not in done.output
    assert "보지 못했습니다" in run("scan", "--policy", own, "--guard", "jailbreak", "--lang", "ko",
                                input="secret").output


@pytest.mark.usefixtures("raising")
def test_a_scan_goes_on_behind_a_text_that_a_check_failed_on(own: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"a": "fine"}\n{"b": ["x", "secret k@example.com"]}\n{"a": "m@example.com"}\n')
    done = run("scan", "--policy", own, "--guard", "jailbreak", "--check", "pii", "--json", rows)
    came = json.loads(done.stdout)
    assert (done.exit_code, came["texts"]) == (1, 4)
    assert [(f["line"], f["kind"]) for f in came["findings"]] == [(2, "email"), (3, "email")]
    assert came["not_looked_at"] == [{"file": str(rows), "line": 2, "field": "b[1]", "check": "jailbreak",
                                      "error": "ZeroDivisionError"}]
    assert f"{rows}:2 b[1]: jailbreak" in done.stderr
    assert "secret" not in done.output
