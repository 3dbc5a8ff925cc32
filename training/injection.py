# ruff: noqa: T201 (it prints its report)
"""Trains the weights of the ``injection`` check: see README.md beside it for how to run it.

Reads the evaluation data (BONGSU_EVAL_DATA) and our own sentences, writes ``src/bongsu/checks/injection.weights``, and
with ``--report`` prints what the check finds in sources that training did not see. ``--check`` compares instead of
writing, ``--dry`` does neither.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import grammar
import hidden
import numpy as np
import packages
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from bongsu.checks import hashed, injection_map
from bongsu.checks.folded import folded
from bongsu.checks.injection import pack

HERE = Path(__file__).parent
TARGET = HERE.parent / "src/bongsu/checks/injection.weights"
DATA = Path(os.environ.get("BONGSU_EVAL_DATA", HERE.parents[1] / "shared" / "data"))
POSITIVE = 1.0  # the attacks' share of the weight in a tongue, relative to the harmless rows
STRENGTH = 30.0  # inverse regularisation
RARITY = 0.3  # of the number of texts with a feature: what is seen of it goes down by this power of it
TYPICAL = 200  # rows of a source past which each of its rows counts less
TONGUES = range(3)
NO_DOCUMENT = -12.0  # the odds of a hidden task where a text is no document
SHARE = 0.01  # of harmless prompts: where the score is 0.5
SHARE_HIDDEN = 0.004  # of them: where a hidden task counts as much as an attack at its cut
WEIGHT_HIDDEN = 0.7  # of the odds of a hidden task, beside those of an attack
ATTACKS = ({"trustairlab_itw_jailbreak", "gptfuzzer_templates", "giskard_prompt_injections"},
           {"cse persuasion", "cse virtualization", "cse different_user_input_language"},
           {"cse system_mode", "cse indirect_reference", "bipia_train"},
           {"cse hypothetical_scenario", "cse token_smuggling"},
           {"cse overload_with_information", "cse mixed_techniques", "cse payload_splitting", "cse many_shot_attack"})
HARMLESS = ({"self_instruct_user_oriented", "songys_chatbot_ko", "forbidden_questions", "llmail_fp_emails",
             "our own 0"},
            {"clinc150", "kobbq_test", "advbench", "cyberseceval_instruct", "our own 1"},
            {"cyberseceval_frr_en", "cyberseceval_frr_multilingual", "gptfuzz_questions", "redteam_ko_harmful",
             "our own 2"},
            {"halueval_general", "mt_vicuna_bench", "bipia_train", "writingbench", "our own 3"})
"""Sources and techniques that are left out together; a row is scored only by models that saw nothing of its own."""
NO_ATTACK_IN_THE_TEXT = "cse different_user_input_language"  # a plain question in another language
JUDGED_ONLY = ("bipia_train", "halueval_general", "writingbench")
"""The first two are MIT as collections, but made of texts under other licences; the third does not say."""


SENTENCES = ("grammar", "attacks", "personas", "requests", "tongues", "korean", "everyday", "work_en", "work_ko")
"""Files of sentences with slots, our own."""
EVERYDAY = "work_ko"
"""One whose harmless texts stand for what people write in Korean every day, beside the data's small talk and
questionnaires; a quarter of its sentences is left out together, as a source is."""
PROMPTS = ("seeds requests", "seeds tongues", "seeds korean", "seeds work_en")
"""Those whose harmless texts are what people ask."""


@dataclass(frozen=True)
class Row:
    text: str
    label: int
    group: str
    lang: str
    kind: str
    sentence: str = ""
    """What it was drawn from, if it is one of ours."""

    @property
    def origin(self) -> str:
        """Its source, whole: the file of one of ours."""
        return self.sentence.rpartition(" ")[0] or self.group

    @property
    def taught(self) -> bool:
        """What is under a licence for it, and an attack by its own words."""
        return self.group not in JUDGED_ONLY and not (self.label and self.group == NO_ATTACK_IN_THE_TEXT)

    @property
    def prompt(self) -> bool:
        return self.kind.startswith("benign") and self.group != "bipia_train"

    @property
    def plain(self) -> bool:
        """A harmless prompt that may be learned from, ours among them."""
        return self.taught and (self.prompt or (not self.label and self.group in PROMPTS))


def read(name: str) -> list[dict[str, str]]:
    """Rows under a licence that lets the weights be ours: MIT, Apache, CC BY; share-alike is none of them."""
    rows = [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").split("\n") if line]
    return [r for r in rows if r["license"].startswith(("MIT", "Apache-2.0", "CC BY ")) and "SA" not in r["license"]]


def own(name: str, t: grammar.Text) -> Row:
    """A text of one of our files."""
    if name == EVERYDAY and not t.label:
        return Row(t.text, 0, f"our own {t.sentence % len(HARMLESS)}", t.lang, "benign", f"{name} {t.sentence}")
    return Row(t.text, t.label, f"seeds {name}", t.lang, "seed", f"{name} {t.sentence}")


def corpus() -> list[Row]:
    rows = []
    for r in read("guard_prompts.jsonl") + read("harmful_requests.jsonl") + read("indirect_injection.jsonl"):
        group = r["source"]
        if group == "cyberseceval_prompt_injection":
            group = "cse " + r["group"].split("|")[1]
        harmful = r["kind"] == "harmful_request"
        rows.append(Row(r["text"], 0 if harmful else int(r["label"]), group, r["lang"], r["kind"]))
    rows += [Row(r["question"], 0, r["source"], "en", "benign") for r in read("rag_hallucination.jsonl")
             if r["source"] == "halueval_general"]
    rows += [Row(f"{r['context']} {r['question']}", 0, r["source"], "ko", "benign") for r in read("bias_probes.jsonl")]
    rows += [Row(r["prompt"], 0, r["source"], "en", "benign_hard") for r in read("secure_code.jsonl")]
    for line in (HERE / "seeds.tsv").read_text(encoding="utf-8").splitlines():
        label, lang, text = line.split("\t")
        rows.append(Row(text, int(label), "seeds", lang, "seed"))
    rows += [own(name, t) for name in SENTENCES for t in grammar.Grammar(HERE / f"{name}.txt").texts()]
    rows += [Row(text, label, name, "en", "seed") for name, label, texts in packages.taught() for text in texts]
    talk = begin()
    rows += [Row(f"{r['context']} {r['answer']}", 0, r["source"], "en", "seed") for r in talk[::4]]
    return rows + [Row(text, 0, "writingbench", "en", "benign") for text in packages.writing(0)]


def begin() -> list[dict[str, str]]:
    return [r for r in read("rag_hallucination.jsonl") if r["source"] == "begin_wow"]


class Table:
    """Rows, with what they hide behind an encoding, as windows of hashed features; ``own`` is the row of a window."""

    def __init__(self, rows: list[Row]) -> None:
        sets = [(i, sorted(w)) for i, row in enumerate(rows)
                for view in injection_map.views(row.text) for w in injection_map.windows(view)]
        self.rows, self.own = rows, np.array([i for i, _ in sets])
        self.tongue = np.array([injection_map.tongue(next(injection_map.views(row.text))) for row in rows])
        at = np.cumsum([0] + [len(s) for _, s in sets])
        values = np.concatenate([np.full(len(s), 1 / math.sqrt(len(s) or 1)) for _, s in sets])
        self.x = sp.csr_matrix((values, np.concatenate([np.array(s, np.int32) for _, s in sets]), at),
                               shape=(len(sets), hashed.SIZE))
        self.y = np.array([rows[i].label for i in self.own])
        windows, many = np.bincount(self.own), Counter(row.origin for row in rows)
        self.weight = np.array([math.sqrt(min(1.0, TYPICAL / many[rows[i].origin]) / windows[i]) for i in self.own])
        self.seen = self._seen()

    def _seen(self) -> sp.csr_matrix:
        """Which features are in which window, but for those of a window that another of the same sentence has."""
        names = [row.sentence or str(n) for n, row in enumerate(self.rows)]
        _, told = np.unique(names, return_inverse=True)
        pairs = np.repeat(told[self.own], np.diff(self.x.indptr)) * self.x.shape[1] + self.x.indices
        _, first = np.unique(pairs, return_index=True)
        ones = np.zeros(self.x.nnz)
        ones[first] = 1
        return sp.csr_matrix((ones, self.x.indices, self.x.indptr), shape=self.x.shape)

    def rarity(self, use: np.ndarray) -> np.ndarray:
        """How much is seen of each feature: the more of the texts have it, the less."""
        many = np.maximum(np.asarray(self.seen[use].sum(axis=0)).ravel(), 1)
        found = many ** -RARITY
        return found / math.sqrt(np.average(found ** 2, weights=many))

    def best(self, scores: np.ndarray) -> np.ndarray:
        out = np.full(len(self.rows), -np.inf)
        np.maximum.at(out, self.own, scores)
        return out

    def heard(self, scores: np.ndarray) -> np.ndarray:
        """One score of all windows of a row, as the check has it."""
        best, sharp = self.best(scores), injection_map.SHARPNESS
        near = np.bincount(self.own, np.exp(sharp * (scores - best[self.own])), minlength=len(self.rows))
        return best + np.log(near) / sharp

    def fit(self, taught: np.ndarray) -> tuple[np.ndarray, float]:
        """Twice: of an attack's windows, the second time only those count that the first time looked like one."""
        use = taught[self.own]
        weight = self.weight.copy()
        for tongue in TONGUES:  # so that a language as such says nothing
            high, low = (use & (self.tongue[self.own] == tongue) & (self.y == label) for label in (1, 0))
            weight[high] *= POSITIVE * weight[low].sum() / weight[high].sum()
        rarity = self.rarity(use)
        x = self.x @ sp.diags_array(rarity)
        for _ in range(2):
            model = LogisticRegression(C=STRENGTH, solver="liblinear", tol=0.01, max_iter=50)
            model.fit(x[use], self.y[use], sample_weight=weight[use])
            scores = x @ model.coef_[0] + model.intercept_[0]
            use &= (self.y == 0) | (scores > 0) | (scores >= self.best(scores)[self.own])
        return model.coef_[0] * rarity, float(model.intercept_[0])


