"""Phrases of prompt injection and jailbreaking, English and Korean, as data: (opening, what must follow).

The opening is the word that such a phrase starts with; a stream holds text back only from an opening on, and only
inside one sentence. Each entry was kept for a low false-alarm rate on harmless prompts, security questions and business
letters, not for recall: plain requests for harm, personas as such, hypothetical framings and other languages are the
work of other checks. Patterns are RE2, case-insensitive, over the one spelling of a text.
"""

from __future__ import annotations

_ANY = (r"(?:(?:all|any|every|each|of|the|these|those|this|that|your|my|our|its|previous|previously|prior|and|or|"
        r"following|above|earlier|preceding|existing|current|initial|original|other|given|safety|system|ethical|moral|"
        r"openai(?:'s|’s)?|content)\s+){0,5}")
_FORMER = r"(?:previous|previously|prior|above|earlier|preceding|foregoing|initial|original|past|former|your|all)"
_ORDERS = (r"(?:instructions?|prompts?|directions|directives?|guidelines|commands|orders|programming|rules|"
           r"restrictions|constraints|training)\b")
_LIMIT = (r"restrictions?|limits|limitations?|filters?|rules|guidelines|guardrails|confines|censorship|morals?|ethics|"
          r"polic(?:y|ies)|principles|constraints|boundaries|standards|norms")
_LIMITS = rf"(?:{_LIMIT})\b"
_WHO = r"(?:ai|chatbot|bot|gpt|chatgpt|assistant|language\s+model|llm|persona)\b"
_REQUEST = r"(?:request|question|prompt|command|order|task)s?"
_VERBATIM = r"(?:\s+(?:me|us|is|are|was|were|out|verbatim|exactly|back)){0,3}"
_DETERMINERS = r"\s+(?:the\s+|your\s+|all\s+|of\s+|full\s+|entire\s+|exact\s+){0,4}"

ENGLISH: tuple[tuple[str, str], ...] = (
    # the instructions so far are to be dropped
    (r"\b(?:ignore|ignoring|disregard|disregarding|forget|override|overwrite|neglect)",
     rf"\s+{_ANY}{_FORMER}\s+{_ANY}{_ORDERS}"),
    (r"\b(?:ignore|disregard|forget)",
     r"\s+(?:everything|anything|all|whatever)\s+(?:(?:that\s+)?(?:is|was|you|i|we|has)\s+)?"
     r"(?:above|before this|from before|previous|prior|been told|were told|have been told|you were|i said before)\b"),
    (r"\b(?:don't|don’t|not|stop)", rf"\s+(?:follow|following|obey|obeying)\s+{_ANY}{_FORMER}\s+{_ANY}{_ORDERS}"),
    # what was said in confidence is to be repeated
    (r"\b(?:reveal|show|print|repeat|output|display|leak|recite|disclose|dump|tell|give|what's|expose|share|what)",
     _VERBATIM + _DETERMINERS +
     r"(?:your\s+(?:initial|original|hidden|secret|system|internal)\s+(?:prompt|instructions?|message)|"
     r"system\s+prompt)\b"),
    (r"\b(?:repeat|print|output|recite)", r"\s+(?:\w+\s+){0,3}(?:words|text|everything|instructions)\s+above\b"),
    # the model is to be somebody without rules
    (r"\b(?:do)", r"\s+anything\s+now\b"),
    (r"\b(?-i:DAN)",
     r"\b(?:['\"’”\]:]{1,2}|,?\s+(?:mode|jailbreak|prompt|stands|as the name|can do|is able|has no|does not|will|would|"
     r"version|should|must|output|answers?|response))"),
    (r"\b(?:act|acting|answer|behave|respond|role-?play|known|named|called|simulate|be)",
     r"\s+(?:just\s+|exactly\s+)?(?:as\s+|like\s+)?(?:an?\s+|the\s+)?['\"‘“]?(?-i:DAN)\b"),
    (r"\b(?:developer|jailbreak|jailbroken|unrestricted|unfiltered|uncensored|god|evil|override|opposite|dan|debug)",
     r"\s+mode\s+(?:output|enabled|activated|engaged|unlocked|response)\b"),
    (r"\b(?:chatgpt|gpt|model|assistant)", r"\s+with\s+(?:developer|jailbreak|god|dan|unrestricted)\s+mode\b"),
    (r"<\s{0,2}(?:god|system|admin|developer|override|debug|root)", r"\s+(?:mode|override)\s*>"),
    (r"\b(?:law)", r"\s+enforcement\s+override\b"),
    (r"\b(?:broken|broke|break|breaking|freed|free|escaped|unbound|unshackled|liberated)",
     rf"\s+(?:free\s+)?(?:of|from|by)\s+(?:\w+\s+){{0,3}}(?:{_LIMIT})\s+"
     r"(?:of\s+(?:ai|al|typical|openai|society)|imposed|placed|set by)"),
    (r"\b(?:typical)", r"\s+confines\s+of\s+a[il]\b"),
    (r"\b(?:bypass|bypasses|bypassing|ignore|ignores|ignoring|disregard|disregards|violate|violates|violating|"
     r"regardless|without|unbound|bound|against|despite|break|breaks|follow|abide|comply|adhere|restricted|limited)",
     rf"\s+[^.!?\n]{{0,30}}openai(?:'s|’s)?\s+(?:\w+\s+){{0,3}}{_LIMITS}"),
    (r"\b(?:no|without|ignore|ignores|ignoring|free|lacks|any|neither|bypasses|unbound|disregards)",
     r"\s+(?:of\s+|from\s+|by\s+)?(?:any\s+|all\s+)?(?:(?:ethical|moral|legal)(?:\s*(?:,|and|or|nor|/)\s*|\s+)){1,3}"
     rf"(?:(?:ethical|moral|legal|safety)\s+)?{_LIMITS}"),
    (r"\b(?:never|cannot|can't|can’t|won't|won’t|not|without)",
     r"\s+(?:be\s+able\s+to\s+|ever\s+)?(?:refuse|refuses|decline|reject|rejecting|refusing|deny)\s+"
     rf"(?:to\s+(?:answer|respond|reply|do\s+anything)|any\s+{_REQUEST}|(?:a|my|the user's|human|user)\s+{_REQUEST})"),
    (r"\b(?:never|not|don't|don’t|avoid|without|stop|can't|cannot)",
     r"\s+[^.!?\n]{0,30}['\"“‘]?(?:as|i\s*'?’?\s*am|i'm)\s+an?\s+"
     r"(?:ai|artificial intelligence)\s+(?:language\s+)?model"),
    (r"\b(?:unfiltered|uncensored|amoral|jailbroken|unrestricted)", rf"(?:,?\s+(?:and\s+)?\w+){{0,3}}\s+{_WHO}"),
    (r"\[(?:🔓\s{0,2})?(?:jailbreak|jailbroken|dan)", r"\]"),
    (r"🔓", r"\s*(?:developer|jailbreak|dan|unlocked)"),
    (r"['\"‘“](?:stay|remain)", r"\s+in\s+character\b"),
    (r"\b(?:stay|remain)", r"\s+in\s+character\s+(?:no matter|even if|regardless|unless|if i)\b"),
    (r"\b(?:never|not|don't|don’t|cannot|can't|if)", r"\s+(?:you\s+)?(?:ever\s+)?break\s+(?:out\s+of\s+)?character\b"),
    (r"\b(?:pretend|pretending)",
     rf"\s+(?:to\s+be|that\s+you|you)\b[^.!?\n]{{0,60}}(?:no|without|not\s+have|free\s+of)\s+(?:\w+\s+){{0,2}}{_LIMITS}"),
)

