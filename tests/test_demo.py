"""The demo is the main job on live input: it must really happen, every time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bongsu.demo import packaged
from bongsu.demo.story import StoryError, read_story

BROKEN = """
story:
  - say: "nobody calls, so nothing can be blocked"
  - expect: {blocked: true, within: 1s}
"""


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bongsu", "demo", "--once", *options], capture_output=True, text=True,
                          timeout=300, check=False)


@pytest.mark.real
@pytest.mark.timeout(320)
@pytest.mark.req("O1", "O4", "O5", "O15", "D10", "D11", "D12", "A1", "A2", "P1", "P5", "P7", "X3", "A4")
def test_the_story_really_happens() -> None:
    done = demo("--speed", "10")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("alert cost is firing", "last reply came from 'light'", "last reply came from 'main'",
                 "calls blocked", "deploy gate: deny", "deploy gate: allow", "proven:", "every step really happened"):
        assert said in done.stdout


@pytest.mark.real
@pytest.mark.timeout(320)
def test_a_story_that_does_not_come_true_fails(tmp_path: Path) -> None:
    story = tmp_path / "story.yaml"
    story.write_text(BROKEN)
    done = demo("--story", str(story))
    assert done.returncode == 1
    assert "The story failed: expected within 1 s" in done.stdout


@pytest.mark.parametrize(("text", "said"), [
    (None, "expected a story in YAML, came 'No such file or directory'"),
    ("", "expected a list of steps under 'story', came none"),
    ("story: [", "expected a story in YAML"),
    ("story: [{say: hello}, {dance: 3}]", "step 2: expected one of attack, chat"),
    ("story: [hello]", "step 1: expected one of attack, chat"),
])
def test_a_story_that_nobody_can_play_is_refused_before_anything_starts(tmp_path: Path, text, said) -> None:
    path = tmp_path / "story.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(StoryError, match=re.escape(said)):
        read_story(path)


def test_the_packaged_story_can_be_read() -> None:
    assert read_story(packaged("story.yaml"))
