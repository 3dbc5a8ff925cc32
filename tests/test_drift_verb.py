"""bongsu drift: two files, one verdict a column, as a table, JSON and a page."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from statistics import NormalDist

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import evaldata
from bongsu.cli import cli
from bongsu.drift import distance
from bongsu.sources.columns import Columns, bins_of, counts_of

Z = [NormalDist().inv_cdf((i + 0.5) / 1000) for i in range(1000)]
EVIL = '<script>alert("x")</script>'


def tables(folder: Path, suffix: str = "parquet", shift: float = 0.8) -> tuple[Path, Path]:
    def table(by: float, tag: str) -> pa.Table:
        return pa.table({"x": [z + by for z in Z], "same": Z, "plan": ["ab"[i % 2] for i in range(1000)],
                         "flat": [1.0] * 1000, "vip": [i % 3 == 0 for i in range(1000)], EVIL: Z, tag: Z})
    paths = folder / f"ref.{suffix}", folder / f"cur.{suffix}"
    for path, one in zip(paths, (table(0, "old"), table(shift, "new")), strict=True):
        if suffix == "parquet":
            pq.write_table(one, path)
        else:
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([one.column_names, *zip(*one.to_pydict().values(), strict=True)])
    return paths


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, ["drift", *map(str, args)])


@pytest.mark.req("D1")
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_what_moved_is_found_and_what_did_not_is_not(tmp_path: Path, suffix: str) -> None:
    result = run(*tables(tmp_path, suffix), "--json")
    assert result.exit_code == 1, result.output
    found = json.loads(result.output)
    assert found["rows"] == {"reference": 1000, "current": 1000}
    assert found["alarms"] == ["x", "__joint__"]
    x, same = found["columns"]["x"], found["columns"]["same"]
    assert set(x) >= {"psi", "kl", "js", "chi2", "wasserstein", "p", "alarm"}
    assert x["psi"] > 0.25
    assert x["p"] < 1e-6
    assert (same["psi"], same["alarm"], same["p"]) == (0, False, 1)
    assert found["columns"]["flat"]["note"] == "unsuitable: it is 1 throughout"
    assert found["columns"]["plan"]["kind"] == "text"
    assert found["columns"]["vip"]["kind"] == "bool"
    assert found["skipped"] == {"new": "only in the current file", "old": "only in the reference"}


def test_nothing_moved_is_exit_code_0_and_said_in_words(tmp_path: Path) -> None:
    paths = tables(tmp_path, shift=0.0)
    assert (result := run(*paths)).exit_code == 0
    assert "No column has drifted." in result.output
    assert "드리프트가 발견된 열이 없습니다." in run(*paths, "--lang", "ko").output


def test_the_measure_the_threshold_and_the_columns_can_be_chosen(tmp_path: Path) -> None:
    paths = tables(tmp_path, shift=0.35)
    assert run(*paths, "--no-joint").exit_code == 0
    assert run(*paths).exit_code == 1, "x moved little, but much beside what it goes with"
    assert run(*paths, "--threshold", "0.01", "--no-joint").exit_code == 1
    assert run(*paths, "--threshold", "0.01", "--column", "same").exit_code == 0
    assert json.loads(run(*paths, "--measure", "js", "--json").output)["terms"]["threshold"] == 0.18


def test_few_rows_are_insufficient_however_large_the_value(tmp_path: Path) -> None:
    one, two = tables(tmp_path)
    pq.write_table(pq.read_table(two).slice(0, 20), two)
    result = run(one, two)
    assert result.exit_code == 3
    assert "insufficient data: 20 rows, 100 are needed" in result.output


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]


def test_the_page_is_whole_draws_every_column_and_runs_nothing(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run(*tables(tmp_path), "--html", page).exit_code == 1
    text = page.read_text(encoding="utf-8")
    parsed = Page()
    parsed.feed(text)
    assert "script" not in parsed.tags
    assert parsed.links == []
    assert parsed.tags.count("svg") == 7
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(("args", "words"), [
    (("gone.csv", "gone.csv"), "gone.csv: expected a table"), (("ref.parquet", "cur.parquet", "--column", "y"),
                                                               "expected a column 'y'")])
def test_what_cannot_be_compared_is_exit_code_2(tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    tables(tmp_path)
    result = run(*(tmp_path / args[0], tmp_path / args[1], *args[2:]))
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.req("D1")
def test_drift_of_the_car_loans_is_found_at_its_published_change_point_and_not_before() -> None:
    """NannyML's set: chunks 1 to 5 of the analysis are alike to the reference, 6 to 10 are not (car_value)."""
    table = evaldata.table("tabular_car_loan_delayed.parquet")
    reference = table.filter(pc.equal(table["period"], "reference"))["car_value"]
    later = table.filter(pc.equal(table["period"], "analysis"))["car_value"]
    bins = bins_of(reference, "car_value", "number")
    size = len(later) // 10
    found = [distance(bins, counts_of(later.slice(i * size, size), bins)) for i in range(10)]
    assert max(one.value for one in found[:5]) < 0.02
    assert all(one.p > 0.01 / 10 for one in found[:5])
    assert min(one.value for one in found[5:]) > 1.5
    assert max(one.p for one in found[5:]) < 1e-12


