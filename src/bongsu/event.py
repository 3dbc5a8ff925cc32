"""What happened: one immutable fact and its columns.

Every fact has the same shape, whether a model call, a guard's verdict or an action of ours, so there is one
pipeline. The field names are the short SQL names that policies use; ``OTEL`` maps those that OpenTelemetry's GenAI
conventions (v1.41) name, the rest live in our own ``bongsu.*`` namespace.

``time`` is when the fact was known: a call is known when it has ended, so it began at ``time`` - ``latency_ms``.

``features`` are what a model was given: numbers, texts and truths by name. Expressions call them ``features.NAME``, as
the type the policy declares; one that came as another type is not known to them. None says that it was missing.
``version`` is the route's version that was picked for the call, also where a fallback answered in its stead. ``border``
is what a border did to the call: ``rerouted``, ``refused``, or nothing. ``circuit`` names upstreams that were not
asked, for they had failed too often; ``retries`` counts how often one was asked again, ``attempts`` all that was asked.

Units: times are microseconds since 1970 (UTC), durations are milliseconds, money is whole nano-units of ``currency``.
``input_tokens`` includes cached ones, as in the conventions.

``prompt_cluster`` is the cell of what was asked last (``prompt.py``), where the policy has a signal that reads it.
``new_words`` is the share of its words that a reference of texts does not have (``novelty.py``), ``vocabulary`` the
version of that reference's words. ``reply_cluster``, ``new_reply_words`` and ``reply_vocabulary`` are the same of what
was answered. ``repeats`` says, for each signal that asks whether events are distinct, whether this
one was (``NAME=0``) or says again what another said (``NAME=1``).
``sampled`` says, for each guard that looks at a sample of the calls, of which share (``NAME=0.1``), and of one that did
not look at this call so (``NAME=0.0``).

``key`` is the id of a virtual key, never the key; ``lease`` names the worker's lease that a budget was drawn by, and
``budget`` the budget that was nearly or wholly spent (``soft NAME``, ``hard NAME``); ``proposed`` is the cheaper model
that the caller was told of then, or was given.

``trace`` is the W3C trace a call belongs to, ``parent`` the span of its caller in it.

``near_duplicate`` says that the prompt is nearly one of the last that its user sent, ``new_cluster`` that it falls in a
cell of the space of prompts that its key had not touched that day (UTC); both are known only where a signal reads them.
``probing_findings`` counts the kinds of probing (``probe_...``) that guards saw in the call. ``pii_findings`` counts
what is personal in prompt and reply, whatever was done about it; ``pii_passed`` what of the reply a guard saw and its
reader got to read all the same (``act: flag``, a guard in shadow).

``review`` says what people have to do with a call: it is ``held`` for one, or was ``released`` by one. What becomes of
a case is an event of its own, of kind ``review``: ``asked``, ``overdue``, decided ``in_time`` or ``late``, ``expired``;
and each minute, while cases wait, how many do (``queue``, with ``review_queue``). ``review_age_s`` is how old the case
was, or the oldest one.

A ``label`` that comes later is an event of its own, of kind ``label``: ``call`` is the id of what it is about, ``name``
says which label it is where there are several (``review``, ``feedback``), ``annotator`` who gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

Origin = Literal["live", "redteam", "replay", "evaluation"]


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one guard said of one text: proof that it ran.

    ``on`` is ``input`` or ``output``; ``act`` is what was done (``allow``, ``flag``, ``tokenise``, ``review``,
    ``block``);
    ``kinds`` names what was found, never the text of it; ``allowed`` the entries of the allow-list by which some of it
    was let pass. Of what is held for a person, ``marks`` are the ids that entries for it would have. ``unread`` are
    words in which fact checkers rated a claim and that no table knows.
    """

    guard: str
    on: str
    act: str
    version: str = ""
    kinds: tuple[str, ...] = ()
    took_us: int = 0
    error: str = ""
    allowed: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One immutable fact. ``id`` is unique for ever: an event that comes twice is counted once."""

    id: str
    time: int
    kind: str = "call"
    origin: Origin = "live"
    service: str = ""
    # what was asked, of whom
    route: str = ""
    upstream: str = ""
    provider: str = ""
    operation: str = ""
    request_model: str = ""
    model: str = ""
    response_id: str = ""
    conversation: str = ""
    stream: bool = False
    # tags any signal can be split by
    model_version: str = ""
    prompt_version: str = ""
    version: str = ""
    environment: str = ""
    tier: str = ""
    user: str = ""
    key: str = ""
    team: str = ""
    group: str = ""
    region: str = ""
    upstream_region: str = ""
    border: str = ""
    # how it ended
    outcome: str = ""
    status: int | None = None
    error: str = ""
    finish_reason: str = ""
    attempts: int = 0
    retries: int = 0
    fallback: bool = False
    circuit: str = ""
    # how long it took
    latency_ms: float | None = None
    ttft_ms: float | None = None
    overhead_ms: float | None = None
    # what it used and cost
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_estimated: bool = False
    cost: int | None = None
    currency: str = ""
    lease: str = ""
    budget: str = ""
    proposed: str = ""
    # under which restriction of its user or key it was served or refused
    restriction: str = ""
    # what the guards said
    blocked: bool = False
    blocked_by: str = ""
    injection_findings: int = 0
    pii_findings: int = 0
    pii_passed: int = 0
    probing_findings: int = 0
    withheld_chars: int = 0
    # what people have to do with it
    review: str = ""
    review_queue: int | None = None
    review_age_s: float | None = None
    grounding_score: float | None = None
    verdicts: tuple[Verdict, ...] = ()
    # what its prompt was beside others of the same caller; not known where nobody looked
    near_duplicate: bool | None = None
    new_cluster: bool | None = None
    # of a prediction and its label
    score: float | None = None
    prediction: str = ""
    label: str = ""
    name: str = ""
    annotator: str = ""
    features: dict[str, float | str | bool | None] = {}  # msgspec gives each event its own
    # where it belongs
    call: str = ""
    policy: str = ""
    trace: str = ""
    parent: str = ""
    prompt_cluster: str = ""
    new_words: float | None = None
    vocabulary: str = ""
    reply_cluster: str = ""
    new_reply_words: float | None = None
    reply_vocabulary: str = ""
    repeats: str = ""
    sampled: str = ""
    prompt: str | None = None
    reply: str | None = None


OTEL = {
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "request_model": "gen_ai.request.model",
    "model": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "finish_reason": "gen_ai.response.finish_reasons",
    "conversation": "gen_ai.conversation.id",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "ttft_ms": "gen_ai.response.time_to_first_chunk",
    "error": "error.type",
    "environment": "deployment.environment.name",
    "service": "service.name",
    "user": "user.id",
}
"""Column -> OpenTelemetry attribute, where the conventions have one."""

Kind = Literal["text", "int", "number", "bool"]


def _kinds() -> dict[str, Kind]:
    simple: dict[object, Kind] = {str: "text", int: "int", float: "number", bool: "bool"}
    out: dict[str, Kind] = {}
    for field in msgspec.structs.fields(Event):
        if field.name == "features":
            continue
        types = [t for t in getattr(field.type, "__args__", ()) if t is not type(None)] or [field.type]
        out[field.name] = simple.get(types[0], "text")
    return out


COLUMNS: dict[str, Kind] = _kinds()
"""Column -> its type in expressions. ``verdicts`` is JSON text there; features have columns of their own."""



class TextColumns(NamedTuple):
    """What is read of a text: the columns of the text itself, its cell, the share of its words that are new, and the
    version of the words that are not."""

    text: str
    cells: str
    words: str
    by: str


PROMPT = TextColumns("prompt", "prompt_cluster", "new_words", "vocabulary")
REPLY = TextColumns("reply", "reply_cluster", "new_reply_words", "reply_vocabulary")
TEXTS = (PROMPT, REPLY)

FEATURES = "features."
FeatureKind = Literal["number", "text", "bool"]
FEATURE_KINDS: tuple[FeatureKind, ...] = ("number", "text", "bool")
DeclaredKind = Literal["number", "text", "bool", "words"]
"""Of a feature in a policy."""
WORDS: DeclaredKind = "words"
"""A text of which only the cell of its words is kept (``prompt.py``); stored as any other text."""
FEATURE_NAME = r"[^\W\d]\w{0,63}"
MOST_FEATURES = 512
"""Of one event."""


def columns(features: Mapping[str, FeatureKind]) -> dict[str, Kind]:
    """Every column that an expression may name where these features are declared."""
    return {**COLUMNS, **{FEATURES + name: kind for name, kind in features.items()}}


def feature_column(name: str, kind: FeatureKind) -> str:
    """Where a feature's values of one type are stored: values of unlike types never share a column.

    >>> feature_column("age", "number"), feature_column("sex", "text")
    ('features.age', 'features.sex.text')
    """
    return FEATURES + name if kind == "number" else f"{FEATURES}{name}.{kind}"


def feature_of(column: str) -> tuple[str, FeatureKind]:
    """The way back.

    >>> feature_of("features.sex.text"), feature_of("features.age")
    (('sex', 'text'), ('age', 'number'))
    """
    name, _, suffix = column.removeprefix(FEATURES).partition(".")
    return name, next((kind for kind in FEATURE_KINDS if kind == suffix), "number")

LABELS = ("model", "upstream", "route", "model_version", "prompt_version", "environment", "tier", "group", "region",
          "upstream_region", "outcome", "blocked_by", "operation", "provider", "user", "version", "border", "circuit",
          "key", "team", "restriction")
"""Columns a signal may be split by."""
