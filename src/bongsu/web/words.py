"""Every sentence of the cockpit, in English and Korean. The two tables have the same keys; a test holds them to it."""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

from bongsu.language.sentences import say, span
from bongsu.web import words_privacy, words_review, words_signal

LANGUAGES = {"en": "English", "ko": "한국어"}

EN = {
    "brand": "bongsu", "title": "Cockpit", "skip": "Skip to the board",
    "language": "Language", "theme": "Appearance", "theme_auto": "Auto", "theme_light": "Light", "theme_dark": "Dark",
    "logout": "Log out", "service": "Service",
    # login
    "login_title": "Light the beacon", "login_lead": "Sign in with the admin token. It was shown once, when bongsu first started. Reviewers use their own.",
    "token": "Admin token", "login": "Sign in", "login_wrong": "That is not the admin token. Check for missing characters and try again.",
    "login_wait": "Too many wrong tokens. Try again in {seconds} s.", "login_foreign": "The form did not come from this page. Reload and try again.",
    # beacons
    "fires": "Beacon: {n} of 5 fires", "fires_0": "No eyes", "fires_1": "All is well", "fires_2": "On watch",
    "fires_3": "Something is wrong", "fires_4": "Major incident", "fires_5": "Severe incident",
    "lead_0": "No recent events to judge. Silence is not health: check that traffic and the gateway are up.",
    "lead_1": "Every watched signal is within its limits.",
    "lead_2": "Nothing is broken, but something is worth an eye.",
    "lead_3": "A minor alert is firing or an error budget is spent.",
    "lead_4": "A major alert is firing. See below what was done and what is still exposed.",
    "lead_5": "A severe alert is firing. See below what was done and what is still exposed.",
    "fires_help": "What the fires mean",
    "fires_story": "Korea's beacon towers lit one fire every evening to say that all was well, and up to five in war. "
                   "No fire at all meant that nobody was watching.",
    # state of the house
    "gate": "Deploy gate", "gate_allow": "Open", "gate_deny": "Closed", "gate_inconclusive": "Needs a person",
    "gate_clear": "Nothing speaks against a deploy.",
    "automation": "Automation", "on": "On", "off": "Off",
    "automation_on_lead": "Playbooks act by themselves.",
    "automation_off_lead": "Automation is off. Actions that change traffic are held until it is turned on again.",
    "kill": "Stop all automation", "revive": "Turn automation on",
    "traffic": "Traffic", "calls": "calls", "routes": "Routes now",
    "seen": "Last read", "audit": "Audit log", "records": "records", "policy": "Policy", "troubles": "bongsu needs help",
    # objectives
    "objectives": "Objectives", "no_objectives": "No objectives yet",
    "no_objectives_lead": "Declare one under objectives in the policy, and its error budget appears here.",
    "target": "target {target} over {window}", "budget_left": "of budget left", "overdrawn": "overdrawn",
    "spent": "Spent", "no_events": "No events yet", "warming": "Warming up", "covered": "{share} of the time seen", "projected": "at this rate {share} spent at its end",
    "now_at": "now {value}", "bad_of": "{bad} bad of {total}", "burn": "Burn rate", "burn_over": "over {window}",
    "burn_limit": "alerts at {factor}×", "burning": "too fast", "page": "page", "ticket": "ticket",
    "budget_bar": "Error budget left: {left}",
    "composite": "All objectives together", "composite_within": "{within} of {known} within budget", "composite_silent": "{n} without events",
    "composite_left": "of budget left, weighted", "composite_bar": "Error budgets left, weighted: {left}",
    "composite_worst": "least left: {name}, {left}", "composite_help": "The gate judges each objective on its own.",
    # alerts
    "alerts": "Alerts", "live_alerts": "Live alerts", "no_alerts": "Nothing is firing",
    "no_alerts_lead": "{n} alerts are watching. The first to move appears here.",
    "blind_alerts_lead": "But none of the {n} alerts has data yet, so this says little.",
    "quiet": "{n} quiet alerts", "value": "Value", "limit": "limit {against}", "since": "since",
    "phase_firing": "Firing", "phase_pending": "Pending", "phase_clearing": "Clearing", "phase_ok": "Quiet",
    "data_seen": "watching", "data_none": "no data", "data_warming": "warming up",
    "data_insufficient": "insufficient data",
    # incidents
    "incidents": "Incidents", "open_incidents": "Open incidents", "past_incidents": "Closed recently ({n})",
    "no_incidents": "No open incident", "no_incidents_lead": "When an alert fires, its story appears here: cause, actions, residual risk.",
    "cause": "Cause", "actions": "Actions", "residual": "Residual risk", "opened": "opened", "cleared": "cleared",
    "closed": "closed", "reopened": "fired again {n}×", "alert": "Alert", "history": "History ({n})",
    "phase_open": "Open", "phase_cleared": "Cleared", "phase_closed": "Closed",
    "no_actions": "No playbook answers this alert. A person has to act.",
    "state_waiting": "Waiting", "state_held": "Held", "state_running": "Running", "state_done": "In force",
    "state_done_told": "Done", "state_failed": "Failed", "state_unknown": "Unknown", "state_undo_waiting": "Take-back waiting",
    "state_undo_held": "Take-back held", "state_undo_running": "Taking back", "state_undone": "Taken back",
    "attempts": "{n} attempts",
    "exposure_none": "Back within limits", "exposure_contained": "Contained", "exposure_exposed": "Exposed",
    "exposure_none_lead": "The signal is within its limit.",
    "exposure_contained_lead": "An action is in force. The signal may look well only because of it.",
    "exposure_exposed_lead": "The signal is bad and no action is in force.",
    "current": "Now", "against": "Limit", "budget": "Budget left", "in_force": "In force", "nothing": "nothing",
    "no_objective": "no objective on this signal",
    "calls_since": "Calls since it opened", "undo": "Take back the actions", "details": "Open", "back": "Back to the board",
    # versions
    "versions": "Versions", "versions_by_person": "set by a person", "versions_by_canary": "set by a canary",
    "versions_by_playbook": "set by a playbook", "canary_running": "Canary running", "canary_promoted": "Canary promoted",
    "canary_rolled_back": "Canary rolled back", "rollback_to": "Back to {version}", "rollback": "Roll back",
    "rollback_title": "Roll back? {id}", "rollback_lead": "New calls are of that version at once; streams in flight are left alone. It can be taken back.",
    # false alarms allowed
    "allowed": "Allowed false alarms", "allowed_lead": "Texts that a guard lets pass until their time is over. Only a hash of each is kept.",
    "allowed_by": "by {by}", "allowed_until": "until", "disallow": "Stop allowing",
    # channels
    "channels": "Channels", "channels_lead": "Who is told. A test sends a notice that says it is one; it goes on the record.",
    "channel_test": "Send a test", "no_channels": "The policy declares no channel: nobody is told anything.",
    "channel_delivered": "{name}: delivered in {ms} ms (status {status}).", "channel_failed": "{name}: not delivered: {why}",
    # what is kept back
    "quiet_title": "Silences", "quiet_page_lead": "What is not told now, and who hears what next. That something is over is always told to whoever was told of it.",
    "silences": "Silences people asked for", "no_silences": "Nobody has silenced anything.", "silence": "Silence", "silence_by": "by {by}",
    "silence_from": "from", "until": "until", "unsilence": "End now", "unsilence_title": "End {id} now?",
    "unsilence_lead": "What it kept back is told again from the next look on.",
    "silence_title": "Keep notices back", "silence_lead": "Alerts and playbooks go on as before. Severe alerts, and channels that cannot be muted, are told all the same.",
    "silence_match": "What", "silence_match_hint": "One condition a line; all of them must hold.", "silence_for": "How long", "silence_for_hint": "For example 2h or 3d, 90d at most.",
    "silence_who": "Who asks",
    "mutes": "Mute windows of the policy", "no_mutes": "The policy mutes nothing.", "mute_all": "everything that can be muted",
    "mute_now": "In force", "mute_not_now": "Not now",
    "next_notices": "Next notices", "no_notices": "No channel has been told of anything that is still so.", "next_at_end": "when it is over",
    # keys and users
    "keys_title": "Keys and users", "keys_lead": "Who may call the gateway, who is restricted, and what is spent on whose account.",
    "keys": "Keys", "no_keys": "There is no key yet.", "keys_more": "and {n} more; the API lists them all",
    "key_new": "New key", "key_new_lead": "The key is shown once, on the next page. bongsu keeps only its hash.", "key_create": "Create the key",
    "key_name": "Name", "key_name_hint": "Whose key it is, for example the app's name.", "key_user": "user", "key_user_hint": "Only a token of it is kept. Empty: its calls name their users.",
    "key_team": "team", "key_tier": "tier", "key_region": "region", "key_region_hint": "Where its people are, for the borders of the policy.", "key_scopes": "Scopes", "key_routes": "routes", "key_routes_hint": "Names with spaces between; every route if empty.",
    "key_expires": "expires", "key_expires_hint": "In how long, such as 90d; never if empty.", "key_no_end": "no end", "key_used": "used", "key_unused": "never used",
    "key_requests": "Requests a minute", "key_tokens": "Tokens a minute", "key_requests_of": "{n} requests/min", "key_tokens_of": "{n} tokens/min",
    "key_origin": "Counts as", "key_block": "Blocked calls get", "key_details": "Limits, routes and kind", "key_two_secrets": "two secrets live",
    "key_expired": "Expired", "key_revoked": "Revoked", "origin_live": "live traffic", "origin_redteam": "red team", "origin_evaluation": "evaluation",
    "block_reply": "a reply that refuses", "block_error": "an error",
    "key_made": "Keep this key now", "key_made_lead": "This is the key of {name}. It is not shown again.", "key_kept": "I have kept it",
    "rotate_key": "Rotate", "rotate_key_title": "New secret for {id}?", "rotate_key_lead": "The new secret is shown once. The old one lives 24 hours longer, unless its user had to sign in again.",
    "revoke_key": "Revoke", "revoke_key_title": "Revoke {id}?", "revoke_key_lead": "Every worker refuses it within a second. That cannot be undone.",
    "restrictions": "Restrictions in force", "no_restrictions": "Nobody is restricted.", "restrict": "Restrict", "restrict_somebody": "Restrict a user or a key",
    "restrict_lead": "In force within a second, in every worker. The highest rung of several counts.", "restrict_subject": "Who",
    "restrict_subject_hint": "A user, kept as a token, or a key.", "restrict_for_hint": "Such as 2h or 30d; until somebody lifts it if empty.",
    "restrict_reason_hint": "One sentence. They are told it, and it goes into the audit log.", "rung": "How", "appeal": "Appeal to", "restricted_no_end": "until somebody lifts it",
    "rung_warn": "Warned", "rung_slow": "Slowed down", "rung_light": "Light model", "rung_review": "Held for review", "rung_suspended": "Suspended",
    "rung_reauthenticate": "Must sign in again",
    "lift": "Lift", "lift_title": "Lift every restriction of {id}?", "lift_lead": "Those that a playbook set, too. In force within a second.",
    "budgets": "Budgets", "budgets_lead": "The first line on a bar is the soft limit, where callers are told. The second is the hard limit.",
    "no_budgets": "The policy declares no budget, or nothing has been spent.", "spent_bar": "{share} spent; soft limit {soft}, hard limit {limit}",
    "spent_of": "{spent} of {limit}", "money_left": "{left} left", "money_gone": "nothing left", "soft_reached": "Soft limit reached", "soft_proposes": "A cheaper model: {moves}",
    "over_refuse": "Calls are refused", "over_light": "Light model only",
    # the gate
    "latches": "Held shut until a person clears it", "latches_lead": "Severe alerts, and those the policy names, keep the gate closed after they are over.",
    "no_latches": "Nothing holds the gate.", "latches_firing": "It can be cleared once the alert is over.", "latch_over": "Over",
    "clear_gate": "Clear the gate", "clear_gate_title": "Clear the gate?", "clear_gate_lead": "Deploys may go on after alerts that are over. One that still fires keeps it shut.",
    "overrides": "Overrides", "override_people": "asked by {author}, approved by {approver}", "override_pending": "Waits for approval",
    "override_active": "In force", "override_expired": "Over", "override_revoked": "Revoked",
    "deployments": "Deployments and incidents", "deployments_lead": "What deployment tools reported, among what happened to the service.",
    "no_deployments": "No tool has reported a deployment, and there is no incident.", "happened_deployment": "Deployment", "happened_opened": "Incident opened",
    "happened_cleared": "Incident cleared", "happened_closed": "Incident closed",
    # confirmation
    "kill_title": "Stop all automation?", "kill_lead": "Actions already in force stay. New ones that change traffic are held until automation is turned on again. People are still told.",
    "revive_title": "Turn automation on?", "revive_lead": "Held actions are carried out at once.",
    "postmortem": "Postmortem is written", "postmortem_title": "Postmortem of {id}",
    "postmortem_lead": "The incident took more of an error budget than one may. Once you say where its postmortem can be read, it is no longer due.",
    "postmortem_url": "Where it can be read", "postmortem_url_hint": "http or https, without a password, such as https://wiki.example.com/pm/1", "postmortem_reason_hint": "Who wrote it, and what came of it. It goes into the audit log.",
    "postmortem_bad_url": "That is no address: it begins with http:// or https:// and holds no password.",
    "ack": "Acknowledge", "ack_title": "Take charge of {id}?", "ack_lead": "It is not told again and not escalated. That it is over is told.",
    "acked_by": "acknowledged by {by}", "muted_by": "notices kept back by {names}", "next_notice": "next notice",
    "disallow_title": "Stop allowing {id}?", "disallow_lead": "The guard treats this text as it treats any other again.",
    "undo_title": "Take back the actions of {id}?", "undo_lead": "What its playbooks changed is put back as it was. If the alert still holds, users are exposed again.",
    "reason": "Reason", "reason_hint": "One sentence. It goes into the audit log.", "cancel": "Cancel",
    # states of the page
    "offline": "No connection to bongsu. What you see may be old; reconnecting…", "live": "Live", "as_of": "as of",
    "not_found": "There is nothing here", "not_found_lead": "The address is wrong, or the incident is no longer kept.",
    "error": "That did not work",
} | words_privacy.EN | words_review.EN | words_signal.EN

