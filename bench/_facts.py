"""What ``ingest.py`` sends and counts: policies, columns, and the Arrow streams that they are sent as."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bongsu.policy import parse

MINUTE, T0 = 60 * 10**6, 1_790_000_000 * 10**6
MODELS = np.array(["m1", "m2", "m3", "m4"])
FEATURES = ("age", "b", "c", "d", "e")
HEAD = "bongsu: 1\nservice: {name: bench}\nfeatures: {age: number, b: number, c: number, d: number, e: number}\n"


FIRST = ("unlabelled", "accuracy", "p95")


def policy(n: int = 30) -> Any:
    """``n`` signals, 60 at most: of the 30 some of each kind, beyond them more ratios."""
    signals = {f"band{i}": f'{{kind: ratio, bad: "score > {i / 20}", total: "score IS NOT NULL", labels: [model]}}'
               for i in range(12)}
    signals |= {f"age{i}": f'{{kind: ratio, bad: "features.age > {20 + 5 * i}", total: "features.age IS NOT NULL"}}'
                for i in range(8)}
    signals |= {m: f"{{kind: performance, measure: {m}}}" for m in ("accuracy", "precision", "recall", "f1")}
    signals |= {"p95": "{kind: quantile, of: latency_ms, q: 95%}", "slow": '{kind: ratio, bad: "latency_ms > 800"}',
                "mean": "{kind: mean, sum: latency_ms}", "said": "{kind: count, of: \"prediction = '1'\"}",
                "unlabelled": "{kind: ratio, bad: \"label IS NULL\", total: \"kind = 'prediction'\"}",
                "all": "{kind: count}"}
    assert len(signals) == 30
    rest = [name for name in signals if name not in FIRST]
    chosen = [*FIRST, *(rest[i * len(rest) // (n - len(FIRST))] for i in range(n - len(FIRST)))] if n < 30 else signals
    signals = {name: signals[name] for name in chosen}
    signals |= {f"more{i}": f'{{kind: ratio, bad: "features.b > {i / 30}", total: "features.b IS NOT NULL"'
                            f'{", labels: [model]" if i % 5 < 3 else ""}}}' for i in range(n - 30)}
    assert len(signals) == n
    return _parsed(signals)


def drifting(folder: Path) -> Any:
    """15 signals, one of them the drift of 5 features against a file."""
    signals = {f"band{i}": f'{{kind: ratio, bad: "score > {i / 8}", labels: [model]}}' for i in range(5)}
    signals |= {f"age{i}": f'{{kind: ratio, bad: "features.age > {20 + 9 * i}"}}' for i in range(4)}
    signals |= {"p95": "{kind: quantile, of: latency_ms, q: 95%}", "slow": '{kind: ratio, bad: "latency_ms > 800"}',
                "mean": "{kind: mean, sum: latency_ms}", "all": "{kind: count}",
                "said": "{kind: count, of: \"prediction = '1'\"}",
                "moved": "{kind: drift, reference: past, columns: [features.age, features.b, features.c, features.d, "
                         "features.e], measure: psi}"}
    assert len(signals) == 15
    made = columns(20_000)
    pq.write_table(pa.table({name: made[name] for name in FEATURES}), folder / "past.parquet")
    return _parsed(signals, f"references: {{past: {{file: {folder / 'past.parquet'}}}}}\n")


def by_label(name: str) -> Any:
    signals = {f"band{i}": f'{{kind: ratio, bad: "score > {i / 5}", labels: [{name}]}}' for i in range(5)}
    return _parsed(signals)


def _parsed(signals: dict[str, str], more: str = "") -> Any:
    body = "\n".join(f"  {name}: {text}" for name, text in signals.items())
    return parse(f"{HEAD}{more}signals:\n{body}\n", "bench.yaml", {})


def columns(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {"time": T0 + np.arange(n) * 3600, "score": rng.random(n), "age": rng.integers(18, 80, n).astype(float),
            "b": rng.normal(size=n), "c": rng.exponential(size=n),
            "d": rng.random(n), "e": rng.normal(3, 2, n), "latency": rng.lognormal(6, 1, n),
            "model": rng.integers(0, 4, n), "truth": rng.integers(0, 2, n)}


def streams(data: dict[str, np.ndarray], batch: int) -> list[bytes]:
    """Predictions in streams of ``batch``, then labels for a third of them, in streams of about as many."""
    out, n = [], len(data["time"])
    for at in range(0, n, batch):
        part = {name: values[at : at + batch] for name, values in data.items()}
        rows = len(part["time"])
        out.append(_stream({"id": [f"p{at + i:012d}" for i in range(rows)], "time": part["time"],
                            "kind": ["prediction"] * rows, "score": part["score"],
                            "prediction": np.where(part["score"] > 0.5, "1", "0"),
                            "model": pa.array(MODELS[part["model"]]).dictionary_encode(),
                            "latency_ms": part["latency"], **{f"features.{f}": part[f] for f in FEATURES}}))
    for at in range(0, n, batch * 3):
        some = np.arange(at, min(n, at + batch * 3), 3)
        out.append(_stream({"id": [f"l{i:012d}" for i in some], "time": data["time"][some] + MINUTE,
                            "kind": ["label"] * len(some), "call": [f"p{i:012d}" for i in some],
                            "label": data["truth"][some].astype(str)}))
    return out


def _stream(table: dict[str, Any]) -> bytes:
    made, sink = pa.table(table), io.BytesIO()
    with pa.ipc.new_stream(sink, made.schema) as writer:
        writer.write_table(made)
    return sink.getvalue()
