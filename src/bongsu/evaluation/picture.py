"""A report as a picture: ROC curves where there are scores, and bars of recall (or F2) by source. Plain SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from bongsu.evaluation.measure import roc

Points = Sequence[tuple[float, float]]
_COLOURS = ("#1b6ca8", "#c44536", "#2a7f62", "#8a5a9e", "#b8860b", "#4a5568", "#d1495b", "#00798c")
_SIDE, _LEFT, _BAR = 320, 60, 22
_STYLE = "font:12px sans-serif;fill:#222"


def curves(scored: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, Points]:
    """Source -> its ROC curve, for those that have both labels; thinned to what can be seen."""
    return {name: _thin(roc(high, low)) for name, (high, low) in scored.items() if high and low}


def _thin(points: Points, most: int = 200) -> Points:
    step = max(1, len(points) // most)
    return [*points[::step], points[-1]]


def svg(report: Mapping[str, Any], drawn: Mapping[str, Points]) -> str:
    """The picture; the same report gives the same bytes."""
    key = "f2" if report["kind"] == "pii" else "recall"
    bars = [(name, part.get(key)) for name, part in report["by_source"].items()]
    bars += [(name, part.get(key)) for name, part in report.get("by_entity", {}).items()]
    top = _SIDE + 90 + 16 * len(drawn) if drawn else 40
    height = top + _BAR * len(bars) + 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{height}" viewBox="0 0 640 {height}">',
             f'<rect width="640" height="{height}" fill="#fff"/>',
             f'<text x="{_LEFT}" y="22" style="{_STYLE};font-weight:bold">bongsu eval {escape(report["kind"])}: '
             f'{report["n"]} rows</text>']
    if drawn:
        parts += _roc(drawn)
    parts.append(f'<text x="{_LEFT}" y="{top - 6}" style="{_STYLE}">{key}</text>')
    for i, (name, value) in enumerate(bars):
        parts += _bar(top + _BAR * i, name, value)
    return "\n".join([*parts, "</svg>", ""])


def html(report: Mapping[str, Any], drawn: Mapping[str, Points], words: Sequence[str]) -> str:
    """A page with the picture and the table."""
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>bongsu eval "
            f"{escape(report['kind'])}</title></head>\n<body>\n{svg(report, drawn)}"
            f"<pre>{escape(chr(10).join(words))}</pre>\n</body></html>\n")


def _roc(drawn: Mapping[str, Points]) -> list[str]:
    """One curve a source, over the diagonal of a coin."""
    x0, y0 = _LEFT, 40 + _SIDE
    out = [f'<rect x="{x0}" y="40" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>',
           f'<line x1="{x0}" y1="{y0}" x2="{x0 + _SIDE}" y2="40" stroke="#ccc"/>',
           f'<text x="{x0}" y="{y0 + 18}" style="{_STYLE}">false alarms 0 … 1, recall 0 … 1 upwards</text>']
    for i, (name, points) in enumerate(drawn.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        path = " ".join(f"{x0 + x * _SIDE:.1f},{y0 - y * _SIDE:.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        y = y0 + 36 + 16 * i
        out.append(f'<rect x="{x0}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
                   f'<text x="{x0 + 16}" y="{y}" style="{_STYLE}">{escape(name)}</text>')
    return out


def _bar(y: int, name: str, value: float | None) -> list[str]:
    wide = 260 * (value or 0.0)
    shown = "-" if value is None else f"{value:.2f}"
    return [f'<text x="{_LEFT}" y="{y + 14}" style="{_STYLE}">{escape(name)}</text>',
            f'<rect x="290" y="{y + 3}" width="{wide:.1f}" height="14" fill="{_COLOURS[0]}"/>',
            f'<text x="{290 + wide + 6:.1f}" y="{y + 14}" style="{_STYLE}">{shown}</text>']
