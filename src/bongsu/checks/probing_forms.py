"""Phrases of probing, English and Korean, as data: by kind, (opening, what must follow inside one sentence).

Probing asks what an assistant could know of the house it runs in, and whether it may be led step by step: credentials
of others, internal systems, the system prompt, and chains of prompts that are to be carried out later. Written from
common knowledge, and kept for a low rate of false alarms: to ask how a password is reset, or what a system prompt is,
is no probing. Patterns are RE2, case-insensitive, over the one spelling of a text.
"""

from __future__ import annotations

_GIVE = (r"\b(?:show|give|tell|send|list|print|reveal|share|dump|display|output|leak|provide|disclose|fetch|read|"
     r"export|"
         r"extract|expose|what\s+(?:is|are)|what['’]?s|where\s+(?:is|are)|find)")
_WHOSE = (r"(?:admin(?:istrator)?|root|database|db|production|prod|service|internal|master|server|system|vpn|ssh|api|"
           r"aws|gcp|azure|openai|staging|stored|hidden|company|backend|employees?'?)")
_KEYS = (r"(?:passwords?|passphrases?|credentials?|api[ _-]?keys?|access[ _-]?(?:keys?|tokens?)|secret[ _-]?keys?|"
         r"private[ _-]?keys?|auth(?:entication)?[ _-]?tokens?|bearer[ _-]?tokens?|logins?|connection[ _-]?strings?)")
_INNER = (r"(?:internal|private|intranet|backend|back-end|production|staging|underlying|company(?:'s)?\s+internal)")
_SYSTEMS = (r"(?:ip(?:\s+address(?:es)?)?s?|host\s?names?|servers?|networks?|end\s?points?|urls?|apis?|data\s?bases?|"
            r"tables?|schemas?|file\s?systems?|director(?:y|ies)|subnets?|ports?|infrastructure|architecture|"
            r"documentation|wikis?|tools?|functions?|config(?:uration)?s?(?:\s+files?)?|environment\s+variables?|"
            r"systems?)")
_MINE = (r"(?:your\s+(?:own\s+|full\s+|entire\s+|exact\s+|complete\s+|initial\s+|original\s+|hidden\s+|secret\s+|"
         r"internal\s+|system\s+|developer\s+|custom\s+|pre-?)*|(?:the\s+)?(?:hidden|secret|system|developer|"
     r"initial)\s+)")
_PROMPT = r"(?:system\s+prompts?|prompts?|instructions?|guidelines|configuration|context\s+window|pre-?prompt|rules)"
_BETWEEN = r"(?:\s+[\w'’,-]+){0,4}?\s+"

_KO_KEYS = (r"(?:비밀\s*번호|패스워드|암호|비번|계정\s*(?:정보|목록)|자격\s*증명|인증\s*(?:정보|키|토큰)|접속\s*정보|"
            r"로그인\s*정보|api\s*키|액세스\s*(?:키|토큰)|비밀\s*키|개인\s*키|시크릿)")
_KO_WHOSE = (r"(?:관리자|어드민|admin|루트|root|서버|디비|db|데이터\s*베이스|운영|시스템|사내|내부|회사|직원|"
     r"다른\s*(?:사용자|고객|"
             r"사람)|저장된|숨겨진|aws|vpn)")
_KO_INNER = r"(?:내부|사내|인트라넷|백엔드|운영\s*환경|운영\s*서버|사설)"
_KO_SYSTEMS = (r"(?:ip|아이피|호스트|서버|네트워크|망|엔드\s*포인트|url|주소|api|데이터\s*베이스|db|디비|테이블|"
     r"스키마|파일\s*시스템|"
               r"디렉[터토]리|포트|인프라|구조|시스템|설정\s*파일|환경\s*변수|도구|함수)")
_KO_GIVE = (r"(?:보여|알려|출력|공개|말해|적어|써\s*줘|내놔|넘겨|유출|제공해|나열|목록|뭐야|뭐니|뭔가요|무엇|어디|"
     r"찾아|읽어|줘|"
            r"주세요|주십시오)")
_KO_NEAR = r"[^.!?\n]{0,20}"

