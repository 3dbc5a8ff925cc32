"""Recorded events, read with a policy: to judge a trace again, or to send it again.

Wiring for the command line only: nothing here runs in a process that serves.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import replace as dataclass_replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bongsu.event import Event
from bongsu.offline.checkup import DEMO_ENVIRON, demo_policy
from bongsu.policy import Policy, load

if TYPE_CHECKING:
    from bongsu.offline.dataset import Evaluation
    from bongsu.season import Choice
    from bongsu.sources.trace import Trace


def open_trace(file: Path, policy_path: Path | None, pairs: tuple[str, ...], constants: tuple[str, ...], unit: Any,
               upstream: str | None, limit: int | None) -> tuple[Policy, Iterator[Event]]:
    """A policy and a trace's events, each with the cost that the policy's prices give it."""
    from bongsu.access.meter import Meter, Usage
    from bongsu.sources.trace import TraceError
    from bongsu.sources.trace import open_trace as open_file

    path = policy_path or demo_policy()
    policy = load(path, (DEMO_ENVIRON if policy_path is None else {}) | os.environ)
    trace = open_file(file, dict(_pair(p, "--map") for p in pairs), dict(_pair(c, "--set") for c in constants), unit)
    route = next(iter(policy.routes.values()), None)
    up = policy.upstreams.get(upstream or (route.primary if route else ""))
    meter = Meter(*up.tariff) if up is not None and up.tariff else None
    if upstream and up is None:
        raise TraceError(f"--upstream: expected one of {', '.join(policy.upstreams)}, came {upstream!r}")

    def events() -> Iterator[Event]:
        for event in islice((worded(e, policy.worded) for batch in trace.batches() for e in batch), limit):
            if event.cost is None and meter is not None and up is not None and event.input_tokens is not None:
                usage = Usage(event.input_tokens, event.output_tokens or 0, event.cache_read_tokens,
                              event.cache_write_tokens, event.reasoning_tokens)
                event = replace(event, cost=meter.cost(usage, event.time), currency=meter.currency,
                                upstream=event.upstream or up.name, model=event.model or up.model)
            yield event

    return policy, events()


def worded(event: Event, names: frozenset[str]) -> Event:
    """With the cells of the features that are compared by their words, as the ways in read them."""
    from bongsu.prompt import celled

    texts = {name: event.features[name] for name in names & event.features.keys()}
    cells = {name: celled(text) or None for name, text in texts.items() if isinstance(text, str)}
    return replace(event, features={**event.features, **cells}) if cells else event


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        from bongsu.sources.trace import TraceError

        raise TraceError(f"{option}: expected COLUMN=VALUE, came {text!r}")
    return name, value


def replay_offline(*options: Any) -> dict[str, Any]:
    """Judge a trace on a virtual clock."""
    from bongsu.offline.replay import report, run
    from bongsu.references import compared

    policy, events = open_trace(*options)
    return report(run(compared(policy).plan, iter(lambda: list(islice(events, 10_000)), [])))


def replay_live(*options: Any) -> dict[str, Any]:
    """Send a trace as real calls through the demo's stack."""
    from bongsu.demo.replay import run_live

    *rest, speed = options
    _, events = open_trace(*rest)
    return asyncio.run(run_live(events, options[1] or demo_policy(), speed, lambda line: print(line, flush=True)))


def trace_of(file: Path, pairs: tuple[str, ...], constants: tuple[str, ...], unit: Any, ids: str = "") -> Trace:
    """A recorded file, with the ids it gives its events, if it does."""
    from bongsu.sources.trace import open_trace as open_file

    trace = open_file(file, dict(_pair(p, "--map") for p in pairs), dict(_pair(c, "--set") for c in constants), unit)
    return dataclass_replace(trace, ids=ids, name=re.sub(r"[^A-Za-z0-9._-]", "_", file.name)[:80])


def evaluate_file(file: Path, policy_path: Path, pairs: tuple[str, ...], constants: tuple[str, ...], unit: Any,
                  ids: str) -> Evaluation:
    """Measure a data set by a policy's signals."""
    from bongsu.event import TEXTS
    from bongsu.novelty import Known
    from bongsu.offline.dataset import evaluate
    from bongsu.prompt import cell
    from bongsu.references import compared
    from bongsu.wording import in_force

    policy = compared(load(policy_path, os.environ))
    plan = policy.plan
    known = {text: Known(vocabulary) for text, vocabulary in in_force(plan).items()}

    def read(event: Event) -> Event:
        """With what is read of its texts, as the ways in read them."""
        found: dict[str, Any] = {}
        for one in TEXTS:
            text = getattr(event, one.text)
            found[one.cells] = getattr(event, one.cells) or cell(text or "")
            if one.text in known and (text or event.kind == "prediction"):
                found |= known[one.text].columns(text, one)
        return worded(replace(event, origin="evaluation", **found), policy.worded)

    return evaluate(plan, (list(map(read, batch)) for batch in trace_of(file, pairs, constants, unit, ids).batches()))


def season_of(file: Path, policy_path: Path, name: str, over: int, pairs: tuple[str, ...], constants: tuple[str, ...],
              unit: Any) -> Choice:
    """Which season a policy's signal of kind anomaly has in a recorded past, in windows of ``over`` microseconds.

    ``ValueError`` where the policy has no such signal, or the file no events of it.
    """
    from bongsu.cell import Cells
    from bongsu.quantity import DAY
    from bongsu.runners.duckdb import Counter
    from bongsu.season import choose
    from bongsu.slis.anomaly import Anomaly
    from bongsu.stores.arrow import table

    policy, events = open_trace(file, policy_path, pairs, constants, unit, None, None)
    signal = next((one for one in policy.plan.signals if one.name == name), None)
    if signal is None or not isinstance(signal.sli, Anomaly):
        known = ", ".join(s.name for s in policy.plan.signals if isinstance(s.sli, Anomaly)) or "none"
        raise ValueError(f"{policy_path}: expected the name of a signal of kind anomaly ({known}), came {name!r}")
    sli, signal = signal.sli, dataclass_replace(signal, origin="any")
    cells, counter = Cells(policy.plan.base), Counter([signal], policy.plan.base)
    try:
        for batch in iter(lambda: list(islice(events, 10_000)), []):
            cells.add(counter.count(table(batch)))
    finally:
        counter.close()
    starts = [cell.start for cell in cells]
    if not starts:
        raise ValueError(f"{file}: expected events that signal {name!r} counts, came none")
    first = -(-min(starts) // over) * over
    windows = [cells.vector(signal.key, at, at + over) for at in range(first, max(starts) + 1 - over, over)]
    return choose([sli.measured(vector) for vector in windows], DAY // over)
