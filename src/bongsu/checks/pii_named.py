"""Secrets that only the name before them gives away: keys without a shape of their own, and passwords.

A name is that of a setting, a field, a header or an option, or what people call the thing in English or Korean. Between
it and the value stands whatever the format puts there: quotes, escaped ones too, colons, tags, the bars of a table,
``is`` or a Korean particle. So the name and what joins them are read loosely, and the value strictly: it is long (a
key) and mixed, no word, name of code, path, call or what documentation writes there.

What is said of a value of any length, or in repeated words, is asked of RE2: no value makes it slow.
"""

from __future__ import annotations

import re

from bongsu.checks.linear import Linear
from bongsu.checks.pii_rules import Answer, Candidate

_KIND = (r"api|access|secret|auth|authentication|subscription|account|signing|encryption|encrypt|client|service|"
         r"consumer|app|application|private|master|licen[cs]e|storage|rest|admin|deploy|webhook|server|function|sdk|developer|"
         r"integration|ingest|hmac|jwt|openai|azure|aws|session|shared")
KEY_NAME = (rf"(?:(?:{_KIND})[ _.-]{{0,2}}(?:access[ _-]?)?key|[A-Z0-9]_KEY|token|secret|authorization|"
        r"[?&](?:sig|key|appid)|(?:^|[\s_(\"'*|-]|API|앱|REST|인증|서비스|접근|액세스|보안|비밀|암호화|시크릿|개인|연동)\s?키|토큰|시크릿)")
PIN_NAME = r"(?:(?-i:\bPIN\b)|핀\s?번호)"
_SAYABLE = (rf"(?:passw(?:or)?d|passphrase|passcode|identified by|\bpw|--pass|{PIN_NAME}|비밀번호|비번|"
            r"패스워드|암호)")
PASSWORD_NAME = rf"(?:{_SAYABLE}|(?-i:\b[Pp]ass)|[_.-]pass|(?:\b|[_.-])pwd?|(?-i:[a-z](?:Pass|Pwd)))"
LONGEST = 128
"""Characters of a value by which it is judged."""
_CLOSE = r"[\"'`*_\\)\]]{0,6}"
_WHOSE = r"(?: ?(?:값|\([^()\n]{1,20}\)|#\d{1,3}|\b(?:for|of|to|in|on|from|at) [^\n:=|]{1,30}))?"
_MARK = (r"(?:\s{0,30}\||\s{0,3}(?::=|=>|->|[:=>→])|\s(?:-{1,2}|is|was)\s{1,2}|\s?[(,]\s{0,2}[\"'`]|"
         r"\s[A-Za-z]{1,12}=\"[^\"\n]{0,80}\">|,?\s{0,40}[\"'\\]{0,4}value[\"'\\]{0,4}\s{0,2}[:=]|"
         r"\s?</[A-Za-z]{1,10}>\s{0,40}<[A-Za-z]{1,10}>)")
"""A sign of the format: ``=``, a bar, the field ``value`` beside it, the next argument, the next tag."""
_SAID = r"(?:\s{0,2}값)?(?:은|는|이|가|을|를|으로)?\s{1,3}(?:(?:is|was|to|as)\s{1,2})?"
_OPEN = r"[\s\"'`*\\|\[(<>]{0,12}(?:!\[CDATA\[|[A-Za-z_.]{1,24}\([\"'])?"
_SAID_HERE = _SAID.replace(r"\s", r"[ \t]")
_OPEN_HERE = _OPEN.replace(r"\s", r" \t")
_SCHEME = r"(?:(?:bearer|basic|token|api-?key)\s{1,2})?"

KEY = (rf"(?i:(?:{KEY_NAME}{_CLOSE}(?:{_WHOSE}{_MARK}|{_SAID}){_OPEN}|\bbearer ){_SCHEME})[\"'`]?"
       r"([A-Za-z0-9+/._~-]{8,}={0,2})")
_HINTED = (r"[\"'`*_\\)\]]{0,6}(?:\s{0,2}값)?(?:은|는|이|가|을|를|으로)?(?:\s{0,30}\||\s{0,3}[:=>→,(#-]|\s?</|"
           r"\s[A-Za-z]{1,12}=\"|\s{0,40}[\"'\\]{0,4}value|\s{0,3}\b(?:is|was|to|as|for|of|in|on|from|at)\s|"
           r"\s[\s\"'`*\\|\[(<>]{0,14}(?:basic\s{1,2})?")
"""What joins a name and its value, so far as it is there wherever the whole form is; then a blank and the value."""
KEY_HINT = (rf"(?i:(?:key|token|secret|authorization|[?&](?:sig|appid)|키|토큰|시크릿){_HINTED}"
            r"(?:[!-~]{16}|[!-~]{0,14}[0-9]))|bearer [\"'`]?[A-Za-z0-9+/._~-]{8})")
