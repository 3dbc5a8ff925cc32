"""Recorded events sent to a running bongsu: bad rows are told by line and column; an import goes on where it broke."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bongsu.cli import cli
from bongsu.quantity import DAY, SECOND
from bongsu.sources.trace import TraceError
from bongsu.verbs import importing
from intakekit import T0, Site, site
from servers import serving

POLICY = "bongsu: 1\nservice: {name: shop}\nfeatures: {age: number}\nsignals:\n  all: {kind: count}\n"
MAP = ("--map", "time=at", "--map", "latency_ms=took", "--map", "prompt=said", "--set", "kind=call")
ROWS: list[dict[str, Any]] = [
    {"at": T0, "took": 1.5, "said": "two\nlines"}, {"at": T0, "took": "fast", "said": "x"},
    {"at": None, "took": 2, "said": "y"}, {"at": 5, "took": 3, "said": "z"}, {"at": T0 + 1, "took": 4, "said": "last"}]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path / "room", POLICY) as made:
        yield made


def send(file: Path, url: str, token: str, *more: str) -> Result:
    return CliRunner().invoke(cli, ["import", "events", str(file), *MAP, "--url", url, "--token", token, *more])


def written(folder: Path, kind: str) -> Path:
    file = folder / f"calls.{kind}"
    if kind == "csv":
        lines = [f'{r["at"] or ""},{r["took"]},"{r["said"]}"' for r in ROWS]
        file.write_text("\n".join(["at,took,said", *lines[:4], f"{T0}", lines[4]]) + "\n", encoding="utf-8")
    elif kind == "ndjson":
        lines = [json.dumps(r) for r in ROWS]
        file.write_text("\n".join([*lines[:4], "[1]", lines[4]]) + "\n", encoding="utf-8")
    elif kind in ("arrow", "arrows"):
        table = pa.Table.from_pylist([{**r, "took": str(r["took"])} for r in ROWS])
        begin = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
        with pa.OSFile(str(file), "wb") as out, begin(out, table.schema) as to:
            to.write_table(table, max_chunksize=2)
    else:
        pq.write_table(pa.Table.from_pylist([{**r, "took": str(r["took"])} for r in ROWS]), file)
    return file


@pytest.mark.req("O5")
@pytest.mark.parametrize(("kind", "lines"), [("csv", [4, 5, 6, 7]), ("ndjson", [2, 3, 4, 5]), ("parquet", []),
                                             ("arrow", []), ("arrows", [])])
def test_a_bad_row_is_told_by_line_and_column_and_the_others_are_taken(
        one: Site, tmp_path: Path, kind: str, lines: list[int]) -> None:
    file = written(tmp_path, kind)
    ended = send(file, one.url, one.token)
    assert ended.exit_code == 1
    assert "2 taken, 0 known before, " in ended.output
    at = [f"{file}:{line}, row {row}" for line, row in zip(lines, (2, 3, 4, 5), strict=False)] or [
        f"{file}, row {row}" for row in (2, 3, 4)]
    said = ended.output.splitlines()
    assert f"{at[0]}, column 'took': expected a number, came 'fast'" in said
    assert f"{at[1]}, column 'at': expected a timestamp, an ISO 8601 text or a number, came nothing" in said
    refused = next(line for line in said if line.startswith(f"{at[2]}, "))
    assert "column 'at' (time): expected microseconds since 1970, from " in refused
    assert refused.endswith("came 5 (1970-01-01T00:00:00Z)")
    if kind == "csv":
        assert f"{at[3]}: expected 3 fields, came fewer" in said
    if kind == "ndjson":
        assert any(line.startswith(f"{at[3]}: expected one JSON object a line") for line in said)
    kept = [e for e in one.kept() if e.kind == "call"]
    assert [e.time for e in kept] == [T0, T0 + 1]


@pytest.mark.req("O5")
def test_old_data_is_taken_and_known_again_as_the_documentation_says(tmp_path: Path) -> None:
    """Beyond the default of 400 days; past a sweep, which would forget the ids of events older than the log is kept."""
    said = (Path(__file__).parent.parent / "docs/events.md").read_text(encoding="utf-8")
    settings = next(line for line in said.splitlines() if line.startswith("settings: {retention: {cells: "))
    file, begin = tmp_path / "history.csv", T0 - 1000 * DAY
    file.write_text("at,took,said\n" + "".join(f"{begin + i * SECOND},{i},w{i}\n" for i in range(20)), encoding="utf-8")
    counting = POLICY.replace("{kind: count}", "{kind: count, origin: replay}")
    with site(tmp_path / "short", counting) as one:
        assert send(file, one.url, one.token).output.endswith("0 taken, 0 known before, 20 refused\n")
    with site(tmp_path / "long", f"{counting}{settings}\n") as one:
        key = next(signal.key for signal in one.policy.plan.signals if signal.name == "all")
        for taken, known in ((20, 0), (0, 20)):
            assert send(file, one.url, one.token).output == f"{taken} taken, {known} known before, 0 refused\n"
            one.cycle()
            one.pool.submit(one.control.upkeep.sweep).result()
            assert sum(cell.n for cell in one.store.cells() if cell.signal == key) == 20
            assert not any(e.kind == "call" for e in one.kept()), "the log keeps 7 days, and knows the ids for longer"


class Fickle:
    """A control port that answers so many batches, and then is busy until it is asked so often."""

    def __init__(self, good: int, busy: int) -> None:
        self.good, self.busy, self.seen = good, busy, dict[str, Any]()
        self.app = Starlette(routes=[Route("/v1/events", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        if self.good == 0 and self.busy:
            self.busy -= 1
            return JSONResponse({"error": {"code": "busy", "message": "later"}}, 503)
        self.good = max(0, self.good - 1)
        events = [msgspec.json.decode(line) for line in (await request.body()).splitlines()]
        new = {e["id"]: e for e in events if e["id"] not in self.seen}
        self.seen |= new
        return JSONResponse({"accepted": len(new), "duplicates": len(events) - len(new), "refused": []})


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(importing, "BATCH", 10)
    monkeypatch.setattr(importing, "AGAIN", 0.01)
    file = tmp_path / "many.csv"
    file.write_text("at,took,said\n" + "".join(f"{T0 + i},{i},w{i}\n" for i in range(55)), encoding="utf-8")
    return file


def test_an_import_waits_while_control_is_busy(many: Path) -> None:
    port = Fickle(2, busy=5)
    with serving(port.app) as server:
        ended = send(many, server.url, "t")
    assert (ended.exit_code, ended.output) == (0, "55 taken, 0 known before, 0 refused\n")
    assert len(port.seen) == 55


def test_an_import_that_is_broken_off_says_how_to_go_on_and_does(many: Path) -> None:
    port = Fickle(2, busy=10**9)
    with serving(port.app) as server:
        ended = send(many, server.url, "t", "--patience", "0.05")
        assert ended.exit_code == 1
        assert "many.csv: broken off after row 20; go on with --from 21" in ended.output
        port.busy = 0
        rest = send(many, server.url, "t", "--from", "21")
        assert rest.output == "35 taken, 0 known before, 0 refused\n"
        assert send(many, server.url, "t").output == "0 taken, 55 known before, 0 refused\n"
    assert {e["latency_ms"] for e in port.seen.values()} == set(range(55))


def test_how_far_it_has_come_is_shown_to_people_only(many: Path, monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    from bongsu.offline.recorded import trace_of
    from bongsu.verbs.client import Client

    pairs = ("time=at", "latency_ms=took")
    with serving(Fickle(99, 0).app) as server:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        work = importing.Importing(trace_of(many, pairs, (), "us"), Client(server.url, "t"), "replay", 0.0)
        assert work.run()["accepted"] == 55
    shown = capsys.readouterr().err
    assert " 18%  10 rows" in shown
    assert shown.endswith("\r\x1b[K")


DEFINED = """
bongsu: 1
service: {name: shop}
features: {age: number}
signals:
  right: {kind: performance, measure: accuracy, labels: [model]}
  unlabelled: {kind: ratio, bad: "label IS NULL", total: "kind = 'prediction'"}
  old: {kind: ratio, bad: "features.age > 40", total: "features.age IS NOT NULL"}
  took: {kind: quantile, of: latency_ms, q: 95%}
