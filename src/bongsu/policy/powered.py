"""What an alert could prove, in words: for who asks of a signal, and for who checks a policy."""

from __future__ import annotations

from collections.abc import Iterator

from bongsu.aggregate import Evidence
from bongsu.alert import Rule, Threshold
from bongsu.incident import show
from bongsu.policy.fault import NOWHERE
from bongsu.policy.model import Note, Policy
from bongsu.policy.phrases import Language
from bongsu.ports import Seasonal
from bongsu.power import Power, Ranked, power, spread

RARELY = 2
"""An alert whose smallest sample proves only so many times its threshold fires rarely there."""
SPREAD = ("mean", "performance")
"""Kinds that rest on how far values are spread, where nothing else is known of them."""
NOTHING = Evidence(None)
WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "near": "{events} events prove a value just beyond {limit}",
        "few": "; {few}, the smallest sample, only one beyond {from_few}",
        "poor": "its reference has too few rows: no number of events proves a value just beyond {limit}",
        "double": "about {events} events prove a value of {at}; fewer than {least} prove none",
        "full": "the {volume} events of its window do not prove a value of {at}",
        "never": "it can never fire: {volume} events, the most of its window, prove nothing",
        "full of any": "no number of events proves a value of {at}",
        "never at all": "it can never fire: no number of events proves a value of {limit} or beyond",
        "ranked": "about {events} events prove it of which {at} are above {limit}; fewer than {least} prove none",
        "ranked full": "the {volume} events of its window do not prove it where {at} of them are above {limit}",
        "spread": "spread as they are now, about {events} events prove a value of {at}",
        "unknown": "how many events prove it rests on how far their values are spread, which only events can say",
        "past": "what it takes rests on its own past: no number of events says it",
        "accuracy": " (labelled predictions)", "precision": " (labelled predictions of the class)",
        "recall": " (labels of the class)", "f1": " (predictions or labels of the class)",
        "auc": " (labels, half of them of the class)", "ece": " (labels, with scores spread evenly)",
    },
    "ko": {
        "near": "이벤트 {events}건이면 {limit} 기준을 갓 넘은 값이 입증됨",
        "few": "; 최소 표본 {few}건으로는 {from_few} 기준을 넘어야 입증됨",
        "poor": "기준 분포의 행이 너무 적어, 이벤트가 아무리 많아도 {limit} 기준을 갓 넘은 값은 입증되지 않음",
        "double": "이벤트 약 {events}건이면 {at} 값이 입증됨; {least}건 미만으로는 아무것도 입증되지 않음",
        "full": "창에 담기는 이벤트 {volume}건으로는 {at} 값이 입증되지 않음",
        "never": "절대 발생할 수 없음: 창에 담기는 최대 {volume}건으로는 아무것도 입증되지 않음",
        "full of any": "이벤트가 아무리 많아도 {at} 값은 입증되지 않음",
        "never at all": "절대 발생할 수 없음: 이벤트가 아무리 많아도 {limit}에 이르거나 이를 넘은 값은 입증되지 않음",
        "ranked": "이벤트 약 {events}건 가운데 {at}가 {limit} 초과이면 입증됨; {least}건 미만으로는 아무것도 "
                  "입증되지 않음",
        "ranked full": "창에 담기는 이벤트 {volume}건으로는 그 가운데 {at}가 {limit} 초과여도 입증되지 않음",
        "spread": "값이 지금처럼 퍼져 있으면 이벤트 약 {events}건으로 {at} 값이 입증됨",
        "unknown": "몇 건이면 입증되는지는 값이 퍼진 정도에 달려 있어 이벤트가 와야 알 수 있음",
        "past": "얼마나 벗어나야 하는지는 자신의 과거에 달려 있어 이벤트 수로는 말할 수 없음",
        "accuracy": " (라벨 있는 예측)", "precision": " (해당 클래스로 예측한, 라벨 있는 건)",
        "recall": " (해당 클래스의 라벨)", "f1": " (해당 클래스의 예측 또는 라벨)",
        "auc": " (라벨, 절반이 해당 클래스)", "ece": " (라벨, 점수가 고르게 퍼진 경우)",
    },
}


def told(rule: Rule, language: Language, now: Evidence = NOTHING) -> str:
    """One sentence on what an alert can prove, where its signal shows this ``now``; nothing where that is no question.
    """
    when, words = rule.when, WORDS[language]
    if not isinstance(when, Threshold) or not when.sure:
        return ""
    if (found := power(when)) is not None:
        return _said(when, found, language) + words.get(str(getattr(when.signal.sli, "measure", "")), "")
    if isinstance(when.signal.sli, Seasonal):
        return words["past"]
    if when.signal.sli.kind not in SPREAD:
        return ""
    if (known := spread(when, now)) is None:
        return words["unknown"]
    return words["spread"].format(at=show(known[0], when.signal.unit), events=f"{known[1]:,}")


def _said(when: Threshold, found: Power, language: Language) -> str:
    words, unit = WORDS[language], when.signal.unit
    phrase = ("never" if found.least is None else "double" if found.events and not found.near else
              "near" if found.events else "poor" if found.near else "full")
    if isinstance(when.signal.sli, Ranked):
        phrase = {"double": "ranked", "full": "ranked full"}.get(phrase, phrase)
    if not when.volume:
        phrase = {"full": "full of any", "never": "never at all"}.get(phrase, phrase)
    few = phrase in ("near", "poor") and found.from_few is not None
    return (words[phrase] + (words["few"] if few else "")).format(
        events=f"{found.events or 0:,}", least=f"{found.least or 0:,}", few=f"{found.few:,}",
        limit=show(when.enter, unit), from_few=show(found.from_few, unit),
        at=show(found.at, "share" if isinstance(when.signal.sli, Ranked) else unit),
        volume=f"{when.volume:,}")


def unproven(policy: Policy) -> Iterator[Note]:
    """The alerts of a policy, with its references, that can never fire, or hardly where they are first judged."""
    for rule in policy.plan.rules:
        when = rule.when
        found = power(when) if isinstance(when, Threshold) and not rule.nodata else None
        if found is None or not isinstance(when, Threshold):
            continue
        rarely = found.from_few is not None and found.from_few >= RARELY * when.enter
        if found.events is None or rarely:
            place = policy.places.get(rule.name, NOWHERE)
            yield Note(place.path or policy.path, place.line, place.column,
                       f"alert {rule.name}: {_said(when, found, 'en')}")