PASSWORD = (rf"(?i:(?:{PASSWORD_NAME}{_CLOSE}{_WHOSE}{_MARK}|{_SAYABLE}{_CLOSE}{_SAID_HERE}){_OPEN_HERE})[\"'`]?"
            rf"([!-~]{{4,{LONGEST}}})")
PASSWORD_HINT = (r"(?i:(?:passw(?:or)?d|passphrase|passcode|identified by|(?:\b|[_.-])(?:pass|pwd?)|[a-z](?:pass|pwd))"
                 rf"{_HINTED}[!-~]{{5}})|(?:비밀번호|비번|패스워드|암호|핀\s?번호))|\bPIN\b")

_WORDS = Linear(
    r"(?i)your|example|sample|dummy|placeholder|change|insert|redact|xxxx|\.\.\.|test|fake|abcdef|123456|"
    r"(?:public|private)key")
_PART = r"(?:[a-z]+(?:[A-Z][a-z]+)*\d{0,4}|(?:[A-Z][a-z]+)+\d{0,4}|[A-Z]+\d{0,4}|\d+[A-Za-z]?)"
_SPOKEN = Linear(rf"{_PART}(?:[-_.]{_PART})*")
"""Words, numbers and names of code, ``settings.API_KEY_2024``, ``limit-1000-per-minute``: keys mix them within."""
_NO_KEY = re.compile(r"(?i)(?:request|continuation|page|next|change|csrf|xsrf|sync|cursor|cancel)[ _-]?token\W{0,12}$")
"""Tokens that open nothing: of the next page of a list, of a request that may come twice."""
_HEX = Linear(r"[0-9a-fA-F-]{32,}")
_CHANGES = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[a-z0-9]|(?<=[0-9])[A-Za-z]")
"""From small letters to capitals to digits: 62 of 100 neighbours where all are drawn alike, 33 in ``camelCaseName``."""


