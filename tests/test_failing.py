"""Guards that gave no verdict are counted apart by why, and told to people while it lasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import openai
import pytest

from bongsu.host.folder import Folder
from bongsu.host.shelf import Shelf
from bongsu.quantity import MINUTE
from bongsu.room.desk import ControlDesk
from bongsu.web.failing import Failing
from bongsu.web.ops import Ops
from gatewaykit import now, standing
from servers import serving
from test_control import Room
from test_gateway_judge import BLOCK, SAID, Bench, _ask, asking, said, scored

TOLD = "guard judged gave no verdict in a tenth or more of its looks of the last 5 minutes (malformed)"


@pytest.mark.parametrize(("looks", "failures", "told"), [(2, 2, False), (30, 3, True), (31, 3, False), (3, 3, True)])
def test_a_guard_is_told_of_where_it_fails_often_and_not_once(looks: int, failures: int, told: bool) -> None:
    failing = Failing()
    for n in range(looks):
        failing.add("judged", "malformed" if n < failures else "", MINUTE)
        failing.add("other", "", MINUTE)
    assert failing.troubles(MINUTE) == [TOLD] * told


def test_what_was_long_ago_counts_no_more() -> None:
    failing = Failing()
    for _ in range(3):
        failing.add("judged", "malformed", 7 * MINUTE)
    assert failing.troubles(12 * MINUTE - 1) == [TOLD]
    assert failing.troubles(12 * MINUTE) == []
    for at in range(8, 12):
        for _ in range(3):
            failing.add("judged", "timeout", at * MINUTE)
    assert failing.troubles(12 * MINUTE - 1) == [TOLD.replace("malformed", "malformed, timeout")]
    failing.forget()
    assert failing.troubles(12 * MINUTE) == []


@pytest.mark.req("D7")
def test_a_judge_that_refuses_is_in_the_metrics_by_why_and_on_the_board(tmp_path: Path) -> None:
    live = Folder(tmp_path / "data").create().live
    ops, room = Ops("0", shelf=Shelf(live, "0", now)), Room(tmp_path)
    try:
        with serving(Bench(lambda mark: "I am sorry, I cannot help with that.")) as judge, standing(
                tmp_path / "gateway", [replace(BLOCK, fails="open")], model=said(SAID), change=asking(judge.url),
                ops=ops) as stand:
            for n in range(3):
                assert _ask(stand, stream=n == 1) == SAID
            stand.gateway.note()
            page = ops.page(stand.gateway.health, stand.gateway.ledger, "", stand.gateway.crews)
        assert ('bongsu_guard_duration_seconds_count{worker="0",guard="judged",phase="output",verdict="allow",'
                'error="malformed"} 3') in page
        room.now = now()
        room.control.revision += 1
        assert TOLD in ControlDesk(room.control).board().troubles
    finally:
        room.close()


def test_one_that_is_closed_refuses_and_is_told_of_too(tmp_path: Path) -> None:
    ops = Ops("0")
    with serving(Bench(scored(1.0), status=500)) as judge, standing(
            tmp_path, [BLOCK], model=said(SAID), change=asking(judge.url), ops=ops) as stand:
        for _ in range(3):
            with pytest.raises(openai.InternalServerError):
                _ask(stand, stream=False)
        assert ops.metrics.troubles(now()) == [TOLD.replace("malformed", "status")]
