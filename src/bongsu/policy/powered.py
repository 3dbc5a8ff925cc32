"""What an alert could prove, in words: for who asks of a signal, and for who checks a policy."""

from __future__ import annotations

from collections.abc import Iterator

from bongsu.alert import Rule, Threshold
from bongsu.incident import show
from bongsu.policy.fault import NOWHERE
from bongsu.policy.model import Note, Policy
from bongsu.policy.phrases import Language
from bongsu.power import Power, power

RARELY = 2
"""An alert whose smallest sample proves only so many times its threshold fires rarely there."""
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
    },
}


def told(rule: Rule, language: Language) -> str:
    """One sentence on what an alert can prove; nothing where that is no question."""
    when = rule.when
    found = power(when) if isinstance(when, Threshold) else None
    return "" if found is None or not isinstance(when, Threshold) else _said(when, found, language)


def _said(when: Threshold, found: Power, language: Language) -> str:
    words, unit = WORDS[language], when.signal.unit
    phrase = ("never" if found.least is None else "double" if found.events and not found.near else
              "near" if found.events else "poor" if found.near else "full")
    if not when.volume:
        phrase = {"full": "full of any", "never": "never at all"}.get(phrase, phrase)
    few = phrase in ("near", "poor") and found.from_few is not None
    return (words[phrase] + (words["few"] if few else "")).format(
        events=f"{found.events or 0:,}", least=f"{found.least or 0:,}", few=f"{found.few:,}",
        limit=show(when.enter, unit), at=show(found.at, unit), from_few=show(found.from_few, unit),
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
