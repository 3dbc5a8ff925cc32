"""Korean numbers, accounts and keys as they stand in sentences: what is found, and what is found that is none.

Everything is made here from a fixed seed by the issuers' public rules: half of the resident numbers as issued since
October 2020 (no check digit), all with a particle glued on. The harmless numbers beside them are barcodes, order
numbers, amounts and times. Keys and passwords behind names are those of ``tests/secretforms.py``. False ones are
counted in the documentation that came with the installed packages.
"""

from __future__ import annotations

import random
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from stdnum import ean

from bongsu.checks import korean_ids
from bongsu.checks.pii import Pii

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from secretforms import BASIC, KEYS, LOGINS, written

EACH, LINES = 300, 12_000
SECRETS = frozenset(("key", "jwt", "password", "private_key", "url_password"))
PARTICLES = ("입니다", "이고요", "으로", "을", "이에요", "인데", "")
BANKS = ("국민은행", "신한은행", "우리은행", "하나은행", "농협", "카카오뱅크", "기업은행")
SHAPES = (("AKIA", 16, string.ascii_uppercase + "234567"), ("ghp_", 36, ""), ("github_pat_", 82, ""),
          ("glpat-", 20, ""),
          ("sk-ant-api03-", 95, ""), ("sk-proj-", 64, ""), ("hf_", 34, string.ascii_letters), ("gsk_", 52, ""),
          ("AIza", 35, ""), ("xoxb-1234567890-1234567890-", 24, ""), ("sk_live_", 24, ""), ("npm_", 36, ""),
          ("SG.", 22, ""), ("dapi", 32, "0123456789abcdef"), ("shpat_", 32, "0123456789abcdef"),
          ("sk-svcacct-", 64, ""), ("sk-or-v1-", 64, "0123456789abcdef"), ("sk-ant-oat01-", 95, ""), ("xai-", 80, ""),
          ("r8_", 37, ""), ("pplx-", 48, ""), ("nvapi-", 64, ""), ("tgp_v1_", 43, ""), ("fw_", 24, ""),
          ("csk-", 48, ""), ("pcsk_", 70, ""), ("tvly-dev-", 32, ""), ("up_", 29, ""), ("AQ.", 50, ""),
          ("ncp_iam_", 20, ""), ("sk_", 48, "0123456789abcdef"), ("hvs.", 90, ""), ("dckr_pat_", 27, ""))
"""What a key of a provider begins with, and how many letters of which alphabet follow (letters and digits, if none)."""
Made = Callable[[random.Random], str]


def digits(r: random.Random, n: int) -> str:
    return "".join(r.choices("0123456789", k=n))


def person(r: random.Random, marks: str) -> str:
    """A resident's or foreigner's number; every other one has a check digit."""
    first = f"{r.randrange(100):02}{r.randrange(1, 13):02}{r.randrange(1, 29):02}"
    body = first + r.choice(marks) + digits(r, 5)
    last = next(d for d in "0123456789" if korean_ids.resident_check(body + d))
    return f"{first}-{body[6:]}{last if r.random() < 0.5 else r.randrange(10)}"


def resident(r: random.Random) -> str:
    while True:  # born after today is no number, so the century is the last one or this one's past
        number = person(r, "1234")
        if number[7] in "12" or int(number[:2]) < 25:
            return number


def foreigner(r: random.Random) -> str:
    while True:
        number = person(r, "5678")
        if number[7] in "56" or int(number[:2]) < 25:
            return number


def business(r: random.Random) -> str:
    body = digits(r, 9)
    body += next(d for d in "0123456789" if korean_ids.business_check(body + d))
    return f"{body[:3]}-{body[3:5]}-{body[5:]}"


def mobile(r: random.Random) -> str:
    return f"010-{r.randrange(2000, 9999)}-{digits(r, 4)}"


def barcode(r: random.Random) -> str:
    body = f"880{digits(r, 9)}"
    return body + str(ean.calc_check_digit(body))


def account(r: random.Random) -> str:
    return "-".join(digits(r, n) for n in r.choice(((3, 2, 6), (6, 2, 6), (3, 6, 2, 3), (4, 3, 6), (3, 4, 4, 2))))


KINDS: dict[str, tuple[str, Made]] = {
    "kr_rrn": ("주민등록번호는 {}{}", resident), "kr_frn": ("외국인등록번호 {}{}", foreigner),
    "kr_business": ("사업자등록번호는 {}{}", business), "phone": ("연락처는 {}{}", mobile),
    "kr_account": ("{bank} 계좌 {}{}", account)}
