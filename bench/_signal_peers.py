"""One peer, in its own environment (bench/peers.sh), on data that bench/signal_peers.py made: prints JSON.

    python _signal_peers.py PEER FOLDER

CPU is of this whole process and its children, from its start; ``step`` is what came after imports and reading.
Every alarm is the peer's own default. Nothing of bongsu is imported here.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
SLOW = 200
"""Windows that a slow detector (KSWIN) is shown."""


def cpu() -> float:
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = cpu()
    out = work()
    return out, cpu() - began


def frames(folder: Path) -> tuple[Any, Any, Any]:
    import pandas as pd

    return tuple(pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "current", "minute"))  # type: ignore[return-value]


def lists(folder: Path, name: str) -> list[list[float]]:
    return json.loads((folder / f"{name}.json").read_text())


def evidently(folder: Path) -> dict[str, Any]:
    import pandas as pd
    from evidently.legacy.calculations.stattests import psi_stat_test
    from evidently.legacy.calculations.stattests.registry import get_stattest
    from evidently.legacy.core import ColumnType

    def psi(reference: Any, current: Any) -> float:
        kind = ColumnType.Numerical if reference.dtype.kind in "fi" else ColumnType.Categorical
        return float(psi_stat_test(reference, current, kind, 0.1).drift_score)

    reference, current, minute = frames(folder)
    values, spent = timed(lambda: {name: psi(reference[name], current[name]) for name in reference})
    whole = cpu()
    both = pd.concat([current, minute])
    _, more = timed(lambda: [psi(reference[name], both[name]) for name in reference])
    base = pd.Series(lists(folder, "base")[0])
    alarms = {}
    for name in ("null", "moved"):
        given = [pd.Series(one) for one in lists(folder, name)]
        test = get_stattest(base, given[0], ColumnType.Numerical, None)
        alarms[f"{name}: {test.display_name}, its default"] = sum(
            bool(test(base, now, ColumnType.Numerical, None).drifted) for now in given)
        alarms[f"{name}: its PSI, above its threshold of 0.1"] = sum(psi(base, now) >= 0.1 for now in given)
    before, after = (pd.Series(one) for one in lists(folder, "outlier")[1:])
    start = pd.Series(lists(folder, "outlier")[0])
    return {"values": values, "step": spent, "whole": whole, "more": more, "alarms": alarms,
            "outlier": ["PSI", psi(start, before), psi(start, after)],
            "note": "its PSI function alone, both frames each time; a report of it takes far longer"}


def nannyml(folder: Path) -> dict[str, Any]:
    import nannyml as nml
    import pandas as pd

    def calculator(names: list[str], size: int) -> Any:
        return nml.UnivariateDriftCalculator(column_names=names, chunk_size=size)

    reference, current, minute = frames(folder)
    names = list(reference)
    made, fit = timed(lambda: calculator(names, len(current)).fit(reference))
    result, spent = timed(lambda: made.calculate(current))
    whole = cpu()
    table = result.filter(period="analysis").to_df()
    values = {name: float(table[(name, "jensen_shannon", "value")].iloc[0]) for name in names}
    _, more = timed(lambda: made.calculate(minute))
    base, alarms = pd.DataFrame({"x": lists(folder, "base")[0]}), {}
    for name in ("null", "moved"):
        windows = lists(folder, name)
        size = len(windows[0])
        one = calculator(["x"], size).fit(base)
        found = one.calculate(pd.DataFrame({"x": [x for w in windows for x in w]})).filter(period="analysis").to_df()
        alarms[f"{name}: Jensen-Shannon, beyond 3 deviations of the reference's chunks"] = int(
            found[("x", "jensen_shannon", "alert")].sum())
    start, *later = (pd.DataFrame({"x": one}) for one in lists(folder, "outlier"))
    moved = []
    for now in later:
        one = calculator(["x"], len(now)).fit(start)
        table = one.calculate(now).filter(period="analysis").to_df()
        moved.append(float(table[("x", "jensen_shannon", "value")].iloc[0]))
    return {"values": values, "step": spent, "fit": fit, "whole": whole, "more": more, "alarms": alarms,
            "outlier": ["JS", *moved], "note": "Jensen-Shannon (it has no PSI); the minute is judged alone"}


def whylogs(folder: Path) -> dict[str, Any]:
    import pandas as pd
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    def seen(frame: Any) -> Any:
        return why.log(frame).view()

    def scores(now: Any, then: Any) -> Any:
        return calculate_drift_scores(target_view=now, reference_view=then, with_thresholds=True)

    reference, current, minute = frames(folder)
    then, fit = timed(lambda: seen(reference))
    now, spent = timed(lambda: seen(current))
    found, judged = timed(lambda: scores(now, then))
    whole = cpu()
    values = {name: float(one["pvalue"]) for name, one in found.items() if one}
    _, more = timed(lambda: scores(now.merge(seen(minute)), then))
    base, alarms = seen(pd.DataFrame({"x": lists(folder, "base")[0]})), {}
    for name in ("null", "moved"):
        fired = 0
        for one in lists(folder, name):
            fired += scores(seen(pd.DataFrame({"x": one})), base)["x"]["drift_category"] == "DRIFT"
        alarms[f"{name}: Kolmogorov-Smirnov, its default DRIFT"] = fired
    start, *later = (seen(pd.DataFrame({"x": one})) for one in lists(folder, "outlier"))
    return {"values": values, "step": spent + judged, "fit": fit, "whole": whole, "more": more, "alarms": alarms,
            "outlier": ["KS", *(float(scores(one, start)["x"]["statistic"]) for one in later)],
            "note": "sketches of every column, then KS or chi-square (it has no PSI)"}


def river(folder: Path) -> dict[str, Any]:
    from river import drift

    base, alarms, spent = lists(folder, "base")[0], {}, {}
    for make, most in ((drift.ADWIN, 10**9), (drift.PageHinkley, 10**9), (drift.KSWIN, SLOW)):
        for name in ("null", "moved"):
            windows, fired = lists(folder, name)[:most], 0
            began, n = cpu(), 0
            if name == "null":
                detector = make()
                for one in windows:
                    hit = False
                    for x in one:
                        detector.update(x)
                        hit = hit or detector.drift_detected
                        n += 1
                    fired += hit
            else:  # each change anew, after some of the reference: a detector that has seen it is used to it
                windows = windows[:SLOW]
                for one in windows:
                    detector, hit = make(), False
                    for x in base[:2000]:
                        detector.update(x)
                    for x in one:
                        detector.update(x)
                        hit = hit or detector.drift_detected
                    n += len(one) + 2000
                    fired += hit
            alarms[f"{name}: {make.__name__}, its default"] = [fired, len(windows)]
            spent[f"{make.__name__}, events a CPU second"] = round(n / (cpu() - began))
    return {"alarms": alarms, "rates": spent, "note": "streams of one number; no reference, no values"}


def fairlearn(folder: Path) -> dict[str, Any]:
    import pandas as pd
    from fairlearn.metrics import (
        MetricFrame,
        demographic_parity_difference,
        equalized_odds_difference,
        false_positive_rate,
        true_positive_rate,
    )

    def gaps(rows: Any) -> dict[str, float]:
        y, p, g = rows["label"], rows["prediction"], rows["group"]
        frame = MetricFrame(metrics={"fpr": false_positive_rate, "tpr": true_positive_rate}, y_true=y, y_pred=p,
                            sensitive_features=g).difference()
        return {"fpr": float(frame["fpr"]), "tpr": float(frame["tpr"]),
                "equalized_odds": float(equalized_odds_difference(y, p, sensitive_features=g)),
                "demographic_parity": float(demographic_parity_difference(y, p, sensitive_features=g))}

    rows = pd.read_parquet(folder / "groups.parquet")
    found, spent = timed(lambda: gaps(rows))
    none = pd.DataFrame({"label": [1, 1, 0, 0], "prediction": [1, 0, 1, 0], "group": ["a", "a", "b", "b"]})
    return {"gaps": found, "step": spent, "whole": cpu(), "empty": gaps(none)["fpr"],
            "note": "a group without negatives has a rate of 0 there"}


PEERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "evidently": evidently, "nannyml": nannyml, "whylogs": whylogs, "river": river, "fairlearn": fairlearn}

if __name__ == "__main__":
    found = PEERS[sys.argv[1]](Path(sys.argv[2]))
    beside = {}
    for name in ("numpy", "pandas", "pyarrow"):
        with contextlib.suppress(ImportError):
            beside[name] = version(name)
    said = f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {number}" for name, number in beside.items())
    print("\nRESULT " + json.dumps(found | {"peer": f"{sys.argv[1]} {version(sys.argv[1])}", "beside": said}))
