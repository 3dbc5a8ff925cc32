"""Words of abuse as data, Korean and English: by kind, with how much each says on its own (0..1).

Written from common knowledge, not taken from a data set. A word that is harmless as often as not says little (0.35,
0.4): two of those make a finding, one does not. Patterns are RE2, case-insensitive, over the one spelling of a text;
English ones are whole words, Korean ones stand anywhere, since particles are glued to them. Between the syllables of
the worst Korean ones a letter or two may stand to hide them.
"""

from __future__ import annotations

_KO_PROFANITY = (
    r"(?:^|[^가-힣])[시씨쉬씌쓰싀][1!.*~^_\-]{0,2}[발팔벌펄바빨](?:[놈년새아이랄것련럼ㅋㅎ!~.\s?]|\z|뭐)",
    r"[씨싸쌰쒸][\s1!.*~^_\-]{0,2}[발빨팔]", r"ㅅ[\s1!.*~^_\-]{0,2}ㅂ", r"ㅆ[\s1!.*~^_\-]{0,2}ㅂ",
    r"[병븅빙][\s1!.*~^_\-]{0,2}[신싄딱]", r"ㅂ[\s1!.*~^_\-]{0,2}ㅅ", r"[지즤][\s1!.*~^_\-]{0,2}랄",
    r"ㅈ[\s1!.*~^_\-]{0,2}ㄹ", "[좆좃졷]", r"ㅈ[\s1!.*~^_\-]{0,2}같", r"존나(?:[^스]|\z)", "ㅈㄴ",
    r"개[\s1!.*~^_\-]{0,2}[새쌔색쉐][\s1!.*~^_\-]{0,2}[끼기키]", r"(?:이|그|저|놈의|야|미친|개)\s?[새쌔]끼",
    "[새쌔]끼(?:야|들아|네|ㅋ|!)", "ㅅㄲ", "[씹썅쌍썋](?:년|놈|새|할|것|팔|노무)", "느금마?", "니기미", "니미럴",
    r"엠[\s1!.*~^_\-]{0,2}창", r"애[\s1!.*~^_\-]{0,2}미\s?(?:없|뒤|창)",
    r"개[\s1!.*~^_\-]{0,2}(?:같은|년|놈|지랄|소리|돼지|쓰레기|차반)", r"쌍[\s1!.*~^_\-]{0,2}[놈년]")
_KO_SLURS = (
    "한남(?:충|들|새|놈)", "김치[녀년]", "된장녀", "맘충", "틀딱", "페미[년충]", "꼴페미", "보지년", "보빨",
    "짱[깨꼴]", "쪽[바발]리", "깜둥이", "똥꼬충", "게이새", "호모새", "전라디언", "홍어[새놈년족]", "절라디언",
    "개쌍도", "빨갱이", "일베충", "[가-힣]{1,3}충(?:들|새|놈|년|이네|같)", "병신년", "걸레[년같]", "창[녀년놈]",
    "갈보", "조선족[놈년새]", "애자새", "정신병자", "된장년", "맘충이", "한녀", "메갈년", "워마드년",
    "장애인(?:새끼|년)")
_KO_INSULTS = (
    "또라이", "돌아이", r"미친[\s1!.*~^_\-]{0,2}[놈년새개것]", r"미친\s?(?:거|척|소리)",
    r"쓰레기(?:같|네|새|다|들|야|년|놈|\s?인간)", "등신", "머저리", "찌질", "멍청(?:이|하|한|아)", "닥쳐라",
    "닥치[라고]", "꺼져", "꺼지라", "아가리", "주둥이", "주딩", "대갈", "쪼다", "얼간이", "밥맛", r"재수\s?없",
    "꼴[값깝]", r"꼴\s?(?:보기|도)\s?싫", "역겹", "역겨", "구역질", "추잡", r"더러운\s?(?:놈|년|것)", "한심",
    "[놈년]들", r"(?:이|그|저|네|한|잡|썩을|나쁜|못된|늙은|어린|미친)\s?[놈년](?:[이은을아들의]|\s|\z)", "극혐",
    "토악질", "노답", "개노답", "관종", "허접", "퇴물", "듣보", "[못]생[겼긴]", "돼지[같새년]", "돼지들", "성괴",
    "양아치", r"쳐\s?먹", "처먹", r"쳐\s?[맞자받]", "[가-힣]나부랭이", "무뇌", "빡대가리", "저능",
    r"수준\s?(?:하고|봐|떨)", "기생충", "버러지", "벌레같", r"암\s?걸리", "극혐이", r"역대급\s?노")
_KO_THREATS = (
    r"죽여\s?(?:버[려리린릴렸]|라|줄게|야\s?돼)", r"뒤[져질](?:라|래|버|\s)", "뒈[져지진질]", r"죽어\s?(?:라|버려)",
    r"나가\s?(?:죽|뒤)", r"찢어\s?(?:죽|버)", r"칼로\s?(?:찔|쑤)", r"찔러\s?(?:죽|버)", r"목을\s?(?:따|조르|매)",
    r"패\s?(?:죽|버리고\s?싶)", r"때려\s?죽(?:여|일|이)", r"쳐\s?죽", r"쏴\s?죽", r"불\s?질러\s?(?:버|죽)",
    r"가만\s?(?:안|두지\s?않)", r"자살(?:해라|이나|하지\s?그)", r"암이나\s?걸", r"강간(?:해\s?버|해\s?줄|당해\s?봐)")
