"""Why a step did not do what it was to do, as channels, actions and workers write it down, and the same in Korean.

Rows of the table of ``sentences.py``; what is in no row (words that a server chose) stays as it is.
"""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

_ELSEWHERE = "주소에 다른 서비스가 있는 것 같습니다"

SETBACKS: tuple[tuple[str, str], ...] = (
    (r"answered (?P<a>\d+), where [\w ]+ says \d+: something else is at that address", "응답 {a}: " + _ELSEWHERE),
    (r"answered (?P<a>\d+) without .+: something else may be at that address", "응답 {a}: " + _ELSEWHERE),
    (r"answered (?P<a>\d+)(?P<b>(?: [\w ]+)?): redirects are not followed", "응답 {a}{b}: 다른 주소로 넘기는 응답은 따라가지 않습니다"),
    (r"answered (?P<a>\d+)(?P<b>(?: [\w ]+)?)", "응답 {a}{b}"),
    (r"no connection to the mail server \((?P<a>.+)\)", "메일 서버에 연결할 수 없음({a})"),
    (r"no connection \((?P<a>.+)\)", "연결할 수 없음({a})"),
    (r"no answer within (?P<a>\S+) s", "{a}초 안에 응답 없음"),
    (r"no outcome within (?P<a>\S+) s", "{a}초 안에 결과를 알 수 없음"),
    (r"not tried: it asked to wait", "시도하지 않음: 상대가 기다려 달라고 함"),
    (r"not tried: it failed (?P<a>\d+) times in a row", "시도하지 않음: 연속 {a}회 실패"),
    (r"not tried: it failed (?P<a>\d+) times in a row, and another notice tries it now",
     "시도하지 않음: 연속 {a}회 실패, 지금 다른 통보가 시험 중"),
    (r"the channel's URL is not an http or https address", "채널의 URL이 http 또는 https 주소가 아님"),
    (r"the policy has no channel '(?P<a>.+)' any more \(it has: (?P<b>.+)\)", "정책에 '{a}' 채널이 더는 없음(있는 채널: {b})"),
    (r"the request could not be made \((?P<a>.+)\): a secret or a setting of the channel holds what a header cannot",
     "요청을 만들 수 없음({a}): 채널의 비밀 값이나 설정에 헤더에 쓸 수 없는 글자가 있음"),
    (r"the secret is not a URL that Apprise knows", "비밀 값이 Apprise가 아는 URL이 아님"),
    (r"Apprise could not deliver it; it does not say why", "Apprise가 전달하지 못함(이유는 알려 주지 않음)"),
    (r"expected the package apprise, came an installation without it; (?P<a>.+)", "apprise 패키지가 없음: {a}"),
    (r"an issue may have been created a moment ago; waiting until a search would see it",
     "방금 이슈가 만들어졌을 수 있어 검색에 나타날 때까지 기다림"),
    (r"no transition (?P<a>.+) leads on from where (?P<b>.+) is; name one with 'done:'",
     "{b} 이슈의 지금 상태에서 {a} 전환을 쓸 수 없음: 'done:'에 쓸 전환을 적으세요"),
    (r"(?P<a>[\w.]+) says that it is not ok", "{a}: 거절됨"), (r"(?P<a>\w+\.\w+) says (?P<b>\w+)", "{a} 거절됨: {b}"),
    (r"the mail server does not offer what 'security' and 'user' ask for", "메일 서버가 'security'와 'user' 설정을 지원하지 않음"),
    (r"the mail server broke off, or did not answer in time \((?P<a>.+)\)", "메일 서버가 연결을 끊었거나 제때 응답하지 않음({a})"),
    (r"the mail server (?P<a>.+)", "메일 서버: {a}"),
    (r"the template fails \((?P<a>.+)\)", "템플릿 오류({a})"),
    (r"the template does not make JSON of this notice", "템플릿의 결과가 JSON이 아님"),
    (r"unexpected (?P<a>\w+)(?P<b>(?: at .+)?)", "예상하지 못한 오류 {a}{b}"),
    (r"the action cancelled itself", "조치가 스스로 중단됨"),
    (r"this version of bongsu has no action '(?P<a>.+)' with these settings \((?P<b>\w+)\)",
     "이 버전의 봉수에는 이런 설정의 '{a}' 조치가 없음({b})"),
    (r"its worker died while it was carried out, and it must not be repeated",
     "실행 중에 작업자가 종료됨. 다시 실행하면 안 되는 조치라 사람이 확인해야 합니다."),
    (r"its result cannot be recorded \((?P<a>\w+)\): expected detail and changes that JSON can hold", "결과를 기록할 수 없음({a})"),
    (r"automation was switched off while it was carried out", "실행 중에 자동화가 꺼짐"),
    (r"it was over before it could be told: one message says both", "알리기 전에 끝나 시작과 종료를 한 번에 알림"),
    (r"taken back before it began", "시작 전에 취소됨"),
)
