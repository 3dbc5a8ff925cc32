"""Recorded traffic becomes events, the same ones each time; what does not fit is named by file, row and column."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import evaldata
from bongsu.alert import Signal
from bongsu.cell import Cells
from bongsu.event import Event
from bongsu.expression import read
from bongsu.runners.duckdb import Counter
from bongsu.slis.mean import Mean
from bongsu.sources.trace import Trace, TraceError, rows_of
from bongsu.stores.arrow import table
from bongsu.stores.log import EventLog

ROWS = [{"at": "2026-01-02T03:04:05Z", "in": 10, "ms": 1.5, "bad": True, "who": "a"},
        {"at": "2026-01-02T03:04:06.000001+00:00", "in": 20, "ms": None, "bad": False, "who": "b"}]
MAP = {"time": "at", "input_tokens": "in", "latency_ms": "ms", "blocked": "bad", "user": "who"}
T0 = 1_767_323_045_000_000


def expected(name: str) -> list[Event]:
    return [Event(id=f"{name}#1", time=T0, origin="replay", service="bot", input_tokens=10, latency_ms=1.5,
                  blocked=True, user="a"),
            Event(id=f"{name}#2", time=T0 + 1_000_001, origin="replay", service="bot", input_tokens=20, user="b")]


def write(path: Path) -> Path:
    if path.suffix == ".parquet":
        times = [datetime.fromisoformat(r["at"]) for r in ROWS]
        columns = {k: [r[k] for r in ROWS] for k in ("in", "ms", "bad", "who")}
        pq.write_table(pa.table({"at": pa.array(times, pa.timestamp("ns")), **columns}), path)
    elif path.suffix == ".csv":
        lines = [",".join("" if v is None else str(v) for v in r.values()) for r in ROWS]
        path.write_text("at,in,ms,bad,who\n" + "\n".join(lines) + "\n")
    else:
        path.write_bytes(b"\n".join(map(msgspec.json.encode, ROWS)) + b"\n\n")
    return path


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.ndjson", "t.jsonl", "T.CSV"])
def test_every_format_gives_the_same_events(tmp_path, name):
    path = write(tmp_path / name.replace("CSV", "csv")).rename(tmp_path / name)
    trace = Trace(path, MAP, {"service": "bot"})
    assert list(trace.batches()) == [expected(name)]
    assert list(trace.batches(1)) == [[e] for e in expected(name)]


def test_reading_a_file_again_adds_nothing_to_the_log(tmp_path):
    trace = Trace(write(tmp_path / "t.csv"), MAP)
    with EventLog(tmp_path / "log.db") as log:
        assert sum(log.append(b).n for b in trace.batches()) == 2
        assert sum(log.append(b).n for b in trace.batches()) == 0


@pytest.mark.parametrize(("unit", "start", "expected"), [("s", 0, 2_500_000), ("ms", 100, 2_600), ("us", 0, 2)])
def test_numbers_are_times_in_the_unit_given(tmp_path, unit, start, expected):
    path = tmp_path / "t.csv"
    path.write_text("at\n2.5\n")
    assert next(Trace(path, {"time": "at"}, unit=unit, start=start).batches())[0].time == expected


@pytest.mark.parametrize(("columns", "constants", "words"), [
    ({"time": "at", "input_tokns": "in"}, {}, "came 'input_tokns'; did you mean 'input_tokens'?"),
    ({"time": "at", "id": "who"}, {}, "ids are made of the file's name"),
    ({"input_tokens": "in"}, {}, "expected a column for 'time'"),
    ({"time": "when"}, {}, "expected a column 'when'; it has 'at', 'in', 'ms', 'bad', 'who'"),
    ({"time": "at"}, {"status": "fine"}, "constant 'status': expected a whole number, came 'fine'"),
    ({"time": "at", "input_tokens": "who"}, {}, "row 1, column 'who': expected a whole number, came 'a'"),
    ({"time": "at", "blocked": "in"}, {}, "row 1, column 'in': expected true or false, came '10'"),
    ({"time": "at", "latency_ms": "who"}, {}, "row 1, column 'who': expected a number, came 'a'"),
    ({"time": "ms"}, {}, "row 2, column 'ms': expected a timestamp, an ISO 8601 text or a number, came nothing"),
    ({"time": "who"}, {}, "row 1, column 'who': expected a timestamp"),
])
def test_what_does_not_fit_is_named_by_file_row_and_column(tmp_path, columns, constants, words):
    path = write(tmp_path / "t.csv")
    with pytest.raises(TraceError) as caught:
        list(Trace(path, columns, constants).batches())
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


@pytest.mark.parametrize(("name", "data", "words"), [
    ("t.parquet", b"PAR1 no", "expected a Parquet file"),
    ("t.csv", b"at\n\xff\xfe\n", "expected CSV in UTF-8"),
    ("t.csv", b"at,b\n1,2\n3\n", "row 2: expected 2 fields, came fewer"),
    ("t.ndjson", b'{"at": 1}\n[1]\n', "row 2: expected one JSON object a line"),
    ("t.ndjson", b'{"ta": 1}\n', "column 'at': expected a timestamp, an ISO 8601 text or a number, came nothing"),
    ("t.xlsx", b"", "expected a file ending in .parquet, "),
])
def test_a_file_of_another_kind_is_an_error_and_not_an_empty_trace(tmp_path, name, data, words):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(TraceError) as caught:
        list(Trace(path, {"time": "at"}).batches())
    assert words in str(caught.value)


def test_a_column_no_json_row_has_is_named(tmp_path):
    path = write(tmp_path / "t.ndjson")
    with pytest.raises(TraceError, match="expected a column 'tokens'; it has 'at', 'bad'"):
        list(Trace(path, {"time": "at", "output_tokens": "tokens"}).batches())


def test_an_arrow_stream_that_breaks_off_is_read_as_far_as_it_goes_and_says_so(tmp_path):
    whole, path = pa.BufferOutputStream(), tmp_path / "t.arrows"
    with pa.ipc.new_stream(whole, pa.schema([("at", pa.int64())])) as writer:
        for n in range(10):
            writer.write_table(pa.table({"at": [n] * 1000}))
    path.write_bytes(whole.getvalue().to_pybytes()[:50_000])
    assert rows_of(path) == 0, "a stream says how many rows it has only at its end"
    batches = Trace(path, {"time": "at"}).batches(1000)
    assert sum(len(next(batches)) for _ in range(6)) == 6000
    with pytest.raises(TraceError, match="broken after row 6000"):
        next(batches)



def test_the_azure_trace_is_read_and_counted_to_the_last_token(tmp_path):
    """8,819 real requests (Azure LLM inference trace 2023, code): sums through the log equal the file's own."""
    path = evaldata.file("traffic_azure_llm_code_2023.parquet")
    trace = Trace(path, {"time": "timestamp", "input_tokens": "input_tokens", "output_tokens": "output_tokens"},
                  {"service": "code", "model": "azure-code"})
    raw = pq.read_table(path)
    signal = Signal("tokens", Mean(read("output_tokens", "number"), read("input_tokens", "number")), ("model",),
                    origin="replay", key="tokens")
    counter, cells = Counter([signal], 60_000_000), Cells(60_000_000)
    with EventLog(tmp_path / "log.db") as log:
        for batch in trace.batches(1000):
            log.append(batch)
        for _, part in log.read():
            cells.add(counter.count(part))
    counter.close()
    sums = cells.vector("tokens", 0, 2**62)
    sent, got = (sum(raw[name].to_pylist()) for name in ("input_tokens", "output_tokens"))
    assert [sums[part] for part in ("n", "sum", "per")] == [8819, got, sent]
    assert signal.sli.value(sums) == Fraction(sums["sum"], sums["per"])
    first = next(trace.batches(1))[0]
    assert datetime.fromtimestamp(first.time // 10**6, UTC).isoformat() == "2023-11-16T18:17:03+00:00"
    assert cells.digest() == Cells(60_000_000, _recount(trace, signal)).digest()


def _recount(trace: Trace, signal: Signal):
    counter = Counter([signal], 60_000_000)
    cells = [cell for batch in trace.batches(333) for cell in counter.count(table(batch))]
    counter.close()
    return cells
