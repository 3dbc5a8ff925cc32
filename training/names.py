# ruff: noqa: T201 (it prints its report)
"""Fits the weights of the ``names`` check: see README.md beside it for how to run it.

Reads ``pii_spans.jsonl`` of the evaluation data (BONGSU_EVAL_DATA), writes one file of weights a tagger beside the
check, and with ``--report`` prints what fits on four fifths of the data find in the last fifth, each in turn.
``--check`` compares instead of writing. A conditional random field (Lafferty, McCallum, Pereira 2001), fitted by
CRFsuite (Okazaki 2007).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pycrfsuite

from bongsu.checks import names_map, names_morphs
from bongsu.checks.names import MORPHS, Model, pack, unpack
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
CHAT = {"ko": ("songys_chatbot_ko",), "en": ("clinc150",)}
"""What people write to an assistant, with hardly a name in it: taken as having none."""
GREETINGS = {"ko": (
    "안녕하세요", "안녕하세요.", "안녕하세요, 문의드립니다.", "안녕하십니까", "감사합니다.", "고맙습니다!",
    "수고하세요.", "죄송합니다.", "부탁드립니다.", "잘 부탁드려요", "네, 알겠습니다.", "반갑습니다.",
    "좋은 아침입니다.", "확인 부탁드립니다.", "이 문서를 요약해 줘.", "다음 글을 번역해 주세요.",
    "주문을 취소하고 싶어요.", "환불은 언제 되나요?", "오늘 회의는 3시에 시작합니다."), "en": (
    "What time does the library close on Sunday?", "See you on Monday or Friday.", "1234", "42", "3.14", "Room 12",
    "The meeting is in March.", "Hello!", "Hi there", "Good Morning", "Thank You", "Order 5521 has not arrived.",
    "Version 2.1 of the API returns HTTP 404.", "Chapter 3: Results", "Is Python faster than Java?", "Dear Customer,",
    "Best regards,", "Kind Regards", "Please Read The Terms", "The Internet was down in January and July.")}
PENALTIES = {"ko": {"c1": 0.05, "c2": 0.05}, "en": {"c1": 0.1, "c2": 0.1}}
ROUNDS = 100
TAGGERS = ("ko", "en", MORPHS)
FOLDS = 5


class Sentence:
    """Feature numbers and labels of one piece of a text."""

    def __init__(self, text: str, spans: list[dict], tagger: str, labels: list[str], piece: tuple[int, int]) -> None:
        found = names_map.tokens(text, tagger[:2], *piece)[:names_map.LONGEST]
        self.x = names_map.features(text, found, tagger,
                                    names_morphs.features(text, found, ()) if tagger == MORPHS else ())
        names = KINDS[tagger[:2]]
        self.y = [0] * len(found)
        for span in spans:
            kind = names.get(span["label"])
            inside = [i for i, t in enumerate(found) if kind and t.start < span["end"] and t.end > span["start"]]
            for n, i in enumerate(inside):
                self.y[i] = labels.index(("I-" if n else "B-") + str(kind))


def labels_of(tagger: str) -> list[str]:
    return ["O", *(f"{part}-{kind}" for kind in dict.fromkeys(KINDS[tagger[:2]].values()) for part in "BI")]


def rows(language: str) -> list[dict]:
    text = (DATA / "pii_spans.jsonl").read_text(encoding="utf-8")
    return [r for line in text.split("\n") if line and (r := json.loads(line))["source"] == SOURCES[language]]


def chat(language: str) -> list[dict]:
    text = (DATA / "guard_prompts.jsonl").read_text(encoding="utf-8")
    mine = [r for line in text.split("\n") if line and (r := json.loads(line))["source"] in CHAT[language]]
    plain = [{"text": g, "group": g} for g in GREETINGS[language]]
    return [{"text": r["text"], "spans": [], "group": r["text"]} for r in [*mine, *plain]]


def sentences(found: list[dict], tagger: str) -> list[Sentence]:
    labels = labels_of(tagger)
    out = [Sentence(r["text"], r["spans"], tagger, labels, (start, end))
           for r in found for lang, start, end in names_map.pieces(r["text"]) if lang == tagger[:2]]
    return [s for s in out if len(s.x)]


def fit(found: list[dict], tagger: str) -> Model:
    """The model of some rows, quantised as it is shipped."""
    labels = labels_of(tagger)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params={**PENALTIES[tagger[:2]], "max_iterations": ROUNDS,
                                                            "feature.possible_transitions": True}, verbose=False)
    for sentence in sentences(found, tagger):
        trainer.append([[str(i) for i in dict.fromkeys(ids)] for ids in sentence.x], [labels[y] for y in sentence.y])
    with TemporaryDirectory() as folder:
        trainer.train(f"{folder}/model")
        fitted = pycrfsuite.Tagger()
        with fitted.open(f"{folder}/model"):
            learnt = fitted.info()
    size, place = 1 << names_map.BITS[tagger], {label: i for i, label in enumerate(labels)}
    scale = max(map(abs, learnt.state_features.values())) / 127
    table = bytearray(size * len(labels))
    for (number, label), weight in learnt.state_features.items():
        table[place[label] * size + int(number)] = round(weight / scale) & 255
    moves = [[round(learnt.transitions.get((a, b), 0.0), 4) for b in labels] for a in labels]
    head = {"language": tagger, "labels": labels, "scale": scale, "moves": moves}
    return unpack(pack(head, bytes(table)), tagger)


# ---- the report ----


Counts = dict[str, list[int]]
"""Kind -> how many were found and right, found, there."""


def count(model: Model, found: list[dict], language: str, threshold: float, counts: Counts) -> None:
    """Add what a model finds in some rows, by whole spans."""
    for r in found:
        names = KINDS[language]
        want = {(s["start"], s["end"], names[s["label"]]) for s in r["spans"] if s["label"] in names}
        came = {(f.start, f.end, f.kind) for f in model.find(r["text"], threshold)}
        came = {next((w for w in want if w[2] == c[2] and shared(c, w) >= SHARED), c) for c in came}
        for n, spans in enumerate((want & came, came, want)):
            for _, _, kind in spans:
                counts.setdefault(kind, [0, 0, 0])[n] += 1


def rates(hit: int, said: int, true: int) -> tuple[float, float, float]:
    """Precision, recall, F2."""
    p, r = hit / max(1, said), hit / max(1, true)
    return p, r, 5 * p * r / (4 * p + r) if p + r else 0.0


def shared(a: tuple[int, int, str], b: tuple[int, int, str]) -> float:
    both = min(a[1], b[1]) - max(a[0], b[0])
    return max(0, both) / (a[1] - a[0] + b[1] - b[0] - both)


def fold_of(row: dict) -> int:
    return int(hashlib.sha256(row["group"].encode()).hexdigest(), 16) % FOLDS


def report(tagger: str) -> None:
    """Every row judged by a model that has seen nothing of its group: five fits, each without a fifth."""
    language = tagger[:2]
    found, others = rows(language), chat(language)
    counts: dict[float, Counts] = {threshold: {} for threshold in (0.1, 0.2, 0.25, 0.3, 0.4)}
    alarms = dict.fromkeys(counts, 0)
    for fold in range(FOLDS):
        model = fit([r for r in [*found, *others] if fold_of(r) != fold], tagger)
        for threshold, kinds in counts.items():
            count(model, [r for r in found if fold_of(r) == fold], language, threshold, kinds)
            alarms[threshold] += sum(any(f.kind == "person" for f in model.find(r["text"], threshold))
                                     for r in others if fold_of(r) == fold)
    for threshold, kinds in counts.items():
        print(f"{tagger}, {len(found)} rows, from {threshold}; a person in {alarms[threshold]} of {len(others)} chats")
        for kind, one in sorted(kinds.items()):
            p, r, f2 = rates(*one)
            print(f"  {kind:20} precision {p:.3f}  recall {r:.3f}  F2 {f2:.3f}")


def main(asked: list[str]) -> int:
    chosen = [a for a in asked if a in TAGGERS] or TAGGERS
    wrong = 0
    for tagger in chosen:
        if "--report" in asked:
            report(tagger)
            continue
        target = HERE.parent / f"src/bongsu/checks/names_{tagger}.weights"
        data = fit([*rows(tagger[:2]), *chat(tagger[:2])], tagger).packed()
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
