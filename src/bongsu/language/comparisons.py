"""Why something cannot be compared, or its reference does not serve, and the same in Korean.

Rows of the table of ``sentences.py``; the sentences are those of ``drift.py``, ``novelty.py``, ``slis/drift.py`` and
``offline/comparison.py``.
"""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

COMPARISONS: tuple[tuple[str, str], ...] = (
    (r"no reference of the policy's types is registered yet", "정책의 자료형에 맞는 기준이 아직 등록되지 않음"),
    (r"insufficient data: (?P<a>[\d,]+) rows, (?P<b>[\d,]+) are needed", "판단할 데이터 부족: {a}행, {b}행 이상 필요"),
    (r"unsuitable: (?P<a>.+)", "기준으로 쓸 수 없음: {a}"),
    (r"it is (?P<a>\S+) throughout", "모든 값이 {a}"),
    (r"it has no values", "값이 없음"),
    (r"it has no words", "단어가 없음"),
    (r"its deciles collapse into (?P<a>\d+) bins; (?P<b>\d+) or more are needed", "십분위가 구간 {a}개로 뭉침, {b}개 이상 필요"),
    (r"most of its (?P<a>\d+) values are beyond the (?P<b>\d+) most frequent", "값 {a}종의 대부분이 가장 흔한 {b}종에 들지 않음"),
    (r"only in the current file", "현재 파일에만 있음"),
    (r"only in the reference", "기준에만 있음"),
    (r"its type \((?P<a>.+)\) has no distribution to compare", "비교할 분포가 없는 형식({a})"),
    (r"numbers in the reference, (?P<a>.+) in the current file", "기준에서는 숫자, 현재 파일에서는 {a}"),
    (r"reference (?P<a>\S+) has no column (?P<b>[^\s;]+)", "기준 {a}에 {b} 열이 없음"),
    (r"(?P<a>[^\s:;]+): (?P<b>it(?:s deciles collapse into \d+ bins; \d+ or more are needed| is \S+ throughout| has no \w+)|most of its .+ most frequent)", "{a}: {b}"),
)
