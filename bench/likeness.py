"""What it costs to say whether a prompt repeats its user's last ones: process CPU time, the best of five rounds.

    python bench/likeness.py
"""

from __future__ import annotations

import random
import time

from bongsu.likeness import sketch
from bongsu.web.past import PROMPTS, Past

SIZES = (100, 500, 2000, 4000, 1_000_000)
ROUNDS = 5


def texts(size: int, n: int) -> list[str]:
    """Random words of 2 to 9 letters."""
    chance = random.Random(size)
    letters = "etaoinshrdlucmfw"
    return [" ".join("".join(chance.choices(letters, k=chance.randint(2, 9)))
                     for _ in range(size // 6 + 1))[:size] for _ in range(n)]


def best(work, prompts: list[str]) -> float:
    """Microseconds for each prompt."""
    took = []
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        for prompt in prompts:
            work(prompt)
        took.append((time.process_time_ns() - begun) / 1000 / len(prompts))
    return min(took)


def main() -> None:
    print(f"{'characters':>10} {'sketch, us':>11} {f'and {PROMPTS} compared, us':>22}")
    for size in SIZES:
        prompts = texts(size, 10 if size > 10_000 else 300)
        past = Past(bytes(16))
        print(f"{size:>10} {best(lambda text: sketch(text, bytes(16)), prompts):>11.0f} "
              f"{best(lambda text, past=past: past.note(text, 'user', 'key', 0), prompts):>22.0f}")


if __name__ == "__main__":
    main()
