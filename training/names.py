# ruff: noqa: T201 (it prints its report)
"""Fits the weights of the ``names`` check: see README.md beside it for how to run it.

Reads ``pii_spans.jsonl`` of the evaluation data (BONGSU_EVAL_DATA), writes one file of weights a language beside the
check, and with ``--report`` prints what a fit on four fifths of the data finds in the last fifth. ``--check`` compares
instead of writing. A conditional random field (Lafferty, McCallum, Pereira 2001), fitted by CRFsuite (Okazaki 2007).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pycrfsuite

from bongsu.checks import names_map
from bongsu.checks.names import Model, pack, unpack
from bongsu.evaluation.spans import SHARED

HERE = Path(__file__).parent
DATA = Path(os.environ.get("BONGSU_EVAL_DATA", HERE.parents[1] / "shared" / "data"))
KINDS = {
    "ko": {"PS": "person", "LC": "location", "OG": "organization"},
    "en": {"PERSON": "person", "STREET_ADDRESS": "address", "GPE": "location", "ORGANIZATION": "organization",
           "DATE_TIME": "date", "TITLE": "title", "NRP": "nationality", "AGE": "age", "ZIP_CODE": "zip_code",
           "DOMAIN_NAME": "domain", "US_DRIVER_LICENSE": "us_driver_license"},
}
SOURCES = {"ko": "klue_ner_dev", "en": "presidio_synth_v2"}
PENALTIES = {"ko": {"c1": float(os.environ.get("C1", 0)), "c2": float(os.environ.get("C2", 0.3))}, "en": {"c1": 0.1, "c2": 0.1}}
ROUNDS = 80
AGAIN = int(os.environ.get("AGAIN", 1))
FAMILY = ("김" * 21 + "이" * 15 + "박" * 8 + "최" * 5 + "정" * 5 + "강" * 2 + "조" * 2 + "윤" * 2 + "장" * 2 + "임" * 2
          + "한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염")
GIVEN = "민서준지현수영진우성호정희은혜미경숙윤예하연아인재상동훈철용석태규원기선주승종명순옥광병창도환빈건율시유나라슬찬한혁형효"
"""Common syllables of Korean names, written for this project."""


class Sentence:
    """Feature numbers and labels of one piece of a text."""

    def __init__(self, text: str, spans: list[dict], language: str, labels: list[str], piece: tuple[int, int]) -> None:
        found = names_map.tokens(text, language, *piece)[:names_map.LONGEST]
        self.x = names_map.features(text, found, language)
        names = KINDS[language]
        self.y = [0] * len(found)
        for span in spans:
            kind = names.get(span["label"])
            inside = [i for i, t in enumerate(found) if kind and t.start < span["end"] and t.end > span["start"]]
            for n, i in enumerate(inside):
                self.y[i] = labels.index(("I-" if n else "B-") + str(kind))


def labels_of(language: str) -> list[str]:
    return ["O", *(f"{part}-{kind}" for kind in dict.fromkeys(KINDS[language].values()) for part in "BI")]


def rows(language: str) -> list[dict]:
    text = (DATA / "pii_spans.jsonl").read_text(encoding="utf-8")
    return [r for line in text.split("\n") if line and (r := json.loads(line))["source"] == SOURCES[language]]


def renamed(row: dict, luck: random.Random) -> dict:
    """The row with other people in it: a full Korean name becomes another of random common syllables."""
    text, spans, at = "", [], 0
    for span in sorted(row["spans"], key=lambda s: s["start"]):
        value = span["value"]
        if span["label"] == "PS" and len(value) == 3 and value[0] in FAMILY:
            value = luck.choice(FAMILY) + luck.choice(GIVEN) + luck.choice(GIVEN)
        text += row["text"][at:span["start"]]
        spans.append({**span, "start": len(text), "end": len(text) + len(value)})
        text, at = text + value, span["end"]
    return {**row, "text": text + row["text"][at:], "spans": spans}


def sentences(found: list[dict], language: str) -> list[Sentence]:
    labels = labels_of(language)
    out = [Sentence(r["text"], r["spans"], language, labels, (start, end))
           for r in found for lang, start, end in names_map.pieces(r["text"]) if lang == language]
    return [s for s in out if len(s.x)]


def fit(found: list[dict], language: str) -> Model:
    """The model of some rows, quantised as it is shipped."""
    labels = labels_of(language)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params={**PENALTIES[language], "max_iterations": ROUNDS,
                                                            "feature.possible_transitions": True}, verbose=False)
    luck = random.Random(7)
    more = [renamed(row, luck) for row in found for _ in range(AGAIN)] if language == "ko" else []
    for sentence in sentences(found + more, language):
        trainer.append([[str(i) for i in dict.fromkeys(ids)] for ids in sentence.x], [labels[y] for y in sentence.y])
    with TemporaryDirectory() as folder:
        trainer.train(f"{folder}/model")
        tagger = pycrfsuite.Tagger()
        with tagger.open(f"{folder}/model"):
            learnt = tagger.info()
    size, place = 1 << names_map.BITS[language], {label: i for i, label in enumerate(labels)}
    scale = max(map(abs, learnt.state_features.values())) / 127
    table = bytearray(size * len(labels))
    for (number, label), weight in learnt.state_features.items():
        table[place[label] * size + int(number)] = round(weight / scale) & 255
    moves = [[round(learnt.transitions.get((a, b), 0.0), 4) for b in labels] for a in labels]
    head = {"language": language, "labels": labels, "scale": scale, "moves": moves}
    return unpack(pack(head, bytes(table)), language)


# ---- the report ----


def score(model: Model, found: list[dict], language: str, threshold: float) -> dict[str, tuple[float, float, float]]:
    """Kind -> precision, recall, F2 of whole spans."""
    hit: dict[str, int] = {}
    said: dict[str, int] = {}
    true: dict[str, int] = {}
    for r in found:
        want = {(s["start"], s["end"], KINDS[language][s["label"]]) for s in r["spans"] if s["label"] in KINDS[language]}
        came = {(f.start, f.end, f.kind) for f in model.find(r["text"], threshold)}
        came = {next((w for w in want if w[2] == c[2] and shared(c, w) >= SHARED), c) for c in came}
        for _, _, kind in want:
            true[kind] = true.get(kind, 0) + 1
        for one in came:
            said[one[2]] = said.get(one[2], 0) + 1
            hit[one[2]] = hit.get(one[2], 0) + (one in want)
    out = {}
    for kind, n in true.items():
        p, r = hit.get(kind, 0) / max(1, said.get(kind, 0)), hit.get(kind, 0) / n
        out[kind] = (p, r, 5 * p * r / (4 * p + r) if p + r else 0.0)
    return out


def shared(a: tuple[int, int, str], b: tuple[int, int, str]) -> float:
    both = min(a[1], b[1]) - max(a[0], b[0])
    return max(0, both) / (a[1] - a[0] + b[1] - b[0] - both)


def fold_of(row: dict) -> int:
    return int(hashlib.sha256(row["group"].encode()).hexdigest(), 16) % 5


def report(language: str) -> None:
    found = rows(language)
    fold = int(os.environ.get("FOLD", "0"))
    held = [r for r in found if fold_of(r) == fold]
    model = fit([r for r in found if fold_of(r) != fold], language)
    for threshold in (0.1, 0.15, 0.2, 0.3):
        print(f"{language}, {len(held)} rows not fitted on, from {threshold}")
        for kind, (p, r, f2) in sorted(score(model, held, language, threshold).items()):
            print(f"  {kind:20} precision {p:.3f}  recall {r:.3f}  F2 {f2:.3f}")


def main(asked: list[str]) -> int:
    chosen = [a for a in asked if a in KINDS] or list(KINDS)
    wrong = 0
    for language in chosen:
        if "--report" in asked:
            report(language)
            continue
        target = HERE.parent / f"src/bongsu/checks/names_{language}.weights"
        data = fit(rows(language), language).packed()
        if "--check" in asked:
            same = target.read_bytes() == data
            print(f"{target.name}: {'the same bytes' if same else 'other bytes than the packaged ones'}")
            wrong += not same
        else:
            target.write_bytes(data)
            print(f"{target.name}: {len(data):,} bytes")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
