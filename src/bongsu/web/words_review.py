"""The words of the review queue's pages, in English and Korean; ``words.py`` has them among its own."""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

EN = {
    "reviews_title": "Reviews", "reviews_lead": "Calls, users and keys that a person must look at. Texts are shown masked.",
    "reviews_waiting": "Waiting", "reviews_over": "Decided lately", "reviews_none": "Nothing waits for a person.", "reviews_none_over": "Nothing was decided lately.",
    "reviews_more": "and {n} more; the API lists them all", "review_open": "Look at it", "review_title": "Review {id}", "review_due": "due", "review_asked": "asked",
    "review_overdue": "Overdue", "review_claimed": "Claimed by {by}", "review_claim": "I look at it", "review_claim_lead": "For a while nobody else decides it.",
    "review_source_held": "Held by a guard", "review_source_sampled": "Sample", "review_source_restricted": "Restriction",
    "priority_severe": "severe", "priority_major": "major", "priority_minor": "minor",
    "review_why": "Why", "review_call": "Call", "review_subject": "Whose", "review_route": "Route", "review_guard": "Guard", "review_appeal": "Appeal",
    "review_prompt": "Prompt, masked", "review_reply": "Reply, masked", "review_no_text": "Its texts are not kept: no guard masks them, or they have not come yet.",
    "review_tokens": "What tokens stand for is read by the privacy officer only, with a reason and on the record:",
    "review_said": "Said so far", "review_two": "To let it pass takes two people who agree.", "review_decide": "Decide", "review_verdict": "Verdict", "review_choose": "Choose…",
    "word_approve": "Approve: it may pass", "word_false_alarm": "False alarm: it may pass, and should not have been found", "word_deny": "Deny: it stays back",
    "word_confirmed": "Confirmed: it stays back, and was rightly found", "word_escalate": "Escalate: somebody else must look, soon", "word_expired": "Nobody decided it",
    "said_approve": "approved", "said_false_alarm": "false alarm", "said_deny": "denied", "said_confirmed": "confirmed", "said_escalate": "escalated", "said_expired": "expired",
    "review_allow": "Of a false alarm: allow it for", "review_allow_hint": "Such as 7d; the guard then lets this very text pass. Empty: not at all.",
    "review_remember": "Of a confirmed prompt: remember it as an attack",
}

KO = {
    "reviews_title": "검토", "reviews_lead": "사람이 살펴봐야 하는 호출, 사용자, 키입니다. 내용은 가린 채로 보여 줍니다.",
    "reviews_waiting": "대기 중", "reviews_over": "최근 결정", "reviews_none": "검토를 기다리는 것이 없습니다.", "reviews_none_over": "최근에 결정한 것이 없습니다.",
    "reviews_more": "외 {n}건은 API에서 볼 수 있습니다", "review_open": "살펴보기", "review_title": "검토 {id}", "review_due": "기한", "review_asked": "요청",
    "review_overdue": "기한 지남", "review_claimed": "검토 중: {by}", "review_claim": "내가 검토", "review_claim_lead": "한동안 다른 사람은 결정할 수 없습니다.",
    "review_source_held": "가드가 보류", "review_source_sampled": "표본", "review_source_restricted": "이용 제한",
    "priority_severe": "심각", "priority_major": "중대", "priority_minor": "경미",
    "review_why": "이유", "review_call": "호출", "review_subject": "대상", "review_route": "경로", "review_guard": "가드", "review_appeal": "이의 제기",
    "review_prompt": "질문(가림)", "review_reply": "답변(가림)", "review_no_text": "내용을 보관하지 않았습니다. 가리는 가드가 없거나 아직 도착하지 않았습니다.",
    "review_tokens": "토큰의 원래 값은 개인정보 담당자만 사유를 남기고 열람할 수 있습니다:",
    "review_said": "지금까지의 의견", "review_two": "통과시키려면 두 사람이 동의해야 합니다.", "review_decide": "결정", "review_verdict": "판정", "review_choose": "선택하세요…",
    "word_approve": "승인: 통과", "word_false_alarm": "오탐: 통과, 탐지되지 않았어야 함", "word_deny": "거부: 계속 보류",
    "word_confirmed": "확정: 계속 보류, 올바른 탐지", "word_escalate": "상향: 다른 사람이 곧 검토", "word_expired": "결정 없이 종료",
    "said_approve": "승인", "said_false_alarm": "오탐", "said_deny": "거부", "said_confirmed": "확정", "said_escalate": "상향", "said_expired": "만료",
    "review_allow": "오탐이면 허용할 기간", "review_allow_hint": "예: 7d. 그동안 이 가드는 바로 이 문구를 통과시킵니다. 비우면 허용하지 않습니다.",
    "review_remember": "확정된 질문이면 공격으로 기억",
}
