"""What the engine says in English, and the same in Korean.

The engine, the playbooks and the gate write one English sentence into every record. ``say`` turns it into the reader's
language, for the cockpit and for notices alike; what it does not know it leaves as it is.
"""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

import re

from bongsu.language.comparisons import COMPARISONS
from bongsu.language.plights import PLIGHTS
from bongsu.language.refusals import REFUSALS
from bongsu.language.setbacks import SETBACKS

_RUNGS = {"warn": "경고", "slow": "응답 지연", "light": "경량 모델로 전환", "review": "검토 대기", "suspended": "이용 정지",
          "reauthenticate": "재인증 요구"}
_WHOM = {"user": "사용자", "key": "키"}

_VALUE = r"-?[\d.]+(?:%| ms| [A-Z]{3})?"
_INTERVALS = ((rf"(?P<b>{_VALUE}) to (?P<c>{_VALUE})", "{b}~{c}"), (rf"(?P<b>{_VALUE}) or more", "{b} 이상"),
              (rf"(?P<b>{_VALUE}) or less", "{b} 이하"))

# Groups keep their names; a group that is itself a sentence is said too.
_SAID: tuple[tuple[str, str], ...] = (
    (r"no data", "데이터 없음"),
    (r"insufficient data", "판단할 데이터 부족"),
    (r"(?P<a>[\d,]+) events are needed, (?P<b>[\d,]+) came", "이벤트 {a}건 이상 필요, 현재 {b}건"),
    (r"(?P<a>[\d,]+) labelled events are needed, (?P<b>[\d,]+) came", "라벨 있는 이벤트 {a}건 이상 필요, 현재 {b}건"),
    (r"two groups of (?P<a>[\d,]+) or more are needed, (?P<b>[\d,]+) came", "{a}건 이상인 집단 2개 이상 필요, 현재 {b}개"),
    (r"(?P<a>\d+) of (?P<b>\d+) windows of its past have events, half of them are needed",
     "과거 구간 {b}개 중 {a}개에만 이벤트가 있음, 절반 이상 필요"),
    (r"(?P<a>\S+)(?P<where>(?: \[.*\])?) is (?P<b>.+) over (?P<over>\S+), alert at (?P<limit>.+)",
     "최근 {over} 동안 {a}{where} 값이 {b}입니다. 알림 기준은 {limit}입니다."),
    (r"(?P<a>\S+)(?P<where>(?: \[.*\])?) is (?P<b>.+) over (?P<over>\S+) that ended (?P<over2>\S+) ago, alert at (?P<limit>.+)",
     "{over2} 전까지의 {over} 동안 {a}{where} 값이 {b}입니다. 알림 기준은 {limit}입니다."),
    (r"(?P<a>\S+)(?P<where>(?: \[.*\])?) burns its error budget (?P<b>\S+) faster than its (?P<target>\S+) target allows",
     "{a}{where} 목표({target})의 오류 예산이 허용 속도보다 {b} 빠르게 줄고 있습니다."),
    (r"(?P<a>\S+)(?P<where>(?: \[.*\])?) burns its error budget (?P<b>.+), as fast as its (?P<target>\S+) target allows; alert at (?P<limit>.+)",
     "{a}{where} 목표({target})의 오류 예산 소진 속도는 허용 속도 대비 {b}입니다. 알림 기준은 {limit}입니다."),
    (r"(?P<a>\S+x|no data) over (?P<over>\S+) and (?P<b>\S+x|no data) over (?P<over2>\S+)", "{over} 동안 {a}, {over2} 동안 {b}"),
    (r"both (?P<limit>> \S+x)", "두 구간 모두 {limit}"),
    (r"which may be chance", "우연일 수 있음"),
    (r"(?P<a>\S+) is told", "{a} 채널에 알림"),
    *REFUSALS, *COMPARISONS,
    (r"guard (?P<a>\S+) is enforced", "가드 {a} 강제 적용"),
    *((rf"(?P<a>{_VALUE}) \({english}(?P<about>(?:; .+)?)\)", f"{{a}}(구간 {korean}{{about}})") for english, korean in _INTERVALS),
    (r"(?P<a>\S+)(?P<where>(?: \[.*\])?) has no data", "{a}{where} 데이터가 없습니다."),
    (r"(?P<a>\S+)(?P<where>(?: \[.*\])?) has data again", "{a}{where} 데이터가 다시 들어옵니다."),
    (r"deploys are frozen", "배포 동결"),
    *((rf"the {whom} is restricted \({rung}\)", f"{korean} 제한: {done}")
      for whom, korean in _WHOM.items() for rung, done in _RUNGS.items()),
    *((f"restrict: expected an alert by {whom}, came labels that name none; nobody is restricted",
       f"제한: 알림에 어느 {korean}인지 나와 있지 않아 아무도 제한하지 않았습니다") for whom, korean in _WHOM.items()),
    (r"restrict: expected a person's token of now, came one of epoch (?P<a>\d+), which is over; nobody is restricted\. .+",
     "제한: 이미 끝난 토큰 세대({a})의 사용자라 아무도 제한하지 않았습니다. 개인정보 보호책임자가 bongsu epoch join으로 지금의 토큰을 찾을 수 있습니다."),
    (r"moving (?P<a>\S+) to (?P<b>\S+) would save (?P<c>.+) an hour", "현재 트래픽 기준으로 {a} 경로를 {b} 쪽으로 옮기면 시간당 {c} 절감"),
    (r"limiting (?P<a>.+) to (?P<b>\d+) output tokens a call would save at least (?P<c>.+) an hour and bring (?P<d>\S+) to (?P<e>.+)",
     "{a} 경로의 출력을 호출당 {b}토큰으로 제한하면 시간당 {c} 이상 절감되고 {d} 값이 {e} 조건으로 돌아옵니다"),
    (r"limiting (?P<a>.+) to (?P<b>\d+) requests a minute would save at least (?P<c>.+) an hour and bring (?P<d>\S+) to (?P<e>.+)",
     "{a} 경로를 분당 {b}건으로 제한하면 시간당 {c} 이상 절감되고 {d} 값이 {e} 조건으로 돌아옵니다"),
    (r"(?P<a>\S+) moves to (?P<b>[^,\s]+)", "{a} 경로를 {b} 쪽으로 전환"),
    (r"only (?P<a>\S+) % of the time of (?P<b>.+) has been seen", "{b} 목표는 전체 시간의 {a}%만 관측되었습니다"),
    (r"incident (?P<a>\S+) took more than (?P<b>\S+) of four weeks' error budget of (?P<c>\S+): a postmortem is due",
     "{a} 장애 하나가 {c} 목표 4주 오류 예산의 {b}를 넘게 썼습니다. 사후 분석이 필요합니다."),
    (r"the error budget of (?P<a>.+) is spent", "{a} 목표의 오류 예산이 소진되었습니다"),
    (r"only (?P<a>\S+) % of the error budget of (?P<b>.+) is left: a person must approve",
     "{b} 목표의 오류 예산이 {a}%만 남아 사람의 승인이 필요합니다"),
    (r"(?P<a>\S+) % of the error budget of (?P<b>.+) is left", "{b} 목표의 오류 예산이 {a}% 남았습니다"),
    (r"alert (?P<a>.+) is firing", "{a} 알림이 발생 중입니다"),
    (r"alert (?P<a>.+) is over, but nobody has cleared the gate",
     "{a} 알림은 끝났지만 아직 담당자가 게이트를 해제하지 않았습니다"),
    (r"override (?P<a>\S+) is not what was signed and excuses nothing",
     "예외 승인 {a}의 내용이 서명과 달라 효력이 없습니다"),
    (r"override (?P<a>\S+) by (?P<b>.+), approved by (?P<c>.+), until (?P<d>\S+): (?P<e>.+)",
     "예외 승인 {a}(요청 {b}, 승인 {c}, 기한 {d}): {e}"),
    (r"frozen by (?P<a>[^:]+): (?P<b>.+)", "{a}에 의해 동결됨: {b}"),
    (r"events are not stored; free disk space, nothing is lost meanwhile \((?P<a>.+)\)",
     "이벤트를 저장하지 못했습니다({a}). 디스크 공간을 확보하세요. 그동안의 이벤트는 사라지지 않습니다."),
    (r"decisions cannot be recorded, so none is made; free disk space \((?P<a>.+)\)",
     "판단을 기록할 수 없어 판단을 멈췄습니다({a}). 디스크 공간을 확보하세요."),
    (r"live policy cannot be published, gateways keep the last one; free disk space \((?P<a>.+)\)",
     "실시간 정책을 배포하지 못해 게이트웨이가 직전 정책을 유지합니다({a}). 디스크 공간을 확보하세요."),
    (r"steps cannot be recorded, so none is carried out; free disk space \((?P<a>.+)\)",
     "조치를 기록할 수 없어 실행을 멈췄습니다({a}). 디스크 공간을 확보하세요."),
    (r"the clock went back and that cannot be recorded; free disk space \((?P<a>.+)\)",
     "시계가 뒤로 갔으나 기록하지 못했습니다({a}). 디스크 공간을 확보하세요."),
    (r"the lake is not filled; free disk space \((?P<a>.+)\)",
     "데이터 레이크에 기록하지 못했습니다({a}). 디스크 공간을 확보하세요."),
    (r"the audit log cannot be signed; run `bongsu audit verify` \((?P<a>.+)\)",
     "감사 로그에 서명하지 못했습니다({a}). `bongsu audit verify`를 실행하세요."),
    (r"a reference cannot be read, so drift from it is not judged; see references in the policy \((?P<a>.+)\)",
     "기준 분포를 읽을 수 없어 드리프트를 판단하지 않습니다({a}). 정책의 references를 확인하세요."),
    (r"signals that are new or changed are not counted yet, since their past cannot be read; restore what is named here "
     r"from a backup, or move it away: what it holds is then not counted \((?P<a>.+)\)",
     "새롭거나 바뀐 신호의 지난 기록을 읽지 못해 아직 세지 않습니다. 아래에 적힌 것을 백업에서 되살리거나 다른 곳으로 옮기세요. "
     "옮기면 그 안의 기록은 세지 않습니다 ({a})"),
    (r"a pinned window cannot be read, so drift from it is not judged; see references in the policy \((?P<a>.+)\)",
     "고정한 구간을 읽을 수 없어 드리프트를 판단하지 않습니다({a}). 정책의 references를 확인하세요."),
    (r"guard (?P<a>\S+) found (?P<b>.+)", "가드 {a} 탐지: {b}"),
    (r"one of a sample of all calls", "전체 호출의 표본"),
    (r"this case is over: \w+", "이미 끝난 검토입니다."),
    (r"this is about your own calls; somebody else must decide it", "본인의 호출이므로 다른 사람이 결정해야 합니다."),
    (r"you brought this about yourself; somebody else must decide it", "본인이 시작한 건이므로 다른 사람이 결정해야 합니다."),
    (r"you have said what you think of it; somebody else must say it too", "이미 의견을 냈습니다. 다른 사람의 의견이 필요합니다."),
    (r"(?P<a>\S+) looks at it just now; ask them, or wait until they are done", "지금 {a} 님이 검토하고 있습니다."),
    (r"what people said of calls under review has not been carried out yet; free disk space \((?P<a>.+)\)",
     "검토 결과를 아직 반영하지 못했습니다({a}). 디스크 공간을 확보하세요."),
    (r"what tokens stand for waits, sealed, and none of it is lost; see settings.vault_key \((?P<a>.+)\)",
     "토큰의 원래 값이 봉인된 채 대기하고 있으며 사라지지 않습니다({a}). settings.vault_key를 확인하세요."),
    (r"retention cannot be carried out \((?P<a>.+)\)", "보존 기한에 따른 파기를 수행하지 못했습니다({a})"),
    (r"too many label values: those beyond (?P<a>\d+) are counted as (?P<b>\S+) \((?P<c>.+)\)",
     "레이블 값이 너무 많습니다. {a}개를 넘는 값은 {b}로 합산합니다({c})"),
    (r"what was spent is not counted, so less seems left than is; free disk space \((?P<a>.+)\)",
     "지출을 집계하지 못해 남은 예산이 실제보다 적게 보입니다({a}). 디스크 공간을 확보하세요."),
    (r"(?P<a>\d+) labels wait for an event that has not come; each is kept for (?P<over>\S+)",
     "라벨 {a}건은 아직 대상 이벤트가 오지 않았습니다. 각각 {over} 동안 보관합니다."),
    # of a policy that is checked
    (r"(?P<a>\S+): at a target of (?P<b>\S+) the budget burns at most (?P<c>\S+), so (?P<d>\S+) over (?P<over>\S+) could never fire; (?P<e>\S+) is used instead",
     "{a}: 목표가 {b}이면 예산은 아무리 빨라도 {c}로 줄어듭니다. {over} 동안 {d} 조건은 절대 발생할 수 없어 {e} 조건을 대신 씁니다."),
    (r"(?P<a>\S+): slices of (?P<b>\S+) are too long for a burn alert over (?P<over>\S+), which could never fire; it is left out",
     "{a}: {b} 단위 구간은 {over} 동안의 소진 알림에 너무 길어 절대 발생할 수 없으므로 뺐습니다."),
    (r"gate: nobody may approve an override; name who may under (?P<a>\S+)",
     "gate: 예외를 승인할 사람이 없습니다. {a}에 적으세요."),
    (r"budget (?P<a>\S+): a call to (?P<b>\S+) that does not say max_tokens may cost (?P<c>.+) for its reply alone \((?P<d>\d+) tokens\), so it is always refused; raise the limit, or lower max_output of upstream \S+",
     "예산 {a}: max_tokens를 적지 않은 {b} 호출은 답변만으로 {c}까지 들 수 있어({d}토큰) 항상 거부됩니다. 한도를 올리거나 업스트림 {b}의 max_output을 낮추세요."),
    (r"alert (?P<a>\S+): (?P<b>\S+) events prove a value just beyond (?P<c>.+); (?P<d>\S+), the smallest sample, only one beyond (?P<e>.+)",
     "알림 {a}: 이벤트 {b}건이면 {c} 기준을 갓 넘은 값이 입증되지만, 최소 표본 {d}건으로는 {e} 기준을 넘어야 입증됩니다"),
    (r"alert (?P<a>\S+): its reference has too few rows: no number of events proves a value just beyond (?P<b>[^;]+)(?:; (?P<c>\S+), the smallest sample, only one beyond (?P<d>.+))?",
     "알림 {a}: 기준 분포의 행이 너무 적어, 이벤트가 아무리 많아도 {b} 기준을 갓 넘은 값은 입증되지 않습니다"),
    (r"alert (?P<a>\S+): the (?P<b>\S+) events of its window do not prove a value of (?P<c>.+)",
     "알림 {a}: 창에 담기는 이벤트 {b}건으로는 {c} 값이 입증되지 않습니다"),
    (r"alert (?P<a>\S+): the (?P<b>\S+) events of its window do not prove it where (?P<c>\S+) of them are above (?P<d>.+)",
     "알림 {a}: 창에 담기는 이벤트 {b}건으로는 그 가운데 {c}가 {d} 초과여도 입증되지 않습니다"),
    (r"alert (?P<a>\S+): it can never fire: (?P<b>\S+) events, the most of its window, prove nothing",
     "알림 {a}: 절대 발생할 수 없습니다. 창에 담기는 최대 {b}건으로는 아무것도 입증되지 않습니다"),
    (r"alert (?P<a>\S+): no number of events proves a value of (?P<b>.+)",
     "알림 {a}: 이벤트가 아무리 많아도 {b} 값은 입증되지 않습니다"),
    (r"alert (?P<a>\S+): it can never fire: no number of events proves a value of (?P<b>.+) or beyond",
     "알림 {a}: 절대 발생할 수 없습니다. 이벤트가 아무리 많아도 {b}에 이르거나 이를 넘은 값은 입증되지 않습니다"),
    (r"borders: data of regions that are not named may go anywhere; say where under (?P<a>\S+)",
     "borders: 적지 않은 지역의 데이터는 어디로든 갈 수 있습니다. {a}에 적으세요."),
    (r"pack (?P<a>\S+): '(?P<b>\S+)' is left out; give it (?P<c>.+) under extends",
     "pack {a}: '{b}' 항목은 빠져 있습니다. 넣으려면 extends에 필요한 값을 적으세요: {c}"),
    (r"test '(?P<a>.+?)': expected (?P<b>(?:alert|playbook) \S+ .+?), came (?P<c>.+)", "시험 '{a}': 기대는 {b}, 실제는 {c}"),
    (r"(?:alert|playbook) (?P<a>\S+) never (?P<b>\w+) (?P<c>.+)", "{c} {a} 항목이 {b} 상태가 되지 않음"),
    (r"(?:alert|playbook) (?P<a>\S+) (?P<b>\w+) (?P<c>(?:at|between) .+)", "{c} {a} 항목이 {b} 상태"),
    (r"between (?P<a>\S+) and (?P<b>\S+)", "{a}~{b} 사이"), (r"at (?P<a>\S+)", "{a} 시점"),
    (r"(?:then )?(?P<a>\w+(?: and \w+)*) from (?P<b>[\d:]+)", "{b}부터 {a}"),
    (r"(?P<a>begun|undone) at (?P<b>\S+)", "{b}에 {a}"),
    (r"neither begun nor undone in the whole test", "시험 내내 시작도 원상 복구도 없음"), (r"no tick", "판단한 시점 없음"),
    (r"upstream (?P<a>\S+) failed too often of late and is left alone; it is tried again in (?P<b>\d+) s",
     "업스트림 {a}: 최근 실패가 잦아 호출을 멈췄습니다. {b}초 뒤 다시 시도합니다."),
    (r"upstream (?P<a>\S+) failed too often of late and is being tried again", "업스트림 {a}: 실패 뒤 다시 시도하는 중입니다."),
    (r"budget (?P<a>\S+): (?P<b>\S+) spent \((?P<c>\d+) over its soft limit\)",
     "예산 {a}: {b} 사용(주의 한도를 넘은 대상 {c}건)"),
    (r"more users and keys spend of budgets than can be counted at once, so nobody new is let in",
     "예산을 쓰는 사용자와 키가 한 번에 집계할 수 있는 수를 넘어 새로운 사용자를 받지 않습니다"),
    (r"when keys were last used cannot be written down; free disk space \((?P<a>.+)\)",
     "키의 마지막 사용 시각을 기록하지 못했습니다({a}). 디스크 공간을 확보하세요."),
    (r"allow-list entries that are over cannot be removed, though gateways heed them no more; free disk space \((?P<a>.+)\)",
     "기한이 지난 허용 항목을 지우지 못했습니다({a}). 게이트웨이에서는 이미 효력이 없습니다. 디스크 공간을 확보하세요."),
    (r"a new token epoch cannot be begun, or who acts carried over; free disk space \((?P<a>.+)\)",
     "새 토큰 세대를 시작하거나 사용자 토큰을 이어 줄 수 없습니다({a}). 디스크 공간을 확보하세요."),
    (r"versions stay as they are: what is decided about them cannot be recorded; free disk space \((?P<a>.+)\)",
     "버전 전환을 기록할 수 없어 지금 버전을 유지합니다({a}). 디스크 공간을 확보하세요."),
    (r"(?P<a>\S+) goes back to its previous version", "{a} 버전을 직전 정상 버전으로 되돌림"),
    (r"(?P<a>\S+) goes back to version (?P<b>[^,\s]+)", "{a} 버전을 {b} 쪽으로 되돌림"),
    (r"(?P<a>\d+) events of (?P<b>\S+) and (?P<c>\d+) of (?P<d>\S+), (?P<e>\d+) of each are needed",
     "{b} {a}건, {d} {c}건: 각각 {e}건이 필요합니다"),
    (r"fewer than (?P<a>\d+) base windows with data of each", "데이터가 있는 구간이 버전마다 {a}개보다 적습니다"),
    (r"(?P<a>\S+) (?P<v>is worse|cannot be told yet|is not worse so far|is not worse): (?P<b>\S+) of \S+ less that of (?P<c>\S+) is between (?P<l>\S+) and (?P<h>[^,]+), margin (?P<m>\S+)",
     "{a}: {v}. {c} 대비 {b} 차이는 {l}에서 {h} 사이, 허용 한계 {m}"),
    (r"is worse", "더 나쁨"), (r"cannot be told yet", "아직 판단할 수 없음"),
    (r"is not worse so far", "지금까지는 더 나쁘지 않음"), (r"is not worse", "더 나쁘지 않음"),
    (r"the alert is no longer in the policy", "정책에서 삭제된 알림"),
    (r"the last events were read (?P<a>\d+) s ago", "마지막 이벤트를 읽은 지 {a}초가 지났습니다"),
    *PLIGHTS, *SETBACKS,
)
_PATTERNS = tuple((re.compile(pattern), korean) for pattern, korean in _SAID)


