"""Personal data: places found against places labelled, by entity and by source.

A finding is right if it is of the labelled entity and the two places share at least half of what either covers
(intersection over union). Every labelled span counts, also of entities that the check does not look for: those are
missed. A finding of a kind that the source never labels is told apart (``other_findings``), since nobody said whether
it is wrong. For test vectors without places, as many findings as expected are right.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from bongsu.evaluation.measure import Counts, wilson
from bongsu.evaluation.rows import Row, by_source
from bongsu.evaluation.tally import Timer, macro, speed, timed
from bongsu.ports import Finding

NAMES = {"CRYPTO": "wallet", "CREDIT_CARD": "card", "EMAIL_ADDRESS": "email", "IP_ADDRESS": "ip",
         "PHONE_NUMBER": "phone", "IBAN_CODE": "iban", "PS": "person", "PER": "person", "LC": "location",
         "LOC": "location", "GPE": "location", "MAC_ADDRESS": "mac",
         "KR_FOREIGNER": "kr_frn", "KR_BRN": "kr_business", "KR_CRN": "kr_corporate",
         "KR_DRIVER_LICENSE": "kr_licence", "KR_BANK_ACCOUNT": "kr_account", "BANK_ACCOUNT": "kr_account",
         "KR_HEALTH_INSURANCE": "kr_insurance", "DATE_OF_BIRTH": "birth_date", "DOB": "birth_date",
         "STREET_ADDRESS": "address", "DATE_TIME": "date", "NRP": "nationality", "DOMAIN_NAME": "domain",
         "SECRET": "key", "API_KEY": "key", "PASSWORD": "password"}
"""What others call an entity -> what we do; anything else is taken in lower case."""
NOT_PERSONAL = frozenset(("OG", "DT", "TI", "QT"))
"""Labels of KLUE's named entities that are no personal data: organisations, dates, times, quantities."""
SHARED = 0.5


class Place(NamedTuple):
    kind: str
    start: int
    end: int


def kind_of(label: str) -> str:
    """
    >>> kind_of("CREDIT_CARD"), kind_of("KR_RRN"), kind_of("PS")
    ('card', 'kr_rrn', 'person')
    """
    return NAMES.get(label.upper(), label.lower())


def evaluate_pii(file: str, rows: Sequence[Row], look: Callable[[str], Sequence[Finding]],
                 timer: Timer = time.thread_time_ns) -> dict[str, Any]:
    """The report as JSON; ``by_entity`` has the figures of each kind over the whole file."""
    found, took = timed(lambda row: look(row["text"]), rows, timer)
    parts, entities = {}, Counter[str]()
    by_entity: dict[str, Counts] = {}
    for name, at in by_source(list(rows)):
        labelled = {place.kind for i in at for place in _gold(rows[i])} | {kind_of(rows[i]["entity"]) for i in at
                                                                          if rows[i].get("spans") is None}
        total, other, flagged = Counts(), 0, 0
        mine: dict[str, Counts] = {}
        for i in at:
            counts = compare(rows[i], found[i], labelled)
            other += sum(f.kind not in labelled for f in found[i])
            flagged += bool(found[i])
            for kind, one in counts.items():
                mine[kind] = mine.get(kind, Counts()) + one
                by_entity[kind] = by_entity.get(kind, Counts()) + one
        total = sum(mine.values(), Counts())
        entities.update({kind: c.hit + c.missed for kind, c in mine.items()})
        parts[name] = {"n": len(at), "positives": total.hit + total.missed, "auc": None, **_figures(total),
                       "flagged": round(flagged / len(at), 4), "other_findings": other,
                       "by_entity": {kind: _figures(c) for kind, c in sorted(mine.items())}}
    return {"kind": "pii", "file": file, "n": len(rows), "by_source": parts, "macro": macro(parts),
            "by_entity": {kind: {"n": entities[kind], **_figures(c)} for kind, c in sorted(by_entity.items())},
            "time": speed(took, [len(row["text"].encode("utf-8", "replace")) for row in rows])}


def compare(row: Row, found: Sequence[Finding], labelled: Iterable[str]) -> dict[str, Counts]:
    """Hits, misses and wrong findings of a row, by kind."""
    if row.get("spans") is None and row.get("expected_spans") is None:
        kind = kind_of(row["entity"])
        came, wanted = sum(f.kind == kind for f in found), row["expected_count"]
        return {kind: Counts(min(came, wanted), max(0, wanted - came), max(0, came - wanted))}
    gold, left = list(_gold(row)), [f for f in found if f.kind in set(labelled)]
    out: dict[str, Counts] = {}
    for place in gold:
        match = next((f for f in left if f.kind == place.kind and _same(f, place)), None)
        if match is not None:
            left.remove(match)
        out[place.kind] = out.get(place.kind, Counts()) + Counts(hit=int(match is not None),
                                                                 missed=int(match is None))
    for f in left:
        out[f.kind] = out.get(f.kind, Counts()) + Counts(wrong=1)
    return out


def _gold(row: Row) -> list[Place]:
    if row.get("spans") is None:
        return [Place(kind_of(row["entity"]), a, b) for a, b in row.get("expected_spans") or ()]
    return [Place(kind_of(s["label"]), s["start"], s["end"]) for s in row["spans"] if s["label"] not in NOT_PERSONAL]


def _same(found: Finding, place: Place) -> bool:
    shared = min(found.end, place.end) - max(found.start, place.start)
    whole = max(found.end, place.end) - min(found.start, place.start)
    return shared > 0 and shared >= SHARED * whole


def _figures(c: Counts) -> dict[str, Any]:
    recall = wilson(c.hit, c.hit + c.missed)
    values = {"precision": c.precision, "recall": c.recall, "f1": c.f(1), "f2": c.f(2)}
    return {**{k: None if v is None else round(v, 4) for k, v in values.items()},
            "interval": {"recall": None if recall is None else [round(v, 4) for v in recall]}}
