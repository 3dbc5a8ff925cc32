"""An OpenSLO indicator as a signal: what is counted, in SQL, from its annotations; its queries are kept beside it.

A ratio's annotations say which events are bad. A threshold metric's say its kind (``mean``, ``quantile``, ``count``, or
any other that bongsu has) and that kind's own settings, such as ``of`` and ``q``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from bongsu import expression, registry
from bongsu.event import LABELS, Origin
from bongsu.imports.draft import Signal
from bongsu.imports.form import OURS, Form
from bongsu.policy.fault import did_you_mean, listed, quoted
from bongsu.policy.setting import Setting, settings

RATIO = ("bad", "total", "labels", "origin")
ASK = (f"add it to metadata.annotations, as in {OURS}bad: \"outcome = 'error'\" "
       "(Sloth: alerting.annotations, bongsu_bad)")


MEASURE = f"say what is measured, as in {OURS}kind: quantile, {OURS}of: latency_ms, {OURS}q: 95%"


def spoken() -> tuple[str, ...]:
    """Those that an SLI or an SLO may have about what is counted."""
    own = [setting.key for kind in registry.kinds("slis") for setting in _own(kind)]
    return tuple(dict.fromkeys((*RATIO, "kind", *own)))


def _own(kind: str) -> tuple[Setting, ...]:
    """The settings of a kind of signal."""
    cls: Any = registry.part("slis", kind)
    return settings(cls)


def signal(spec: Form, own: Sequence[Form]) -> Signal | None:
    """``own`` are the annotations that may say what is counted, the nearest first."""
    if spec.has("thresholdMetric"):
        spec.refuse("ratioMetric", "an indicator is a ratio or a threshold metric")
        threshold = spec.form("thresholdMetric", True)
        notes = spec.kept("description")
        spec.close()
        return measured(own, threshold, [*notes, *query(threshold)]) if threshold else None
    ratio = spec.form("ratioMetric", True)
    notes = spec.kept("description")
    if ratio is None:
        return None
    notes += queries(ratio)
    spec.close()
    return counted(own, ratio, notes)


def measured(own: Sequence[Form], place: Form, notes: Sequence[str]) -> Signal | None:
    """The signal of a threshold metric: any kind but a ratio, with that kind's settings."""
    said = next((form for form in own if form.has(f"{OURS}kind")), None)
    if said is None:
        place.source.fault(place.place, f"the annotation {OURS}kind", "only a query of another system", MEASURE)
        return None
    kinds = [kind for kind in registry.kinds("slis") if kind != "ratio"]
    kind = said.choice(f"{OURS}kind", kinds, True, "" if said.text(f"{OURS}kind") != "ratio" else "use ratioMetric")
    if not kind:
        return None
    known = {setting.key: setting.required for setting in _own(kind)}
    found = tuple((key, said.text(f"{OURS}{key}", needed)) for key, needed in known.items())
    for key in spoken():
        if key not in (*known, *RATIO[2:], "kind"):
            said.refuse(f"{OURS}{key}", f"a {kind} has no such setting ({listed(known) or 'it has none'})")
    labels, origin = _shared(said)
    return Signal(kind, tuple((key, value) for key, value in found if value), labels, origin, tuple(notes))


def counted(own: Sequence[Form], place: Form, notes: Sequence[str]) -> Signal | None:
    """The signal that annotations describe."""
    said = next((form for form in own if form.has(f"{OURS}bad")), None)
    if said is None:
        place.source.fault(place.place, f"the annotation {OURS}bad, SQL over events that says which are bad",
                           "only queries of another system, which are not events", ASK)
        return None
    bad = said.read(f"{OURS}bad", lambda text: expression.read(text).text, True)
    total = said.read(f"{OURS}total", lambda text: expression.read(text).text) or ""
    labels, origin = _shared(said)
    if said.choice(f"{OURS}kind", ("ratio",), hint="this indicator is a ratio") == "" and said.has(f"{OURS}kind"):
        return None
    return Signal("ratio", (("bad", bad), ("total", total)), labels, origin, tuple(notes)) if bad else None


def _shared(said: Form) -> tuple[tuple[str, ...], str]:
    """(columns to split by, whose events), of any kind."""
    labels = tuple(filter(None, (one.strip() for one in said.text(f"{OURS}labels").split(","))))
    for label in labels:
        if label not in LABELS:
            said.fault(f"{OURS}labels", f"columns to split by ({listed(LABELS)})", quoted(label),
                       did_you_mean(label, LABELS))
    return labels, said.choice(f"{OURS}origin", get_args(Origin))


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
            notes += [f"{key} query: {line}" for line in old_query(form)]
    ratio.close()
    return notes


def old_query(form: Form) -> list[str]:
    """One metric source of v1alpha."""
    form.choice("source", ("prometheus", "Prometheus"), hint="only queries of Prometheus are kept")
    found = form.text("query", True).splitlines()
    form.kept("queryType", "metadata")
    form.close()
    return found
