"""What people are told of an incident: cause, value against threshold, actions and their state, in their language.

Everything here comes from the policy and from measurements. The one thing that traffic can put in is the value of a
label; where that looks like personal data, only its kind is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Literal

from bongsu.alert import TIERS
from bongsu.incident import Incident, dedup_key
from bongsu.language.sentences import say, span
from bongsu.notice import Known, Tell
from bongsu.policy.phrases import TIERS as TIER_WORDS
from bongsu.ports import Notice
from bongsu.privacy.personal import veiled
from bongsu.quantity import Duration, show_duration
from bongsu.stores.steps import Claimed, Shown

Language = Literal["en", "ko"]

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "firing": "{service}: {alert} is firing", "resolved": "{service}: {alert} is over",
        "over": "Over after {span}. It was: {cause}", "by hand": "Taken back by a person while it still fired: {cause}",
        "test": "{service}: test of channel {channel}",
        "test text": "If you can read this, bongsu can reach you here. Nothing is wrong and there is nothing to do.",
        "acknowledged": "{service}: {alert} is acknowledged", "many": "{first} and {n} more",
        "escalated": "Nobody has acknowledged this yet.", "by": "Acknowledged by {names}.", "is over": "Over: {cause}",
        "step": "{words} ({state})",
        "waiting": "waiting", "running": "under way", "done": "done", "failed": "failed", "unknown": "outcome unknown",
        "held": "held", "undo_waiting": "being taken back", "undo_running": "being taken back", "undone": "taken back",
    },
    "ko": {
        "firing": "{service}: {alert} 알림 발생", "resolved": "{service}: {alert} 알림 해소",
        "over": "{span} 만에 해소되었습니다. 원인: {cause}",
        "by hand": "알림이 계속되는 중에 담당자가 조치를 되돌렸습니다. 원인: {cause}",
        "test": "{service}: {channel} 채널 시험",
        "test text": "이 메시지가 보이면 봉수가 이 채널로 알릴 수 있습니다. 문제가 생긴 것이 아니며 할 일도 없습니다.",
        "acknowledged": "{service}: {alert} 알림 확인됨", "many": "{first} 외 {n}건",
        "escalated": "아직 아무도 확인하지 않았습니다.", "by": "확인: {names}", "is over": "해소: {cause}",
        "step": "{words}({state})",
        "waiting": "대기", "running": "진행 중", "done": "완료", "failed": "실패", "unknown": "결과 불명",
        "held": "보류", "undo_waiting": "되돌리는 중", "undo_running": "되돌리는 중", "undone": "되돌림",
    },
}


def describe(claimed: Claimed, site: str = "", language: Language = "en", steps: Sequence[Shown] = ()) -> Notice:
    """What a channel is told of a step's incident. ``site`` is where the cockpit is; ``steps`` are the incident's."""
    if claimed.tell is not None:
        return _told(claimed.tell, replace(claimed, tell=None), site, language, steps)
    one, texts = claimed.incident, TEXTS[language]
    state: Literal["firing", "resolved"] = "firing" if claimed.way == "do" else "resolved"
    at = one.opened if state == "firing" else one.closed or one.cleared or one.opened
    labels = tuple(map(veiled, one.labels))
    facts = {"incident": one.id, "alert": one.alert, "tier": f"{TIERS[one.tier]} {TIER_WORDS[language][one.tier]}"}
    if labels:
        facts["about"] = ", ".join(labels)
    if acts := [texts["step"].format(words=say(s.words, language), state=texts["held" if s.held else s.step.state])
                for s in steps if s.step.kind != "notify"]:
        facts["actions"] = "; ".join(acts)
    key = dedup_key(one.service, one.alert, one.labels)
    return Notice(
        key=key if labels == one.labels else sha256(key.encode()).hexdigest(),
        delivery=f"{claimed.step.key}/{claimed.way}", title=texts[state].format(service=one.service, alert=one.alert),
        text=_text(one, labels, state, language), state=state, tier=one.tier, service=one.service, at=at, facts=facts,
        url=f"{site}/incidents/{one.id}" if site else "", language=language,
        labels=labels)


def _told(tell: Tell, claimed: Claimed, site: str, language: Language, steps: Sequence[Shown]) -> Notice:
    """What a channel is told of a group: of one alert as of its incident, of several one line each."""
    texts, about = TEXTS[language], tell.firing or tell.resolved
    single = describe(replace(claimed, way="undo" if tell.state == "resolved" else "do"), site, language, steps)
    name = about[0].alert if len(about) == 1 else texts["many"].format(first=about[0].alert, n=len(about) - 1)
    lines = [single.text] if len(tell.firing + tell.resolved) == 1 else [
        *(say(_veil(k), language) for k in tell.firing),
        *(texts["is over"].format(cause=say(_veil(k), language)) for k in tell.resolved)]
    lines += [say(proposal, language) for proposal in tell.proposals]
    if tell.state == "acknowledged":
        lines.append(texts["by"].format(names=", ".join(tell.by)))
    elif tell.escalated:
        lines.append(texts["escalated"])
    # a label that looks like personal data is in no key that leaves us
    raw = all(veiled(label) == label for k in about for label in k.labels)
    key = tell.key if raw else sha256(tell.key.encode()).hexdigest()
    return replace(
        single, key=key, delivery=key + tell.delivery.removeprefix(tell.key), state=tell.state, tier=tell.tier,
        title=texts[tell.state].format(service=claimed.incident.service, alert=name), text="\n".join(lines), at=tell.at)


def _veil(known: Known) -> str:
    cause = known.cause
    for raw in known.labels:
        cause = cause if veiled(raw) == raw else cause.replace(raw, veiled(raw))
    return cause


def trial(channel: str, service: str, now: int, site: str = "", language: Language = "en") -> Notice:
    """What is sent to find out whether a channel works."""
    texts = TEXTS[language]
    return Notice(
        key=f"bongsu/{service}/test/{channel}", delivery=f"test/{channel}/{now}",
        title=texts["test"].format(service=service, channel=channel), text=texts["test text"], state="test",
        tier="info", service=service, at=now, url=site and f"{site}/", language=language,
        facts={"alert": "test", "incident": "test", "tier": f"P3 {TIER_WORDS[language]['info']}", "channel": channel})


def _text(one: Incident, labels: tuple[str, ...], state: str, language: Language) -> str:
    cause = one.cause
    for raw, shown in zip(one.labels, labels, strict=True):
        cause = cause if raw == shown else cause.replace(raw, shown)
    cause = say(cause, language)
    if state == "firing":
        return cause
    if one.cleared is None:
        return TEXTS[language]["by hand"].format(cause=cause)
    lasted = show_duration(Duration(max(one.cleared - one.opened, 0) // 10**6 * 10**6))
    return TEXTS[language]["over"].format(span=span(lasted, language), cause=cause)