def echoes(rows: list[Row], attacks: set[str]) -> np.ndarray:
    """Which rows are left out, or are attacks that share eight words in a row with one that is: sources copy."""
    def runs(row: Row) -> set[tuple[bytes, ...]]:
        tokens = injection_map.words(injection_map.fold(row.text))
        return {tuple(tokens[i:i + 8]) for i in range(len(tokens) - 7)}

    held: set[tuple[bytes, ...]] = set().union(*(runs(r) for r in rows if r.label and r.group in attacks))
    return np.array([bool(r.label) and (r.group in attacks or not held.isdisjoint(runs(r))) for r in rows])


def unseen(table: Table, attacks: set[str]) -> np.ndarray:
    """Scores by models that saw nothing of these attacks; a harmless row, by one that also saw nothing of its source.

    Scores of two models do not compare, so the attacks get the mean over the models, and each set of attacks its cut.
    """
    groups, label = np.array([row.group for row in table.rows]), np.array([row.label for row in table.rows])
    taught = np.array([row.taught for row in table.rows]) & ~echoes(table.rows, attacks)
    out = np.zeros(len(groups))
    for fold in HARMLESS:
        held = (label == 0) & np.isin(groups, sorted(fold))
        coef, bias = table.fit(taught & ~held)
        scores = table.heard(table.x @ coef + bias)
        out += np.where(held, scores, 0) + np.where(label == 1, scores / len(HARMLESS), 0)
    return out


