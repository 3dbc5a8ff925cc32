"""What processes write to standard error: a line of text, or of JSON for those who collect logs.

No line holds a prompt, a reply or a key: our own sentences never do, and of an error that is not ours only its class
and its place are written, since its words could quote what it stumbled over.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

CALLS = "bongsu.calls"
"""The logger of one line a call; silent unless logs are JSON."""
_calls = logging.getLogger(CALLS)
_COLUMNS = ("kind", "route", "operation", "upstream", "version", "outcome", "status", "error", "blocked_by",
            "restriction", "key", "team", "latency_ms", "ttft_ms", "overhead_ms", "input_tokens", "output_tokens",
            "cost", "currency", "attempts", "fallback", "stream", "trace")
"""Facts of a call that are words of ours, of the policy, or numbers."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``process``, ``message``, and the
    fields that a record was given as ``facts``."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, Any] = {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower(),
                                "logger": record.name, "process": self._process, "message": record.getMessage()}
        said |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[0] is not None:
            said["error_type"] = record.exc_info[0].__name__
            said["stack"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(said, ensure_ascii=False, default=str)


def configure(form: Literal["text", "json"], process: str) -> None:
    """Decide what this process writes; ``process`` names it in every line."""
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        handler.setFormatter(JsonFormatter(process))
        logging.getLogger(CALLS).setLevel(logging.INFO)
    else:
        handler.setFormatter(logging.Formatter(f"{process}: %(levelname)s: %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def wants_calls() -> bool:
    return _calls.isEnabledFor(logging.INFO)


def call(id_: str, request: str, facts: Mapping[str, Any]) -> None:
    """The line of a call: its ids and what became of it, without any text of it. ``request`` is its x-request-id."""
    told = {name: facts[name] for name in _COLUMNS if facts.get(name) not in (None, "")}
    _calls.info("call", extra={"facts": {"call": id_, "request_id": request, **told}})
