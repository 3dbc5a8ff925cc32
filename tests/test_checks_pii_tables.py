"""Secrets in the columns of tables that come in a stream: the head is long gone when its cells come."""

from __future__ import annotations

import random

import pytest

from bongsu.checks.pii import Pii
from bongsu.guard import Guard
from bongsu.quantity import SECOND, Duration
from bongsu.web.screen import Gate, Track
from secretforms import key, password

PII = Pii()


def told(pieces: list[str]) -> set[int]:
    """Which characters of a stream in these pieces are replaced."""
    gate = Gate([Track(Guard("pii", PII, act="tokenise", timeout=Duration(60 * SECOND)), "output")])
    size, covered = 0, set()
    for piece in [*pieces, ""]:
        freed = gate.feed(piece, last=not piece)
        for span in freed.spans:
            covered |= set(range(size + span.start, size + span.end))
        size += len(freed.text)
    assert size == sum(map(len, pieces))
    return covered


def whole(text: str) -> set[int]:
    return {i for f in PII.look(text) for i in range(f.start, f.end)}


R = random.Random(3)
SECRETS = [password(R) for _ in range(8)]
TABLES = {
    "Markdown": "Here are they:\n\n| Nr | Owner | What it does | Password |\n|---|---|---|---|\n" + "".join(
        f"| {i} | the team that sees to it | a description of the service of some length, number {i} | {s} |\n"
        for i, s in enumerate(SECRETS)),
    "CSV": "name,description,api_key,region\n" + "".join(
        f"service{i},a service that does number {i} of things and more,{key(R)},kr\n" for i in range(8)),
    "wide head": "| " + " | ".join(f"what stands in column {i}" for i in range(12)) + " | 비밀번호 |\n" + "|--" * 13
                 + "|\n" + "".join("| " + "it stands here | " * 12 + f"{s} |\n" for s in SECRETS[:3]),
}


@pytest.mark.req("D3")
@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("size", [1, 5, 17])
def test_a_streamed_table_hides_what_its_heads_name(text: str, size: int) -> None:
    assert whole(text)
    assert whole(text) <= told([text[at : at + size] for at in range(0, len(text), size)])


def test_no_cut_of_a_table_lets_out_a_secret() -> None:
    text = TABLES["Markdown"]
    for cut in range(1, len(text), 3):
        assert whole(text) <= told([text[:cut], text[cut:]])


def test_a_table_longer_than_any_context_hides_its_last_row() -> None:
    text = "name,what,password\n" + "".join(f"kim{i},the one of number {i},Kimchi{i + 10}$\n" for i in range(600))
    covered = told([text[at : at + 400] for at in range(0, len(text), 400)])
    assert covered.issuperset(range(text.rindex("Kimchi"), len(text) - 1))


@pytest.mark.parametrize("row", ["x,password reset,1", "3,token,owner"])
def test_a_row_of_a_stream_is_no_head(row: str) -> None:
    text = "nr,what,who\n" + "1,the item of the row that is told of here,kim\n" * 3 + f"{row}\n" + "".join(
        f"{i},Ab{i}xK9dLm2PqR7tW,kim\n" for i in range(4, 30))
    assert not whole(text)
    assert not told(list(text))