def planted(rows: list[Row], pieces: hidden.Table) -> np.ndarray:
    """As ``unseen``, the odds of a hidden task; no attack of a source takes part in it, so that there is one set."""
    out = np.zeros(len(rows))
    for fold in HARMLESS:
        model = pieces.fit([row.text for row in rows if row.plain and row.group not in fold], fold)
        for n, row in enumerate(rows):
            if row.label or row.group in fold:
                found = model.odds(folded(row.text))
                odds = NO_DOCUMENT if found is None else found
                out[n] += odds / len(HARMLESS) if row.label else odds
    return out


def cuts_of(table: Table, scores: np.ndarray, share: float) -> list[float]:
    """A cut for each tongue: harmless Korean prompts score lower, plain harmful requests count among them."""
    counts = np.array([row.prompt or (row.kind == "harmful_request" and row.lang == "ko") for row in table.rows])
    return [float(np.quantile(scores[counts & (table.tongue == tongue)], 1 - share)) for tongue in TONGUES]


@dataclass(frozen=True)
class Calibration:
    """Of the two scores of a text, one (``together``) whose cut is where ``SHARE`` of unseen harmless prompts alarm.

    A line for each tongue: the cut of the score and what a unit of it counts.
    """

    windows: list[tuple[float, float]]
    hidden: list[tuple[float, float]]
    both: list[tuple[float, float]]


def line(table: Table, scores: np.ndarray) -> list[tuple[float, float]]:
    """The middling harmless prompt of a tongue comes out at -log 9, the one at the cut at 0."""
    cuts, middles = cuts_of(table, scores, SHARE), cuts_of(table, scores, 0.5)
    return [(round(cut, 6), round(math.log(9) / (cut - middle), 6)) for cut, middle in zip(cuts, middles, strict=True)]


def along(table: Table, scores: np.ndarray, lines: list[tuple[float, float]]) -> np.ndarray:
    cuts, slopes = (np.array(part)[table.tongue] for part in zip(*lines, strict=True))
    return (scores - cuts) * slopes


