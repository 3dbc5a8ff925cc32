"""The words of the pages of signals, in English and Korean; ``words.py`` has them among its own."""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

EN = {
    "signals_title": "Signals", "signals_lead": "What is counted of events, what it shows now, and how sure that is.",
    "signals_none": "The policy declares no signal.", "signal_over": "over {window}", "signal_between": "between {low} and {high}",
    "signal_from": "from {n} events", "signal_about": "of {about}", "signal_chance": "chance may give it",
    "signal_unwatched": "No alert", "signal_by": "by {labels}", "signal_alert": "{against} over {window}", "signal_machines": "{n} apart",
    "signal_back": "All signals", "signal_words": "In words", "signal_now": "Now", "signal_alerts": "Alerts on it",
    "signal_past": "The last {n} windows of {window}", "signal_plot": "The last {n} windows of {window}, oldest first; the newest shows {value}",
    "signal_plot_help": "A line across is a threshold; a thin line on a column is its interval. A column is red where it is beyond a threshold for sure, and missing where there are no data or too few.",
    "signal_numbers": "As numbers", "signal_over_limit": "beyond a threshold",
    "signal_basis": "What it rests on", "signal_reference": "Reference", "signal_version": "{name}, version {version}: {rows} rows of {source}",
    "signal_unbound": "{name} is not registered yet", "signal_no_reference": "none: it is compared with nothing",
    "signal_least": "Smallest sample", "signal_least_min_events": "{n} events", "signal_least_min_group": "{n} of each group",
    "signal_least_min_labels": "{n} with a label", "signal_no_least": "none is asked for",
    "signal_sampled": "Sampled guards", "signal_sample": "{guard} looks at {share} of the calls", "signal_no_sample": "none: each guard it counts looks at every call, or it counts none",
    "signal_apart": "Label values", "signal_apart_of": "{names}: {n} counted apart, of at most {most}", "signal_apart_first": "The {n} with most events:",
    "signal_apart_some": "The first {n}:", "signal_beyond": "The cap is reached: what came beyond it is counted together", "signal_empty": "(empty)",
}

KO = {
    "signals_title": "신호", "signals_lead": "이벤트에서 무엇을 세고, 지금 값이 얼마이며, 얼마나 확실한지 보여 줍니다.",
    "signals_none": "정책에 선언된 신호가 없습니다.", "signal_over": "최근 {window}", "signal_between": "구간 {low} ~ {high}",
    "signal_from": "이벤트 {n}건 기준", "signal_about": "대상 {about}", "signal_chance": "우연으로도 나올 수 있음",
    "signal_unwatched": "알림 없음", "signal_by": "{labels}별", "signal_alert": "{window} 동안 {against}", "signal_machines": "{n}개로 나눠 판단",
    "signal_back": "모든 신호", "signal_words": "말로 풀면", "signal_now": "현재", "signal_alerts": "이 신호를 보는 알림",
    "signal_past": "{window} 단위 최근 구간 {n}개", "signal_plot": "{window} 단위 최근 구간 {n}개를 오래된 것부터 표시, 가장 새 값은 {value}",
    "signal_plot_help": "가로선은 알림 기준, 막대 위의 가는 선은 구간입니다. 확실히 기준을 넘은 막대는 붉은색이며, 데이터가 없거나 부족한 구간은 비어 있습니다.",
    "signal_numbers": "숫자로 보기", "signal_over_limit": "기준 초과",
    "signal_basis": "판단 근거", "signal_reference": "비교 기준", "signal_version": "{name}, 버전 {version}: {source}의 {rows}행",
    "signal_unbound": "{name} 아직 등록되지 않음", "signal_no_reference": "없음: 다른 것과 비교하지 않음",
    "signal_least": "최소 표본", "signal_least_min_events": "이벤트 {n}건", "signal_least_min_group": "그룹마다 {n}건",
    "signal_least_min_labels": "라벨이 있는 것 {n}건", "signal_no_least": "정해지지 않음",
    "signal_sampled": "표본만 보는 가드", "signal_sample": "{guard} 가드는 호출의 {share}만 검사", "signal_no_sample": "없음: 세는 가드가 모든 호출을 보거나, 가드 결과를 세지 않음",
    "signal_apart": "라벨 값", "signal_apart_of": "{names}: {n}개를 따로 집계(최대 {most}개)", "signal_apart_first": "이벤트가 많은 {n}개:",
    "signal_apart_some": "처음 {n}개:", "signal_beyond": "한도에 도달하여 초과분은 합산", "signal_empty": "(빈 값)",
}
