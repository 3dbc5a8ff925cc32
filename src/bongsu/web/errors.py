"""What a caller is told when a call is not served: OpenAI's error shape, and whether trying again makes sense.

``message`` never holds a caller's text, a key, an upstream's address or its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Header = tuple[bytes, bytes]


class ApiError(Exception):
    """A call that ends here. ``retry`` is told to clients as ``x-should-retry``; None leaves it to them."""

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None, retry: bool | None = None,
                 after_s: int | None = None, kind: str = "", more: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param
        self.retry, self.after_s, self._kind, self.more = retry, after_s, kind, more or {}

    def error(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code,
                          **self.more}}

    @property
    def kind(self) -> str:
        """OpenAI's word for what sort of error it is."""
        if self._kind:
            return self._kind
        if self.status == 429:
            return "rate_limit_error"
        return "invalid_request_error" if self.status < 500 else "server_error"

    def headers(self) -> Sequence[Header]:
        out: list[Header] = []
        if self.retry is not None:
            out.append((b"x-should-retry", b"true" if self.retry else b"false"))
        if self.status in (408, 413):  # what is left of the request is not waited for
            out.append((b"connection", b"close"))
        if self.after_s is not None:
            out.append((b"retry-after", str(self.after_s).encode()))
        return out


def malformed(where: str, expected: str = "a JSON object") -> ApiError:
    return ApiError(400, "invalid_json", f"expected {expected} as the body, came something else: {where}")


def missing(param: str, expected: str) -> ApiError:
    return ApiError(400, "missing_required_parameter", f"expected {param!r}: {expected}; it is missing", param=param)


def wrong(param: str, expected: str, came: str) -> ApiError:
    return ApiError(400, "invalid_value", f"{param!r}: expected {expected}, came {came}", param=param)


def too_large(limit: int) -> ApiError:
    return ApiError(413, "request_too_large", f"expected a body of at most {limit} bytes "
                    "(settings.max_body_mib of the gateway's policy); send less", retry=False)


def too_slow(within: float, rate: int) -> ApiError:
    return ApiError(408, "request_timeout", f"expected some of the body every {within:g} s, and all of it in as many "
                    f"and one more for each {rate} bytes (settings.min_body_kib of the gateway's policy); part of it "
                    "did not come, send it faster or send less", retry=True)


def text_too_long(most: int, came: int, of: str) -> ApiError:
    return ApiError(413, "text_too_long", f"expected at most {most} {of} for this route's guards to read, came {came}; "
                    "send less", retry=False)


def not_json() -> ApiError:
    return ApiError(415, "unsupported_media_type", "expected the header 'content-type: application/json', came another "
                    "or none; send it, with a JSON object as the body", retry=False)


def cross_origin() -> ApiError:
    return ApiError(403, "cross_origin", "expected a call from a program, or from a page of this very host; came one "
                    "from a page of another site; call from your server instead", retry=False)


def unknown_model() -> ApiError:
    return ApiError(404, "model_not_found", "expected 'model' to name a route, it names none; see GET /v1/models",
                    param="model")


def unknown_path(known: Sequence[str]) -> ApiError:
    return ApiError(404, "not_found", f"expected one of {', '.join(known)} as the path, came another")


def other_method(takes: str, came: str) -> ApiError:
    return ApiError(405, "method_not_allowed", f"expected {takes} for this path, came {came}")


def region_not_allowed(call: str) -> ApiError:
    return ApiError(403, "region_not_allowed", "the policy keeps data of this person's region within borders, and this "
                    f"route has no model inside them; call {call}", retry=False)


def other_api(asked: str, speaks: str) -> ApiError:
    return ApiError(400, "other_api", f"expected 'model' to name a route to models that speak the {asked} API, which "
                    f"this path is of; came one to models that speak {speaks}", param="model", retry=False)


def guard_unavailable(guard: str, call: str) -> ApiError:
    return ApiError(503, "guard_unavailable", f"guard {guard!r} could not check this call, and the policy refuses what "
                    f"is not checked; call {call}", retry=False)


def log_unavailable() -> ApiError:
    return ApiError(503, "event_log_unavailable", "the event log cannot be written, and the policy refuses calls that "
                    "leave no record; try again later", retry=True, after_s=1)


