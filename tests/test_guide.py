"""The first steps of docs/guide.md, as a newcomer takes them: its policy, its table, the stand-in, the real SDKs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from bongsu.demo.standin import StandIn
from bongsu.offline.checkup import check_policy
from peoplekit import Place, fetch, place

GUIDE = (Path(__file__).parent.parent / "docs/guide.md").read_text(encoding="utf-8")
SAID = "This is the demo model of bongsu speaking"


def snippet(pattern: str) -> str:
    found = re.search(pattern, GUIDE, re.DOTALL | re.MULTILINE)
    assert found is not None, pattern
    return found[1]


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def one(tmp_path: Path, shown: list[str]) -> Iterator[Place]:
    rows = subprocess.run([sys.executable, "-c", snippet("^python3 > training.csv <<'END'\n(.*?)^END")], check=True,
                          capture_output=True, text=True)
    (tmp_path / "training.csv").write_text(rows.stdout)
    policy = snippet("^```yaml\n(bongsu: 1\n.*?)^```").replace("http://127.0.0.1:9190", "${TEST_MODEL}")
    with place(tmp_path, policy, model=StandIn(shown.append)) as made:
        yield made


def test_the_guides_policy_is_right_and_its_budget_pays_for_a_call(one: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MODEL", "http://127.0.0.1:9190")
    report = check_policy(one.path, "en")
    assert (report["faults"], [note for note in report["notices"] if "budget" in note]) == ([], [])


def test_a_newcomer_gets_answers_from_every_api_of_the_guide(one: Place, shown: list[str]) -> None:
    with one.client("anything") as client:
        hello = [{"role": "user", "content": "안녕하세요, I am kim@example.com"}]
        chat = client.chat.completions.create(model="chat", messages=hello, user="kim")  # type: ignore[call-overload]
        assert f"안녕하세요, I am kim@example.com {SAID}" in chat.choices[0].message.content
        answer = client.responses.create(model="chat", input="I am kim@example.com")
        assert f"I am kim@example.com {SAID}" in answer.output_text
        said = [{"role": "user", "content": "I am kim@example.com"}]
        with client.responses.stream(model="chat", input=said) as stream:  # type: ignore[arg-type]
            stream.until_done()
            assert stream.get_final_response().output_text == answer.output_text
        assert len(client.embeddings.create(model="chat", input=["a", "b"]).data) == 2
    with anthropic.Anthropic(base_url=one.gateways[0], api_key="any", max_retries=0, timeout=30) as claude:
        asked: Any = {"model": "claude", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
        message = claude.messages.create(**asked)
        with claude.messages.stream(**asked) as stream_:
            assert stream_.get_final_text() == message.content[0].text  # type: ignore[union-attr]
    assert one.last().output_tokens == message.usage.output_tokens
    body = {"features": {"age": 41, "sex": "M", "plan": "a"}}
    scored = fetch(f"{one.gateways[0]}/v1/predict/fraud", "any", body)
    assert (scored.status, set(scored.json()["predictions"][0])) == (200, {"label", "score"})
    assert shown == ['POST /score: {"features":{"age":41,"sex":"M","plan":"a"}}']


def test_the_stand_in_takes_notices_and_says_what_it_cannot_read(one: Place, shown: list[str]) -> None:
    url = one.environ["TEST_MODEL"]
    assert fetch(f"{url}/hook", "", {"title": "test"}).status == 200
    assert shown == ['POST /hook: {"title":"test"}']
    assert fetch(f"{url}/v1/messages", "", ["no object"]).code() == (400, "invalid_json")
    assert fetch(f"{url}/v1/models", "").json()["data"][0]["id"] == "demo-large"
