"""Sloth's ``prometheus/v1`` as a policy.

Sloth has no place for SQL, but an alert's annotations are free: ``alerting.annotations`` with ``bongsu_bad`` (and
``bongsu_total``, ``bongsu_labels``, ``bongsu_origin``) says what is counted, and leaves the file valid for Sloth. Its
page and ticket alerts become two alerts over bongsu's own tables, which for 30 days are Sloth's rows. Plugins cannot be
honoured.
"""

from __future__ import annotations

import re

from bongsu.imports import indicator
from bongsu.imports.draft import Alert, Draft, Objective, Signal
from bongsu.imports.form import OURS, Form, Source
from bongsu.policy.declare import NAME
from bongsu.policy.fault import NOWHERE, Misfit, quoted
from bongsu.policy.node import Table, Text
from bongsu.policy.scalar import read_number
from bongsu.quantity import DAY, Duration

SEVERITIES = {"page_alert": ("page", "major"), "ticket_alert": ("ticket", "minor")}
PREFIX = "bongsu_"
PERIOD = Duration(30 * DAY)
"""A Sloth file does not say over what its objectives are meant; this is what Sloth takes if it is not told."""


def sloth(text: str, path: str, period: Duration = PERIOD) -> str:
    """The text of a policy. Raises ``PolicyError`` with every fault, at its line and column of the Sloth file."""
    source = Source(path)
    draft = Draft(source)
    for form in source.documents(text):
        form.choice("version", ("prometheus/v1",), True, "of Sloth's files this one alone can be honoured")
        draft.serve(form.text("service", True), form.place)
        draft.notes += [f"labels: {line}" for line in form.kept("labels")]
        for slo in form.forms("slos", True):
            name = slo.text("name", True)
            if name and not re.fullmatch(NAME, name):
                slo.fault("name", "a name of letters, digits, '_', '.' and '-'", quoted(name))
            _slo(slo, name, draft, period)
        form.close()
    if not draft.objectives and not source.faults:
        source.fault(NOWHERE, "at least one SLO", "none")
    return draft.finish(f"Imported from {path} (Sloth). Signals are SQL over events; queries are kept as comments.")


def _slo(form: Form, name: str, draft: Draft, period: Duration) -> None:
    notes = form.kept("description", "labels")
    percent = form.read("objective", read_number, True)
    sli, alerting = form.form("sli", True), form.form("alerting")
    form.refuse("plugins", "a plugin's code is not run")
    form.close()
    queries = _queries(sli) if sli else []
    signal, alerts = _alerting(form, alerting, name, queries)
    if percent is not None and not 0 < percent < 100:
        form.fault("objective", "an objective above 0 and below 100", quoted(form.text("objective")),
                   "a promise without an error budget cannot be kept")
    elif percent is not None and signal is not None and name:
        draft.add("signals", name, signal, form.place)
        draft.add("objectives", name, Objective(name, percent / 100, period, tuple(notes)), form.place)
        for alert, made in alerts.items():
            draft.add("alerts", alert, made, form.place)


def _queries(sli: Form) -> list[str]:
    """The queries, as comments."""
    sli.refuse("plugin", "a plugin's code is not run; write its queries out under 'events'")
    found: list[str] = []
    kinds = {"events": ("error_query", "total_query"), "raw": ("error_ratio_query",)}
    given = [key for key in kinds if sli.has(key)]
    if len(given) != 1 and not sli.has("plugin"):
        sli.source.fault(sli.place, "either 'events' or 'raw'", "both" if given else "neither")
    for key in given:
        form = sli.form(key, True)
        for query in kinds[key] if form else ():
            assert form is not None
            written = form.read(query, _windowed, True) or ""
            found += [f"{query}: {line}" for line in written.splitlines()]
        if form:
            form.close()
    sli.close()
    return found


def _windowed(query: str) -> str:
    if "{{.window}}" not in query.replace(" ", ""):
        raise Misfit("a query over {{.window}}", quoted(query), "Sloth asks it over many windows")
    return query


def _alerting(slo: Form, form: Form | None, name: str, queries: list[str]) -> tuple[Signal | None, dict[str, Alert]]:
    """What is counted, from the annotations, and the alerts that are not disabled."""
    if form is None:
        return indicator.counted((), slo, queries), {}
    notes = form.kept("name", "labels")
    own = form.form("annotations")
    alerts: dict[str, Alert] = {}
    for key, (severity, tier) in SEVERITIES.items():
        one = form.form(key)
        disabled = one is not None and one.choice("disable", ("true", "false")) == "true"
        more = one.kept("labels", "annotations") if one else []
        if one:
            one.close()
        if not disabled:
            alerts[f"{name}-{severity}"] = Alert(name, tier, notes=(*notes, *more))
    if alerts and not form.has("name"):
        form.source.fault(form.place, "'name' of alerting", "nothing")
    form.close()
    said = _annotations(own) if own else None
    return indicator.counted((said,) if said else (), own or form, [*queries, *_kept(own)]), alerts


def _annotations(own: Form) -> Form:
    """The annotations in the names that OpenSLO's have; one of ours that is unknown is a fault."""
    known = {PREFIX + key: OURS + key for key in indicator.RATIO}
    for key, _ in own.node.entries:
        if key.text.startswith(PREFIX) and key.text not in known:
            own.source.fault(key, "an annotation that bongsu honours here (" + ", ".join(known) + ")",
                             quoted(key.text))
    entries = tuple((Text(key.place, known[key.text]), value) for key, value in own.node.entries if key.text in known)
    return Form(own.source, Table(own.place, entries), "annotations")


def _kept(own: Form | None) -> list[str]:
    if own is None:
        return []
    return [line for key, _ in own.node.entries if not key.text.startswith(PREFIX) for line in own.kept(key.text)]
