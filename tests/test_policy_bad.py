"""One mistake a file: the error says where, what was expected, what came, and what was probably meant."""

from pathlib import Path

import pytest

from bongsu.policy import PolicyError, load

HERE = Path(__file__).parent
BAD = sorted(path.stem for path in (HERE / "bad").glob("*.yaml"))


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_told_in_exactly_these_words(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file differs from tests/good/small.yaml by the mistake it is named for; its .err is what is said."""
    monkeypatch.chdir(HERE / "bad")
    with pytest.raises(PolicyError) as caught:
        load(f"{mistake}.yaml", {})
    assert str(caught.value) + "\n" == Path(f"{mistake}.err").read_text(encoding="utf-8")


@pytest.mark.parametrize("mistake", BAD)
def test_one_mistake_makes_one_error(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No error drags others behind it: people fix the first and would chase ghosts."""
    monkeypatch.chdir(HERE / "bad")
    with pytest.raises(PolicyError) as caught:
        load(f"{mistake}.yaml", {})
    assert len(caught.value.faults) == 1


def test_the_policy_they_all_differ_from_is_sound() -> None:
    assert load(HERE / "good/small.yaml", {}).service.name == "bot"


def test_every_bad_file_has_its_text_and_every_text_its_file() -> None:
    assert len(BAD) >= 30
    assert sorted(path.stem for path in (HERE / "bad").glob("*.err")) == BAD


@pytest.mark.req("X5")
def test_no_error_repeats_a_secret() -> None:
    """Not the literal key, not the password in a URL."""
    told = "".join(path.read_text(encoding="utf-8") for path in (HERE / "bad").glob("*.err"))
    assert "sk-live" not in told
    assert "hunter2" not in told
