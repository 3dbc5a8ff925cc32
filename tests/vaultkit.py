"""One bongsu with a vault, a gateway that fills its boxes, and a privacy officer: what tests of the vault need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from bongsu.cli import cli
from bongsu.host import keys
from bongsu.host.epochs import tokeniser
from bongsu.stores.log import EventLog
from peoplekit import POLICY, T0, Place, Reply, fetch, place

VAULT = POLICY.replace("fail: closed}\nup", "fail: closed, vault: on}\nup").replace("guards:\n", """guards:
  pii: {check: pii, on: [input, output], act: tokenise, timeout: 1s, fails: closed}
""")
WHY = {"reason": "the customer asks for it", "ticket": "REQ-7"}
DAY = "2026-09-21"
"""Of ``T0``."""


class Safe:
    """A place whose officer has a token."""

    def __init__(self, one: Place) -> None:
        self.one = one
        self.officer = keys.new_token(one.store, keys.OFFICER, "test", "a test", T0)
        self.tokens = tokeniser(one.folder.keys, lambda: one.now)

    def token(self, kind: str, value: str) -> str:
        return self.tokens.token(kind, value)

    def say(self, text: str, subject: str = "", **more: Any) -> None:
        """One call, told to control."""
        headers = {"x-bongsu-subject": subject} if subject else {}
        with self.one.client("sk-any") as client:
            client.chat.completions.create(model="shop", messages=[{"role": "user", "content": text}],
                                           extra_headers=headers, **more)
        self.one.cycle()

    def ask(self, way: str, token: str | None = None, **body: Any) -> Reply:
        return fetch(f"{self.one.url}/v1/vault/{way}", self.officer if token is None else token, {**WHY, **body})

    def reveal(self, *tokens: str) -> dict[str, str | None]:
        found: dict[str, str | None] = self.ask("reveal", tokens=list(tokens)).json()["values"]
        return found

    def cli(self, *words: str) -> Result:
        return CliRunner().invoke(cli, [*words, "--reason", WHY["reason"], "--ticket", WHY["ticket"], "--url",
                                        self.one.url, "--token", self.officer])

    def prompts(self) -> list[str]:
        """The prompts that the event log keeps."""
        with EventLog(self.one.folder.events) as log:
            return [p for _, t in log.read(0) for p in t.column("prompt").to_pylist() if p]


@contextmanager
def safe(root: Path, policy: str = VAULT) -> Iterator[Safe]:
    with place(root, policy) as one:
        yield Safe(one)
