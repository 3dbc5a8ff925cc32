"""What is wrong with a gateway, as it says itself (``web/plan.py``, ``host/seat.py``), and the same in Korean.

Rows of the table of ``sentences.py``; what a library says of its own fault stays as it is.
"""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

PLIGHTS: tuple[tuple[str, str], ...] = (
    (r"guard (?P<a>\S+) cannot look: its process has not loaded yet", "가드 {a}: 프로세스가 아직 준비되지 않아 검사하지 못합니다."),
    (r"guard (?P<a>\S+) cannot look: its process was not told in time what to look for",
     "가드 {a}: 프로세스에 검사할 내용을 제때 전하지 못해 검사하지 못합니다."),
    (r"guard (?P<a>\S+) cannot look: its process cannot be started \((?P<b>.+)\)", "가드 {a}: 프로세스를 시작할 수 없어 검사하지 못합니다({b})."),
    (r"guard (?P<a>\S+) cannot look: its process ended at its start(?: \(status (?P<b>-?\d+)\))?", "가드 {a}: 프로세스가 시작하자마자 끝나 검사하지 못합니다(종료 상태 {b})."),
    (r"guard (?P<a>\S+) cannot look: it had not loaded after (?P<b>\S+) s", "가드 {a}: {b}초 안에 준비되지 않아 검사하지 못합니다."),
    (r"guard (?P<a>\S+) cannot look: its processes die one after the other", "가드 {a}: 프로세스가 계속 죽어 검사하지 못합니다."),
    (r"guard (?P<a>\S+) cannot look: \w+: expected the packages? (?P<b>.+), came an installation without (?P<c>\S+); (?P<d>pip install '\S+')(?P<e>.*)",
     "가드 {a}: 필요한 패키지가 없어 검사하지 못합니다({b}). 설치: {d}"),
    (r"guard (?P<a>\S+) cannot look: \w+: (?P<b>\S+): expected SHA-256 (?P<c>\w+), came (?P<d>\w+); .+",
     "가드 {a}: 모델 파일이 정책에 적은 것과 달라 검사하지 못합니다({b}, SHA-256 {d}). 일부러 바꿨다면 정책에 새 해시를 적으세요."),
    (r"guard (?P<a>\S+) cannot look: \w+: (?P<b>\S+): expected a file that can be read, came (?P<c>.+)",
     "가드 {a}: 모델 파일을 읽을 수 없어 검사하지 못합니다({b}: {c})."),
    (r"guard (?P<a>\S+) cannot look: (?P<b>.+)", "가드 {a}: 검사하지 못합니다({b})."),
    (r"guard (?P<a>\S+) cannot look", "가드 {a}: 검사하지 못합니다. 이유는 게이트웨이 로그에 있습니다."),
    (r"guard (?P<a>\S+): its key cannot be read \((?P<b>\w+)\)", "가드 {a}: 키를 읽을 수 없습니다({b})."),
    (r"guard (?P<a>\S+): its check cannot be made in another process \((?P<b>\w+)\)", "가드 {a}: 검사를 별도 프로세스에서 만들 수 없습니다({b})."),
    (r"guard (?P<a>\S+): fact checkers rated claims in words that no table knows: (?P<b>.+) \(say what they mean under its ratings\)",
     "가드 {a}: 팩트체크 기관의 평가를 해석할 수 없습니다({b}). 정책의 ratings에 뜻을 적으세요."),
    (r"guard (?P<a>\S+) gave no verdict in a tenth or more of its looks of the last (?P<b>\d+) minutes \((?P<c>.+)\)",
     "가드 {a}: 최근 {b}분 동안 검사 열 번 중 한 번 이상을 판단하지 못했습니다({c})."),
    (r"upstream (?P<a>\S+): its key cannot be read \((?P<b>\w+)\)", "업스트림 {a}: 키를 읽을 수 없습니다({b})."),
    (r"route (?P<a>\S+) has no upstream that can be called", "경로 {a}: 호출할 수 있는 업스트림이 없습니다."),
    (r"route (?P<a>\S+): live target (?P<b>'.*'|\S+) is no upstream that can be called; kept (?P<c>\S+)",
     "경로 {a}: 전환하려는 {b} 업스트림은 호출할 수 없어 {c} 업스트림을 유지합니다."),
    (r"route (?P<a>\S+): the live split (?P<b>.+) is none of its versions; the policy's is kept",
     "경로 {a}: 배분 {b}에 없는 버전이 있어 정책의 배분을 유지합니다."),
)