def say(text: str, lang: str) -> str:
    """An engine's sentence in the reader's language, or unchanged where there is no other form.

    >>> say("deploys are frozen", "ko"), say("deploys are frozen", "en"), say("anything else", "ko")
    ('배포 동결', 'deploys are frozen', 'anything else')
    """
    if lang != "ko":
        return text
    for pattern, korean in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            groups = {name: say(value, lang) for name, value in found.groupdict("").items()}
            spans = {name: span(value, lang) for name, value in groups.items() if name.startswith("over")}
            return korean.format(**groups | spans)
    parts = text.split(", ")
    return ", ".join(say(part, lang) for part in parts) if len(parts) > 1 else text


_UNITS = {"d": "일", "h": "시간", "m": "분", "s": "초"}


def span(text: str, lang: str) -> str:
    """A duration, or one that ended a while ago, in the reader's language.

    >>> span("1h30m", "ko"), span("30d", "en"), span("whole", "ko"), span("1h that ended 1d ago", "ko")
    ('1시간 30분', '30d', 'whole', '1일 전까지의 1시간')
    """
    if lang == "ko" and (found := re.fullmatch(r"(\S+) that ended (\S+) ago", text)):
        return f"{span(found[2], lang)} 전까지의 {span(found[1], lang)}"
    if lang != "ko" or not re.fullmatch(r"(\d+[dhms])+", text):
        return text
    return " ".join(n + _UNITS[unit] for n, unit in re.findall(r"(\d+)([dhms])", text))
