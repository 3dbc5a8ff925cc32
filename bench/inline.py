"""What the default inline guards cost one direction of a call, and how that grows: ``python bench/inline.py``

The set of docs/decisions: forms of personal data, phrases of injections, the linear classifier, the memory of attacks
(with 200 in it), as the gateway runs them. Microseconds of CPU for 500 characters, p50 and p99 of 2,000 texts no two of
which are alike (so nothing is kept from the look before); then microseconds per 500 characters of ever longer texts,
where a straight line is a constant. Where BONGSU_EVAL_DATA names a folder with ``guard_prompts.jsonl``, the first table
is printed once more for texts made of harmless prompts that people wrote. ``--json`` prints the raw numbers. Takes 40 s
on an idle machine, 80 with such a folder.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from bongsu.attack import key_of
from bongsu.checks.injection import Injection
from bongsu.checks.memory import Index, Recalling, traces_of
from bongsu.checks.pattern import Pattern
from bongsu.checks.pii import Pii
from bongsu.guard import Guard
from bongsu.ports import Check
from bongsu.privacy.tokens import Tokeniser
from bongsu.web.screen import Track

SIZE, TEXTS, TARGET, REMEMBERED = 500, 2_000, 175.0, 200
SIZES = (500, 5_000, 50_000, 500_000, 1_000_000)
WORDS = {
    "English": "the committee met on Tuesday to discuss budget for 2026 and 14 open positions nobody could agree final "
               "figures which is why chair asked second draft by Friday it will be sent all members before next "
               "meeting together with minutes list of questions please find attached our terms thank you",
    "Korean": "오늘 회의에서는 2026년 예산과 신규 채용 14건을 논의했습니다 최종 금액에 합의하지 못해 금요일까지 두 "
              "번째 초안을 작성하기로 담당자는 검토 의견을 모아 다시 안내할 예정입니다 참석자 명단과 질문 목록도 함께 "
              "보내 드립니다"}


_series = count()
"""So that no text comes twice: what has been scored is remembered."""


def texts(words: str, size: int, many: int) -> list[str]:
    dice = random.Random(next(_series))
    return [" ".join(dice.choices(words.split(), k=size // 2))[:size] for _ in range(many)]


def written(folder: Path, language: str) -> Callable[[str, int, int], list[str]]:
    """Texts like ``texts`` makes, of whole prompts of a language one behind the other."""
    lines = (folder / "guard_prompts.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    said = [row["text"] for row in map(json.loads, lines) if row["lang"] == language and not row["label"]]

    def made(_: str, size: int, many: int) -> list[str]:
        dice = random.Random(next(_series))
        return [" ".join(dice.choices(said, k=size // 5))[:size] for _ in range(many)]

    return made


def checks() -> dict[str, Check]:
    key, dice = key_of(Tokeniser(bytes(32))), random.Random(1)
    attacks = {str(n): traces_of([" ".join("".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(3, 9)))
                                           for _ in range(120))], key) for n in range(REMEMBERED)}
    index = Index.of(key, attacks)
    return {"pii": Pii(), "pattern": Pattern(), "injection": Injection(), "known_attack": Recalling(0.2, lambda: index)}


def spent(made: Sequence[Check], given: Sequence[str]) -> list[float]:
    """Microseconds of CPU for each text; a clock is read twice a text, as little as can be."""
    tracks, took = [Track(Guard(check.name, check), "input") for check in made], []
    for text in given:
        begun = time.thread_time_ns()
        for track in tracks:
            track.look(text)
        took.append((time.thread_time_ns() - begun) / 1000)
    return took


def compare(sets: dict[str, Sequence[Check]], make: dict[str, Callable[[str, int, int], list[str]]], of: str
            ) -> dict[str, dict[str, list[float]]]:
    """One table: a row for each set of checks, a column for each language."""
    print(f"CPU us per {SIZE} characters of {of}, p50 / p99; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"{'':16}" + "".join(f"{language:>20}" for language in WORDS))
    raw: dict[str, dict[str, list[float]]] = {}
    for name, some in sets.items():
        raw[name] = {}
        for language, words in WORDS.items():
            spent(some, make[language](words, SIZE, 50))
            took = sorted(spent(some, make[language](words, SIZE, TEXTS)))
            raw[name][language] = [statistics.median(took), took[int(len(took) * 0.99)]]
        print(f"{name:16}" + "".join(f"{p50:>11.1f} /{p99:>7.1f}" for p50, p99 in raw[name].values()))
    worst = max(p50 for p50, _ in raw["all of them"].values())
    print(f"all of them: {worst:.1f} of {TARGET:.0f} allowed: {'met' if worst <= TARGET else 'NOT MET'}\n")
    return raw


def main() -> int:
    made = checks()
    sets: dict[str, Sequence[Check]] = {**{name: [check] for name, check in made.items()},
                                        "all of them": list(made.values())}
    raw = compare(sets, dict.fromkeys(WORDS, texts), "random words")
    if folder := os.environ.get("BONGSU_EVAL_DATA"):
        codes = {"English": "en", "Korean": "ko"}
        compare(sets, {name: written(Path(folder), code) for name, code in codes.items()}, "prompts that people wrote")
    print(f"us per {SIZE} characters of a text of{'':5}" + "".join(f"{size:>12,}" for size in SIZES))
    for name, some in sets.items():
        grows = []
        for size in SIZES:
            many = max(2, min(50, 500_000 // size))
            grows.append(min(spent(some, texts(WORDS["English"], size, many))) * SIZE / size)
        raw[name]["growth"] = grows
        print(f"{name:38}" + "".join(f"{us:>12.1f}" for us in grows))
    if "--json" in sys.argv:
        print(json.dumps(raw))
    return 0


if __name__ == "__main__":
    sys.exit(main())
