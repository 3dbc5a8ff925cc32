"""``bongsu model``, the stand-in for models, behind a gateway: real clients call every API that the gateway serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bongsu.demo.standin import StandIn
from gatewaykit import PII, Stand, speaking, standing
from test_gateway_surfaces import WAYS, asking, post

SAID = "mail kim@example.com"


@pytest.fixture(params=[(), (PII,)], ids=["unguarded", "guarded"])
def stand(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stand]:
    with standing(tmp_path, request.param, model=StandIn(lambda _: None)) as made:
        yield made


def test_every_api_of_openais_is_answered_in_its_form(stand: Stand) -> None:
    with stand.client() as client:
        assert SAID in client.completions.create(model="support-bot", prompt=SAID).choices[0].text
        assert SAID in client.completions.create(model="support-bot", prompt=["x", SAID]).choices[0].text
        chunks = list(client.completions.create(model="support-bot", prompt=SAID, stream=True,
                                                stream_options={"include_usage": True}))
        assert SAID in "".join(c.choices[0].text for c in chunks if c.choices)
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert chunks[-1].usage is not None
        assert SAID in client.responses.create(model="support-bot", input=SAID).output_text
        found = client.moderations.create(model="support-bot", input=["a", "b"])
        assert [one.flagged for one in found.results] == [False, False]
        assert len(client.embeddings.create(model="support-bot", input=["a", "b"]).data) == 2
    assert {event.outcome for event in stand.spool.calls()} == {"ok"}


def test_anthropics_api_is_answered_in_its_form(tmp_path: Path) -> None:
    with standing(tmp_path, [PII], model=StandIn(lambda _: None), change=speaking("anthropic")) as stand:
        asked = {"model": "support-bot", "messages": [{"role": "user", "content": SAID}]}
        assert SAID in stand.claude.messages.create(max_tokens=50, **asked).content[0].text
        assert stand.claude.messages.count_tokens(**asked).input_tokens > 1


@pytest.mark.parametrize("name", WAYS)
def test_no_surface_of_the_gateway_is_unknown_to_it(tmp_path: Path, name: str) -> None:
    with standing(tmp_path, model=StandIn(lambda _: None), change=WAYS[name].change) as stand:
        assert post(stand, WAYS[name], asking(WAYS[name]))[0] == 200