def named(c: Candidate) -> Answer:
    """A long mix of letters and digits behind such a name: no word, call, path or what documentation writes there."""
    text = c.text.rstrip("=")
    data = text.encode()
    digits = sum(ch.isdigit() for ch in text)
    code = c.data[c.end : c.end + 1] in (b"(", b"[")
    if code or digits == len(text) or _WORDS.first(data) >= 0 or _spoken(text) or text.count(".") > 2:
        return None
    if len(set(text)) < (8 if _HEX.whole(data) else min(12, len(text) * 3 // 4)):
        return None
    if _NO_KEY.search(c.before(40).decode()):
        return None
    drawn = len(_CHANGES.findall(text)) >= 0.36 * (len(text) - 1)
    if len(text) < 16:
        both = text != text.lower() and text != text.upper()
        return ("key", 0.7) if drawn and both and digits > 1 else None
    least = 0 if drawn and len(text) >= 20 else 1 if drawn or len(text) >= 32 else 3
    return ("key", 0.8) if digits >= least else None


def _spoken(text: str) -> bool:
    """Whether most of it is words, names and numbers between slashes."""
    parts = text.split("/")
    return 2 * sum(len(part) for part in parts if _SPOKEN.whole(part.encode())) >= len(text) - len(parts) + 1


_USUAL = Linear(
    r"(?i)[\W_]*(?:(?:my|your|the|db|user|admin|root|new|old|some|set|get|use|in|a|is|no|invalid|"
    r"p[a@]ss?(?:w[o0]r[dt]|wd|phrase|code)?s?|pwd?|pw|s[e3]cr[e3]ts?|example|sample|dummy|placeholder|change|me|it|this|"
    r"insert|here|goes|redacted|removed|t[e3]st(?:ing)?|fake|demo|foo|bar|baz|abc|hidden|tokens?|api|key|none|null|true|"
    r"false|value|string|field|input|login|x)[\W_]*)+\d{0,4}[\W_]*")
"""What documentation writes where a password stands."""
_CODE = Linear(r"\A(?:[$<{%&@?(\[/\\^.]|[A-Za-z_][\w.]*!?[(\[]|.*(?:://|\*\*\*|\\[dwsn])|\w+=\z)")
"""A variable, a call, a path, a pattern."""
_METHOD = (r"sha-?(?:[123]|224|256|384|512)?|aes-?(?:128|192|256)?|aria-?(?:128|192|256)?|"
           r"rsa-?(?:1024|2048|3072|4096)?|md[245]|[bs]crypt|argon2(?:id|i|d)?|pbkdf2|hmac|chacha20|poly1305|base-?(?:16|32|58|64|85)|"
           r"utf-?(?:8|16|32)(?:mb[34])?|(?:tls|ssl)-?v?(?:[123](?:\.[0-3])?)?|gcm|cbc|ecb|ctr|oaep|pkcs[1578]?|with")
"""How passwords are kept and what they are sent by."""
_AMOUNT = r"[0-9]+(?:\.[0-9]+)?"
_TECHNICAL = Linear(rf"(?i)(?:(?:{_METHOD}|[0-9]{{1,4}}-?(?:bits?|bytes?|days?))[-_/.,+:]?)+|{_AMOUNT}[*/][a-z]|"
                    rf"{_AMOUNT}[a-z]{{1,2}}(?:/{_AMOUNT}[a-z]{{1,2}})+|[0-9]+\.[0-9]+[a-z]{{1,3}}")
"""A method (``AES-256-GCM``), a measure (``2048bit``, ``3.5mm``, ``5V/2A``), a product (``0.5*x``)."""
_LISTED = Linear(r"[A-Za-z0-9]+(?:[,/][A-Za-z0-9]+)+")
_DAY = Linear(r"(?:19|20)[0-9]{2}[-./][0-9]{1,2}[-./][0-9]{1,2}")
_PASS = re.compile(r"(?:^|[^\w.-])[Pp]ass\W*$")
_TITLED_PASS = re.compile(r"(?:^|[^\w.-])[A-Z][a-z]+ [Pp]ass\W*$")
"""A boarding pass, a season pass: nothing announces a password."""
_MAIL = Linear(r"[\w.+-]+@[\w-]+\.[A-Za-z]{2,}")
_WITHIN = re.compile(r"[\"'`<>|;&]|,(?=\s|\w+=|[\"'\]}]|$)|\\[\"'nrt]")
"""Where a value without quotation marks ends."""
_BEHIND = ".,:)]}"


def _bounded(c: Candidate) -> str:
    """The value alone; the candidate's end is moved to its end."""
    text, opener = c.text, chr(c.data[c.start - 1]) if c.start else ""
    if opener in "\"'`":
        text = re.split(rf"\\*{opener}", text, maxsplit=1)[0]
    else:
        text = _WITHIN.split(text, maxsplit=1)[0].rstrip(_BEHIND)
    c.end = c.start + len(text)
    return text


_TOLD = re.compile(r"(?:[:=|>→(\[*-]|(?:^|[^,\s])\s?[\"'`]|\b(?:is|was|to|as)|--pass\w*|"
                   r"(?i:identified by)|(?:번호|비번|패스워드|암호)\s?(?:값)?(?:은|는|이|가|을|를|으로))\s*$")
"""A sign or a word says that what follows is the value."""
_KOREAN = re.compile(r"(?:비밀번호|비번|패스워드)\s$")
_DIGITS = Linear(r"\d{4,8}[#*]?")
_COUNTED = re.compile(r"(?i)\s?(?:자|글자|회|번|년|월|일|개|명|분|초|시간|원|이상|이하|characters?|chars|digits?|"
                      r"letters|times|days|minutes|seconds|bytes|bits|iterations|rounds)")
"""What makes digits behind a password a rule about passwords."""
_REST = re.compile(rb"[\w!#$%*+./:=?@^~-]+", re.ASCII)
_URL = re.compile(r"://[\w.-]*:$")


def password(c: Candidate) -> Answer:
    """Letters with digits or signs among them. Behind a mere blank it must be more than a word and a number."""
    text, before = _bounded(c), c.before(12).decode()
    if _URL.search(before):
        return None
    told = _TOLD.search(before) is not None or (len(text) > 7 and _KOREAN.search(before) is not None)
    if _PASS.search(before):
        if _DAY.whole(text.encode()):
            return None
        told = told and _TITLED_PASS.search(c.before(40).decode()) is None
    if _DIGITS.whole(text.encode()):
        counts = _COUNTED.match(c.data[c.end : c.end + 24].decode("utf-8", "ignore"))
        told = told or text[-1] in "#*" or _KOREAN.search(before) is not None
        return ("password", 0.6) if told and not counts else None
    if not strong(text, told=told):
        return None
    if len(text) == LONGEST and (rest := _REST.match(c.data, c.end)):
        c.end = rest.end()
    return "password", 0.8


def strong(text: str, *, told: bool) -> bool:
    """Whether people would choose this, or have a machine choose it, as a password. ``told``: a sign announces it."""
    signs = sum(ch in "!@#$%^&*?+=~" for ch in text)
    digits, data = sum(ch.isdigit() for ch in text), text.encode()
    if len(text) < 5 or len(set(text)) < 4 or _CODE.first(data) == 0 or _MAIL.whole(data):
        return False
    if _TECHNICAL.whole(data) or (not told and _LISTED.whole(data)):
        return False
    if _USUAL.whole(data) and (len(text) < 10 or not signs or digits < 2):
        return False
    small, capital = any(ch.islower() for ch in text), any(ch.isupper() for ch in text)
    if _SPOKEN.whole(data):
        breaks = sum(ch in "-_." for ch in text)
        return digits > (1 if breaks else 0) and breaks < 3 if told else digits > 2 and small and capital and not breaks
    return (small or capital) and (digits > 0 or (told and signs > 0))
