"""The JSON Schema for editors says what the reader says, because both come from the same declarations."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bongsu.policy import PolicyError, load
from bongsu.policy.schema import json_schema

HERE = Path(__file__).parent
DEMO = Path(str(resources.files("bongsu") / "demo/bongsu.yaml"))
SMALL = (HERE / "good/small.yaml").read_text(encoding="utf-8")
VALIDATOR = Draft202012Validator(json_schema())


def strings(text: str) -> Any:
    """A policy as plain data whose scalars are all strings."""
    return yaml.load(text, Loader=yaml.BaseLoader)


def test_it_is_a_schema_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(json_schema())


def typed(value: Any) -> Any:
    """The same as YAML 1.2 types it: what looks like a number or a truth is one."""
    if isinstance(value, dict):
        return {key: typed(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [typed(inside) for inside in value]
    if re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value) if "." in value else int(value)
    return {"true": True, "false": False}.get(value, value)


@pytest.mark.parametrize("types", [lambda data: data, typed], ids=["texts", "typed"])
@pytest.mark.parametrize("path", [DEMO, HERE / "good/small.yaml", HERE / "good/channels.yaml"],
                         ids=["demo", "small", "channels"])
def test_sound_policies_are_valid_however_an_editor_types_their_scalars(path: Path, types: Any) -> None:
    data = types(strings(path.read_text(encoding="utf-8")))
    assert [e.message for e in VALIDATOR.iter_errors(data)] == []


@pytest.mark.parametrize("where", ["bot}", "model: small}", "act: tokenise", "kind: count}", "tier: major}",
                                   "{block: pii", "when: latency", "target: 99%"])
def test_a_key_that_is_no_setting_is_invalid_wherever_it_stands(where: str) -> None:
    new = f"{where[:-1]}, colour: red}}" if where.endswith("}") else (
        "{block: pii, colour: red" if where.startswith("{") else f"colour: red, {where}")
    text = SMALL if where != "bot}" else SMALL.replace("{name: bot, region: kr}", "{name: bot}")
    assert where in text
    assert VALIDATOR.is_valid(strings(text))
    assert not VALIDATOR.is_valid(strings(text.replace(where, new, 1)))


@pytest.mark.parametrize(("old", "new"), [("over: 10s", "over: 10"), ("target: 99%", "target: 99"),
                                          ("act: tokenise", "act: hide"),
                                          ("kind: quantile", "kind: quantil"), ("10 USD/1M", "10 USD"),
                                          ("model: small", "region: us"), ("cost: 1000", "cost: dear"),
                                          ("key: secret://env/MODEL_KEY", "key: hunter2"), ("bongsu: 1", "bongsu: 2")])
def test_values_are_checked_as_strictly_as_their_form_allows(old: str, new: str) -> None:
    assert old in SMALL
    assert not VALIDATOR.is_valid(strings(SMALL.replace(old, new, 1)))


def test_what_the_schema_refuses_the_reader_refuses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema is the weaker of the two: an editor never marks what would load."""
    monkeypatch.chdir(HERE / "bad")
    refused = 0
    for path in sorted(Path().glob("*.yaml")):
        try:
            data = strings(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            continue
        if not VALIDATOR.is_valid(data):
            refused += 1
            with pytest.raises(PolicyError):
                load(str(path), {})
    assert refused >= 25


def test_every_definition_says_what_it_is() -> None:
    schema = json_schema()
    for name, definition in schema["$defs"].items():
        assert definition.get("description") or definition.get("oneOf"), name
