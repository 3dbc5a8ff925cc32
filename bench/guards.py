"""What the checks cost and what they find, beside floors and peers. Run: python bench/guards.py

Cost: microseconds of CPU per 500 characters, beside two floors; of every check also p50, p99, MB/s and what a megabyte
costs of its share (1.0: linear). Detection: personal data beside
Presidio (``_detection.py``), Korean numbers and keys (``_identifiers.py``), the rest beside naive ways
(``_baselines.py``).

Floors: encoding the text (nothing looked at), and Python's ``re`` searching the same patterns one after another
(nothing validated, so it does less than the check). Sparse texts are ordinary prose without personal data; the dense
one has a value every 20 characters. No text is looked at twice, since some checks remember what they saw, and each
has looked at as much before, since automata are built as they go. Middle of several rounds; ``--json`` prints the raw
numbers.
"""

from __future__ import annotations

import itertools
import json
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import _baselines
import _detection
import _identifiers

from bongsu.checks.code import Code
from bongsu.checks.grounding import Grounding
from bongsu.checks.injection import Injection
from bongsu.checks.injection_forms import FORMS as PHRASES
from bongsu.checks.names import Names
from bongsu.checks.pattern import Pattern
from bongsu.checks.pii import Pii
from bongsu.checks.pii_forms import FORMS
from bongsu.checks.probing import Probing
from bongsu.checks.toxicity import Toxicity

SIZE, PIECES, BIG = 500, 200, 1_000_000
TARGETS = {"pii": 100.0, "pattern": 75.0, "injection": 120.0, "pii + pattern + injection": 175.0}
EN = ("The committee met on Tuesday to discuss the budget for 2026 and the 14 open positions; nobody could agree on "
      "the final figures, which is why the chair asked for a second draft by Friday. It will be sent to all members. ")
KO = ("오늘 회의에서는 2026년 예산과 신규 채용 14건을 논의했습니다. 최종 금액에 합의하지 못해 금요일까지 두 번째 "
      "초안을 작성하기로 했습니다. 담당자는 검토 의견을 모아 다시 안내할 예정입니다. ")
QUOTED = "The “committee” didn’t agree — the chair’s second draft is due by Friday… “It will be sent,” she said. "
DENSE = "010-1234-5678 kim@example.com 900101-1234568 카드 4111 1111 1111 1111, "
TEXTS = {name: (text * SIZE)[:SIZE] for name, text in
         {"sparse EN": EN, "sparse KO": KO, "typographic EN": QUOTED, "dense": DENSE}.items()}


_numbers = itertools.count()


def _number() -> int:
    """Of five digits, not soon the same."""
    return 10_000 + next(_numbers) % 90_000


def varied(text: str, many: int) -> list[str]:
    """So many texts alike and of one length, none of which was there before: each begins with a number of its own."""
    return [f"No. {_number()}: {text[11:]}" for _ in range(many)]


def spent(work: Callable[[str], Any], texts: list[str]) -> float:
    begun = time.process_time()
    for text in texts:
        work(text)
    return time.process_time() - begun


def micros(work: Callable[[str], Any], text: str, rounds: int = 7) -> float:
    """CPU microseconds of one call: the middle of several rounds of at least 20 ms."""
    calls = 1
    while spent(work, varied(text, calls)) < 0.02:
        calls *= 2
    return statistics.median(spent(work, varied(text, calls)) for _ in range(rounds)) / calls * 1e6


def python_re(patterns: list[str]) -> Callable[[str], object]:
    """The same patterns in Python's engine, one after another."""
    compiled = [re.compile(p, re.ASCII) for p in patterns]

    def look(text: str) -> object:
        return [m.span() for c in compiled for m in c.finditer(text)]

    return look


def every() -> dict[str, Callable[[str], object]]:
    """Each check as it is asked for a text of its own, with its defaults."""
    grounding, code, toxicity = Grounding(), Code(), Toxicity()
    return {"pii": Pii().look, "pattern": Pattern().look, "injection": Injection().look, "probing": Probing().look,
            "toxicity": toxicity.look, "names": Names().look, "code": lambda t: code.look(f"```python\n{t}\n```"),
            "grounding": lambda t: grounding.support(t, [EN + KO])}


def prose(size: int) -> str:
    """Ordinary text of both languages, no two lines alike, nor like those of another call."""
    lines, length = [], 0
    while length < size:
        lines.append((EN, KO)[len(lines) % 2].replace("14", str(_number())) + "\n")
        length += len(lines[-1])
    return "".join(lines)[:size]


def shares(work: Callable[[str], Any]) -> tuple[float, float, float, float]:
    """p50 and p99 of CPU microseconds per 500 characters, MB/s of UTF-8, and a megabyte's cost by the 10 kB's."""
    first, text = prose(PIECES * SIZE), prose(PIECES * SIZE)
    for at in range(0, len(first), SIZE):
        work(first[at:at + SIZE])
    took = sorted(1e6 * spent(work, [text[at:at + SIZE]]) for at in range(0, len(text), SIZE))
    ratio = 1e6 * spent(work, [prose(BIG)]) / BIG / (micros(work, prose(10_000), 3) / 10_000)
    return took[len(took) // 2], took[len(took) * 99 // 100], len(text.encode()) / sum(took), ratio


def main() -> None:
    pii, pattern, injection = Pii(), Pattern(), Injection()
    works: dict[str, Callable[[str], object]] = {
        "encode only": lambda t: t.encode(),
        "python re, pii patterns": python_re([f.pattern for f in FORMS]),
        "python re, phrases": python_re(list(PHRASES)),
        "pii": pii.look,
        "pattern": pattern.look,
        "pii + pattern": lambda t: (pii.look(t), pattern.look(t)),
        "injection": injection.look,
        "pii + pattern + injection": lambda t: (pii.look(t), pattern.look(t), injection.look(t)),
        "pii hold": pii.hold,
        "pattern hold": pattern.hold,
    }
    table = {name: {text: round(micros(work, body), 1) for text, body in TEXTS.items()} for name, work in works.items()}
    if "--json" in sys.argv:
        print(json.dumps({"python": platform.python_version(), "characters": SIZE, "micros": table}))
        return
    print(f"CPU microseconds per {SIZE} characters, Python {platform.python_version()}, {platform.machine()}")
    print(f"{'':26}" + "".join(f"{text:>16}" for text in TEXTS))
    for name, row in table.items():
        print(f"{name:26}" + "".join(f"{row[text]:16.1f}" for text in TEXTS))
    for name, limit in TARGETS.items():
        worst = max(row for text, row in table[name].items() if text != "dense")
        print(f"{name}: {worst:.1f} of {limit:.0f} allowed on sparse text: {'met' if worst <= limit else 'NOT MET'}")
    print(f"\n{'every check, prose':26}{'p50 us':>12}{'p99 us':>12}{'MB/s':>10}{'1 MB / 10 kB':>16}")
    for name, work in every().items():
        p50, p99, rate, ratio = shares(work)
        print(f"{name:26}{p50:12.1f}{p99:12.1f}{rate:10.3f}{ratio:16.2f}")
    sys.stdout.flush()
    _detection.main()
    _identifiers.main()
    _baselines.main()


if __name__ == "__main__":
    main()
