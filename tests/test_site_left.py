"""Who leaves control in the middle of what they send: nothing of it is done, nothing is called a fault, all goes on."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any

import pytest

from intakekit import ADMIN, site
from linekit import connect, until
from servers import serving
from test_intake_edges import HEAD, predicted

PACKED = b"content-encoding: gzip\r\n"


@pytest.mark.parametrize(("path", "packing"), [("/v1/events", b""), ("/v1/events", PACKED), ("/v1/automation", b"")])
def test_who_leaves_in_the_middle_of_a_body_did_nothing_and_is_no_fault(
        tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, packing: bytes) -> None:
    caplog.set_level(logging.INFO)
    ended: list[str] = []
    with site(tmp_path, HEAD % "base_window: 1s") as one:
        async def counted(scope: Any, receive: Any, send: Any) -> None:
            try:
                await one.app(scope, receive, send)
                ended.extend([""] if scope["type"] == "http" else [])
            except BaseException as error:
                ended.append(type(error).__name__)
                raise

        token = one.token if path == "/v1/events" else ADMIN
        body = b'{"on": false, "reason": "left", "events": [{"id": "x"'
        body = gzip.compress(body)[:-8] if packing else body
        head = (b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer %b\r\n"
                b"content-length: 500\r\n%b\r\n" % (path.encode(), token.encode(), packing))
        with serving(counted) as server:
            with connect(server.port) as line:
                line.sendall(head + body)
                until(lambda: bool(server._server.server_state.tasks), "it is being read")
            until(lambda: bool(ended), "whoever reads it is told")
        assert ended == [""]
        status, said = one.post([predicted(1)])
        assert (status, said["accepted"]) == (200, 1)
        assert one.store.automation()
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
