"""The W3C trace context that goes on to the model.

Where the policy exports traces, the model's spans hang below ours, which is below the caller's. Where it does not, ours
would be missing from the picture, so the caller's own context goes on as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bongsu.exports.spans import trace_id, traceparent
from bongsu.policy.model import Policy
from bongsu.web.call import Call

_STATE = re.compile(rb"[\x20-\x7e]{1,512}")


def context(call: Call, policy: Policy, headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """Headers for the upstream; a call that came without a trace is given one if it is exported."""
    came = "trace" in call.facts
    out: dict[str, str] = {}
    if policy.export.otlp is not None:
        flags = headers[b"traceparent"][-2:].decode() if came else "01"
        out["traceparent"] = traceparent(call.facts.setdefault("trace", trace_id(call.id)), call.id, flags)
    elif came:
        out["traceparent"] = headers[b"traceparent"].decode()
    state = headers.get(b"tracestate", b"")
    if came and _STATE.fullmatch(state):
        out["tracestate"] = state.decode()
    return out
