"""Long texts are looked at beside the loop: other calls go on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bongsu.guard import Guard
from bongsu.ports import Finding
from bongsu.web.serve import ASIDE
from gatewaykit import Script, reply, standing


@dataclass(frozen=True)
class Slow:
    """Looks at a long text until it is let go."""

    name: ClassVar[str] = "pattern"
    version: ClassVar[str] = "1"
    looking: Any = field(default_factory=threading.Event, compare=False)
    go_on: Any = field(default_factory=threading.Event, compare=False)

    def look(self, text: str) -> Sequence[Finding]:
        if len(text) >= ASIDE and text.startswith("long"):
            self.looking.set()
            assert self.go_on.wait(30)
        return ()

    def hold(self, text: str) -> int:
        return 0


def test_a_short_call_is_served_while_a_long_one_is_looked_at(tmp_path) -> None:
    slow = Slow()
    guard = Guard("slow", slow, on=("input",))
    with standing(tmp_path, [guard], model=Script(plain=reply("fine"))) as stand:
        long = threading.Thread(target=lambda: stand.ask("long " + "x" * ASIDE))
        long.start()
        try:
            assert slow.looking.wait(30)
            assert stand.ask("short").choices[0].message.content == "fine"
        finally:
            slow.go_on.set()
            long.join(30)
        assert [e.outcome for e in (stand.spool.wait(2), *stand.spool.calls())] == ["ok"] * 3


def test_a_long_reply_is_looked_at_beside_the_loop_too(tmp_path) -> None:
    slow = Slow()
    model = Script(plain=reply("long " + "x" * ASIDE))
    with standing(tmp_path, [Guard("slow", slow, on=("output",))], model=model) as stand:
        long = threading.Thread(target=lambda: stand.ask("short"))
        long.start()
        try:
            assert slow.looking.wait(30)
            assert stand.shared.models.list().data[0].id == "support-bot"
        finally:
            slow.go_on.set()
            long.join(30)
        assert stand.spool.wait(1).outcome == "ok"