"""


@pytest.mark.req("O2")
def test_a_data_set_that_is_evaluated_has_the_values_that_it_has_once_imported(tmp_path: Path) -> None:
    rows = [{"at": T0 + i, "id": f"p{i}", "kind": "prediction", "prediction": str(i % 2), "model": "mn"[i % 3 > 0],
             "features.age": i % 60, "latency_ms": i * 1.5} for i in range(300)]
    rows += [{"at": T0 + i, "id": f"l{i}", "kind": "label", "call": f"p{i}", "label": str(i % 3 % 2)}
             for i in range(0, 300, 2)]
    (tmp_path / "policy.yaml").write_text(DEFINED, encoding="utf-8")
    file = tmp_path / "rows.jsonl"
    names = ("kind", "prediction", "model", "features.age", "latency_ms", "call", "label")
    pairs = ["--map", "time=at", *(word for name in names for word in ("--map", f"{name}={name}")), "--id", "id"]
    file.write_text("\n".join(json.dumps({**dict.fromkeys(names), **r}) for r in rows), encoding="utf-8")
    policy = str(tmp_path / "policy.yaml")
    alone = CliRunner().invoke(cli, ["evaluate", str(file), "--policy", policy, "--json", *pairs])
    expected = {r["signal"]: r["value"] for r in json.loads(alone.output)["signals"] if r["labels"] is None}
    with site(tmp_path / "room", DEFINED) as one:
        ended = CliRunner().invoke(cli, ["import", "events", str(file), *pairs, "--url", one.url, "--token", one.token,
                                         "--origin", "live"])
        assert ended.output == "450 taken, 0 known before, 0 refused\n"
        one.cycle()
        cells, found = one.control.cells, {}
        for signal in one.policy.plan.signals:
            value = signal.sli.value(cells.vector(signal.key, 0, 2**62))
            found[signal.name] = None if value is None else float(value)
    assert found == expected
    assert None not in found.values()


@pytest.mark.parametrize("kind", ["arrow", "arrows"])
def test_an_arrow_file_that_was_cut_is_told_as_such(one: Site, tmp_path: Path, kind: str) -> None:
    file = written(tmp_path, kind)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    ended = send(file, one.url, one.token)
    assert isinstance(ended.exception, TraceError), "the command line says it, and ends with 2"
    assert str(ended.exception).startswith(f"{file}: expected ")
