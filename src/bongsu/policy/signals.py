"""One signal in words and numbers: what is counted, what it is now and how sure, what would fire; in two languages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from bongsu.aggregate import Evidence
from bongsu.alert import Reading, Rule, Signal, Threshold, filled, needed, read_apart, read_each, read_evidence
from bongsu.cell import MOST_GROUPS, MOST_LABELS, OTHER, Cells, Labels
from bongsu.guard import Guard
from bongsu.incident import show
from bongsu.language.sentences import say as said
from bongsu.language.width import right
from bongsu.policy.explain import explain_rule
from bongsu.policy.model import Policy
from bongsu.policy.phrases import UNITS, Language
from bongsu.policy.powered import told
from bongsu.policy.sampled import finders
from bongsu.quantity import HOUR, Duration, show_duration, show_share
from bongsu.sampling import Sampled

POINTS = 12
_BACK = range(POINTS - 1, -1, -1)
WIDE = 30
NAMED = 3
WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "signal": "signal {name} ({kind}): {what}{by}", "by": ", for each {labels}", "all": "all events",
        "ratio": "the share of events where {bad}, out of {total}", "mean": "the sum of {sum} divided by that of {per}",
        "sum": "the sum of {of}", "rate": "how many events there are, for each {per}, where {of}",
        "calls": "how many of each {calls} events of {out_of} are events where {of}",
        "count": "how many events there are where {of}", "quantile": "the quantile {q} of {of}",
        "drift": "the largest distance ({measure}) of {columns} from reference {reference}",
        "joint_drift": "the largest distance ({measure}) of all numeric features together, along fixed directions, "
                       "from reference {reference}",
        "gap": "how far {measure} is apart between the values of {group}",
        "quality": "the share of events of which {columns} is bad ({measure})",
        "calibration": "how far scores are from what came true ({measure})",
        "performance": "{measure} of the predictions that have a label",
        "anomaly": "how many deviations {of} is from its own past (season: {season})",
        "other": "what {kind} counts ({settings})",
        "features": "all features", "n": "events",
        "now": "over the last {over}: {value}{interval}, from {n} events{about}{chance}",
        "interval": " (between {low} and {high})", "about": ", that of {about}",
        "chance": ", which chance may give", "none": "over the last {over}: no data",
        "few": "over the last {over}: insufficient data ({why})",
        "estimate": "guard {guard} looks at {share} of the calls: each that it looked at stands for as many more, so "
                    "the value is an estimate of all of them, and its interval is as much wider",
        "share of": "guard {guard} looks at {share} of the calls: only those are counted, so the value is an estimate "
                    "of all of them",
        "as it is": "it is found by {guards}, of whom not all look at every call: what was found is counted as it is, "
                    "and there may be more",
        "looks at": "{guard} ({share} of the calls)",
        "reference": "reference {name}, version {version}, from {source}: {rows} rows",
        "apart": "counted apart for {n} combinations of {labels}, of at most {most}{rest}",
        "groups": "counted apart for {n} values of {labels}, of at most {most}{rest}",
        "rest": "; the cap is reached, and what came beyond it is counted together as __other__{share}",
        "share": " ({share} of the last {over})",
        "needed": "; the value is beyond it, but not for sure: about {n} such events would prove it",
        "count of all": "how many events there are", "rate of all": "how many events there are, for each {per}",
        "firing": "now this holds: {alert}", "quiet": "now this does not hold: {alert}",
        "unjudged": "now this cannot be judged: {alert}",
        "newest": "; it looks at the last {over}, in which its {n} events came: {value}",
        "then": "; then it was {value}",
        "for": "; it holds for {who}", "one": "{who} ({value})", "more": " and {n} more",
        "nobody": "no alert looks at it", "latest": "now",
    },
    "ko": {
        "signal": "신호 {name}({kind}): {what}{by}", "by": ", {labels}별", "all": "모든 이벤트",
        "ratio": "{total} 가운데 {bad}인 이벤트의 비율", "mean": "{sum} 합계 ÷ {per} 합계",
        "sum": "{of} 합계", "rate": "{per}당 {of}인 이벤트 수",
        "calls": "{out_of} {calls}건당 {of}인 이벤트 수", "count": "{of}인 이벤트 수", "quantile": "{of}의 {q} 분위수",
        "drift": "기준 {reference} 대비 {columns} 분포 거리({measure}) 중 최댓값",
        "joint_drift": "기준 {reference} 대비 수치형 특성 전체의 결합 분포 거리({measure}, 고정 방향별) 중 최댓값",
        "gap": "{group} 값 사이의 {measure} 격차",
        "quality": "{columns} 값에 문제({measure})가 있는 이벤트의 비율",
        "calibration": "점수와 실제 결과의 차이({measure})",
        "performance": "라벨이 있는 예측의 {measure}",
        "anomaly": "자신의 과거와 비교한 {of} 편차(표준편차 단위, 계절성: {season})",
        "other": "{kind} 값({settings})",
        "features": "모든 특성", "n": "이벤트 수",
        "now": "최근 {over}: {value}{interval}, 이벤트 {n}건 기준{about}{chance}",
        "interval": "(구간 {low} ~ {high})", "about": ", 대상 {about}",
        "chance": ", 우연으로도 나올 수 있는 값", "none": "최근 {over}: 데이터 없음",
        "few": "최근 {over}: 판단할 데이터 부족({why})",
        "estimate": "{guard} 가드는 호출의 {share}만 검사: 검사한 호출 하나가 그만큼의 호출을 대표하므로 값은 전체의 "
                    "추정치이고, 구간도 그만큼 넓음",
        "share of": "{guard} 가드는 호출의 {share}만 검사: 검사한 호출만 집계하므로 값은 전체의 추정치",
        "as it is": "발견하는 가드: {guards}. 모든 호출을 검사하지는 않는 가드가 있어, 발견된 만큼만 집계한 "
                    "값이며 실제로는 더 많을 수 있음",
        "looks at": "{guard}(호출의 {share})",
        "reference": "기준 {name}, 버전 {version}, 출처 {source}: {rows}행",
        "apart": "{labels} 조합 {n}개를 따로 집계(최대 {most}개){rest}",
        "groups": "{labels} 값 {n}개를 따로 집계(최대 {most}개){rest}",
        "rest": "; 한도에 도달하여 초과분은 __other__로 합산{share}",
        "share": "(최근 {over} 중 {share})",
        "needed": "; 값은 기준을 넘었으나 확실하지 않음: 이런 이벤트 약 {n}건이면 입증",
        "count of all": "이벤트 수", "rate of all": "{per}당 이벤트 수",
        "firing": "현재 충족: {alert}", "quiet": "현재 미충족: {alert}",
        "unjudged": "현재 판단 불가: {alert}",
        "newest": "; 이벤트 {n}건이 모인 최근 {over} 기준 값: {value}",
        "then": "; 그때의 값: {value}", "for": "; 충족 대상: {who}", "one": "{who}({value})", "more": " 외 {n}개",
        "nobody": "이 신호를 보는 알림 없음", "latest": "현재",
    },
}


@dataclass(frozen=True)
class Point:
    """One window of the past, which ends at ``at``. Without a value (no data, or too little) it has a ``text`` only.

    ``beyond``: for sure beyond the threshold of an alert that looks at windows of this length.
    """

    at: int
    value: float | None
    low: float | None
    high: float | None
    n: int
    text: str
    beyond: bool


@dataclass(frozen=True)
class Explained:
    """``words`` are sentences, ``chart`` lines of text; the rest are the numbers behind them.

    ``points`` are the windows of the chart, oldest first, each ``over`` microseconds long; ``limits`` the thresholds of
    alerts that look at windows of that length.
    """

    name: str
    kind: str
    words: tuple[str, ...]
    chart: tuple[str, ...]
    value: float | None
    low: float | None
    high: float | None
    n: int
    significant: bool
    insufficient: str
    about: str
    over: int
    points: tuple[Point, ...]
    limits: tuple[float, ...]


def watching(rules: Iterable[Rule], signal: Signal) -> list[Rule]:
    """The alerts that look at a signal's value."""
    return [r for r in rules if not r.nodata and isinstance(r.when, Threshold) and r.when.signal.key == signal.key]