def calibrated(table: Table, windows: np.ndarray, odds: np.ndarray) -> tuple[np.ndarray, Calibration]:
    """The two scores as one: their odds are added. At the end a unit of the windows is the same in every tongue, that
    of English: with one each, what is below the cut in one tongue would be below what is harmless in another."""
    first = line(table, windows)
    second = [(round(cut, 6), WEIGHT_HIDDEN) for cut in cuts_of(table, odds, SHARE_HIDDEN)]
    both = np.logaddexp(along(table, windows, first), along(table, odds, second))
    found = line(table, both)
    unit = found[0][1] * first[0][1]
    last = [(cut, round(unit / own, 6)) for (cut, _), (_, own) in zip(found, first, strict=True)]
    return along(table, both, last), Calibration(first, second, last)


def unseen_templates(table: Table, lang: str, scores: np.ndarray) -> float:
    """The share of our own attacks in a language that alarm where their sentence took no part in the training.

    A third of the sentences at a time; the words in their slots are those of others, so that this says how far
    wording carries, not more.
    """
    numbers: dict[str, int] = {}
    number = np.array([numbers.setdefault(row.sentence, len(numbers)) if row.sentence and row.label and row.lang == lang
                       else -1 for row in table.rows])
    taught, found = np.array([row.taught for row in table.rows]), 0
    cuts = cuts_of(table, scores, SHARE)
    for part in range(3):
        held = (number >= 0) & (number % 3 == part)
        coef, bias = table.fit(taught & ~held)
        found += int((table.heard(table.x @ coef + bias) >= np.array(cuts)[table.tongue])[held].sum())
    return found / int((number >= 0).sum())


def report(table: Table, odds: np.ndarray) -> None:
    """Alarms per source, at the cut that lets the stated share of unseen harmless prompts raise one."""
    seen: dict[tuple[str, str, str], list[tuple[bool, ...]]] = {}
    for attacks in ATTACKS:
        scores, _ = calibrated(table, unseen(table, attacks), odds)
        cuts = [cuts_of(table, scores, share) for share in (SHARE / 2, SHARE)]
        for row, score, tongue in zip(table.rows, scores, table.tongue, strict=True):
            if row.kind == "seed" or (row.label and row.group not in attacks):
                continue
            lang = row.lang if row.lang in ("en", "ko") else "other"
            kind = "attack" if row.label else "harmful" if row.kind == "harmful_request" else row.kind
            for group in {row.group, *(["ALL"] if not row.label or row.taught or lang == "other" else [])}:
                seen.setdefault((kind, lang, group), []).append(tuple(score >= cut[tongue] for cut in cuts))
    print(f"{'':17}{'':6}{'':34}{'rows':>6}{'at 0.5 %':>10}{'at 1 %':>9}")
    for (kind, lang, group), found in sorted(seen.items()):
        n = len(found) if kind == "attack" else len(found) // len(ATTACKS)
        low, high = (sum(col) / len(found) for col in zip(*found, strict=True))
        print(f"{kind:17}{lang:6}{group:34}{n:6}{low:10.1%}{high:9.1%}")
    scores = unseen(table, set())
    print("our own attacks by sentences not trained on: " +
          ", ".join(f"{lang} {unseen_templates(table, lang, scores):.1%}" for lang in ("en", "ko")))


def pieces(rows: list[Row]) -> hidden.Table:
    """What documents and their sentences are made of; passages of the encyclopaedia as each is first talked about."""
    return hidden.Table(rows, list(dict.fromkeys(row["context"] for row in begin()))[::3])


def main() -> None:
    rows = corpus()
    table, made = Table(rows), pieces(rows)
    odds = planted(rows, made)
    if "--report" in sys.argv:
        report(table, odds)
    _, lines = calibrated(table, unseen(table, set()), odds)
    coef, bias = table.fit(np.array([row.taught for row in rows]))
    scale = float(np.abs(coef).max() / 127)
    found = made.fit(row.text for row in rows if row.plain)
    told = sorted({f"{row.label}\t{row.text}" for row in rows if row.taught}
                  | {f"{d.kind}\t{d.text}" for d in made.documents})
    head = {"windows": {"bias": round(bias, 6), "scale": round(scale, 9), "lines": lines.windows},
            "hidden": {"bias": found.bias, "scale": found.scale, "start": found.start, "trees": found.trees,
                       "lines": lines.hidden},
            "lines": lines.both, "rows": len(told), "data": hashlib.sha256("\n".join(told).encode()).hexdigest()}
    data = pack(head, np.rint(coef / scale).astype(int).tolist(), found.table)
    if "--check" in sys.argv:
        raise SystemExit(0 if TARGET.read_bytes() == data else "injection.weights: training gives other bytes")
    if "--dry" not in sys.argv:
        TARGET.write_bytes(data)


if __name__ == "__main__":
    main()