KO = {
    "brand": "봉수", "title": "관제", "skip": "본문으로 건너뛰기",
    "language": "언어", "theme": "화면 모드", "theme_auto": "자동", "theme_light": "밝게", "theme_dark": "어둡게",
    "logout": "로그아웃", "service": "서비스",
    "login_title": "봉수대에 오르기", "login_lead": "관리자 토큰으로 로그인하세요. 토큰은 처음 시작할 때 한 번만 표시됩니다. 검토자는 자신의 토큰을 씁니다.",
    "token": "관리자 토큰", "login": "로그인", "login_wrong": "관리자 토큰이 아닙니다. 빠진 글자가 없는지 확인한 뒤 다시 입력하세요.",
    "login_wait": "잘못된 토큰이 너무 많이 입력되었습니다. {seconds}초 뒤에 다시 시도하세요.", "login_foreign": "이 페이지에서 보낸 요청이 아닙니다. 새로 고친 뒤 다시 시도하세요.",
    "fires": "봉수 {n}거 / 5거", "fires_0": "관측 없음", "fires_1": "이상 없음", "fires_2": "주의 관찰",
    "fires_3": "이상 발생", "fires_4": "중대 장애", "fires_5": "심각 장애",
    "lead_0": "최근에 들어온 이벤트가 없어 판단할 수 없습니다. 조용하다고 정상은 아니니, 트래픽과 게이트웨이를 확인하세요.",
    "lead_1": "지켜보는 지표가 모두 한도 안에 있습니다.",
    "lead_2": "아직 문제는 없지만 지켜볼 것이 있습니다.",
    "lead_3": "경미한 알림이 발생했거나 오류 예산을 모두 썼습니다.",
    "lead_4": "중대 알림이 발생했습니다. 어떤 조치를 했고 무엇이 아직 위험한지 아래에서 확인하세요.",
    "lead_5": "심각 알림이 발생했습니다. 어떤 조치를 했고 무엇이 아직 위험한지 아래에서 확인하세요.",
    "fires_help": "봉화 개수의 뜻",
    "fires_story": "조선의 봉수대는 평시에 매일 저녁 봉화 하나를 올려 이상이 없음을 알렸고, 전투가 벌어지면 다섯을 올렸습니다. "
                   "봉화가 하나도 없으면 지키는 사람이 없다는 뜻이었습니다.",
    "gate": "배포 게이트", "gate_allow": "열림", "gate_deny": "닫힘", "gate_inconclusive": "사람의 판단 필요",
    "gate_clear": "배포를 막을 이유가 없습니다.",
    "automation": "자동 대응", "on": "켜짐", "off": "꺼짐",
    "automation_on_lead": "플레이북이 스스로 대응합니다.",
    "automation_off_lead": "자동 대응이 꺼져 있습니다. 트래픽을 바꾸는 조치는 다시 켤 때까지 보류됩니다.",
    "kill": "자동 대응 모두 멈추기", "revive": "자동 대응 켜기",
    "traffic": "트래픽", "calls": "건 호출", "routes": "현재 경로",
    "seen": "마지막 수집", "audit": "감사 로그", "records": "건 기록", "policy": "정책", "troubles": "봉수에 문제가 있습니다",
    "objectives": "목표", "no_objectives": "아직 목표가 없습니다",
    "no_objectives_lead": "정책의 objectives에 목표를 선언하면 오류 예산이 여기에 나타납니다.",
    "target": "목표 {target} · 기간 {window}", "budget_left": "예산 남음", "overdrawn": "예산 초과",
    "spent": "소진", "no_events": "아직 이벤트 없음", "warming": "데이터 수집 중", "covered": "전체 시간의 {share} 관측", "projected": "지금 속도면 기간 말 소진율 {share}",
    "now_at": "현재 {value}", "bad_of": "{total}건 중 {bad}건 불량", "burn": "소진 속도", "burn_over": "최근 {window}",
    "burn_limit": "{factor}배에서 알림", "burning": "너무 빠름", "page": "호출", "ticket": "티켓",
    "budget_bar": "남은 오류 예산: {left}",
    "composite": "모든 목표를 함께", "composite_within": "목표 {known}개 가운데 {within}개가 예산 이내", "composite_silent": "이벤트 없는 목표 {n}개",
    "composite_left": "예산 남음(가중 평균)", "composite_bar": "남은 오류 예산의 가중 평균: {left}",
    "composite_worst": "가장 적게 남은 목표: {name}, {left}", "composite_help": "게이트는 목표마다 따로 판단합니다.",
    "alerts": "알림", "live_alerts": "진행 중인 알림", "no_alerts": "발생한 알림이 없습니다",
    "no_alerts_lead": "알림 {n}개가 지켜보고 있습니다. 변화가 생기면 여기에 나타납니다.",
    "blind_alerts_lead": "다만 알림 {n}개 모두 아직 데이터가 없어, 정상이라고 말할 수는 없습니다.",
    "quiet": "조용한 알림 {n}개", "value": "값", "limit": "기준 {against}", "since": "시작",
    "phase_firing": "발생", "phase_pending": "대기", "phase_clearing": "해소 중", "phase_ok": "정상",
    "data_seen": "관측 중", "data_none": "데이터 없음", "data_warming": "데이터 수집 중",
    "data_insufficient": "판단할 데이터 부족",
    "incidents": "인시던트", "open_incidents": "진행 중인 인시던트", "past_incidents": "최근 종료 ({n})",
    "no_incidents": "진행 중인 인시던트가 없습니다", "no_incidents_lead": "알림이 발생하면 원인, 조치, 잔여 위험이 차례로 여기에 나타납니다.",
    "cause": "원인", "actions": "조치", "residual": "잔여 위험", "opened": "시작", "cleared": "해소",
    "closed": "종료", "reopened": "재발 {n}회", "alert": "알림", "history": "이력 ({n})",
    "phase_open": "진행 중", "phase_cleared": "해소됨", "phase_closed": "종료",
    "no_actions": "이 알림에 연결된 플레이북이 없습니다. 사람이 대응해야 합니다.",
    "state_waiting": "대기", "state_held": "보류", "state_running": "실행 중", "state_done": "적용 중",
    "state_done_told": "완료", "state_failed": "실패", "state_unknown": "결과 불명", "state_undo_waiting": "되돌리기 대기",
    "state_undo_held": "되돌리기 보류", "state_undo_running": "되돌리는 중", "state_undone": "되돌림",
    "attempts": "{n}회 시도",
    "exposure_none": "한도 안으로 회복", "exposure_contained": "통제 중", "exposure_exposed": "노출 중",
    "exposure_none_lead": "지표가 한도 안에 있습니다.",
    "exposure_contained_lead": "조치가 적용 중입니다. 지표가 조치 덕분에만 정상으로 보일 수 있습니다.",
    "exposure_exposed_lead": "지표가 나쁜데 적용 중인 조치가 없습니다.",
    "current": "현재", "against": "기준", "budget": "남은 예산", "in_force": "적용 중인 조치", "nothing": "없음",
    "no_objective": "이 지표에 걸린 목표 없음",
    "calls_since": "시작 후 호출", "undo": "조치 되돌리기", "details": "자세히", "back": "관제 화면으로",
    "versions": "버전", "versions_by_person": "담당자가 지정", "versions_by_canary": "카나리가 지정",
    "versions_by_playbook": "플레이북이 지정", "canary_running": "카나리 진행 중", "canary_promoted": "카나리 승격됨",
    "canary_rolled_back": "카나리 되돌림", "rollback_to": "{version} 버전으로 되돌리기", "rollback": "되돌리기",
    "rollback_title": "되돌릴까요? {id}", "rollback_lead": "새 호출은 바로 그 버전으로 처리되고, 진행 중인 스트림은 그대로 둡니다. 다시 취소할 수 있습니다.",
    "allowed": "허용된 오탐", "allowed_lead": "기한까지 가드가 통과시키는 문구입니다. 원문은 없이 해시만 보관합니다.",
    "allowed_by": "허용: {by}", "allowed_until": "기한", "disallow": "허용 취소",
    "channels": "알림 채널", "channels_lead": "누구에게 알릴지 정한 채널입니다. 시험 메시지는 시험임을 밝히며, 결과는 감사 로그에 남습니다.",
    "channel_test": "시험 메시지 보내기", "no_channels": "정책에 채널이 없어 아무에게도 알리지 않습니다.",
    "channel_delivered": "{name}: {ms}ms 만에 전달되었습니다(상태 {status}).", "channel_failed": "{name}: 전달하지 못했습니다: {why}",
    "postmortem": "사후 분석 작성됨", "postmortem_title": "{id} 사후 분석",
    "postmortem_lead": "이 인시던트가 오류 예산을 허용된 몫보다 많이 썼습니다. 사후 분석이 있는 곳을 적으면 작성할 목록에서 빠집니다.",
    "postmortem_url": "읽을 수 있는 주소", "postmortem_url_hint": "비밀번호 없는 http 또는 https 주소. 예: https://wiki.example.com/pm/1", "postmortem_reason_hint": "누가 썼고 무엇을 바꾸기로 했는지 적어 주세요. 감사 로그에 남습니다.",
    "postmortem_bad_url": "올바른 주소가 아닙니다. http:// 또는 https://로 시작하고 비밀번호가 없어야 합니다.",
    "ack": "확인", "ack_title": "{id} 인시던트를 맡을까요?", "ack_lead": "반복 통보와 상위 통보가 멈춥니다. 해소되면 알려 드립니다.",
    "acked_by": "확인: {by}", "muted_by": "통보 보류: {names}", "next_notice": "다음 통보",
    "disallow_title": "{id} 허용을 취소할까요?", "disallow_lead": "가드가 이 문구를 다시 다른 문구와 똑같이 다룹니다.",
    "quiet_title": "알림 보류", "quiet_page_lead": "지금 알리지 않는 것과 채널별 다음 통보입니다. 발생을 알린 곳에는 해소도 반드시 알립니다.",
    "silences": "담당자가 보류한 알림", "no_silences": "보류한 알림이 없습니다.", "silence": "알림 보류하기", "silence_by": "요청: {by}",
    "silence_from": "시작", "until": "기한", "unsilence": "보류 끝내기", "unsilence_title": "{id} 보류를 지금 끝낼까요?",
    "unsilence_lead": "보류했던 알림을 다음 점검부터 다시 알립니다.",
    "silence_title": "알림 보류", "silence_lead": "알림 판단과 플레이북은 그대로 계속됩니다. 심각 알림과 보류할 수 없는 채널에는 그대로 알립니다.",
    "silence_match": "대상", "silence_match_hint": "한 줄에 조건 하나씩 적으며, 모두 맞아야 합니다.", "silence_for": "기간", "silence_for_hint": "예: 2h(2시간), 3d(3일). 최대 90d(90일).",
    "silence_who": "요청자",
    "mutes": "정책의 보류 시간대", "no_mutes": "정책에 보류 시간대가 없습니다.", "mute_all": "보류할 수 있는 모든 알림",
    "mute_now": "적용 중", "mute_not_now": "지금은 아님",
    "next_notices": "다음 통보", "no_notices": "아직 끝나지 않은 일로 통보한 채널이 없습니다.", "next_at_end": "해소될 때",
    "keys_title": "키와 사용자", "keys_lead": "게이트웨이를 호출할 수 있는 키, 제한된 대상, 예산별 지출입니다.",
    "keys": "키", "no_keys": "아직 키가 없습니다.", "keys_more": "외 {n}건은 API에서 볼 수 있습니다",
    "key_new": "새 키", "key_new_lead": "키는 다음 화면에서 한 번만 표시됩니다. 봉수는 해시만 보관합니다.", "key_create": "키 만들기",
    "key_name": "이름", "key_name_hint": "누구의 키인지 적으세요. 예: 앱 이름", "key_user": "사용자", "key_user_hint": "가명 토큰만 보관합니다. 비우면 호출마다 사용자를 밝힙니다.",
    "key_team": "팀", "key_tier": "등급", "key_region": "지역", "key_region_hint": "이 키를 쓰는 사람들이 있는 지역입니다. 정책의 데이터 경계에 쓰입니다.", "key_scopes": "권한 범위", "key_routes": "경로", "key_routes_hint": "공백으로 구분합니다. 비우면 모든 경로입니다.",
    "key_expires": "만료", "key_expires_hint": "예: 90d. 비우면 만료되지 않습니다.", "key_no_end": "만료 없음", "key_used": "마지막 사용", "key_unused": "사용한 적 없음",
    "key_requests": "분당 요청", "key_tokens": "분당 토큰", "key_requests_of": "분당 요청 {n}건", "key_tokens_of": "분당 토큰 {n}개",
    "key_origin": "집계 구분", "key_block": "차단된 호출의 응답", "key_details": "한도, 경로, 구분", "key_two_secrets": "비밀값 2개 유효",
    "key_expired": "만료됨", "key_revoked": "폐기됨", "origin_live": "실제 트래픽", "origin_redteam": "레드팀", "origin_evaluation": "평가",
    "block_reply": "거절 답변", "block_error": "오류",
    "key_made": "지금 키를 보관하세요", "key_made_lead": "{name}의 키입니다. 다시 표시되지 않습니다.", "key_kept": "보관했습니다",
    "rotate_key": "교체", "rotate_key_title": "{id} 키를 교체할까요?", "rotate_key_lead": "새 비밀값은 한 번만 표시됩니다. 이전 값은 24시간 더 쓸 수 있지만, 재인증을 요구받은 사용자의 값은 바로 끝납니다.",
    "revoke_key": "폐기", "revoke_key_title": "{id} 키를 폐기할까요?", "revoke_key_lead": "모든 워커가 1초 안에 거부합니다. 되돌릴 수 없습니다.",
    "restrictions": "적용 중인 제한", "no_restrictions": "제한된 대상이 없습니다.", "restrict": "제한", "restrict_somebody": "사용자나 키 제한하기",
    "restrict_lead": "1초 안에 모든 워커에 적용됩니다. 여러 제한이 겹치면 가장 높은 단계를 따릅니다.", "restrict_subject": "대상",
    "restrict_subject_hint": "사용자(가명 토큰으로 보관) 또는 키입니다.", "restrict_for_hint": "예: 2h, 30d. 비우면 해제할 때까지 적용됩니다.",
    "restrict_reason_hint": "한 문장으로 적으세요. 당사자에게 알리고 감사 로그에 남습니다.", "rung": "단계", "appeal": "이의 제기", "restricted_no_end": "해제할 때까지",
    "rung_warn": "경고", "rung_slow": "지연", "rung_light": "경량 모델", "rung_review": "검토 대기", "rung_suspended": "정지",
    "rung_reauthenticate": "재인증 필요",
    "lift": "해제", "lift_title": "{id}의 제한을 모두 해제할까요?", "lift_lead": "플레이북이 건 제한도 함께 해제됩니다. 1초 안에 적용됩니다.",
    "budgets": "예산", "budgets_lead": "막대의 첫 선은 호출자에게 알리는 주의 한도, 둘째 선은 최종 한도입니다.",
    "no_budgets": "정책에 예산이 없거나 아직 지출이 없습니다.", "spent_bar": "{share} 사용, 주의 한도 {soft}, 최종 한도 {limit}",
    "spent_of": "{limit} 중 {spent} 사용", "money_left": "{left} 남음", "money_gone": "남은 예산 없음", "soft_reached": "주의 한도 도달", "soft_proposes": "더 저렴한 모델 제안: {moves}",
    "over_refuse": "호출 거부 중", "over_light": "경량 모델만 사용",
    "latches": "사람이 풀 때까지 닫힘", "latches_lead": "심각 알림과 정책이 지정한 알림은 끝난 뒤에도 게이트를 닫아 둡니다.",
    "no_latches": "게이트를 붙잡고 있는 알림이 없습니다.", "latches_firing": "알림이 끝나면 해제할 수 있습니다.", "latch_over": "종료",
    "clear_gate": "게이트 해제", "clear_gate_title": "게이트를 해제할까요?", "clear_gate_lead": "끝난 알림 때문에 막힌 배포를 다시 허용합니다. 아직 발생 중인 알림은 게이트를 계속 닫아 둡니다.",
    "overrides": "예외 승인", "override_people": "요청 {author}, 승인 {approver}", "override_pending": "승인 대기",
    "override_active": "적용 중", "override_expired": "만료", "override_revoked": "취소됨",
    "deployments": "배포와 인시던트", "deployments_lead": "배포 도구가 알린 내용을 서비스에서 일어난 일과 함께 보여 줍니다.",
    "no_deployments": "배포 보고도 인시던트도 없습니다.", "happened_deployment": "배포", "happened_opened": "인시던트 시작",
    "happened_cleared": "인시던트 해소", "happened_closed": "인시던트 종료",
    "kill_title": "자동 대응을 모두 멈출까요?", "kill_lead": "이미 적용된 조치는 그대로 남습니다. 트래픽을 바꾸는 새 조치는 다시 켤 때까지 보류되며, 사람에게 가는 알림은 계속됩니다.",
    "revive_title": "자동 대응을 켤까요?", "revive_lead": "보류된 조치가 바로 실행됩니다.",
    "undo_title": "{id}의 조치를 되돌릴까요?", "undo_lead": "플레이북이 바꾼 것을 원래대로 돌려놓습니다. 알림이 아직 해소되지 않았다면 사용자가 다시 노출됩니다.",
    "reason": "사유", "reason_hint": "한 문장으로 적어 주세요. 감사 로그에 남습니다.", "cancel": "취소",
    "offline": "봉수와 연결이 끊겼습니다. 화면의 내용이 오래되었을 수 있습니다. 다시 연결하는 중…", "live": "실시간", "as_of": "기준 시각",
    "not_found": "찾을 수 없습니다", "not_found_lead": "주소가 잘못되었거나 더 이상 보관하지 않는 인시던트입니다.",
    "error": "처리하지 못했습니다",
} | words_privacy.KO | words_review.KO | words_signal.KO

WORDS = {"en": EN, "ko": KO}

def word(lang: str, key: str, **values: object) -> str:
    """One sentence of the page."""
    text = WORDS[lang][key]
    return text.format(**values) if values else text


def choose(asked: str | None, kept: str | None, accept: str) -> str:
    """The language asked for in the address, else the one kept, else the browser's first that we speak, else English.

    >>> choose(None, None, "fr, ko;q=0.8, en;q=0.9"), choose("ko", "en", ""), choose("xx", None, "ko-KR")
    ('en', 'ko', 'ko')
    """
    for given in (asked, kept):
        if given in LANGUAGES:
            return str(given)
    offers = []
    for item in accept.split(","):
        tag, _, quality = item.strip().partition(";q=")
        try:
            offers.append((-float(quality or 1), tag[:2].lower()))
        except ValueError:
            continue
    return next((tag for _, tag in sorted(offers, key=lambda offer: offer[0]) if tag in LANGUAGES), "en")


__all__ = ["EN", "KO", "LANGUAGES", "WORDS", "choose", "say", "span", "word"]
