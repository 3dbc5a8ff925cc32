"""One call as it becomes a fact: who asked, tagged how, what came of it, how long each part took."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from bongsu.access.apikey import ApiKey
from bongsu.access.meter import Meter, Usage, decimal
from bongsu.event import FEATURE_NAME, MOST_FEATURES, Event, Verdict
from bongsu.guard import RANK, Guard
from bongsu.novelty import Known
from bongsu.ports import Finding
from bongsu.privacy.sealing import KIND
from bongsu.web.errors import ApiError, Header
from bongsu.web.masking import KEPT, TAG, Masking
from bongsu.web.past import Past
from bongsu.web.plan import RoutePlan, Target
from bongsu.web.screen import Counts
from bongsu.web.surface import Surface

_TAGS = {b"x-bongsu-tier": "tier", b"x-bongsu-group": "group", b"x-bongsu-environment": "environment",
         b"x-bongsu-prompt-version": "prompt_version", b"x-bongsu-conversation": "conversation"}
# An event's origin is not among them: signals count what is live, so a caller that could say otherwise could hide from
# every alert. Red teams and evaluations are told apart by the virtual key they call with.
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_NOT_TOLD = frozenset((
    b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"content-type", b"content-encoding",
    b"date", b"server", b"set-cookie", b"upgrade", b"trailer", b"te", b"proxy-authenticate", b"www-authenticate",
    b"openai-organization", b"openai-project"))
"""Headers of an upstream that are about its connection or its account."""
PROBING = "probe_"
"""How the kinds of the check ``probing`` begin."""
NO_COUNTS = Counts()
_FEATURES = msgspec.json.Decoder(dict[str, float | str | bool | None])
_NAMES = re.compile(FEATURE_NAME)


class Call:
    """A request being served. ``facts`` grow into its event; ``at`` is when it came (microseconds since 1970).

    How long things take is measured in nanoseconds of ``timer``, which no one can set back. A call that was ``cut``
    was cancelled because its process ends.
    """

    __slots__ = ("_clock", "_priced", "_timer", "_waited", "asks_cost", "at", "began", "cut", "facts", "id", "judges",
                 "key", "known", "masking", "owes", "past", "prompt", "reply", "request_id", "sealed", "started",
                 "stored", "subject", "surface", "told", "verdicts")

    def __init__(self, id_: str, clock: Callable[[], int], timer: Callable[[], int], masking: Masking,
                 surface: Surface) -> None:
        self.id, self.masking, self.surface = id_, masking, surface
        self._clock, self.at = clock, clock()
        self._timer, self.began, self._waited = timer, timer(), 0
        self.sealed = self.started = self.cut = self.asks_cost = False
        self._priced: tuple[Usage, Meter] | None = None
        self.judges: list[tuple[Usage, Meter]] = []
        self.facts: dict[str, Any] = {"id": id_, "operation": surface.operation}
        self.verdicts: tuple[Verdict, ...] = ()
        self.stored: tuple[Guard, ...] = ()
        self.prompt: str | None = None
        self.reply: str | None = None
        self.request_id = id_.encode()
        self.subject = ""
        self.key: ApiKey | None = None
        self.past: Past | None = None
        self.known: Mapping[str, Known] = {}
        self.told: list[Header] = []
        self.owes: list[Callable[[Mapping[str, Any]], None]] = []

    # ---- what is known before the model is asked ----

    def tags(self, headers: Mapping[bytes, bytes], worded: Collection[str] = ()) -> None:
        """Tags and ids from headers. Personal data in a tag becomes a token; a conversation always does. Of features
        that are ``worded``, compared by their words, only the cell is kept."""
        facts = self.facts
        for name, value in headers.items():
            column = _TAGS.get(name)
            if column:
                text = value[: 4 * TAG].decode("utf-8", "replace")
                facts[column] = (self.masking.token("CONVERSATION", text) if column == "conversation"
                                 else self.masking.tag(text)[:TAG])
        if b"x-bongsu-features" in headers:
            facts["features"] = self.masking.features(_features(headers[b"x-bongsu-features"]), worded)
        if subject := headers.get(b"x-bongsu-subject"):
            self.subject = self.masking.token("USER", subject.decode("utf-8", "replace"))
        self.asks_cost = headers.get(b"x-bongsu-stream-cost") == b"true"
        if b"traceparent" in headers and (trace := _TRACE.fullmatch(headers[b"traceparent"])):
            facts.update(trace=trace[1].decode(), parent=trace[2].decode())
        given = headers.get(b"x-request-id", b"")
        if given and re.fullmatch(rb"[A-Za-z0-9_.:-]{1,128}", given):
            self.request_id = given

    def of_region(self, said: bytes) -> None:
        """Where the person is whose data it carries, as somebody says whose word counts."""
        if said:
            self.facts["region"] = self.masking.tag(said[: 4 * TAG].decode("utf-8", "replace"))[:TAG]

    def begin(self, plan: RoutePlan, user: str, stream: bool) -> None:
        self.facts = {**plan.facts, **self.facts, "service": plan.facts["service"], "policy": plan.facts["policy"],
                      "request_model": plan.route.name, "stream": stream}
        self.stored = plan.stored
        if user:
            self.facts["user"] = self.masking.token("USER", user)
        if self.key is not None:
            self._on_account(self.key)

    def _on_account(self, key: ApiKey) -> None:
        """What a key says of its calls counts more than what the caller does."""
        said = {"user": key.user, "team": key.team, "tier": key.tier, "region": key.region}
        self.facts.update({name: value for name, value in said.items() if value}, origin=key.origin)

    def asks(self, texts: Sequence[str]) -> None:
        """What it says last of these, beside what its caller said before: the rest of a conversation repeats itself."""
        if self.past is not None and texts:
            facts = self.facts
            facts.update(self.past.note(texts[-1], facts.get("user", ""), facts.get("key", ""), self.at))

    @property
    def errs(self) -> bool:
        """Whether a blocked call is answered with an error instead of a refusal."""
        return self.key is not None and self.key.block == "error"

    def trying(self, target: Target, fallback: bool, again: int) -> None:
        """The next upstream to be asked: a fallback, or the same one ``again``."""
        facts = self.facts
        facts.update(target.facts, attempts=facts.get("attempts", 0) + 1, retries=facts.get("retries", 0) + (again > 0),
                     fallback=fallback)

    def passed_over(self, target: Target) -> None:
        """An upstream that is left alone, for it failed too often of late."""
        name, facts = target.upstream.name, self.facts
        facts["circuit"] = f"{facts['circuit']},{name}" if facts.get("circuit") else name

    # ---- what came of it ----

    def now(self) -> int:
        """The timer, for ``waited``."""
        return self._timer()

    def waited(self, since: int) -> None:
        """Time since ``since`` was the upstream's, not ours."""
        self._waited += self._timer() - since

    def first_token(self) -> None:
        self.facts.setdefault("ttft_ms", (self._timer() - self.began) / 1e6)

    def ended(self, outcome: str, status: int, error: str = "") -> None:
        self.facts.update(outcome=outcome, status=status, error=error)

    def blocked(self, guard: str, withheld: int = 0) -> None:
        self.ended("blocked", 200)
        self.facts.update(blocked=True, blocked_by=guard, finish_reason="content_filter", withheld_chars=withheld)

    def held(self, guard: str, withheld: int = 0) -> None:
        """It waits for a person, by the word of a guard."""
        self.ended("held", 200)
        self.facts.update(review="held", blocked_by=guard, withheld_chars=withheld)

    def used(self, usage: Usage, meter: Meter | None) -> None:
        self.facts.update(input_tokens=usage.input, output_tokens=usage.output, cache_read_tokens=usage.cache_read,
                          cache_write_tokens=usage.cache_write, reasoning_tokens=usage.reasoning,
                          usage_estimated=usage.estimated)
        if meter is not None:
            self.facts.update(cost=meter.cost(usage, self._clock()), currency=meter.currency)
            self._priced = (usage, meter) if meter.dated else None

    def judged(self, usage: Usage, meter: Meter) -> None:
        """What asking a judge used: its cost is the call's."""
        self.judges.append((usage, meter))

    def found(self, verdicts: Sequence[Verdict], counts: Counts = NO_COUNTS) -> None:
        self.verdicts += tuple(verdicts)
        probing = sum(kind.startswith(PROBING) for v in verdicts if v.act != "allow" for kind in v.kinds)
        for column, n in (("pii_findings", counts.personal), ("pii_passed", counts.passed),
                          ("injection_findings", counts.injections), ("probing_findings", probing)):
            self.facts[column] = self.facts.get(column, 0) + n

    def keep(self, texts: Sequence[str], hidden: Sequence[Sequence[Finding]] | None) -> str | None:
        """Texts as they may be stored; None where nobody masked them."""
        if hidden is None:
            return None
        whole = "\n".join(self.masking.for_store(t, h) for t, h in zip(texts, hidden, strict=True))
        return self.masking.unaliased(whole)[:KEPT]

    # ---- what is left of it ----

    def seal(self) -> list[Event]:
        """The fact; apart from it the masked texts, and what tokens stand for in a box, if any were kept. Nothing is
        added later."""
        self.sealed = True
        took = self._timer() - self.began
        facts = self.facts
        # windows that judge end now: a fact dated when its call began would come too late for the short ones
        facts["time"] = self._clock()
        if self._priced is not None:  # midnight may have been in between: the price is that of the event's own time
            usage, meter = self._priced
            facts["cost"] = meter.cost(usage, facts["time"])
        for usage, meter in self.judges:
            if (more := meter.cost(usage, facts["time"])) is not None:
                facts.update(cost=(facts.get("cost") or 0) + more, currency=meter.currency)
        if facts.get("ttft_ms") is None and facts.get("outcome") != "ok":  # what was withheld nobody read
            facts["pii_passed"] = 0
        facts.update(latency_ms=took / 1e6, overhead_ms=max(0, took - self._waited) / 1e6, verdicts=self.verdicts)
        out = [Event(**facts)]
        box = self.masking.sealed(self.subject or facts.get("user", ""), facts["time"])
        if box is None and self.prompt is None and self.reply is None:
            return out
        same = {name: facts[name] for name in ("time", "service", "route", "policy") if name in facts}
        if self.prompt is not None or self.reply is not None:
            out.append(Event(id=f"{self.id}-content", kind="content", call=self.id, prompt=self.prompt,
                             reply=self.reply, **same))
        if box is not None:
            out.append(Event(id=f"{self.id}-vault", kind=KIND, call=self.id, name=box[0], prompt=box[1], **same))
        return out

    def settle(self) -> None:
        """Once the fact is written: give back what was reserved and not used. Doing it again changes nothing."""
        owed, self.owes = self.owes, []
        for one in owed:
            one(self.facts)

    def headers(self, upstream: Sequence[Header] = ()) -> list[Header]:
        """What the caller is told about its call, as far as it is known."""
        facts = self.facts
        out: list[Header] = [(b"x-request-id", self.request_id), (b"x-bongsu-call-id", self.id.encode())]
        if "route" in facts:
            out.append((b"x-bongsu-route", facts["route"].encode()))
        if facts.get("version"):
            out.append((b"x-bongsu-version", facts["version"].encode()))
        if facts.get("upstream"):
            out += ((b"x-bongsu-upstream", facts["upstream"].encode()),
                    (b"x-bongsu-fallback", b"true" if facts["fallback"] else b"false"))
        out += self._cost()
        if self.verdicts:
            out.append((b"x-bongsu-guards", self._acts().encode()))
        out += self.told
        overhead = max(0, self._timer() - self.began - self._waited)
        out.append((b"x-bongsu-overhead-ms", f"{overhead / 1e6:.3f}".encode()))
        out += [(b"llm_provider-" + low, value) for name, value in upstream if (low := name.lower()) not in _NOT_TOLD]
        return out

    def _cost(self) -> tuple[Header, ...]:
        if self.facts.get("cost") is None:
            return ()
        return ((b"x-bongsu-cost", decimal(self.facts["cost"]).encode()),
                (b"x-bongsu-currency", self.facts["currency"].encode()))

    def receipt(self) -> bytes:
        """The cost as comments of an event stream, whose headers go out before it is known; for who asked for it.

        Whoever reads such a stream by its standard (HTML, 9.2.6) passes lines that begin with a colon over.
        """
        return b"".join(b": %s: %s\n" % header for header in self._cost()) if self.asks_cost else b""

    def _acts(self) -> str:
        """Each guard with the strictest thing it did."""
        acts: dict[str, str] = {}
        for v in self.verdicts:
            said = "failed" if v.error else v.act
            if v.guard not in acts or RANK.get(said, 9) > RANK.get(acts[v.guard], 9):
                acts[v.guard] = said
        return ", ".join(f"{guard}={act}" for guard, act in acts.items())


def _features(header: bytes) -> dict[str, float | str | bool | None]:
    """What the caller says the model was given, beside the prompt."""
    try:
        found = _FEATURES.decode(header)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if found is None or len(found) > MOST_FEATURES or not all(map(_NAMES.fullmatch, found)):
        raise ApiError(400, "invalid_features", "expected x-bongsu-features to be a JSON object of numbers, texts and "
                       'truths by name, such as {"age": 41, "plan": "gold"}')
    return found
