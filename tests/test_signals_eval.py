"""Signals on real data (BONGSU_EVAL_DATA): what the counts say is what a direct computation over all rows says."""

from __future__ import annotations

from collections import Counter as Tally
from fractions import Fraction

import pytest

import evaldata
from bongsu.alert import Signal
from bongsu.cell import Cells
from bongsu.event import Event
from bongsu.quantity import MINUTE
from bongsu.runners.duckdb import Counter
from bongsu.slis.gap import Gap
from bongsu.slo import beyond
from bongsu.stores import arrow


def adult() -> list[dict[str, object]]:
    return evaldata.table("tabular_adult.parquet").to_pylist()


def said(row: dict[str, object]) -> str:
    """A simple rule stands for a model: schooling or long hours. Its errors differ by group, which is the point."""
    return "1" if int(str(row["education-num"])) >= 13 or int(str(row["hours-per-week"])) >= 50 else "0"


FAIRLEARN = {
    "sex": {"fpr": 0.07449939950034593, "tpr": 0.06330930019603376, "selection_rate": 0.1407871014896283,
            "accuracy": 0.06548858188718532, "equalized_odds": 0.07449939950034593},
    "race": {"fpr": 0.2408988012047007, "tpr": 0.2778839742164925, "selection_rate": 0.2936408331349012,
             "accuracy": 0.16163782413161498, "equalized_odds": 0.2778839742164925}}
"""Fairlearn 0.15.0 on the same rows: MetricFrame(...).difference(), equalized_odds_difference."""


@pytest.mark.req("D6")
@pytest.mark.parametrize("column", ["sex", "race"])
def test_gaps_on_adult_are_those_of_fairlearn_and_of_a_direct_computation(column: str) -> None:
    rows = adult()
    events = [Event(id=str(i), time=i, kind="prediction", group=str(row[column]), prediction=said(row),
                    label="1" if str(row["class"]).startswith(">50K") else "0") for i, row in enumerate(rows)]
    kinds = {m: Gap("group", m) for m in ("fpr", "tpr", "selection_rate", "accuracy", "equalized_odds")}
    counter = Counter([Signal(m, sli, key=m) for m, sli in kinds.items()], MINUTE)
    cells = Cells(MINUTE, counter.count(arrow.table(events)))
    counter.close()
    n = Tally((e.group, e.prediction, e.label) for e in events)
    groups = sorted({e.group for e in events})
    direct = {
        "fpr": [Fraction(n[g, "1", "0"], n[g, "1", "0"] + n[g, "0", "0"]) for g in groups],
        "tpr": [Fraction(n[g, "1", "1"], n[g, "1", "1"] + n[g, "0", "1"]) for g in groups],
        "selection_rate": [Fraction(n[g, "1", "0"] + n[g, "1", "1"], sum(n[g, a, b] for a in "01" for b in "01"))
                           for g in groups],
        "accuracy": [Fraction(n[g, "1", "1"] + n[g, "0", "0"], sum(n[g, a, b] for a in "01" for b in "01"))
                     for g in groups],
    }
    direct["equalized_odds"] = max((direct["fpr"], direct["tpr"]), key=lambda one: max(one) - min(one))
    for measure, sli in kinds.items():
        found = sli.evidence(cells.vector(measure, 0, MINUTE))
        assert found.value == max(direct[measure]) - min(direct[measure])
        assert float(found.value) == pytest.approx(FAIRLEARN[column][measure], abs=1e-12)
        assert found.low is not None
        assert found.low <= found.value <= (found.high or 0)
    if column == "sex":
        selected = kinds["selection_rate"].evidence(cells.vector("selection_rate", 0, MINUTE))
        assert beyond(selected, ">", Fraction(3, 100))
