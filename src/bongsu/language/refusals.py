"""What a form says when it cannot be done, in Korean: keys, restrictions, and what every form may answer.

Each row is the English sentence as a pattern, and its Korean; groups keep their names. ``sentences.say`` reads it.
"""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

REFUSALS: tuple[tuple[str, str], ...] = (
    (r"'name' says whose key it is.*", "누구의 키인지 이름을 1~100자로 적으세요"),
    (r"'(?P<a>team|tier|region)' is a short name: .+, (?P<b>\d+) characters at most",
     "'{a}': 글자, 숫자, 공백과 ._-@:/ 로 된 짧은 이름을 {b}자 이내로 적으세요"),
    (r"expected scopes out of (?P<a>.+), came '(?P<b>.*)'", "권한 범위는 {a} 중에서 골라야 하는데 '{b}'입니다"),
    (r"expected routes of the policy \(it has none\), came '(?P<b>.*)'", "정책에 경로가 없는데 '{b}'입니다"),
    (r"expected routes of the policy \((?P<a>.+)\), came '(?P<b>.*)'", "정책에 있는 경로({a})를 적어야 하는데 '{b}'입니다"),
    (r"expected this policy's service \((?P<a>.+)\) or none, came '(?P<b>.*)'",
     "이 정책의 서비스({a})를 적거나 비워 두어야 하는데 '{b}'입니다"),
    (r"'(?P<a>requests|tokens)' is how many a minute, 0 \(no limit\) to (?P<b>\d+)",
     "'{a}': 분당 횟수를 0(제한 없음)에서 {b} 사이로 적으세요"),
    (r"'(?P<a>\w+)' is a whole number a minute, came '(?P<b>.*)'", "'{a}': 분당 횟수를 정수로 적어야 하는데 '{b}'입니다"),
    (r"'(?P<a>\w+)': expected a duration such as .+, came '(?P<b>[^']*)'.*",
     "'{a}': 500ms, 5m, 1h30m, 30d 같은 기간을 적어야 하는데 '{b}'입니다"),
    (r"'(?P<a>\w+)' is at most (?P<b>\d+)d, came (?P<c>.+)", "'{a}': 최대 {b}일인데 {c}입니다"),
    (r"the key cannot be made: (?P<a>.+)", "키를 만들 수 없습니다: {a}"),
    (r"'(?P<a>.+)': expected texts (?P<b>.+), lists of texts (?P<c>.+), whole numbers (?P<d>.+)",
     "'{a}': 텍스트({b}), 텍스트 목록({c}), 정수({d}) 항목만 적을 수 있습니다"),
    (r"expected user/NAME or key/ID \(8 digits and letters a to f\)", "대상을 user/이름 또는 key/ID(숫자와 a~f 8자리)로 적으세요"),
    (r"no key has this id; `bongsu key list` shows them", "이 ID의 키가 없습니다. `bongsu key list`로 확인하세요."),
    (r"expected one of (?P<a>warn, .+), came '(?P<b>.*)'", "단계는 {a} 중 하나여야 하는데 '{b}'입니다"),
    (r"'appeal' says whom to ask, (?P<a>\d+) characters at most", "'appeal': 이의를 제기할 곳을 한 줄, {a}자 이내로 적으세요"),
    (r"expected no personal data, for alerts hold none; of a person, write user=NAME, .+", "개인정보는 쓸 수 없습니다. 사람을 가리킬 때는 user=이름으로 쓰면 알림과 같은 토큰으로 보관됩니다."),
    (r"expected a pattern of tokens after (?P<a>user[=!]~), such as .+", "{a} 뒤에는 USER_E2_.*나 모두를 뜻하는 .+ 같은 토큰 패턴만 쓸 수 있습니다. 알림에는 이름이 없습니다. 한 사람을 가리킬 때는 user=이름으로 쓰면 알림과 같은 토큰으로 보관됩니다."),
    (r"nothing restricts this user or key; .+", "이 사용자나 키에 적용 중인 제한이 없습니다"),
    (r"'(?P<a>\w+)' is a text of at most (?P<b>\d+) characters", "'{a}': {b}자 이내의 텍스트로 적으세요"),
    (r"say why in 'reason': the sentence goes into the audit log", "사유를 적어 주세요. 감사 로그에 남습니다."),
    (r"'reason' has (?P<a>\d+) characters, (?P<b>\d+) at most", "사유가 {a}자입니다. {b}자 이내로 적으세요."),
    (r"the page is out of date; reload it and try again", "오래된 페이지입니다. 새로 고친 뒤 다시 시도하세요."),
    (r"a write with a session must come from this site's own pages; .+", "이 사이트의 페이지에서 보낸 요청만 처리합니다"),
    (r"the disk of bongsu's state is full, so nothing was done: .+", "상태 디스크가 가득 차 아무것도 하지 않았습니다. 공간을 확보하고 다시 시도하세요."),
    (r"bongsu's state cannot be written now, so nothing was done: .+", "지금 상태를 기록할 수 없어 아무것도 하지 않았습니다. 다시 시도하세요. 원인은 로그에 있습니다."),
)
