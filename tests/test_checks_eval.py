"""The checks against public evaluation data (BONGSU_EVAL_DATA); the floors lie a little below what was measured."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

import evaldata
from bongsu.checks.grounding import unsupported
from bongsu.checks.pattern import Pattern
from bongsu.checks.pii import Pii
from bongsu.evaluation.measure import auc

KINDS = {"CREDIT_CARD": "card", "EMAIL_ADDRESS": "email", "IP_ADDRESS": "ip", "PHONE": "phone", "PHONE_NUMBER": "phone",
         "US_SSN": "us_ssn", "KR_RRN": "kr_rrn", "IBAN_CODE": "iban"}


def agrees(row: dict[str, Any], check: Pii) -> bool:
    """As many findings of the kind as expected, each touching its expected place (a ``/24`` may be left out)."""
    found = [f for f in check.look(row["text"]) if f.kind == KINDS[row["entity"]]]
    if len(found) != row["expected_count"]:
        return False
    spans = row["expected_spans"] or [(f.start, f.end) for f in found]
    return all(f.start < end and f.end > start for f, (start, end) in zip(found, spans, strict=True))


@pytest.mark.parametrize(("kind", "floor"), [("card", 1.0), ("email", 1.0), ("kr_rrn", 1.0), ("us_ssn", 0.9),
                                             ("ip", 0.95), ("phone", 0.65)])
def test_identifier_vectors_are_judged_as_their_authors_expect(kind, floor) -> None:
    """``least`` is low here, since the authors count loopback addresses and bare numbers, which we rate as unsure."""
    check = Pii(least=0.3 if kind in ("ip", "us_ssn") else 0.5)
    vectors = [r for r in evaldata.rows("pii_id_vectors.jsonl") if KINDS[r["entity"]] == kind]
    assert len(vectors) >= 8
    assert sum(agrees(r, check) for r in vectors) / len(vectors) >= floor


def test_synthetic_sentences_give_up_their_entities() -> None:
    check, hit, all_ = Pii(), Counter[str](), Counter[str]()
    wrong = 0
    for row in evaldata.rows("pii_spans.jsonl"):
        if row["source"] != "presidio_synth_v2":
            continue
        found = check.look(row["text"])
        gold = [s for s in row["spans"] if s["label"] in KINDS]
        for s in gold:
            all_[KINDS[s["label"]]] += 1
            hit[KINDS[s["label"]]] += any(f.kind == KINDS[s["label"]] and f.start < s["end"] and f.end > s["start"]
                                          for f in found)
        wrong += sum(f.kind in KINDS.values() and all(f.start >= s["end"] or f.end <= s["start"] for s in row["spans"])
                     for f in found)
    floors = {"email": 1.0, "iban": 0.95, "us_ssn": 0.95, "ip": 0.95, "card": 0.9, "phone": 0.65}
    short = {kind: f"{hit[kind]}/{all_[kind]}" for kind, floor in floors.items() if hit[kind] < floor * all_[kind]}
    assert not short
    assert wrong <= 0.02 * sum(all_.values())


def test_korean_news_and_reviews_hold_almost_no_numbers_of_persons() -> None:
    news = [r for r in evaldata.rows("pii_spans.jsonl") if r["source"] == "klue_ner_dev"]
    assert sum(bool(Pii().look(r["text"])) for r in news) <= 0.002 * len(news)


@pytest.mark.req("D8")
def test_the_built_in_phrases_find_injections_and_almost_never_a_harmless_prompt() -> None:
    check = Pattern()
    hits, seen = Counter[str](), Counter[str]()
    for row in evaldata.rows("guard_prompts.jsonl"):
        group = row["source"] if row["label"] else "harmless"
        seen[group] += 1
        hits[group] += bool(check.look(row["text"]))
    print({g: f"{hits[g]}/{seen[g]} = {hits[g] / seen[g]:.1%}" for g in sorted(seen)})
    assert seen["harmless"] > 2000
    assert hits["harmless"] < 0.01 * seen["harmless"]
    assert hits["trustairlab_itw_jailbreak"] >= 0.5 * seen["trustairlab_itw_jailbreak"]
    assert hits["giskard_prompt_injections"] >= 0.75 * seen["giskard_prompt_injections"]


def test_the_built_in_phrases_leave_other_texts_alone() -> None:
    """Comments, answers and documents without an attack on the model."""
    clean = [r["text"] for r in evaldata.rows("toxicity_ko.jsonl")]
    clean += [r["text"] for r in evaldata.rows("indirect_injection.jsonl") if r["label"] == 0]
    clean += [r["answer"] for r in evaldata.rows("rag_hallucination.jsonl")]
    check = Pattern()
    assert sum(bool(check.look(t)) for t in clean) < 0.01 * len(clean)


@pytest.mark.req("D7")
def test_grounding_is_better_than_the_overlap_of_words_on_every_source() -> None:
    """No figure is pooled; the check was fitted on BEGIN alone."""
    scored: dict[str, list[tuple[int, float, float]]] = {}
    for row in evaldata.rows("rag_hallucination.jsonl"):
        said, there = (set(re.findall(r"\w+", row[key].lower())) for key in ("answer", "context"))
        ours = unsupported(row["answer"], [row["context"]])
        if ours is not None:
            scored.setdefault(row["source"], []).append((row["label"], ours, 1 - len(said & there) / max(1, len(said))))
    for source, found in scored.items():
        ours, overlap = (auc([r[i] for r in found if r[0]], [r[i] for r in found if not r[0]]) for i in (1, 2))
        print(f"{source}: overlap {overlap:.3f}, ours {ours:.3f}")
        assert ours > overlap
