"""An OpenSLO indicator as a signal: what is bad, in SQL, from its annotations; its queries are kept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from bongsu import expression
from bongsu.event import LABELS, Origin
from bongsu.imports.draft import Signal
from bongsu.imports.form import OURS, Form
from bongsu.policy.fault import did_you_mean, listed, quoted

ANNOTATIONS = ("bad", "total", "labels", "origin")
ASK = (f"add it to metadata.annotations, as in {OURS}bad: \"outcome = 'error'\" "
       "(Sloth: alerting.annotations, bongsu_bad)")


def signal(spec: Form, own: Sequence[Form]) -> Signal | None:
    """``own`` are the annotations that may say what is counted, the nearest first."""
    spec.refuse("thresholdMetric", "a value against a threshold is an alert here; promise a ratio (ratioMetric)")
    ratio = spec.form("ratioMetric", not spec.has("thresholdMetric"))
    notes = spec.kept("description")
    if ratio is None:
        return None
    notes += queries(ratio)
    spec.close()
    return counted(own, ratio, notes)


def counted(own: Sequence[Form], place: Form, notes: Sequence[str]) -> Signal | None:
    """The signal that annotations describe."""
    said = next((form for form in own if form.has(f"{OURS}bad")), None)
    if said is None:
        place.source.fault(place.place, f"the annotation {OURS}bad, SQL over events that says which are bad",
                           "only queries of another system, which are not events", ASK)
        return None
    bad = said.read(f"{OURS}bad", lambda text: expression.read(text).text, True)
    total = said.read(f"{OURS}total", lambda text: expression.read(text).text) or ""
    labels = tuple(filter(None, (one.strip() for one in said.text(f"{OURS}labels").split(","))))
    for label in labels:
        if label not in LABELS:
            said.fault(f"{OURS}labels", f"columns to split by ({listed(LABELS)})", quoted(label),
                       did_you_mean(label, LABELS))
    origin = said.choice(f"{OURS}origin", get_args(Origin))
    return Signal(bad, total, labels, origin, tuple(notes)) if bad else None


def queries(ratio: Form) -> list[str]:
    """The queries of a ratio of v1, as comments; both good and bad, or a raw ratio without its type, are faults."""
    notes = ratio.kept("counter")
    raw = ratio.form("raw")
    if raw is not None:
        ratio.choice("rawType", ("success", "failure"), True)
        notes += [f"raw {ratio.text('rawType')}: {line}" for line in query(raw)]
        for key in ("good", "bad", "total"):
            ratio.refuse(key, "a raw ratio stands alone")
    else:
        ratio.refuse("rawType", "it belongs to 'raw'")
        if ratio.has("good") == ratio.has("bad"):
            ratio.source.fault(ratio.place, "either 'good' or 'bad' beside 'total'",
                               "both" if ratio.has("good") else "neither")
        for key in ("good", "bad", "total"):
            form = ratio.form(key, key == "total")
            notes += [f"{key} query: {line}" for line in query(form)] if form else []
    ratio.close()
    return notes


def query(form: Form) -> list[str]:
    """A metric source: Prometheus, or a reference to a data source."""
    source = form.form("metricSource", True)
    form.close()
    if source is None:
        return []
    notes = source.kept("metricSourceRef")
    source.choice("type", ("Prometheus", "prometheus"), hint="only queries of Prometheus are kept")
    spec = source.form("spec", True)
    source.close()
    if spec is None:
        return notes
    found = spec.text("query", True).splitlines()
    spec.close()
    return [*found, *notes]


def old_queries(ratio: Form) -> list[str]:
    """The same of v1alpha."""
    notes = ratio.kept("incremental", "counter")
    for key in ("good", "bad", "total"):
        form = ratio.form(key, key == "total")
        if form is not None:
            form.choice("source", ("prometheus", "Prometheus"), hint="only queries of Prometheus are kept")
            notes += [f"{key} query: {line}" for line in form.text("query", True).splitlines()]
            form.kept("queryType")
            form.close()
    ratio.close()
    return notes