def window_of(rules: Iterable[Rule], base: int) -> Duration:
    """How long a window a signal is shown over: that of the first of its alerts, else an hour; whole base windows."""
    over = next((r.when.over for r in rules if isinstance(r.when, Threshold)), HOUR)
    return Duration(-(-over // base) * base)


def explain_signal(policy: Policy, rules: tuple[Rule, ...], signal: Signal, cells: Cells, now: int,
                   language: Language = "en") -> Explained:
    """What a signal of a bound plan says at ``now``, and what the alerts on it say of that."""
    mine = watching(rules, signal)
    over = window_of(mine, cells.base)
    moments = [now - back * over for back in _BACK]
    past = list(zip(moments, read_each(cells, signal, over, moments), strict=True))
    found = past[-1][1]
    teller = _Teller(WORDS[language], language)
    words = [teller.signal(signal), teller.now(signal, found, over), *teller.reference(signal),
             *teller.sampled(signal, policy.guards),
             *teller.labels(signal, cells, now, over, found.n),
             *(line for rule in mine for line in teller.alert(policy, rule, cells, now))]
    if not mine:
        words.append(teller.words["nobody"])
    chart = tuple(_chart(signal, [one for _, one in past], over, language))
    alike = [r.when for r in mine if isinstance(r.when, Threshold) and r.when.over == over]
    return Explained(signal.name, signal.sli.kind, tuple(words), chart, _plain(found.value), _plain(found.low),
                     _plain(found.high), found.n, found.significant, found.insufficient, found.about, over,
                     tuple(_point(signal, alike, at, one) for at, one in past),
                     tuple(dict.fromkeys(float(when.enter) for when in alike)))


def _plain(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _point(signal: Signal, rules: list[Threshold], at: int, found: Evidence) -> Point:
    known = found if not found.insufficient else Evidence(None, found.n)
    beyond = any(when.holds(known) for when in rules)
    text = "insufficient data" if found.insufficient else show(found.value, signal.unit)
    return Point(at, _plain(known.value), _plain(known.low), _plain(known.high), found.n, text, beyond)


class _Teller:
    """The words of one language."""

    def __init__(self, words: dict[str, str], language: Language) -> None:
        self.words, self.language = words, language

    def say(self, phrase: str, **said: Any) -> str:
        return self.words[phrase].format(**said)

    def signal(self, signal: Signal) -> str:
        sli = signal.sli
        own = {f.name: getattr(sli, f.name) for f in fields(sli) if not f.metadata.get("bound")}  # type: ignore[arg-type]
        given = {name: self._setting(name, value) for name, value in own.items()}
        if sli.kind == "rate" and own["per"]:
            given["per"] = self.duration(own["per"])
        listed = ", ".join(f"{name}: {text}" for name, text in given.items())
        phrase = "calls" if own.get("calls") else sli.kind if sli.kind in self.words else "other"
        if own.get("of", sli) is None and f"{phrase} of all" in self.words:
            phrase += " of all"
        by = self.say("by", labels=", ".join(signal.labels)) if signal.labels else ""
        return self.say("signal", name=signal.name, kind=sli.kind, by=by,
                        what=self.say(phrase, **{"settings": listed, "kind": sli.kind, **given}))

    def _setting(self, name: str, value: Any) -> str:
        if isinstance(value, tuple):
            return ", ".join(map(str, value)) or self.words["features"]
        if isinstance(value, Fraction):
            return show_share(value)
        return str(value) if value is not None else self.words["n" if name == "per" else "all"]

    def now(self, signal: Signal, found: Evidence, over: Duration) -> str:
        window = self.duration(over)
        if found.insufficient:
            return self.say("few", over=window, why=said(found.insufficient, self.language))
        if found.value is None:
            return self.say("none", over=window)
        low, high = (show(end, signal.unit) if end is not None else "∞" for end in (found.low, found.high))
        interval = self.say("interval", low=low, high=high) if found.low is not None else ""
        return self.say("now", over=window, value=show(found.value, signal.unit), interval=interval, n=f"{found.n:,}",
                        about=self.say("about", about=found.about) if found.about else "",
                        chance="" if found.significant else self.words["chance"])

    def reference(self, signal: Signal) -> Iterator[str]:
        one = getattr(signal.sli, "bound_to", None)
        if one is not None:
            yield self.say("reference", name=one.name, version=one.version, source=one.source, rows=f"{one.rows:,}")

    def sampled(self, signal: Signal, guards: Iterable[Guard]) -> Iterator[str]:
        """What a sample makes of the value."""
        sli = signal.sli
        if isinstance(sli, Sampled) and (sample := sli.sampling):
            if sample.share == 1:
                return
            phrase = "estimate" if "w" in sli.parts() else "share of"
            yield self.say(phrase, guard=sample.guard, share=show_share(sample.share))
            return
        found = finders(signal.sli, guards)
        if any(guard.share < 1 for guard in found):
            yield self.say("as it is", guards=", ".join(
                self.say("looks at", guard=g.name, share=show_share(g.share)) for g in found))

    def labels(self, signal: Signal, cells: Cells, now: int, over: Duration, n: int) -> Iterator[str]:
        """How many values are counted apart, and what share is beyond the cap."""
        if signal.labels:
            known, other = cells.labels(signal.key), (OTHER,) * len(signal.labels)
            beyond = read_evidence(cells, signal, over, now, [other]).n if other in known else 0
            share = self.say("share", share=show_share(Fraction(beyond, n)), over=self.duration(over)) if n else ""
            yield self.say("apart", n=f"{len(known) - (other in known):,}", labels=", ".join(signal.labels),
                           most=f"{MOST_LABELS:,}", rest=self.say("rest", share=share) if other in known else "")
        if groups := cells.groups(signal.key):
            yield self.say("groups", n=len(groups - {OTHER}), labels=getattr(signal.sli, "group", signal.name),
                           most=MOST_GROUPS, rest=self.say("rest", share="") if OTHER in groups else "")

    def alert(self, policy: Policy, rule: Rule, cells: Cells, now: int) -> Iterator[str]:
        """Whether its condition holds now, and from how many events on it could."""
        assert isinstance(rule.when, Threshold)
        readings = [one for one in read_apart(cells, rule.when, rule.by, now) if one[1].value is not None]
        beyond = [one for one in readings if one[1].enter]
        phrase = "unjudged" if not readings else "firing" if beyond else "quiet"
        more = needed(cells, rule.when, now) if phrase == "quiet" and not rule.by else None
        yield self.say(phrase, alert=explain_rule(policy, rule, self.language)) + (
            self.say("needed", n=f"{more:,}") if more else "") + (
            self.whom(rule.when, beyond) if rule.by else self.newest(rule.when, readings, cells, now))
        shown = read_evidence(cells, rule.when.signal, rule.when.over, now - rule.when.delay)
        if could := told(rule, self.language, shown):
            yield could

    def whom(self, when: Threshold, beyond: list[tuple[Labels, Reading]]) -> str:
        """For which label values an alert by label holds: those farthest beyond its threshold, and how many more."""
        if not beyond:
            return ""
        farthest = sorted(beyond, key=lambda one: (-abs((one[1].value or 0) - when.enter), one[0]))
        named = ", ".join(self.say("one", who=", ".join(label or "''" for label in labels),
                                   value=show(reading.value, when.signal.unit))
                          for labels, reading in farthest[:NAMED])
        rest = len(farthest) - NAMED
        return self.say("for", who=named + (self.say("more", n=f"{rest:,}") if rest > 0 else ""))

    def newest(self, when: Threshold, readings: list[tuple[Labels, Reading]], cells: Cells, now: int) -> str:
        """What an alert looks at where that is not the window whose value is above: less of it, or one before it."""
        if when.delay and readings:
            return self.say("then", value=show(readings[0][1].value, when.signal.unit))
        if not when.volume or not readings or (span := filled(cells, when, now)) >= when.over:
            return ""
        return self.say("newest", over=self.duration(span), n=f"{when.volume:,}",
                        value=show(readings[0][1].value, when.signal.unit))

    def duration(self, value: int) -> str:
        text, units = show_duration(value), UNITS[self.language]
        number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = text[len(number):]
        return f"{number}{units[unit][number != '1']}" if number.isdigit() and unit in units else text


def _chart(signal: Signal, past: list[Evidence], over: Duration, language: Language) -> Iterator[str]:
    """The last windows, oldest first: a bar each, as long as its value."""
    values = [None if one.insufficient else one.value for one in past]
    most = max((abs(v) for v in values if v is not None), default=Fraction(0))
    for back, one, value in zip(_BACK, past, values, strict=True):
        ago = f"-{show_duration(back * over)}" if back else WORDS[language]["latest"]
        length = round(WIDE * abs(value) / most) if value is not None and most else 0
        text = said("insufficient data" if one.insufficient else show(value, signal.unit), language)
        yield right(ago, 10) + "  " + "█" * length + " " * (WIDE - length) + f"  {text}"