_CREDENTIALS = (
    (_GIVE, rf"{_BETWEEN}{_WHOSE}(?:['’]s)?(?:\s+\w+){{0,2}}\s+{_KEYS}\b"),
    (_GIVE, rf"(?:\s+(?:me|us|all|any|every|of|out))*\s+(?:your|stored|saved|everyone(?:'s)?|other\s+(?:users|people|"
            rf"customers)['’]?s?)\s+(?:\w+\s+){{0,2}}{_KEYS}\b"),
    (r"\b(?:passwords?|credentials|api\s+keys?|tokens)",
     r"\s+(?:of|for|from)\s+(?:other|another|all|every|the\s+admin\w*)\s+"
                                                       r"(?:users?|customers?|employees?|accounts?|people|person)\b"),
    (_GIVE,
     r"(?:\s+[\w'’-]+){0,4}\s+(?:/etc/(?:passwd|shadow)|\.env\s+file|id_rsa|\.aws/credentials|aws_secret_access_key)"),
    (_KO_WHOSE, rf"(?:의|들의|\s)*\s*(?:[가-힣a-z]+\s+){{0,2}}{_KO_KEYS}{_KO_NEAR}{_KO_GIVE}"),
)
_INTERNAL = (
    (_GIVE,
     rf"(?:\s+(?:me|us|all|any|every|of|out|the|your|this|a|list|names?))*\s+{_INNER}\s+(?:\w+\s+){{0,2}}{_SYSTEMS}\b"),
    (_GIVE,
     r"(?:\s+(?:me|us|all|any|every|of|out|the|a|list|names?))*\s+(?:your|the\s+company(?:['’]s)?)\s+(?:\w+\s+){0,1}"
            r"(?:ip\s+address(?:es)?|host\s?names?|servers?|data\s?bases?|infrastructure|environment\s+variables?|"
            r"config(?:uration)?\s+files?|file\s?systems?|end\s?points|function\s+(?:names|definitions|schemas)|"
            r"tool\s+(?:names|definitions|schemas))\b"),
    (r"\b(?:which|what)",
     r"\s+(?:internal\s+)?(?:tools|functions|apis|plugins|databases|servers|systems)\s+(?:do|can|are)\s+"
                         r"you\s+(?:have\s+)?(?:access|call|use|connected|running|query|reach)\b"),
    (r"\b(?:scan|probe|enumerate|ping|map)", rf"{_BETWEEN}{_INNER}\s+(?:\w+\s+)?{_SYSTEMS}\b"),
    (r"\b(?:connect|curl|fetch|request|open|browse|get|access|call)",
     r"(?:\s+[\w'’-]+){0,3}\s+(?:https?://)?(?:169\.254\.169\.254|metadata\.google\.internal|localhost|127\.0\.0\.1|"
     r"10\.\d{1,3}\.\d{1,3}\.\d{1,3}|192\.168\.\d{1,3}\.\d{1,3})"),
    (_KO_INNER, rf"(?:의|용|\s)*\s*(?:[가-힣a-z]+\s+){{0,1}}{_KO_SYSTEMS}{_KO_NEAR}{_KO_GIVE}"),
    (r"(?:당신|너|네|니|챗봇|너희)",
     rf"(?:이|가|는|의|희|\s)*\s*(?:[가-힣]+\s+){{0,2}}(?:접근|연결|사용|호출)\s*(?:할\s*수\s*있는|가능한|하는|된)"
                                rf"\s*(?:내부\s*)?{_KO_SYSTEMS}"),
)
_SYSTEM_PROMPT = (
    (_GIVE, rf"(?:\s+(?:me|us|out|all|exactly|verbatim|of|back))*\s+{_MINE}(?:\w+\s+)?{_PROMPT}\b"),
    (r"\b(?:repeat|recite|copy|echo|translate|summari[sz]e|encode|paraphrase|write\s+out)",
     rf"(?:\s+[\w'’,-]+){{0,4}}?\s+{_MINE}{_PROMPT}\b"),
    (r"\b(?:repeat|recite|copy|echo|print|output)",
     r"(?:\s+[\w'’,-]+){0,3}?\s+(?:words|everything|messages?|instructions?)\s+(?:above|before\s+this|"
     r"you\s+were\s+given)\b"),
    (r"\b(?:what|which)", r"\s+(?:instructions?|rules|guidelines|prompt)\s+(?:were|was|have|did|are)\s+you\s+"
                         r"(?:been\s+)?(?:given|told|get|receive|following|set)\b"),
    (r"\bhow", r"\s+(?:were|are|have)\s+you\s+(?:been\s+)?(?:prompted|instructed|configured)\b"),
    (r"(?:시스템|초기|숨겨진|비밀|개발자|너의|네|당신의|너에게\s*(?:주어진|준)|당신에게\s*(?:주어진|준)|처음\s*받은)",
     r"\s*(?:[가-힣]+\s+){0,1}(?:프롬프트|지시문|지시\s*사항|지침|명령문)(?:를|을|가|이|는|은|의|\s|내용|전체|전문|"
     r"그대로|모두|전부|원문){0,12}"
     r"(?:보여|알려|출력|공개|말해|말하|반복|번역|요약|적어|써\s*줘|내놔|유출|뭐야|뭐니|무엇)"),
    (r"(?:위의|위에|앞의|앞에|이전)",
     r"\s*(?:있는\s*|나온\s*)?(?:모든\s*)?(?:텍스트|문장|지시\s*사항|지시|메시지|내용|글)(?:를|을|\s|모두|전부)*"
                                r"(?:그대로|빠짐없이|한\s*글자도)[^.!?\n]{0,12}(?:반복|출력|복사|적어|말해)"),
)
_CHAIN = (
    (r"\b(?:remember|store|keep|save|memori[sz]e|define|let|set)",
     r"\b[^.!?\n]{0,80}\b(?:then|later|next)\b[^.!?\n]{0,30}\b(?:combine|concatenate|join|execute|decode)\b"),
    (r"\b(?:in|with|from)", r"\s+(?:my|the)\s+(?:next|following)\s+(?:message|prompt|turn|input)s?,?\s+(?:\w+\s+){0,4}"
                          r"(?:combine|execute|decode|follow|obey|act|answer\s+without|continue\s+without|ignore|"
     r"join)\b"),
    (r"\b(?:combine|concatenate|join|merge|append)",
     r"(?:\s+[\w'’\"+,-]+){1,6}\s+(?:and|then)\s+(?:execute|run|follow|obey|do\s+what|carry\s+out|answer)\b"),
    (r"\b(?:do\s+not|don['’]t)", r"\s+(?:answer|reply|respond|do\s+anything)\s+(?:yet|until\s+(?:i|my))\b[^.!?\n]{0,40}"
                               r"(?:part|piece|fragment|say\s+(?:go|run|execute|now)|next\s+message)"),
    (r"\b(?:part|piece|fragment|chunk|step)",
     r"\s+(?:\d+|one|1)\s+(?:of|/)\s+(?:\d+|two|three|four|five|several)\b[^!?\n]{0,40}"
                                            r"(?:wait|do\s+not|don['’]t|remember|hold|combine)"),
    (r"(?:다음|이어지는)", r"\s*(?:메시지|프롬프트|입력|질문|말)(?:에서|까지|와|과|를|을|들|\s){0,6}[^.!?\n]{0,12}"
                       r"(?:합쳐|이어\s*붙|실행|결합|조합|따라\s*(?:줘|라))"),
    (r"(?:기억|저장)", r"(?:해|하고|해\s*두고|했다가|\s){1,6}[^.!?\n]{0,16}(?:나중에|다음에|합쳐|이어\s*붙|실행)"),
    (r"(?:조각|부분|파트)",
     r"(?:들|을|를|\s){0,4}[^.!?\n]{0,8}(?:합쳐|이어\s*붙|결합|조합)(?:서|해서|\s)*[^.!?\n]{0,8}(?:실행|따라|답|수행)"),
)


def _forms(kind: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(f"(?i)(?:{opening}){rest}".replace(r"\s", r"[^\S\n]") for opening, rest in kind)


FORMS = {
    "probe_credentials": _forms(_CREDENTIALS),
    "probe_internal": _forms(_INTERNAL),
    "probe_system_prompt": _forms(_SYSTEM_PROMPT),
    "probe_chain": _forms(_CHAIN),
}
"""Kind -> patterns."""