_KO_SEXUAL = (
    "따먹", r"먹고\s?버리", r"박고\s?싶", r"가슴\s?(?:만지|주무)", "젖(?:탱|가리|통)", "슴가", "빨통", "창녀촌",
    "꼴린", "꼴리[네는다]", r"떡\s?[치친]", "룸[녀년]", "업소[녀년]", r"몸\s?파[는니]", "원정녀")
_EN_PROFANITY = (
    "f+u+c+k+(?:s|er|ers|ed|in|ing|face|wit|tard)?", r"motherf\w{4,8}", "fck(?:in|ing)?",
    "sh[i1!]+t(?:s|ty|head|hole|bag)?", "bullsh[i1]t", "b[i1!]tch(?:es|y|ing)?", "cunts?", "assholes?", r"a\$\$hole",
    "arseholes?", "bastards?", "d[i1]ckheads?", "dipshits?", "douche(?:bag)?s?", "wank(?:er|ers)", "twats?",
    "bollocks", "stfu", "gtfo", "kys", "f[*@#]{1,3}c?k(?:ing|er|ed)")
_EN_SLURS = (
    "n[i1!]gg(?:er|ers|a|as|az)", "f[a@]gg?(?:ot|ots|s)?", "tr[a@]nn(?:y|ies)", "k[i1]kes?", "sp[i1]cs?",
    "ch[i1]nks?", "gooks?", "wetbacks?", "ragheads?", "towelheads?", r"sand\s?n\w+", "retard(?:s|ed)?",
    "mongoloids?", "whores?", "sluts?", "feminazis?", "shemales?", "subhumans?", r"jungle\s+bunn\w+",
    r"porch\s+monkey\w*")
_EN_INSULTS = (
    "pr[i1]cks?", "cripples?", "idiots?", "morons?", "imbeciles?", "stupid", "dumb(?:ass|fuck)?s?", "losers?",
    "scum(?:bag)?s?", "trash", "garbage", "pathetic", "worthless", "disgusting", "filthy", "vermin", "parasites?",
    "creeps?", "perverts?", "pigs?", r"shut\s+up", r"screw\s+you", r"go\s+to\s+hell", r"piss\s+off",
    "suck(?:s|ers?)?", "ugly", r"fat\s+(?:cow|pig|slob)", "clowns?", "nutjobs?", "psychos?", "degenerates?",
    "crap(?:py)?", "damn", "jerks?", "lunatics?", "freaks?")
_EN_AT_YOU = (
    r"(?:you|you['’]?re|ur|they|he|she)\s+(?:(?:are|is|a|an|the|all|just|so|really|such|fucking|bunch|of|total|"
    r"complete|absolute|utter)\s+){0,4}(?:idiots?|morons?|imbeciles?|stupid|dumb|losers?|scum\w*|trash|garbage|"
    "pathetic|worthless|disgusting|filthy|vermin|parasites?|pigs?|freaks?|degenerates?|clowns?)",
    r"(?:stupid|dumb|worthless|pathetic|disgusting|filthy|ugly|dirty)\s+(?:little\s+)?(?:idiot|bitch|moron|"
    r"whore|pig|cow|people|women|men|jews?|muslims?|blacks?|gays?|immigrants?|foreigners?|piece\s+of)\w*")
_EN_THREATS = (
    r"(?:i|we)\s*(?:will|['’]ll|am\s+going\s+to|['’]m\s+(?:going\s+to|gonna)|gonna|wanna|"
    r"want\s+to)\s+(?:\w+\s+){0,2}(?:kill|murder|rape|stab|shoot|strangle|beat|hurt|destroy|burn)\s+(?:you|u|"
    "him|her|them|your|those|these|all)",
    r"kill\s+(?:yo)?ur\s?self", r"(?:go|please|just)\s+die", r"drink\s+bleach", r"neck\s+yourself",
    r"hope\s+(?:you|he|she|they)\s+(?:all\s+)?(?:die|get\s+(?:cancer|raped|killed))",
    r"deserves?\s+to\s+(?:die|be\s+(?:raped|shot|killed|hanged|lynched))",
    r"(?:gas|exterminate|deport|lynch|hang|shoot)\s+(?:all\s+)?(?:the|those|these)\s+(?:jews?|muslims?|blacks?|"
    "gays?|immigrants?|refugees?)",
    r"should\s+(?:all\s+)?be\s+(?:shot|gassed|hanged|lynched|exterminated)")

KOREAN: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("profanity", 0.9, _KO_PROFANITY), ("slur", 0.8, _KO_SLURS), ("insult", 0.4, _KO_INSULTS),
    ("threat", 0.8, _KO_THREATS), ("sexual", 0.7, _KO_SEXUAL))
ENGLISH: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("profanity", 0.8, _EN_PROFANITY), ("slur", 0.9, _EN_SLURS), ("insult", 0.35, _EN_INSULTS),
    ("insult", 0.8, _EN_AT_YOU), ("threat", 0.9, _EN_THREATS))
