"""The forms of personal data and secrets, as a table: pattern, allowed neighbours, the word that announces it, rule.

Patterns are RE2 over UTF-8, where ``\\d`` and ``\\b`` are ASCII, so a Korean particle glued to a number stays outside.
``edge`` says which neighbours spoil a candidate: ``digit`` (a longer number), ``number`` (the same, or more groups with
hyphens), ``word`` (a longer word), ``hex`` (a longer address), ``""`` (none). ``hint`` is a cheaper pattern that is
present wherever the full one is. Shapes follow the issuers' public rules; key prefixes are those the providers publish.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import re2

from bongsu.checks import pii_columns as column
from bongsu.checks import pii_keys as keys
from bongsu.checks import pii_logins as login
from bongsu.checks import pii_named as name
from bongsu.checks import pii_places as place
from bongsu.checks import pii_rules as rule


class Form(NamedTuple):
    """One row. ``kinds`` are the entities its rule may answer; ``reach`` is how many characters back context may be."""

    kinds: tuple[str, ...]
    pattern: str
    edge: str
    judge: rule.Rule
    context: str = ""
    reach: int = 25
    hint: str = ""
    group: int = 0


_ACCOUNT = (r"은행|계좌|예금주|입금|송금|이체|농협|수협|신협|우체국|새마을금고|카카오뱅크|카뱅|토스|케이뱅크|\baccount|"
            r"(?:국민|신한|하나|우리|기업|씨티|SC제일)\s?$")
_REGION = (r"(?:서울|부산|대구|인천|광주|대전|울산|경기|강원|충북|충남|전북|전남|경북|경남|제주|세종)\s?$|"
           r"면허|licen[cs]e")
_TEL = (r"\bphone|\btele?p|\btel\b|\bmobile|\bcell|\bfax\b|\bwhatsapp|\bcall (?:me|us|him|her|them)|\bcontact number|"
        r"전화|휴대폰|핸드폰|연락처|폰번호|번호는|팩스|고객센터|문의")
_AREA = r"0(?:2|[3-6][1-5]|70|50\d|80)"
_BORN = r"생년월일|생일|출생|\bborn\b|\bbirth|\bdob\b|d\.o\.b"
_MONTH = (r"Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
          r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?")
_HANGUL_TOP = "한국|닷컴|닷넷|삼성"
"""Top-level domains in Hangul: .kr, .com, .net and one brand (IANA, 2026)."""
MAIL_OPEN = r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9가-힣.-]*"
_PASSPORT = r"\bpassport|여권"
BORN_OPEN = rf"(?i:{_BORN})[\s\S]{{0,20}}[A-Za-z0-9 ,:.()은는이가년월일/-]*"
_HEALTH = r"건강보험|보험증|(?:health|medical) insurance|\bnhis\b"
_DRIVES = r"\bdriv(?:er['’]?s?|ing) licen[cs]e\b|\bDL ?(?:#|no\b|num)"
_SOLANA = r"\bsolana|\bphantom\b|\bwallet|\bsol\b|솔라나|지갑"
_HEX6 = r"(?:[0-9A-Fa-f]{0,4}:){2,7}"

PEM_HEAD = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
PEM_BODY = r"(?:[\s\\n]*[A-Za-z-]{1,30}: [^\n\r]{0,200})*[A-Za-z0-9+/=\s\\]*"

FORMS: tuple[Form, ...] = (
    Form(("kr_rrn", "kr_frn", "kr_corporate"), r"\d{6}(?: ?- ?| )?\d{7}", "digit", rule.six_seven,
         r"주민|외국인|등록번호|resident reg|\brrn\b"),
    Form(("kr_rrn", "kr_frn"), r"\d{6} ?- ?[0-9][0-9*xX●○•]{6}", "digit", rule.masked,
         hint=r"\d{6} ?- ?\d[0-9*xX●○•]*[*xX●○•]"),
    Form(("kr_business",), r"\d{3}-\d{2}-\d{5}|\d{10}", "number", rule.business, r"사업자|business (?:reg|num|no)"),
    Form(("kr_passport",), r"[MSRODGTmsrodgt]\d{8}", "word", rule.announced("kr_passport", 0.4, 0.9), r"여권|passport"),
    Form(("kr_passport",), r"[MSRODmsrod]\d{3}[A-Za-z]\d{4}", "word", rule.announced("kr_passport", 0.5, 0.9),
         r"여권|passport"),
    Form(("kr_licence",), r"\d{2}-\d{2}-\d{6}-\d{2}|\d{2}-\d{6}-\d{2}|\d{12}", "number", rule.licence, _REGION),
    Form(("kr_account",), r"\d{2,6}(?:-\d{1,8}){1,3}|\d{10,14}", "number", rule.account,
         _ACCOUNT, 20),
    Form(("kr_insurance",), r"\d-\d{10}|\d{11}", "digit", rule.near("kr_insurance", 0.8), _HEALTH, hint=_HEALTH),
    Form(("phone",), r"01[016789][-. ]?\d{3,4}[-. ]?\d{4}", "digit", rule.always("phone", 0.9)),
    Form(("phone",), rf"(?:\({_AREA}\) ?|{_AREA}[-. ])\d{{3,4}}[-. ]\d{{4}}", "digit", rule.landline, _TEL),
    Form(("phone",), r"1(?:5(?:00|22|44|66|77|88|99)|6(?:00|44|61|66|68|70|88)|8(?:00|11|33|55|77|99))-\d{4}", "number",
         rule.service, _TEL),
    Form(("phone",), r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .()-]{0,2}\d){5,13}", "digit",
         rule.international, _TEL),
    Form(("phone",), r"\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4}", "digit",
         rule.unless_thing("phone", 0.6), _TEL),
    Form(("phone",), r"(?:\(\d{1,5}\)[ .-]?)?\d(?:[ .()/-]{0,2}\d){4,14}", "digit", rule.local, _TEL, 40, hint=_TEL),
    Form(("card",), r"\d{13,19}|\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|\d{4}[ -]\d{6}[ -]\d{4,5}", "digit", rule.card,
         r"\bcards?\b|\bcredit|\bdebit|\bvisa\b|master ?card|\bamex|카드"),
    Form(("email",), r"[A-Za-z0-9._%+'-]+@(?:[A-Za-z0-9-]+\.)+(?:xn--[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*|[A-Za-z]{2,24})",
         "", rule.email, hint=r"[A-Za-z0-9._%+'-]@[A-Za-z0-9-]+\.[A-Za-z]"),
    Form(("email",), rf"[A-Za-z0-9._%+'-]+@(?:[A-Za-z0-9가-힣-]+\.)+(?:{_HANGUL_TOP}|[A-Za-z]{{2,24}})", "", rule.email,
         hint=r"[A-Za-z0-9._%+'-]@[A-Za-z0-9.-]*[가-힣]"),
    Form(("iban",), r"[A-Za-z]{2}\d{2}(?:[A-Za-z0-9]{11,30}|(?: [A-Za-z0-9]{4}){2,7}(?: [A-Za-z0-9]{1,4})?)", "word",
         rule.iban_longest, hint=r"\b[A-Za-z]{2}\d{2} ?[A-Za-z0-9]{4}"),
    Form(("us_ssn",), r"\d{3}[-. ]?\d{2}[-. ]?\d{4}", "number", rule.us_ssn,
         r"\bssn\b|social security|\bitin\b|taxpayer|사회보장번호|납세자"),
    Form(("us_driver_license",), r"[A-Za-z]{0,2}\d{5,13}[A-Za-z]?|[A-Za-z]\d{2,4}(?:[ -]\d{2,6}){1,4}", "word",
         rule.us_licence, _DRIVES, 30, hint=_DRIVES),
    Form(("ip",), r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", "word", rule.ip4),
    Form(("ip",), _HEX6 + r"[0-9A-Fa-f.]*", "hex", rule.ip6),
    Form(("wallet",), r"[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71}|BC1[02-9AC-HJ-NP-Z]{11,71}", "word",
         rule.wallet),
    Form(("wallet",), r"[LMDTr][1-9A-HJ-NP-Za-km-z]{24,34}|ltc1[02-9ac-hj-np-z]{11,71}|LTC1[02-9AC-HJ-NP-Z]{11,71}",
         "word", rule.wallet),
    Form(("wallet",), r"0x[0-9A-Fa-f]{40}|addr1[02-9ac-hj-np-z]{53,98}|[48][1-9A-HJ-NP-Za-km-z]{94}", "word",
         rule.wallet),
    Form(("wallet",), r"[1-9A-HJ-NP-Za-km-z]{43,44}", "word", rule.solana, _SOLANA, 40, hint=_SOLANA),
    Form(("mac",), r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}", "hex",
         rule.always("mac", 0.9)),
    Form(("mac",), r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}", "word", rule.dotted_mac, r"\bmac\b|ethernet"),
    Form(("jwt",), r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*", "word", rule.always("jwt", 0.99), hint=r"eyJ[\w-]*\.eyJ"),
    Form(("key",), "|".join(f"(?:{k})" for k in keys.SHAPES), "word", keys.key, hint=keys.HINTS),
    Form(("key",), name.KEY, "", name.named, hint=name.KEY_HINT, group=1),
    Form(("password",), name.PASSWORD, "", name.password, hint=name.PASSWORD_HINT, group=1),
    Form(("key", "password"), column.CELL, "", column.cell, hint=column.HINT, group=1),
    Form(("key",), login.BASIC, "", login.basic, hint=login.BASIC_HINT, group=1),
    Form(("url_password",), login.OPTION, "", login.option, hint=login.OPTION_HINT, group=1),
    Form(("password",), login.COMMAND, "", login.typed, hint=login.COMMAND_HINT, group=1),
    Form(("password",), login.TIGHT, "", login.typed, hint=login.TIGHT_HINT, group=1),
    Form(("password",), login.BOTH, "", login.secret, hint=login.BOTH_HINT, group=1),
    Form(("password",), login.ACCOUNT, "", login.account, hint=login.ACCOUNT_HINT, group=1),
    Form(("url_password",), login.HOST, "", login.at_host, hint=login.HOST_HINT, group=1),
    Form(("private_key",), f"{PEM_HEAD}(?:{PEM_BODY}(?:-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----)?)?", "",
         rule.always("private_key", 1.0), hint=r"PRIVATE KEY"),
    Form(("url_password",), r"[A-Za-z][A-Za-z0-9+.-]*://([\w.~%!$&'()*+,;=-]*:[\w.~%!$&'()*+,;=:#?{}<>^-]+)@", "",
         login.url_password, hint=r"://[^\s/@]*:[^\s/@]*@", group=1),
    Form(("birth_date",), r"(?:18|19|20)\d{2} ?[-./년] ?\d{1,2} ?[-./월] ?\d{1,2}일?|"
         r"\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d{2}|\d{2} ?[-./년] ?\d{1,2} ?[-./월] ?\d{1,2}일?|\d{8}|\d{6}", "digit",
         rule.born, _BORN, 20, hint=_BORN),
    Form(("birth_date",), rf"(?i:(?:{_MONTH})\.? [0-9]{{1,2}}(?:st|nd|rd|th)?,? (?:18|19|20)[0-9]{{2}}|"
         rf"[0-9]{{1,2}}(?:st|nd|rd|th)?[ -](?:of )?(?:{_MONTH})[.,]?,?[ -](?:18|19|20)[0-9]{{2}})", "digit",
         rule.born_in_words, _BORN, 20, hint=_BORN),
    Form(("birth_date",), r"(?:(?:18|19|20)?[0-9]{2} ?[-./년] ?[0-9]{1,2} ?[-./월] ?[0-9]{1,2}일?|(?:19|20)?[0-9]{6}) ?"
         r"(?:출생|태생|생)", "digit", rule.born_behind, hint=r"[0-9]일? ?(?:출생|태생|생)"),
    Form(("passport",), r"[A-Za-z0-9]{6,9}", "word", rule.passport, _PASSPORT, 30, hint=_PASSPORT),
    Form(("passport",), r"[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{14}[0-9<][0-9]", "word",
         rule.machine_read),
    Form(("kr_address",), place.KR_PLACED, "", place.kr_placed, place.KR_TOLD, hint=place.KR_HINT),
    Form(("kr_address",), place.KR_BARE, "", place.kr_bare, place.KR_TOLD, hint=place.KR_BARE_HINT),
    Form(("kr_address",), place.KR_FLAT, "", rule.always("kr_address", 0.75)),
    Form(("address",), place.EN_STREET, "number", place.en_street, place.EN_TOLD, 40, hint=place.EN_HINT),
    Form(("address",), place.KR_ROMAN, "number", place.kr_roman, place.EN_TOLD, 40, hint=place.KR_ROMAN_HINT),
    Form(("address",), place.EN_BOX, "word", rule.always("address", 0.85), hint=r"[Bb]ox\s[0-9]"),
)

ENTITIES = tuple(dict.fromkeys(kind for form in FORMS for kind in form.kinds))


@cache
def compiled(pattern: str) -> Any:
    """RE2 over bytes. Where its automaton outgrows its memory, RE2 goes on more slowly, with the same answer."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)
