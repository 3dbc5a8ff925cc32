"""The words of the page of guards in shadow, and of one call's, in English and Korean; ``words.py`` has them among its
own."""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

EN = {
    "shadow_title": "Shadow", "shadow_lead": "What guards in shadow would have done in the last 7 days, and what guards that look at a sample found in it. A guard in shadow changes nothing.",
    "shadow_none": "The policy has no guard in shadow, and none that looks at a sample.", "shadow_unseen": "It has looked at no call in the last 7 days.",
    "shadow_state_shadow": "In shadow", "shadow_state_sampled": "In a sample", "shadow_state_enforced": "Enforced now by a playbook", "shadow_state_off": "Off",
    "shadow_its_act": "act: {act}", "shadow_its_sample": "looks at {share} of the calls",
    "shadow_how": "To enforce it, take `shadow: true` from guard {guard} in the policy file and start bongsu with it; or let a playbook enforce it while an alert fires: `block: {guard}`.",
    "shadow_how_all": "To have it look at every call, take `sample: {sample}` from guard {guard} in the policy file and start bongsu with it.",
    "shadow_how_all_too": "It looks at every call once `sample: {sample}` is gone too.", "shadow_how_on": "It is off: it needs `enabled: true`.",
    "shadow_other": "(another route)", "shadow_looked": "looked at {n} calls", "shadow_skipped": "{n} calls outside its sample", "shadow_failed": "failed in {n}",
    "shadow_act_block": "block", "shadow_act_flag": "flag", "shadow_act_tokenise": "put a token in its place", "shadow_act_mask": "withhold", "shadow_act_review": "hold for a person",
    "shadow_would_block": "Would have blocked", "shadow_would_flag": "Would have flagged", "shadow_would_tokenise": "Would have put tokens in place", "shadow_would_mask": "Would have withheld", "shadow_would_review": "Would have held for a person",
    "shadow_did_block": "Blocked", "shadow_did_flag": "Flagged", "shadow_did_tokenise": "Put tokens in place", "shadow_did_mask": "Withheld", "shadow_did_review": "Held for a person",
    "shadow_of": "{n} of {calls} calls", "shadow_between": "between {low} and {high} (95%)", "shadow_done": "{n} of them while it was enforced", "shadow_through": "{n} of them were not blocked by anything else",
    "shadow_beyond": "about {n} more ({low} to {high}) may be expected in calls outside its sample",
    "shadow_plot": "{guard} on {route}: the share by hour, the last {n} hours", "shadow_plot_help": "The share it would {act}, hour by hour, the last {n} hours; a thin line is its interval, and an hour without calls is empty.",
    "shadow_numbers": "As numbers", "shadow_quiet": "no calls in these hours", "shadow_examples": "The last such calls:",
    "call_title": "One call", "call_lead": "What its guards said. Its texts are not shown here.", "call_guards": "Guards", "call_unguarded": "No guard looked at it.",
    "call_route": "Route", "call_upstream": "Upstream", "call_outcome": "Outcome", "call_blocked_by": "Blocked by", "call_sampled": "Samples",
    "call_on_input": "prompt", "call_on_output": "reply", "call_on_store": "what is kept", "call_failed": "Failed", "call_allow": "Nothing found", "call_skipped": "Not in its sample",
}

KO = {
    "shadow_title": "관찰 모드", "shadow_lead": "관찰 모드의 가드가 최근 7일 동안 했을 조치와, 표본만 보는 가드가 표본에서 찾은 것을 보여 줍니다. 관찰 모드의 가드는 아무것도 바꾸지 않습니다.",
    "shadow_none": "정책에 관찰 모드이거나 표본만 보는 가드가 없습니다.", "shadow_unseen": "최근 7일 동안 본 호출이 없습니다.",
    "shadow_state_shadow": "관찰 중", "shadow_state_sampled": "표본만", "shadow_state_enforced": "플레이북이 지금 적용 중", "shadow_state_off": "꺼짐",
    "shadow_its_act": "조치: {act}", "shadow_its_sample": "호출의 {share}만 검사",
    "shadow_how": "적용하려면 정책 파일의 가드 {guard}에서 `shadow: true`를 지우고 그 정책으로 bongsu를 시작하십시오. 알림이 울리는 동안만 적용하려면 플레이북에 `block: {guard}`를 넣으십시오.",
    "shadow_how_all": "모든 호출을 보게 하려면 정책 파일의 가드 {guard}에서 `sample: {sample}`를 지우고 그 정책으로 bongsu를 시작하십시오.",
    "shadow_how_all_too": "`sample: {sample}`도 지워야 모든 호출을 봅니다.", "shadow_how_on": "꺼져 있으므로 `enabled: true`도 필요합니다.",
    "shadow_other": "(다른 경로)", "shadow_looked": "호출 {n}건 검사", "shadow_skipped": "표본 밖 호출 {n}건", "shadow_failed": "실패 {n}건",
    "shadow_act_block": "차단", "shadow_act_flag": "표시", "shadow_act_tokenise": "토큰으로 대체", "shadow_act_mask": "가림", "shadow_act_review": "사람의 검토까지 보류",
    "shadow_would_block": "차단했을 호출", "shadow_would_flag": "표시했을 호출", "shadow_would_tokenise": "토큰으로 대체했을 호출", "shadow_would_mask": "가렸을 호출", "shadow_would_review": "사람의 검토를 기다렸을 호출",
    "shadow_did_block": "차단한 호출", "shadow_did_flag": "표시한 호출", "shadow_did_tokenise": "토큰으로 대체한 호출", "shadow_did_mask": "가린 호출", "shadow_did_review": "사람의 검토까지 보류한 호출",
    "shadow_of": "호출 {calls}건 중 {n}건", "shadow_between": "구간 {low} ~ {high}(95%)", "shadow_done": "그중 {n}건은 적용 중에 실제로 한 조치", "shadow_through": "그중 {n}건은 다른 것으로도 차단되지 않음",
    "shadow_beyond": "표본 밖 호출에 약 {n}건({low} ~ {high})이 더 있을 것으로 추정",
    "shadow_plot": "{route}의 {guard}: 최근 {n}시간의 시간별 비율", "shadow_plot_help": "최근 {n}시간 동안 시간별 '{act}' 비율입니다. 가는 선은 구간이며, 호출이 없는 시간은 비어 있습니다.",
    "shadow_numbers": "숫자로 보기", "shadow_quiet": "이 시간에는 호출 없음", "shadow_examples": "최근 해당 호출:",
    "call_title": "호출 한 건", "call_lead": "가드의 판단입니다. 내용은 여기에 보이지 않습니다.", "call_guards": "가드", "call_unguarded": "이 호출을 본 가드가 없습니다.",
    "call_route": "경로", "call_upstream": "업스트림", "call_outcome": "결과", "call_blocked_by": "차단한 가드", "call_sampled": "표본",
    "call_on_input": "프롬프트", "call_on_output": "답변", "call_on_store": "보관본", "call_failed": "실패", "call_allow": "찾은 것 없음", "call_skipped": "표본에 들지 않음",
}
