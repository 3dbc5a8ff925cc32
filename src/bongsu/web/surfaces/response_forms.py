"""Objects of the Responses API that the gateway makes itself, and how its counts and endings are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bongsu.access.meter import MOST, Usage
from bongsu.web.surfaces.choices import annotation


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST else None


def read_counts(found: Any) -> Usage | None:
    """The ``usage`` of a response.

    >>> read_counts({"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 5}})
    Usage(input=9, output=4, cache_read=5, cache_write=None, reasoning=None, estimated=False)
    """
    if not isinstance(found, dict):
        return None
    into, out = _whole(found.get("input_tokens")), _whole(found.get("output_tokens"))
    if into is None or out is None:
        return None
    asked, said = found.get("input_tokens_details"), found.get("output_tokens_details")
    read = _whole(asked.get("cached_tokens")) if isinstance(asked, dict) else None
    thought = _whole(said.get("reasoning_tokens")) if isinstance(said, dict) else None
    return Usage(into, out, read if read is None else min(read, into), None, thought)


def counted(usage: Usage) -> dict[str, Any]:
    """In the API's own shape."""
    return {"input_tokens": usage.input, "input_tokens_details": {"cached_tokens": usage.cache_read or 0},
            "output_tokens": usage.output, "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
            "total_tokens": usage.input + usage.output}


def ending_of(found: dict[str, Any]) -> str:
    """Why a response ended: what made it incomplete, else its status."""
    details = found.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return str(reason or found.get("status") or "")[:64]


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def message(name: str, texts: Sequence[str], status: str) -> dict[str, Any]:
    """An item that says these texts."""
    return {"id": name, "type": "message", "role": "assistant", "status": status,
            "content": [text_part(text) for text in texts]}


def response(name: str, created: int, model: str, guard: str, output: Sequence[Any],
             usage: dict[str, Any] | None) -> dict[str, Any]:
    """One that a guard ended; which, never what it saw."""
    return {"id": name, "object": "response", "created_at": created, "model": model, "status": "incomplete",
            "error": None, "incomplete_details": {"reason": "content_filter"}, "output": list(output), "usage": usage,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "instructions": None, "metadata": {},
            "temperature": None, "top_p": None, "content_filter_results": annotation(guard)}
