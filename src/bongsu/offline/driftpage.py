"""A comparison as one HTML page: no script, nothing loaded from elsewhere, so it can be mailed and kept."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, Literal

from bongsu.language.sentences import say
from bongsu.offline.comparison import NEW_WORDS, TOGETHER, bars, judged, percent

Language = Literal["en", "ko"]
WORDS: dict[Language, dict[str, str]] = {
    "en": {"title": "Drift", "rows": "{reference:,} rows in the reference, {current:,} now",
           "none": "No column has drifted.", "nothing": "No column could be judged.",
           "few": "No column has drifted. {few} could not be judged.",
           "some": "{n} of {all} columns have drifted: {names}.",
           "terms": "A column alarms when its {measure} is above {threshold:g} and chance would give as much in less "
                    "than {alpha:g} of cases, over {comparisons} columns.",
           "column": "column", "verdict": "verdict", "drift": "drift", "ok": "no drift", "before": "reference",
           "after": "now", "skipped": "Not compared",
           "joint": "numbers together: {about} ({directions} directions)", "new": NEW_WORDS},
    "ko": {"title": "드리프트", "rows": "기준 {reference:,}행, 현재 {current:,}행",
           "none": "드리프트가 발견된 열이 없습니다.", "nothing": "판정할 수 있는 열이 없습니다.",
           "few": "드리프트가 발견된 열이 없습니다. 판정하지 못한 열: {few}개",
           "some": "{all}개 열 중 {n}개에서 드리프트: {names}",
           "terms": "{measure} 값이 {threshold:g} 초과이고, 변화가 없을 때 우연히 이만큼 나올 확률이 "
                    "(열 {comparisons}개 기준) {alpha:g} 미만이면 경보",
           "column": "열", "verdict": "판정", "drift": "드리프트", "ok": "변화 없음", "before": "기준",
           "after": "현재", "skipped": "비교하지 않은 열",
           "joint": "수치형 열 전체: {about} (방향 {directions}개)", "new": ": 새 단어"},
}
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid #ddd}
th:first-child,td:first-child,td.note{text-align:left}.drift{color:#a11;font-weight:600}figure{margin:2rem 0}
svg{width:100%;height:auto}svg text{font-size:11px;fill:#333}.a{fill:#9db4c8}.b{fill:#d9772b}
"""
_MEASURES = ("psi", "kl", "js", "chi2", "wasserstein", "p")


def page(report: dict[str, Any], language: Language = "en") -> str:
    """The report of ``comparison.compare`` as a page. Names come from files, so every one is escaped."""
    words = WORDS[language]
    return (f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{words['title']}</title><style>{_STYLE}</style></head><body>{''.join(_body(report, language))}"
            "</body></html>\n")


def shown(report: dict[str, Any], words: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Columns by what people call them, and numbers together as one more."""
    joint = report.get("joint")
    columns = {_called(name, words): one for name, one in report["columns"].items()}
    return {**columns, **({words["joint"].format(**joint): joint} if joint else {})}


def _called(name: str, words: dict[str, str]) -> str:
    return name.removesuffix(NEW_WORDS) + words["new"] if name.endswith(NEW_WORDS) else name


def summary(report: dict[str, Any], language: Language = "en") -> str:
    """What came out, as a sentence."""
    names, words = report["alarms"], WORDS[language]
    joint = report.get("joint")
    if not names:
        sure = judged(report)
        few = len(shown(report, words)) + len(report["skipped"]) - sure
        return words["nothing" if not sure else "few" if few else "none"].format(few=few)
    told = [words["joint"].format(**joint) if joint and name == TOGETHER else _called(name, words) for name in names]
    return words["some"].format(n=len(names), all=len(shown(report, words)), names=", ".join(told))


def _body(report: dict[str, Any], language: Language) -> Iterator[str]:
    words = WORDS[language]
    yield f"<h1>{words['title']}</h1><p>{escape(summary(report, language))}</p>"
    yield f"<p>{words['rows'].format(**report['rows'])}. {words['terms'].format(**report['terms'])}</p>"
    head = "".join(f"<th>{name}</th>" for name in (*_MEASURES, words["verdict"]))
    yield f"<table><thead><tr><th>{words['column']}</th>{head}</tr></thead><tbody>"
    for name, one in shown(report, words).items():
        yield f"<tr><td>{escape(name)}</td>"
        if one["note"]:
            yield f'<td class="note" colspan="{len(_MEASURES) + 1}">{escape(say(one["note"], language))}</td></tr>'
            continue
        yield "".join(f"<td>{number(one[m])}</td>" for m in _MEASURES)
        yield '<td class="drift">' + words["drift"] if one["alarm"] else "<td>" + words["ok"]
        yield "</td></tr>"
    yield "</tbody></table>"
    for name, one in shown(report, words).items():
        yield f"<figure><figcaption>{escape(name)}</figcaption>{_chart(one, words, name)}</figure>"
    if report["skipped"]:
        listed = "".join(f"<li>{escape(name)}: {escape(say(why, language))}</li>"
                         for name, why in report["skipped"].items())
        yield f"<h2>{words['skipped']}</h2><ul>{listed}</ul>"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2e}" if value and abs(value) < 1e-4 else f"{value:.4f}"


def _chart(one: dict[str, Any], words: dict[str, str], name: str) -> str:
    """Two bars a bin: the reference's share above, today's below."""
    rows = bars(one)
    most = max((max(a, b) for _, a, b in rows), default=1) or 1
    label = f"{name}: {words['before']}, {words['after']}"
    out = [f'<svg viewBox="0 0 640 {24 * len(rows) + 4}" role="img" aria-label="{escape(label, quote=True)}">']
    for i, (bin_name, before, after) in enumerate(rows):
        y = 24 * i
        out.append(f'<text x="0" y="{y + 15}">{escape(bin_name[:28])}</text>')
        for offset, css, share in ((2, "a", before), (12, "b", after)):
            out.append(f'<rect class="{css}" x="190" y="{y + offset}" width="{380 * share / most:.1f}" height="9"/>')
        out.append(f'<text x="580" y="{y + 15}">{percent(before)} / {percent(after)}</text>')
    return "".join(out) + "</svg>"