def filtered(guard: str, on: str, call: str) -> ApiError:
    """A blocked call where an error says it, as Azure words it; never what the guard saw."""
    seen = {"code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {guard: {"filtered": True, "detected": True}}}
    return ApiError(400, "content_filter", f"guard {guard!r} withholds this {'prompt' if on == 'input' else 'reply'}; "
                    f"call {call}", param="prompt" if on == "input" else None, retry=False, more={"innererror": seen})


def held(call: str, after_s: int, kept: bool) -> ApiError:
    """A call that waits for a person; ``kept`` says that what it was to be answered with is there when they agree."""
    then = ("then send the same request again with the header x-bongsu-review of this answer" if kept
            else "its reply could not be kept, so ask again afterwards")
    return ApiError(403, "human_review_required", f"a person must look at this call first; {then}; review {call}",
                    retry=False, after_s=after_s, kind="permission_denied", more={"review": call})


def not_decided(review: str) -> ApiError:
    return ApiError(403, "human_review_required", f"nobody has decided review {review} yet; ask again later",
                    retry=False, after_s=60, kind="permission_denied", more={"review": review})


def review_denied(review: str) -> ApiError:
    return ApiError(403, "review_denied", f"a person has looked at this and keeps it back; review {review}",
                    retry=False, kind="permission_denied", more={"review": review})


def unknown_review() -> ApiError:
    return ApiError(404, "unknown_review", "expected in x-bongsu-review the ticket that this caller was given; it is "
                    "another's, or its time is over", retry=False)


def another_request(review: str) -> ApiError:
    return ApiError(409, "another_request", f"review {review} is about another request; send the same one again, "
                    "streamed if that was", retry=False)


def unreadable(call: str) -> ApiError:
    return ApiError(502, "upstream_unreadable", f"the model's reply has a shape that guards cannot check; call {call}",
                    retry=False)


def no_scrape() -> ApiError:
    return ApiError(401, "no_token", "expected 'Authorization: Bearer <BONGSU_METRICS_TOKEN>'; without such a token "
                    "the numbers are shown to direct callers of a loopback address only", retry=False)


def internal(call: str) -> ApiError:
    return ApiError(500, "internal_error", f"the gateway failed; quote call {call} to its operator", retry=False)


class Fault(ApiError):
    """The model did not answer; ``outcome`` is how the event names it."""

    def __init__(self, status: int, code: str, message: str, outcome: str = "error", *, retry: bool,
                 after_s: int | None = None) -> None:
        super().__init__(status, code, message, retry=retry, after_s=after_s)
        self.outcome = outcome


def timed_out(call: str) -> Fault:
    # every upstream of the route has been tried and may still be working: again would only add to it
    return Fault(504, "upstream_timeout", f"the model did not answer in time; call {call}", "timeout", retry=False)


def unreachable(call: str) -> Fault:
    return Fault(502, "upstream_unreachable", f"the model cannot be reached, or broke off; call {call}", retry=True)


def reply_too_large(limit: int, call: str) -> Fault:
    return Fault(502, "upstream_reply_too_large", f"the model's reply is longer than {limit} bytes; call {call}",
                 retry=False)


def no_upstream(call: str) -> Fault:
    return Fault(503, "upstream_unavailable", f"this route has no model that can be called; call {call}", retry=False)


def all_open(call: str, after_s: int) -> Fault:
    return Fault(503, "upstream_unavailable", "every model of this route failed too often of late and is left alone; "
                 f"try again later; call {call}", retry=True, after_s=after_s)


def shutting_down(call: str) -> Fault:
    return Fault(503, "shutting_down", f"this gateway ends, and the time for open calls is over; call {call}",
                 retry=True, after_s=1)


def not_a_reply(call: str) -> Fault:
    return Fault(502, "upstream_invalid", f"the model answered with something that is no reply of its API; call {call}",
                 retry=False)


def by_status(status: int, after_s: int | None, call: str) -> Fault | None:
    """What an upstream's status means here; None where its answer is the caller's to read."""
    if status in (401, 403):  # our key, not the caller's; the body may quote it
        return Fault(502, "upstream_refused_key", f"the model refused the gateway's key; call {call}", retry=False)
    if status == 408:
        return timed_out(call)
    if status == 429:
        return Fault(429, "upstream_rate_limited", f"the model takes no more calls for now; call {call}", retry=True,
                     after_s=after_s)
    if status == 503:
        return Fault(503, "upstream_unavailable", f"the model is not available for now; call {call}", retry=True,
                     after_s=after_s)
    if status == 504:
        return timed_out(call)
    if status >= 500 or 300 <= status < 400:
        return Fault(502, "upstream_error", f"the model failed with status {status}; call {call}", retry=True)
    return None