def test_columns_are_read_from_parquet_one_at_a_time(tmp_path: Path) -> None:
    file = Columns(tables(tmp_path)[0])
    assert file.rows == 1000
    assert file.find("features.x") == "x"
    assert len(file.read("x")) == 1000


@pytest.mark.req("D1")
def test_a_column_that_is_empty_now_has_drifted_into_the_missing_bin(tmp_path: Path) -> None:
    before, now = tmp_path / "ref.csv", tmp_path / "cur.csv"
    before.write_text("x,y\n" + "".join(f"{z},{z}\n" for z in Z))
    now.write_text("x,y\n" + "".join(f",{z}\n" for z in Z))
    result = run(before, now, "--json")
    assert result.exit_code == 1
    x = json.loads(result.output)["columns"]["x"]
    assert (x["alarm"], x["current"][-1], sum(x["current"])) == (True, 1000, 1000)


@pytest.mark.parametrize("now", ["x;plan\n1;a\n", "x,plan\n", "x,plan\n1,a\n2,b\n"])
def test_where_nothing_can_be_judged_nobody_is_told_that_nothing_drifted(tmp_path: Path, now: str) -> None:
    before, cur = tables(tmp_path, "csv")[0], tmp_path / "now.csv"
    cur.write_text(now)
    for lang, words in (("en", "No column could be judged."), ("ko", "판정할 수 있는 열이 없습니다.")):
        result = run(before, cur, "--lang", lang, "--html", tmp_path / "page.html")
        assert result.exit_code == 3
        assert result.output.splitlines()[-1] == words
        assert words in (tmp_path / "page.html").read_text()
    assert run(before, cur, "--json").exit_code == 3


def test_how_many_columns_could_not_be_judged_is_said_beside_a_calm_verdict(tmp_path: Path) -> None:
    before = tables(tmp_path)[0]
    result = run(before, before)
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "No column has drifted. 1 could not be judged."


def test_two_columns_of_one_name_are_told_as_wrong_input_not_as_drift(tmp_path: Path) -> None:
    before, twice = tables(tmp_path, "csv")[0], tmp_path / "twice.csv"
    twice.write_text("x,x\n1,2\n")
    result = run(before, twice)
    assert result.exit_code == 2
    assert f"{twice}: expected a name of its own for each column, came 'x' twice" in result.output


def test_why_a_column_is_not_compared_is_said_in_korean_too(tmp_path: Path) -> None:
    before, cur, page = tmp_path / "ref.csv", tmp_path / "cur.csv", tmp_path / "page.html"
    before.write_text("same,gone,day,x\n" + "".join(f"5,1,2026-01-01,{z}\n" for z in Z))
    cur.write_text("same,new,day,x\n" + "".join(f"5,1,2026-01-01,{z}\n" for z in Z[:60]))
    result = run(before, cur, "--lang", "ko", "--html", page)
    for told in ("same  기준으로 쓸 수 없음: 모든 값이 5", "판단할 데이터 부족: 60행, 100행 이상 필요",
                 "new (현재 파일에만 있음)", "gone (기준에만 있음)", "day (비교할 분포가 없는 형식"):
        assert told in result.output
        assert told.split("  ")[-1].partition(" (")[2].rstrip(")") in page.read_text()
    assert "unsuitable" not in result.output + page.read_text()
    english = run(before, cur).output
    assert "unsuitable: it is 5 throughout" in english
