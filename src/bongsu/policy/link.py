"""A document -> the linked policy: names become things, and what only the whole can tell is checked.

Nothing here stops at a fault; a thing that is broken is left out and what needs it is passed over in silence, for its
fault is known already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, cast

from bongsu.alert import Signal
from bongsu.engine import Plan
from bongsu.event import COLUMNS, FEATURES, LABELS, WORDS
from bongsu.gate import Terms
from bongsu.period import Calendar
from bongsu.policy.condition import read_good, unit_of
from bongsu.policy.declare import Document, GateDecl, ObjectiveDecl, PlaybookDecl, SignalDecl
from bongsu.policy.extend import Extension
from bongsu.policy.fault import Misfit, closest, did_you_mean, listed, quoted
from bongsu.policy.manners import manners
from bongsu.policy.model import Note, Policy
from bongsu.policy.node import Items, Table, Text
from bongsu.policy.pace import rate_limits
from bongsu.policy.paths import borders, canaries, version
from bongsu.policy.pricing import priced
from bongsu.policy.read import Reader, Reference, Trail
from bongsu.policy.reviewed import reviewed
from bongsu.policy.rules import rules
from bongsu.policy.sampled import estimating
from bongsu.policy.setting import settings
from bongsu.policy.spend import budgets, check_affordable
from bongsu.policy.worded import worded
from bongsu.ports import Action, Seasonal, Sli
from bongsu.quantity import Duration, show_duration
from bongsu.response import Playbook
from bongsu.sampling import LARGEST
from bongsu.slo import Objective, Slices

APPROVER = "approver"
"""The role whose members may approve an override of the gate."""
ROLES = ("primary", "light", "conservative")
_NOUNS = {"upstreams": "an upstream", "routes": "a route", "guards": "a guard", "signals": "a signal",
          "objectives": "an objective", "alerts": "an alert", "channels": "a channel", "playbooks": "a playbook",
          "labels": "a column to split by", "references": "a reference", "columns": "a column of the event"}


@dataclass(frozen=True)
class Names:
    """What each section declares, sound or broken; the names under a misspelt section count too."""

    sections: Mapping[str, tuple[str, ...]]
    broken: frozenset[str] = frozenset()
    """Sections that are there but cannot be read: what refers to them is not judged."""

    @classmethod
    def of(cls, root: Table) -> Names:
        found = {key.text: tuple(name.text for name, _ in value.entries)
                 for key, value in root.entries if isinstance(value, Table)}
        sections = [s.key for s in settings(Document)]
        meant = {closest(key, sections): names for key, names in found.items() if key not in sections}
        labels = (*LABELS, *(FEATURES + name for name in found.get("features", ())))
        columns = (*COLUMNS, *(FEATURES + name for name in found.get("features", ())))
        return cls({**meant, **found, "labels": labels, "columns": columns},
                   frozenset(key.text for key, value in root.entries if not isinstance(value, Table)))

    def __getitem__(self, section: str) -> tuple[str, ...]:
        return self.sections.get(section, ())


class Linker:
    """One pass over a document."""

    def __init__(self, document: Document, reader: Reader, names: Names,
                 extensions: tuple[Extension, ...] = ()) -> None:
        self.document, self.reader, self.names, self.extensions = document, reader, names, extensions
        self.base = document.settings.base_window
        self.notes: list[Note] = []
        self.limits: dict[str, str] = {}
        for extension in extensions:
            at = extension.place
            self.notes += (Note(reader.path, at.line, at.column, text) for text in extension.notes())

    # ---- names ----

    def references(self) -> None:
        for reference in self.reader.references:
            if reference.section in ("targets", "versions"):
                (self.target if reference.section == "targets" else partial(version, self))(reference)
                continue
            if reference.section in self.names.broken:
                continue
            known = self.names[reference.section]
            if reference.name not in known:
                self.unknown(reference.trail, reference.section, reference.name, known, reference.offset)

    def unknown(self, trail: Trail, section: str, name: str, known: tuple[str, ...], offset: int = 0) -> None:
        self.reader.fault(trail, f"{_NOUNS[section]} ({listed(known) or 'none is declared'})", quoted(name),
                          did_you_mean(name, known), offset)

    def target(self, reference: Reference) -> None:
        """Where a step sends a route: an upstream, or a role that the route has."""
        name, route = reference.name, str(reference.trail[-1])
        if name in self.names["upstreams"] or "upstreams" in self.names.broken:
            self.same_api(reference.trail, name, route)
            return
        if name not in ROLES:
            known = (*self.names["upstreams"], *ROLES)
            self.reader.fault(reference.trail, f"an upstream or a role of the route ({listed(known)})", quoted(name),
                              did_you_mean(name, known))
            return
        found = self.document.routes.get(route)
        if found is not None and not getattr(found, name):
            self.reader.fault(reference.trail, f"a role that route {route} has", quoted(name),
                              f"add '{name}: UPSTREAM' to routes.{route}")

    def same_api(self, trail: Trail, name: str, route: str) -> None:
        """An upstream that a step sends a route to speaks the route's API."""
        upstreams, found = self.document.upstreams, self.document.routes.get(route)
        primary, other = upstreams.get(found.primary) if found else None, upstreams.get(name)
        if primary and other and primary.api != other.api:
            self.reader.fault(trail, f"an upstream that speaks {primary.api}, as route {route} does",
                              f"'{name}', which speaks {other.api}")

    def apis(self) -> None:
        """A call goes on in the API it came in, so every upstream that a route may take speaks the same."""
        upstreams = self.document.upstreams
        for name, route in self.document.routes.items():
            primary = upstreams.get(route.primary)
            others: list[tuple[Trail, str]] = [(("routes", name, "fallback", i), to)
                                               for i, to in enumerate(route.fallback)]
            others += [(("routes", name, role), getattr(route, role)) for role in ("light", "conservative")]
            others += [(("routes", name, "versions", version, "upstream"), one.upstream)
                       for version, one in route.versions.items()]
            for trail, to in others:
                other = upstreams.get(route.resolve(to))
                if primary and other and other.api != primary.api:
                    self.reader.fault(trail, f"an upstream that speaks {primary.api}, as {primary.name} does",
                                      f"'{other.name}', which speaks {other.api}", "a route speaks one API; make two")

    def judges(self) -> None:
        """Whom a guard asks for a verdict speaks chat completions."""
        for name, guard in self.document.guards.items():
            found = self.document.upstreams.get(getattr(guard.check, "upstream", ""))
            if found is not None and found.api != "openai":
                self.reader.fault(("guards", name, "upstream"), "an upstream that speaks openai",
                                  f"'{found.name}', which speaks {found.api}")

    # ---- quantities ----

    def whole(self, trail: Trail, window: Duration) -> None:
        node = self.reader.nearest(trail)
        came = quoted(node.text) if isinstance(node, Text) else show_duration(window)
        if window <= 0:
            self.reader.fault(trail, "a duration above zero", came)
        elif window > (kept := self.document.settings.retention.cells):
            self.reader.fault(trail, "a window no longer than what was counted is kept "
                              f"(settings.retention.cells, {show_duration(kept)})", came)
        elif window % self.base:
            up = show_duration(-(-window // self.base) * self.base)
            self.reader.fault(trail, f"a multiple of base_window ({show_duration(self.base)})", came,
                              f"did you mean '{up}'?")

    def features(self) -> None:
        """Names that differ only in case would be one column to most readers of the lake; labels are texts."""
        seen: dict[str, str] = {}
        for name in self.document.features:
            first = seen.setdefault(name.lower(), name)
            if first != name:
                self.reader.fault(("features", name), f"names that differ in more than case ({first})", quoted(name))
        for name, signal in self.document.signals.items():
            asked: list[tuple[Trail, str]] = [(("labels", i), label) for i, label in enumerate(signal.labels)]
            for trail, label in (*asked, (("group",), str(getattr(signal.kind, "group", "")))):
                kind = self.document.features.get(label.removeprefix(FEATURES), "text")
                if label.startswith(FEATURES) and kind not in ("text", WORDS):
                    self.reader.fault(("signals", name, *trail), "a feature of type text",
                                      f"{quoted(label)} of type {kind}", "a signal is split by names, not by numbers")

    # ---- the plan ----

    def signal(self, name: str, decl: SignalDecl) -> Signal:
        decl = replace(decl, kind=estimating(decl.kind, self.document.guards.values()))
        return Signal(name, decl.kind, decl.labels, decl.origin, signal_key(name, decl, self.base),
                      unit_of(decl.kind, self.document.settings.currency), decl.label)

    def objectives(self, signals: Mapping[str, Signal]) -> Iterator[Objective]:
        for name, decl in self.document.objectives.items():
            self.whole(("objectives", name, "window"), decl.window.length)
            signal = signals.get(decl.signal)
            if signal is None:
                continue
            slices = None
            if decl.slice is not None:
                slices = self.slices(name, decl, decl.slice, signal)
            elif not {"bad", "total"} <= set(signal.sli.parts()):
                ratios = [s.name for s in signals.values() if "bad" in s.sli.parts()]
                self.reader.fault(("objectives", name, "signal"), "a signal of kind ratio",
                                  f"'{decl.signal}' of kind {signal.sli.kind}", did_you_mean(decl.signal, ratios)
                                  or "a promise about any other kind needs 'good' and 'slice'")
                continue
            unit = decl.window.unit
            calendar = Calendar(unit, str(decl.time_zone or "UTC")) if unit else None
            yield Objective(name, signal.key, decl.target, decl.window.length, calendar=calendar, slices=slices,
                            gate=decl.gate, weight=decl.weight)

    def slices(self, name: str, decl: ObjectiveDecl, every: Duration, signal: Signal) -> Slices | None:
        """How a gauge is budgeted; the slice must fit the base window, and the window must be made of slices."""
        at = ("objectives", name)
        self.whole((*at, "slice"), every)
        if isinstance(signal.sli, Seasonal):
            self.reader.fault((*at, "signal"), "a signal that a slice can be judged by alone",
                              f"'{signal.name}' of kind {signal.sli.kind}, which is read beside its past",
                              "alert on it with 'when'")
            return None
        if every > 0 and decl.window.length % every:
            length = show_duration(decl.window.length)
            self.reader.fault((*at, "slice"), f"a slice that the window ({length}) is made of",
                              quoted(show_duration(every)))
            return None
        try:
            op, limit = read_good(decl.good, signal)
        except Misfit as error:
            self.reader.misfit((*at, "good"), error)
            return None
        return Slices(signal.sli, every, op, limit, decl.nodata)

    def note(self, trail: Trail, text: str) -> None:
        place = self.reader.nearest(trail).place
        self.notes.append(Note(place.path or self.reader.path, place.line, place.column, text))

    def playbooks(self) -> Iterator[Playbook]:
        for name, decl in self.document.playbooks.items():
            steps = self.reader.nodes["playbooks", name, "do"]
            if isinstance(steps, Items) and not steps.items:
                self.reader.fault(("playbooks", name, "do"), "at least one step", "none")
            self.subjects(name, decl)
            yield Playbook(name, decl.on, tuple(map(self.careful, decl.do)), decl.undo_after)

    def subjects(self, name: str, decl: PlaybookDecl) -> None:
        """Whoever is restricted must be named by the alert."""
        alert = self.document.alerts.get(decl.on)
        for i, step in enumerate(decl.do):
            whom = str(getattr(step, "of", ""))
            if step.kind == "restrict" and alert is not None and whom not in alert.by:
                self.reader.fault(("playbooks", name, "do", i), f"an alert with by: [{whom}], for somebody to restrict",
                                  quoted(decl.on), f"add by: [{whom}] to alerts.{decl.on}")

    def careful(self, step: Action) -> Action:
        """A notice to a channel that must not be told twice is one that is not repeated."""
        if step.kind != "notify":
            return step
        never = getattr(step, "channel", "") in self.once()
        return cast(Action, replace(cast(Any, step), once=True)) if never else step

    def once(self) -> tuple[str, ...]:
        """Channels that must not be told twice."""
        return tuple(name for name, channel in self.document.channels.items()
                     if getattr(channel, "on_unknown", "retry") == "never")

    def gate(self) -> Terms:
        """What the gate goes by; worth a note where a person must approve and nobody may."""
        given, doc = self.document.gate, self.document
        decl = given or GateDecl()
        if decl.stale_after is not None and decl.stale_after < self.base:
            self.reader.fault(("gate", "stale_after"), f"a duration no shorter than base_window "
                              f"({show_duration(self.base)})", quoted(show_duration(decl.stale_after)))
        if given is not None and not doc.roles.get(APPROVER) and "roles" not in self.names.broken:
            self.note(("gate",), f"gate: nobody may approve an override; name who may under roles.{APPROVER}")
        return Terms(decl.ladder.notice, decl.ladder.approval, decl.min_coverage, decl.stale_after, decl.latch,
                     decl.postmortem)

    def policy(self, digest: str) -> Policy:
        """Check and build; the result counts only if there are no faults."""
        doc = self.document
        self.references()
        upstreams = priced(self)
        self.apis()
        self.judges()
        self.features()
        fences, money, terms = borders(self), tuple(budgets(self)), reviewed(self)
        check_affordable(self, money, upstreams)
        canaries(self)
        signals = {name: self.signal(name, decl) for name, decl in doc.signals.items()}
        worded(self, signals)
        objectives = {o.name: o for o in self.objectives(signals)}
        alerts = tuple(rules(self, signals, objectives))
        plan = Plan(doc.service.name, self.base, tuple(signals.values()), tuple(objectives.values()),
                    alerts, tuple(self.playbooks()), doc.settings.stale_after,
                    self.gate(), manners(self))
        s = doc.settings
        return Policy(
            self.reader.path, digest, doc.service, plan, upstreams, doc.routes, tuple(doc.guards.values()),
            doc.channels, doc.roles, s.retention, doc.heartbeat, s.currency, s.apology, s.durability, s.fail,
            doc.tests, self.limits, tuple(self.notes),
            places={name: self.reader.nearest(("alerts", name)).place for name in doc.alerts},
            extensions=self.extensions,
            features={name: "text" if kind == "words" else kind for name, kind in doc.features.items()},
            worded=frozenset(name for name, kind in doc.features.items() if kind == WORDS),
            borders=fences,
            keys=s.keys, appeal=s.appeal, slow_by=s.slow_by, budgets=money,
            rate_limits=tuple(rate_limits(doc.rate_limits)),
            sources=doc.sources, export=doc.export,
            references=doc.references,
            vault=s.vault, epoch=s.epoch, vault_key=s.vault_key, vault_key_before=s.vault_key_before, ingest=s.ingest,
            review=terms, trust=s.trust, max_body=s.max_body_mib << 20, body_rate=s.min_body_kib << 10)


def signal_key(name: str, decl: SignalDecl, base: Duration) -> str:
    """Name and a digest of all that decides what is counted: unlike things never add up under one key."""
    sli: Sli = decl.kind
    own = [f.name for f in fields(sli)  # type: ignore[arg-type]
           if not f.metadata.get("bound") and not f.metadata.get("judges")]
    parts: dict[str, Any] = {name: _canonical(getattr(sli, name)) for name in own}
    said = [sli.kind, parts, decl.labels, decl.origin, base, *([decl.label] if decl.label else []),
            *([edition] if (edition := getattr(sli, "edition", 0)) else []),
            *([sample.guard] if (sample := getattr(sli, "sampling", None)) else []),
            *([sample.edition] if sample and LARGEST in sli.parts() else [])]
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return f"{name}@{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


def _canonical(value: Any) -> Any:
    """A setting as part of a key; features with the columns they are read from, which their declared types decide."""
    stored = [c for c in getattr(value, "columns", ()) if c.startswith(FEATURES)]
    return [str(value), *stored] if stored else str(value)