HARMLESS: tuple[Made, ...] = (
    lambda r: f"바코드 {barcode(r)}를 스캔했습니다", lambda r: f"주문번호 {digits(r, 12)}입니다",
    lambda r: f"금액은 {r.randrange(1, 999)},{digits(r, 3)},{digits(r, 3)}원입니다",
    lambda r: f"버전 {r.randrange(9)}.{digits(r, 2)}.1",
    lambda r: f"2026-{r.randrange(1, 13):02}-{r.randrange(1, 29):02} {r.randrange(24):02}시에 시작합니다",
    lambda r: f"상품 코드는 {digits(r, 4)}-{digits(r, 3)}이고 재고는 {r.randrange(900)}개입니다")


def korean() -> None:
    """Recall by kind; precision over the same sentences and as many harmless ones."""
    r, look = random.Random(20261122), Pii().look
    wrong = dict.fromkeys(KINDS, 0)
    found = dict.fromkeys(KINDS, 0)
    for kind, (sentence, make) in KINDS.items():
        for _ in range(EACH):
            value = make(r)
            text = sentence.format(value, r.choice(PARTICLES), bank=r.choice(BANKS))
            came = {(f.kind, text[f.start:f.end]) for f in look(text)}
            found[kind] += (kind, value) in came
            for other in (k for k, v in came if k in wrong and (k, v) != (kind, value)):
                wrong[other] += 1
    for make in HARMLESS:
        for _ in range(EACH):
            for f in look(make(r)):
                if f.kind in wrong:
                    wrong[f.kind] += 1
    print(f"\nKorean numbers in sentences, {EACH} of each, and {len(HARMLESS) * EACH} harmless ones")
    for kind, hits in found.items():
        precision = hits / max(1, hits + wrong[kind])
        print(f"{kind:20} recall {hits / EACH:.3f}  precision {precision:.3f}")


def documentation() -> Iterator[str]:
    """Lines of pages and docstrings that came with the installed packages."""
    for folder in map(Path, sys.path):
        if folder.name == "site-packages":
            for path in sorted(folder.rglob("*")):
                if path.suffix in (".md", ".rst") or path.name == "METADATA":
                    yield from path.read_text(encoding="utf-8", errors="replace").splitlines()


def secrets() -> None:
    """Recall on the published shapes of keys, and hits in lines that hold none."""
    r, look = random.Random(20261123), Pii().look
    hits = n = 0
    for start, size, alphabet in SHAPES:
        for _ in range(40):
            tail = "".join(r.choices(alphabet or string.ascii_letters + string.digits, k=size))
            if start == "SG.":
                tail += "." + "".join(r.choices(string.ascii_letters + string.digits, k=43))
            text = r.choice(("token {} works", "제 키는 {}입니다", 'export KEY="{}"', "see {}.")).format(start + tail)
            n += 1
            hits += any(f.kind in SECRETS for f in look(text))
    lines = [line for line, _ in zip((x for x in documentation() if x.strip()), range(LINES), strict=False)]
    false = sum(any(f.kind in SECRETS for f in look(line)) for line in lines)
    print(f"\nsecrets: {hits} of {n} keys of {len(SHAPES)} published shapes found; {false} of {len(lines):,} lines of "
          "documentation with a false one")


def named() -> None:
    """Secrets without a shape of their own in every form they are written in: how many are hidden whole."""
    look = Pii().look
    hits, n = Counter[str](), Counter[str]()
    for one in written(20261123, EACH):
        at = one.text.index(one.secret)
        covered = {i for f in look(one.text) for i in range(f.start, f.end)}
        n[one.form] += 1
        hits[one.form] += covered.issuperset(range(at, at + len(one.secret.rstrip("="))))
    print(f"\nsecrets behind their names, {EACH} of each form")
    for name, forms in (("keys", KEYS), ("passwords and logins", LOGINS), ("Basic", BASIC)):
        worst = min(forms, key=lambda form: hits[form] / n[form])
        print(f"{name:22}{len(forms):4} forms  recall {sum(hits[f] for f in forms) / sum(n[f] for f in forms):.3f}  "
              f"worst {worst}: {hits[worst] / n[worst]:.3f}")


def main() -> None:
    korean()
    secrets()
    named()


if __name__ == "__main__":
    main()
