"""What is wrong with a gateway is shown where people look: the cockpit's troubles, in English and Korean."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from boards import CALM
from bongsu.checks.tagger import Tagger
from bongsu.guard import Guard
from bongsu.host.folder import Folder
from bongsu.host.shelf import STALE, Shelf
from bongsu.language.sentences import say
from bongsu.quantity import Duration
from bongsu.room.desk import ControlDesk
from bongsu.web.ops import Ops
from gatewaykit import PII, now, standing
from test_cockpit import pages
from test_control import Room
from test_gateway_apart import readiness, until

SECOND = Duration(1_000_000)
LOST = "guard people cannot look: ModelError: /no/where/model.onnx: expected a file that can be read, came No such file"


def tagger(fails: str) -> Guard:
    hashes = {"model.onnx": "0" * 64, "tokenizer.json": "1" * 64}
    return Guard("people", Tagger("/no/where", hashes, ("O", "PER"), {"PER": "person"}), on=("input",), act="tokenise",
                 fails=fails, timeout=Duration(5 * SECOND))  # type: ignore[arg-type]


@pytest.mark.parametrize("fails", ["open", "closed"])
def test_a_guard_that_cannot_look_in_its_process_is_a_trouble_on_the_board_until_it_can(tmp_path: Path,
                                                                                       fails: str) -> None:
    live = Folder(tmp_path / "data").create().live
    ops = Ops("0", shelf=Shelf(live, "0", now))
    room = Room(tmp_path)
    try:
        desk = ControlDesk(room.control)
        assert desk.board().troubles == ()
        with standing(tmp_path / "gateway", [PII, tagger(fails)], ops=ops) as stand:
            until(lambda: stand.gateway.crews.troubles().get("people", "").startswith("ModelError"))
            room.now = now()
            stand.gateway.note()
            room.control.revision += 1
            trouble, = desk.board().troubles
            assert trouble.startswith(LOST)
            assert trouble in readiness(stand)[1]["problems"]
        html = pages(replace(CALM, troubles=(trouble,)), "ko")
        assert "가드 people: 모델 파일을 읽을 수 없어 검사하지 못합니다(/no/where/model.onnx: " in html
        room.now += 2 * STALE
        room.control.revision += 1
        assert desk.board().troubles == ()
    finally:
        room.close()


def test_each_trouble_of_several_gateways_is_said_once(tmp_path: Path) -> None:
    for worker, troubles in (("0", ["a", "b"]), ("1", ["b", "c"]), ("2", [])):
        Shelf(tmp_path, worker, lambda: 5).put({}, troubles)
    assert Shelf(tmp_path, "", lambda: 6).troubles() == ("a", "b", "c")
    assert Shelf(tmp_path, "1", lambda: 6).troubles() == ("a", "b")
    assert Shelf(tmp_path, "", lambda: 6 + STALE).troubles() == ()
    (tmp_path / "metrics.0.json").write_bytes(b"")
    assert Shelf(tmp_path, "", lambda: 6).troubles() == ("b", "c")


@pytest.mark.parametrize("trouble", [
    LOST,
    "guard people cannot look: its process has not loaded yet",
    "guard people cannot look: its process cannot be started (Cannot allocate memory)",
    "guard people cannot look: its process ended at its start (status -9)",
    "guard people cannot look: it had not loaded after 60 s",
    "guard people cannot look: its processes die one after the other",
    "guard judged gave no verdict in a tenth or more of its looks of the last 5 minutes (malformed, timeout)",
    "guard people cannot look: ModelError: expected the packages onnxruntime and tokenizers, came an installation "
    "without onnxruntime; pip install 'bongsu[onnx]'",
    "guard names cannot look: MorphemesError: expected the package kiwipiepy, came an installation without it; "
    "pip install 'bongsu[korean]', or leave out morphology",
    "guard people cannot look: ModelError: /srv/m/model.onnx: expected SHA-256 " + "0" * 64 + ", came " + "1" * 64
    + "; if it was changed on purpose, put that into the policy",
    "guard people cannot look: KeyError: 'x'",
    "guard people cannot look",
    "guard facts: its key cannot be read (SecretError)",
    "guard own: its check cannot be made in another process (TypeError)",
    "upstream main: its key cannot be read (SecretError)",
    "route chat has no upstream that can be called",
    "route chat: live target 'light' is no upstream that can be called; kept main",
    "route chat: the live split {'a': 1} is none of its versions; the policy's is kept",
])
def test_every_trouble_of_a_gateway_has_a_korean_form(trouble: str) -> None:
    said = say(trouble, "ko")
    assert re.search("[가-힣]", said)
    assert not re.search(r"cannot look|cannot be|has no|kept|expected|verdict", said), said
    assert say(trouble, "en") == trouble
