"""What fact checkers' ratings mean: a share of truth for each, 0 false to 1 true.

A rating is a publisher's own words (``textualRating``; schema.org's ``Rating.alternateName``). The scales are those of
PolitiFact, Snopes, AFP, Full Fact and SNU FactCheck, five steps from false to true. What says that nobody knows
(``unproven``, ``판단 유보``) or what a thing is (``satire``) stands in no scale and is no verdict; any other word is
unknown, and whoever runs this is told, so that they can say what it means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_STEPS: Mapping[float, str] = {
    1.0: "true, correct, accurate, fact, verified, 사실, 참, 진실, 진짜, 사실임, 정확",
    0.75: "mostly true, mostly correct, mostly accurate, largely true, 대체로 사실, 대체로 참, "
          "대부분 사실, 진실에 가까움",
    0.5: "half true, mixture, mixed, partly true, partially true, partly false, partially false, 절반의 사실, "
         "절반의 진실, 절반만 사실, 일부 사실, 부분 사실",
    0.25: "mostly false, mostly incorrect, largely false, barely true, misleading, missing context, out of context, "
          "lacks context, distorts the facts, exaggerated, 대체로 사실 아님, 대체로 거짓, 거짓에 가까움, 오해의 소지, "
          "오해의 소지 있음, 맥락 누락, 과장, 왜곡",
    0.0: "false, incorrect, inaccurate, wrong, not true, untrue, fake, fabricated, hoax, altered, doctored, "
         "manipulated, pants on fire, debunked, scam, 거짓, 사실 아님, 사실이 아님, 전혀 사실 아님, 전혀 사실이 아님, "
         "허위, 가짜, 가짜 뉴스, 허위 정보, 조작",
}
RATINGS: Mapping[str, float] = {word.strip(): share for share, words in _STEPS.items() for word in words.split(",")}
SILENT = frozenset((
    "unproven", "unverified", "unsupported", "unfounded", "unknown", "undetermined", "inconclusive", "no evidence",
    "insufficient evidence", "needs context", "research in progress", "in progress", "outdated", "satire", "parody",
    "opinion", "legend", "explainer", "analysis", "판단 유보", "판정 유보", "판단 불가", "확인 불가",
    "확인 중", "검증 중", "근거 부족", "근거 없음", "입증 안 됨", "풍자", "의견", "설명"))
"""What stands in no scale."""
_APART = re.compile(r"[\W_]+")
_FIRST = re.compile(r"[.:!(–—]|\s-\s")


def plain(rating: str) -> str:
    """A rating without its case, hyphens and quotation marks.

    >>> plain("  “Pants-on-Fire!” ")
    'pants on fire'
    """
    return _APART.sub(" ", unicodedata.normalize("NFKC", rating).casefold()).strip()


def share(rating: str, table: Mapping[str, float]) -> float | None:
    """The share of truth that a rating stands for; of one with an explanation, what it says first. None: unknown.

    >>> share("Mostly False", RATINGS), share("False: the photo is of 2017", RATINGS), share("Unproven", RATINGS)
    (0.25, 0.0, None)
    >>> share("전혀 사실 아님", RATINGS)
    0.0
    """
    found = table.get(plain(rating))
    return table.get(plain(_FIRST.split(rating.lstrip(), maxsplit=1)[0])) if found is None else found


def unknown(rating: str, table: Mapping[str, float]) -> str:
    """A rating as it was written if nobody has said what it means; else nothing.

    >>> unknown(" Quatre  Pinocchios!", RATINGS), unknown("Unproven", RATINGS), unknown("False.", RATINGS)
    ('Quatre Pinocchios!', '', '')
    """
    words = plain(rating)
    first = plain(_FIRST.split(rating.lstrip(), maxsplit=1)[0])
    return "" if share(rating, table) is not None or {words, first} & SILENT else " ".join(rating.split())