_KO_ORDERS = r"(?:지시|명령|지침|프롬프트|규칙|가이드라인)(?:사항|문|어|들|\s*내용)?(?:을|를|은|는|들을)?"
_KO_AI = r"(?:AI|에이아이|인공\s*지능|챗봇|챗지피티|챗GPT"
_KO_FILLER = r"(?:의|에|\s|있는|있던|했던|받은|내린|나온|주어진|시스템|모든|너의|당신의|이전|안전|한){0,12}"

KOREAN: tuple[tuple[str, str], ...] = (
    (r"(?:이전|앞선|앞의|앞서|위의|위에|지금까지|여태까지|기존|모든|너의|당신의|네가|원래)",
     rf"{_KO_FILLER}{_KO_ORDERS}\s*(?:모두|전부|다|싹|완전히|깡그리)?\s*"
     r"(?:무시|잊|따르지\s*(?:마|말)|지워|초기화|폐기|버려|버리)"),
    (r"(?:시스템|초기|숨겨진|비밀|내부)",
     r"\s*(?:프롬프트|지시문|지시\s*사항|명령어)(?:를|을|가|는|은|의|\s|내용|전체|전문|그대로|모두|전부|원문){0,12}"
     r"(?:보여|알려|출력|공개|말해|말하|반복|적어|써\s*줘|내놔|유출|뭐야|뭐니|무엇)"),
    (r"(?:제한|검열|필터링?|윤리|도덕|제약|규칙|규제)",
     r"(?:이|도|을|를|은|과|나|적인?|\s|윤리|도덕|제한|제약|규칙|검열|필터){0,10}"
     rf"(?:없는|없이|없어진|해제된|벗어난|풀린|무시하는|무시하고)[^.!?\n]{{0,12}}{_KO_AI}|모드|언어\s*모델|어시스턴트)"),
    (r"(?:탈옥|무검열|무제한|갓)", r"\s*모드(?:로|를|가|에|\s)*(?:전환|활성화|켜|진입|실행|들어|작동|시작)"),
    (r"(?:개발자|관리자|디버그)",
     rf"\s*모드(?:로|를|가|에|\s)*(?:전환된|활성화된|진입한|작동하는|켜진)[^.!?\n]{{0,10}}{_KO_AI}|너|당신)"),
    (r"(?:지금부터|이제부터)",
     r"\s*(?:너는|당신은|넌|네가)\s[^.!?\n]{0,30}(?:DAN|탈옥|(?:제한|검열|규칙|필터|윤리)[이을를도]?\s*(?:없|무시|벗어))"),
    (r"(?:무엇|뭐든지|뭐든|어떤)",
     rf"(?:이든|\s*것이든)?\s*(?:다\s*)?(?:할\s*수\s*있는|답하는|대답하는|해주는)\s*{_KO_AI}|DAN|댄)"),
)


def _whole(opening: str, rest: str) -> str:
    """The opening as a whole word where white space must follow it, so that ``no`` does not hold ``now`` back."""
    return rf"(?:{opening})(?:\s|\z)" if rest.startswith(r"\s+") else f"(?:{opening})"


OPENING = "(?i)(?:" + "|".join(_whole(*form) for form in ENGLISH + KOREAN) + ")"
FORMS = tuple(f"(?i)(?:{opening}){rest}" for opening, rest in ENGLISH + KOREAN)
