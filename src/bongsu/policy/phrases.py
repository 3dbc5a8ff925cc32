"""The words in which a policy is explained, in English and in Korean.

Korean phrases are built so that no particle depends on the last sound of a name.
"""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "ko"]

PHRASES: dict[Language, dict[str, str]] = {
    "en": {
        "alert": "alert {name} ({tier}): if {condition}, {actions}; {clear}",
        "is": "{signal}{by} over {over} is {op} {limit}",
        "stays": "{signal}{by} over {over} stays {op} {limit} for {hold}",
        "by": " of any one {labels}",
        "volume": "{over} or {n} events, whichever is shorter,",
        "burn": "the error budget of {name} burns faster than {pairs}",
        "burn stays": "the error budget of {name} burns for {hold} faster than {pairs}",
        "pair": "{factor}x over {long} and over the last {short}",
        "or": " or ",
        "absent": "alert {alert} has had no data for {hold}", "absent clears": "it clears when there is data again",
        "clears": "it clears when it is {op} {limit}",
        "clears after": "it clears when it stays {op} {limit} for {hold}",
        "burn clears": "it clears when that is over",
        "burn clears after": "it clears when that is over for {hold}",
        "undo": ", and then {done}",
        "undo after": ", and {after} later {done}",
        "back": "all of this is taken back",
        "told": "those told hear that it is over",
        "never": " ({names}: taken back by a person)",
        "nothing": "it is shown, and nobody is told",
        "notify": "{channel} is told",
        "route": "{route} moves to {target}",
        "block": "guard {guard} is enforced",
        "rollback": "{route} goes back to version {target}",
        "rollback previous": "{route} goes back to its previous version",
        "freeze": "deploys are frozen ({reason})",
        "and": " and ",
        ">": "above", ">=": "at or above", "<": "below", "<=": "at or below",
        "objective": "objective {name}: {target} of what {signal} counts must be good over {window}: "
                     "{bad} bad of a million are allowed",
        "slices": "objective {name}: {target} of the {slice} slices of {window} must have {signal} {op} {limit}: "
                  "{bad} bad slices are allowed{nodata}",
        "exclude": "", "bad": ", and one without data is bad", "good": ", and one without data is good",
        "week": "each week ({zone})", "month": "each month ({zone})", "quarter": "each quarter ({zone})",
        "year": "each year ({zone})",
        "guard": "guard {name}: looks for {check} in {on}{routes}; a finding {act}; "
                 "it may take {timeout}, and if it fails {fails}",
        "shadow": "guard {name} (shadow, it changes nothing): looks for {check} in {on}{routes}",
        "off": "guard {name} is off until a playbook switches it on",
        "routes": " on {routes}",
        "input": "prompts", "output": "replies",
        "allow": "is let through", "flag": "is marked on the event", "tokenise": "is replaced by a token",
        "block act": "blocks the call",
        "closed": "the call is refused", "open": "the call goes on, and its event says so",
        "path": "route {name}: calls go to {primary}{fallback}{roles}{versions}",
        "canary": "; {of} is tried against {base} by {signal}, at {steps} of the calls, {after} each",
        "versions": "; versions: {spread}", "elsewhere": "all other regions", "nowhere": "no model",
        "border": "border: data of people in {name} may go to: {regions}",
        "sample": ", at {share} of the calls",
        "fallback": "; if that fails, to {names}",
        "role": "; {role} means {name}",
        "notify how": "notices: {grouped}{again}{inhibit}{escalate}{muted}{immutable}",
        "each": "each alert is told by itself", "grouped": "alerts of the same {names} are told together",
        "waits": ", {wait} after the first and then every {interval} at most", "again": ", again every {repeat}",
        "inhibit objective": "; a page keeps back tickets about the same objective",
        "inhibit service": "; a page keeps back all tickets",
        "escalate": "; if nobody acknowledges a {tiers} alert within {after}, {channels} is told",
        "muted": "; windows without notices: {names}", "immutable": "; {names} cannot be muted",
        "gate": "deploy gate: with {notice} or less of an error budget left it says so, with {approval} or less a "
                "person must approve{who}, with none it denies; it cannot say if the last events are older than "
                "{stale} or less than {coverage} of the time has been seen{latch}{out}{postmortem}",
        "postmortem": "; an incident that takes more than {share} of four weeks' budget needs a postmortem",
        "approvers": " ({names})",
        "latch": "; after {alerts} it stays shut until a person clears it",
        "left out": "; it does not look at {names}",
        "extends": "taken from pack {pack}: {parts}",
    },
    "ko": {
        "alert": "알림 {name}({tier}): {condition}, {actions}; {clear}",
        "is": "{over} 동안의 {signal}{by} 값이 {limit} {op}이면",
        "stays": "{over} 동안의 {signal}{by} 값이 {hold} 내내 {limit} {op}이면",
        "by": "({labels}별)",
        "volume": "{over}(이벤트 {n}건이 더 먼저 모이면 그만큼)",
        "burn": "{name} 오류 예산이 {pairs}보다 빨리 줄면",
        "burn stays": "{name} 오류 예산이 {hold} 내내 {pairs}보다 빨리 줄면",
        "pair": "{long} 및 최근 {short} 기준 {factor}배",
        "or": " 또는 ",
        "absent": "알림 {alert} 데이터가 {hold} 동안 없으면", "absent clears": "데이터가 다시 들어오면 해제",
        "clears": "{limit} {op}이면 해제",
        "clears after": "{hold} 내내 {limit} {op}이면 해제",
        "burn clears": "그 상태가 끝나면 해제",
        "burn clears after": "그 상태가 끝나고 {hold} 뒤 해제",
        "undo": ", 해제 즉시 {done}",
        "undo after": ", 해제 {after} 뒤 {done}",
        "back": "모두 원상 복구",
        "told": "종료 통보",
        "never": " ({names}: 담당자가 직접 복구)",
        "nothing": "화면에만 표시",
        "notify": "{channel} 통보",
        "route": "{route} 트래픽을 {target} 쪽으로 전환",
        "block": "가드 {guard} 강제 적용",
        "rollback": "{route} 버전을 {target} 쪽으로 되돌림",
        "rollback previous": "{route} 버전을 직전 정상 버전으로 되돌림",
        "freeze": "배포 동결({reason})",
        "and": ", ",
        ">": "초과", ">=": "이상", "<": "미만", "<=": "이하",
        "objective": "목표 {name}: {window} 동안 {signal} 가운데 {target} 이상이 정상: 백만 건에 {bad}건까지 허용",
        "slices": "목표 {name}: {window} 동안 {slice} 단위 구간의 {target}에서 {signal} 값이 {limit} {op}여야 함: "
                  "허용되는 불량 구간 {bad}개{nodata}",
        "exclude": "", "bad": ", 데이터 없는 구간은 불량", "good": ", 데이터 없는 구간은 양호",
        "week": "매주({zone})", "month": "매월({zone})", "quarter": "매 분기({zone})", "year": "매년({zone})",
        "guard": "가드 {name}: {on}에서 {check} 검사{routes}; 발견되면 {act}; "
                 "제한 시간 {timeout}, 검사 실패 시 {fails}",
        "shadow": "가드 {name}(관찰만): {on}에서 {check} 검사{routes}",
        "off": "가드 {name}: 꺼져 있음, 플레이북이 켤 수 있음",
        "routes": "(경로: {routes})",
        "input": "질문", "output": "답변",
        "allow": "통과", "flag": "이벤트에 표시", "tokenise": "토큰으로 대체", "block act": "호출 차단",
        "closed": "호출 거절", "open": "호출을 통과시키고 이벤트에 기록",
        "path": "경로 {name}: {primary} 쪽으로 보냄{fallback}{roles}{versions}",
        "canary": "; {signal} 값으로 {of} 버전을 {base} 버전과 견줌: 호출의 {steps}, 단계마다 {after}",
        "versions": "; 버전: {spread}", "elsewhere": "그 밖의 지역", "nowhere": "갈 수 있는 모델 없음",
        "border": "경계: {name} 데이터가 갈 수 있는 지역: {regions}",
        "sample": ", 호출의 {share}만",
        "fallback": "; 실패하면 {names} 쪽으로",
        "role": "; {role} = {name}",
        "notify how": "통보: {grouped}{again}{inhibit}{escalate}{muted}{immutable}",
        "each": "알림마다 따로 통보", "grouped": "{names} 기준으로 묶어 통보",
        "waits": "(첫 통보까지 {wait}, 이후 최소 간격 {interval})", "again": ", {repeat}마다 다시 통보",
        "inhibit objective": "; 호출 알림이 있으면 같은 목표의 티켓 알림 보류",
        "inhibit service": "; 호출 알림이 있으면 모든 티켓 알림 보류",
        "escalate": "; {tiers} 알림을 {after} 안에 아무도 확인하지 않으면 {channels} 통보",
        "muted": "; 통보하지 않는 시간대: {names}", "immutable": "; 무음 불가: {names}",
        "gate": "배포 게이트: 오류 예산이 {notice} 이하로 남으면 표시, {approval} 이하이면 담당자 승인 필요{who}, "
                "모두 쓰면 거부; 마지막 이벤트 이후 {stale} 초과 또는 관측된 시간 {coverage} 미만이면 "
                "판단 보류{latch}{out}{postmortem}",
        "postmortem": "; 장애 하나가 4주 오류 예산의 {share} 초과 소진 시 사후 분석 필수",
        "approvers": "({names})",
        "latch": "; {alerts} 발생 뒤에는 담당자가 해제할 때까지 거부 유지",
        "left out": "; 제외한 목표: {names}",
        "extends": "팩 {pack}에서 가져온 부분: {parts}",
    },
}

UNITS: dict[Language, dict[str, tuple[str, str]]] = {
    "en": {"d": (" day", " days"), "h": (" hour", " hours"), "m": (" minute", " minutes"), "s": (" second", " seconds"),
           "ms": (" ms", " ms"), "us": (" µs", " µs")},
    "ko": {"d": ("일", "일"), "h": ("시간", "시간"), "m": ("분", "분"), "s": ("초", "초"), "ms": ("ms", "ms"),
           "us": ("µs", "µs")},
}
"""Unit -> singular, plural."""

TIERS: dict[Language, dict[str, str]] = {
    "en": {"severe": "severe", "major": "major", "minor": "minor", "info": "info"},
    "ko": {"severe": "심각", "major": "중대", "minor": "경미", "info": "참고"},
}
