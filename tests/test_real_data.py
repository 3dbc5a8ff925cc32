"""Drift on real data (BONGSU_EVAL_DATA): found where it is known to be, by the signal with its defaults, not before."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import evaldata
from bongsu.aggregate import Evidence
from bongsu.slis.drift import Drift
from bongsu.slo import beyond
from bongsu.sources.columns import bins_of, counts_of, kind_of, referred

pytestmark = pytest.mark.req("D1")
QUARTER = Fraction(1, 4)


def table(name: str) -> pa.Table:
    return evaldata.table(f"tabular_{name}.parquet")


def judged(reference: pa.Table, current: pa.Table, columns: Sequence[str]) -> Evidence:
    """What a drift signal over these columns says of a window."""
    bins = [bins_of(reference[c], c, kind_of(reference.schema.field(c).type) or "text") for c in columns]
    sli = Drift("r", tuple(columns)).against(referred("r", bins, reference.num_rows, "file"))
    return sli.evidence({f"{b.column}:{i}": n for b in bins for i, n in enumerate(counts_of(current[b.column], b))}, 24)


def alarms(found: Evidence) -> bool:
    return beyond(found, ">", QUARTER)


def parts(rows: pa.Table, n: int) -> list[pa.Table]:
    size = rows.num_rows // n
    return [rows.slice(i * size, size) for i in range(n)]


LOANS = ("car_value", "debt_to_income_ratio", "driver_tenure", "loan_length", "salary_range", "size_of_downpayment")


def test_the_car_loans_alarm_from_their_change_point_on_and_in_no_chunk_before() -> None:
    """NannyML's set: the sixth of ten chunks of the analysis is where dearer cars come in."""
    rows = table("car_loan_delayed")
    reference, later = (rows.filter(pc.equal(rows["period"], period)) for period in ("reference", "analysis"))
    found = [judged(reference, part, LOANS) for part in parts(later, 10)]
    assert [alarms(one) for one in found] == [False] * 5 + [True] * 5
    assert {one.about for one in found[5:]} == {"car_value"}
    within = [judged(reference, part, LOANS) for part in parts(reference, 10)]
    assert not any(map(alarms, within))


def test_california_alarms_from_the_first_chunk_for_its_rows_are_in_the_order_of_the_map() -> None:
    """The analysis holds other districts than the reference: the place drifts at once, the people's number does not."""
    rows = table("california_delayed")
    reference, later = (rows.filter(pc.equal(rows["period"], period)) for period in ("reference", "analysis"))
    assert all(alarms(judged(reference, part, ("Latitude", "Longitude"))) for part in parts(later, 8))
    assert not any(alarms(judged(reference, part, ("Population",))) for part in parts(later, 8))


def test_bike_sharing_drifts_with_the_seasons_and_comes_back() -> None:
    """Temperature: each quarter against the first of 2011. Winter returns in 2012, milder (PSI 0.39)."""
    rows = table("bike_sharing_hour")

    def quarter(year: int, n: int) -> pa.Table:
        months = pa.array([3 * n + 1, 3 * n + 2, 3 * n + 3])
        return rows.filter(pc.and_(pc.equal(rows["yr"], year), pc.is_in(rows["mnth"], months)))

    reference = quarter(0, 0)
    temperature = [judged(reference, quarter(year, n), ("temp",)) for year in (0, 1) for n in range(4)]
    values = [float(one.value or 0) for one in temperature]
    assert [alarms(one) for one in temperature] == [False, True, True, True, True, True, True, True]
    assert values == pytest.approx([0, 4.82, 7.47, 1.52, 0.39, 5.50, 7.55, 1.36], abs=0.01)
    assert not any(alarms(judged(reference, quarter(year, n), ("windspeed",))) for year in (0, 1) for n in (0, 1))
