"""Cells add up: in any order, in any split, over any window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bongsu.cell import OTHER, Cell, Cells, Seats
from bongsu.quantity import MINUTE

addends = st.lists(
    st.builds(Cell, st.sampled_from(["a", "b"]), st.sampled_from([("x",), ("y",)]),
              st.integers(0, 50).map(lambda m: m * MINUTE), st.sampled_from(["bad", "total"]), st.integers(-5, 2**40)),
    max_size=60,
)


def naive(cells: list[Cell], signal: str, begin: int, end: int) -> dict[str, int]:
    out: dict[str, int] = {}
    for cell in cells:
        if cell.signal == signal and begin <= cell.start < end:
            out[cell.part] = out.get(cell.part, 0) + cell.n
    return {part: n for part, n in out.items() if n}


@given(addends, st.randoms(use_true_random=False), st.integers(0, 51), st.integers(0, 51))
def test_any_order_gives_the_same_cells_and_windows(cells: list[Cell], random: object, begin: int, end: int) -> None:
    shuffled = list(cells)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = Cells(MINUTE, cells), Cells(MINUTE)
    for cell in shuffled:
        two.add([cell])
        two.vector("a", 0, 60 * MINUTE)  # reading in between must not disturb later additions
    assert one.digest() == two.digest()
    low, high = sorted((begin * MINUTE, end * MINUTE))
    assert two.vector("a", low, high) == naive(cells, "a", low, high)


minutes = st.lists(st.sets(st.sampled_from(["n", "sum", "b1", "b2", "b3"])), max_size=12)
"""Which parts have something in each minute."""


@given(minutes, st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["n", "sum", "b1", "b2", "b3"])), max_size=3),
       st.integers(0, 12))
def test_a_window_has_every_part_whichever_of_them_time_has_left_behind(
        came: list[set[str]], late: list[tuple[int, str]], begin: int) -> None:
    """As time passes some parts go on and some stand still: a window that ends now reads all that go on."""
    cells = [Cell("a", (), minute * MINUTE, part, 1) for minute, parts in enumerate(came) for part in sorted(parts)]
    cells += [Cell("a", (), minute * MINUTE, part, 1) for minute, part in late]
    counted, seen = Cells(MINUTE), []
    for cell in cells:
        counted.add([cell])
        seen.append(cell)
        assert counted.vector("a", begin * MINUTE, 20 * MINUTE) == naive(seen, "a", begin * MINUTE, 20 * MINUTE)


@given(addends, st.integers(0, 60))
def test_shards_merge_to_the_same_cells(cells: list[Cell], cut: int) -> None:
    left, right = Cells(MINUTE, cells[:cut]), Cells(MINUTE, cells[cut:])
    merged = Cells(MINUTE, right)
    merged.add(left)
    assert merged.digest() == Cells(MINUTE, cells).digest()


def test_a_digest_differs_when_one_count_differs() -> None:
    cells = [Cell("a", (), 0, "n", 1)]
    assert Cells(MINUTE, cells).digest() != Cells(MINUTE, [*cells, *cells]).digest()


def test_a_window_is_exact_at_a_boundary_and_counts_the_open_base_window_inside_one() -> None:
    cells = Cells(MINUTE, [Cell("a", (), m * MINUTE, "n", 1) for m in range(10)])
    assert cells.vector("a", *cells.window(10 * MINUTE, 5 * MINUTE)) == {"n": 5}
    assert cells.window(10 * MINUTE, 5 * MINUTE) == (5 * MINUTE, 10 * MINUTE)
    assert cells.window(10 * MINUTE + 1, 5 * MINUTE) == (6 * MINUTE, 11 * MINUTE)


def test_labels_split_and_add_up() -> None:
    cells = Cells(MINUTE, [Cell("a", ("m1",), 0, "n", 1), Cell("a", ("m2",), 0, "n", 2)])
    assert cells.labels("a") == [("m1",), ("m2",)]
    assert cells.vector("a", 0, MINUTE, [("m2",)]) == {"n": 2}
    assert cells.vector("a", 0, MINUTE) == {"n": 3}
    assert cells.vector("a", 0, MINUTE, [("none",)]) == {}


def test_retention_forgets_what_is_older_and_keeps_the_rest_exact() -> None:
    cells = Cells(MINUTE, [Cell("a", (), m * MINUTE, "n", 1) for m in range(10)])
    cells.drop_before(4 * MINUTE)
    assert cells.vector("a", 0, 100 * MINUTE) == {"n": 6}
    cells.add([Cell("a", (), 20 * MINUTE, "n", 5)])
    assert cells.vector("a", 0, 100 * MINUTE) == {"n": 11}


def test_seats_are_those_of_who_has_cells_and_then_of_who_comes_first() -> None:
    seats = Seats(Cells(MINUTE, [Cell("a", ("m0",), 0, "n", 1), Cell("a", (OTHER,), 0, "n", 5)]), 3)
    assert seats.free("a") == 2
    seats.take("a", [("m1",), ("m2",), ("m3",)])
    assert (list(seats.labels("a")), seats.free("a"), seats.full) == ([("m0",), ("m1",), ("m2",)], 0, {"a"})
    assert seats.free("b") == 3
    seats.note([Cell("b", ("m9",), 0, "n", 1), Cell("b", (OTHER,), 0, "n", 1), Cell("b", (), 0, "fp=x", 1)])
    assert (list(seats.labels("b")), list(seats.groups("b")), seats.full) == ([("m9",)], ["x"], {"a"})


def test_retention_forgets_label_values_that_have_no_base_window_left() -> None:
    cells = Cells(MINUTE, [Cell("a", (f"m{i}",), i * MINUTE, "n", 1) for i in range(10)])
    cells.drop_before(9 * MINUTE)
    assert cells.labels("a") == [("m9",)]
