"""Where people live: Korean addresses by road name and by lot, street addresses in English, with what judges them.

Korean addresses follow the Road Name Address Act (province, city or county, district, town, road, number, then the
dwelling) and the older form by lot (town and lot number). The names of provinces, cities, counties and districts are
the public list of 2026; a road or a lot counts only behind one of them, behind a word such as 주소, or before a
dwelling ("1203호"), so that "종로로 3번" is no address. A number that counts something ("3개", "10분") is none either.
"""

from __future__ import annotations

import re

from bongsu.checks.pii_korea import CITIES, COUNTIES, DISTRICTS
from bongsu.checks.pii_rules import Answer, Candidate

_METRO = "서울|부산|대구|인천|광주|대전|울산"
_PROVINCES = (rf"(?:{_METRO})(?:특별시|광역시|시)?|세종(?:특별자치시|시)?|경기도?|강원(?:특별자치도|도)?|"
              r"충청[남북]도|충[남북]|전라[남북]도|전[남북]|전북특별자치도|경상[남북]도|경[남북]|제주(?:특별자치도|도)?")
_DISTRICT = rf"(?:{CITIES})시|(?:{COUNTIES})군|(?:{DISTRICTS})구"
_PLACE = rf"(?:(?:{_PROVINCES})\s{{1,2}}?)?(?:(?:{_DISTRICT})\s{{0,2}}){{1,2}}|(?:{_PROVINCES})\s{{1,2}}"
_TOWN = r"[가-힣]+(?:읍|면)\s{1,2}"
_ROAD = (r"[가-힣A-Z][가-힣A-Z0-9·.]*?(?:대로|로|길)(?:\s?[0-9]{1,4}[가-힣]?(?:번)?[가-힣]?(?:안)?길){0,2}")
_LOT = r"[가-힣][가-힣0-9·]*(?:동|리|가|읍|면)"
_NUMBER = r"(?:지하\s?|산\s?)?[0-9]{1,5}(?:\s?-\s?[0-9]{1,4})?(?:\s?번지)?"
_BUILDING = r"[가-힣A-Za-z0-9·]+"
_FLAT = (r"(?:제?[0-9A-Za-z가-힣]{1,4}동\s{0,2})?(?:지하\s?)?(?:[0-9]{1,3}층(?:\s?[0-9A-Za-z-]{1,5}호)?|"
         r"[A-Z]?[0-9]{1,5}(?:-[0-9]{1,3})?호)")
_REST = (rf"(?:\s{{0,2}}\([가-힣0-9]+(?:동|리|가)(?:,\s?[^()\n]+)?\))?"
         rf"(?:,?\s{{1,2}}(?:{_BUILDING}\s{{1,2}})?{_FLAT})?"
         rf"(?:\s{{0,2}}\([가-힣0-9]+(?:동|리|가)(?:,\s?[^()\n]+)?\))?")
KR_PLACED = rf"(?:{_PLACE})(?:{_TOWN})?(?:(?:{_ROAD})\s{{0,2}}|(?:{_LOT})\s{{1,2}})(?:{_NUMBER}){_REST}"
KR_BARE = rf"(?:{_ROAD})\s{{1,2}}(?:{_NUMBER}){_REST}"
KR_FLAT = r"[0-9]{1,4}동\s{0,2}[0-9]{3,4}호"
KR_HINT = r"(?:로|길|동|리|가|읍|면)\s{0,2}(?:지하\s?|산\s?)?[0-9]|[0-9]번?[가-힣]?길|[0-9]동\s{0,2}[0-9]"
KR_BARE_HINT = r"(?:로|길)\s{1,2}(?:지하\s?|산\s?)?[0-9]"
KR_TOLD = r"주소|배송지|거주|사는\s?곳|소재지|자택|본적|받는\s?곳|보내실\s?곳|\baddress"
_NAMES = ("서울특별시 부산광역시 대구광역시 인천광역시 광주광역시 대전광역시 울산광역시 세종특별자치시 경기도 "
          "강원특별자치도 충청북도 충청남도 충북 충남 전라북도 전라남도 전북특별자치도 전남 경상북도 경상남도 경북 "
          "경남 제주특별자치도")
_BEGUN = {name[:n] for name in (*_NAMES.split(), *(f"{city}시" for city in CITIES.split("|")),
                                *(f"{county}군" for county in COUNTIES.split("|")),
                                *(f"{gu}구" for gu in DISTRICTS.split("|"))) for n in range(1, len(name))}
KR_OPEN = (rf"(?:{_PROVINCES}|{_DISTRICT})[가-힣A-Za-z0-9\s,.()·-]*|(?:{'|'.join(sorted(_BEGUN))})|"
           rf"(?:{KR_TOLD})[\s\S]{{0,25}}[가-힣A-Za-z0-9\s,:.()·-]*|[0-9]{{1,4}}동\s{{0,2}}[0-9]{{0,4}}|"
           rf"[0-9](?:층|호|\s?번지)?\s{{0,2}}(?:\([가-힣0-9]*(?:,[^()\n]*\)?)?)?|"
           r"[0-9][0-9 ./년월일-]{3,14}(?:출|태)")
"""The end of a text in which an address may be open still; an announced one may begin behind any 25 characters."""

_COUNTED = re.compile(
    r"\s?(?:번지?길|개|명|원|년|월|일(?![가-힣])|시(?!오)|분|초|차|회|번(?!지)|가(?![가-힣])|점|위|대(?!로)|건|만|억|천|조|배|권|장|"
    r"여|살|곳|주년|호선|단계|가지|학년|세기|킬로|미터|퍼센트|쪽|페이지|세대|가구|인(?:분|용|조)|km|kg|cm|mm|%|℃|[mM]\b)|[.,]?[0-9]")
"""What makes a number behind a place a count, a date or a measure."""
_NO_ROAD = frozenset(("대로", "별로", "위주로", "새로", "바로", "서로", "따로", "주로", "실제로", "때로", "그대로",
                      "이대로", "도로", "정도로", "최대로", "최소로", "순서로", "이유로", "경로", "진로", "통로",
                      "회로", "미로", "주소로", "배송지로"))


def _sound(c: Candidate) -> bool:
    """Whether what follows leaves the number a house number."""
    after = c.data[c.end : c.end + 24].decode("utf-8", "ignore")
    return not _COUNTED.match(after)


def _road_of(text: str) -> str:
    found = re.search(r"([가-힣A-Z0-9·.]*(?:대로|로|길))\s{0,2}(?:지하\s?|산\s?)?[0-9]", text)
    return found[1] if found else ""


def kr_placed(c: Candidate) -> Answer:
    """A road or a lot and its number, behind a province, city, county or district. A plain number of a lot needs a
    district, and neither may count anything."""
    text = c.text
    if not _sound(c):
        return None
    if road := _road_of(text):
        return None if road in _NO_ROAD or road.endswith("으로") else ("kr_address", 0.9)
    if "번지" in text or re.search(r"[0-9]-[0-9]|\s산\s?[0-9]", text) or text[-1] in "호층":
        return "kr_address", 0.85
    inside = re.search(r"[가-힣][구군시]\s", text)
    return ("kr_address", 0.7 if c.known else 0.6) if inside else None


def kr_bare(c: Candidate) -> Answer:
    """A road and a number alone: believed where a word announces it, or a dwelling follows."""
    road = _road_of(c.text)
    if not _sound(c) or len(road) < 3 or road in _NO_ROAD or road.endswith("으로"):
        return None
    if c.known:
        return "kr_address", 0.75
    if not re.search(r"[0-9]\s?호(?:\s?\(.*)?$", c.text):
        return None
    c.start += len(c.text[: c.text.index(road) + len(road)].encode())  # a stream has let the road go already
    c.start += len(c.text) - len(c.text.lstrip())
    return "kr_address", 0.7


# ---- English ----

_HEADS = r"(?:(?:[NSEW]|North|South|East|West|NE|NW|SE|SW)\.?\s)?"
_WORD = r"(?:[A-Z][A-Za-z'’.-]*|[0-9]{1,3}(?:st|nd|rd|th))"
_STRONG = (r"Streets?|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Parkway|Pkwy|Terrace|Crescent|Cres|Expressway|"
           r"Turnpike|Mews|Alley")
_WEAK = (r"Drive|Dr|Court|Ct|Circle|Cir|Place|Pl|Square|Sq|Way|Trail|Trl|Highway|Hwy|Close|Gardens|Grove|Row|Walk|Loop|"
         r"Plaza|Park|Path|Ridge|Run|Hill|Broadway")
_UNIT = (r"(?:,?\s{1,2}(?:[A-Z][a-z]+|[0-9]{1,3}(?:st|nd|rd|th))\s(?:Floor|Fl)\b|"
         r",?\s{1,2}(?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|Flat|Room|Rm)\.?\s?#?[A-Za-z0-9-]{1,6}|"
         r",?\s{1,2}#\s?[0-9A-Za-z-]{1,6})")
_CITY = r"(?:,\s{1,2}|\s{1,2})[A-Z][A-Za-z.'’-]+(?:\s[A-Z][A-Za-z.'’-]+){0,2}"
_CODE = (r"(?:,?\s{1,2}(?:[A-Z]{2}|[A-Z][a-z]{3,12}(?:\s[A-Z][a-z]{3,10})?),?\s{1,2}[0-9]{5}(?:-[0-9]{4})?|"
         r",?\s{1,2}[A-Z]{1,2}[0-9][A-Z0-9]?\s[0-9][A-Z]{2}|,?\s{1,2}[A-Z]{2}\b)")
EN_STREET = (rf"[0-9]{{1,6}}(?:-[0-9]{{1,4}})?[A-Za-z]?,?\s{{1,2}}{_HEADS}{_WORD}(?:\s{_WORD}){{0,3}}\s"
             rf"(?:{_STRONG}|{_WEAK})\b\.?"
             rf"(?:\s(?:[NSEW]|North|South|East|West|NE|NW|SE|SW)\b)?{_UNIT}{{0,2}}(?:{_CITY}{_CODE})?")
KR_ROMAN = (r"[0-9]{1,5}(?:-[0-9]{1,4})?,?\s{1,2}[A-Z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*-(?:daero|ro|gil)\b"
            r"(?:\s[0-9]{1,4}(?:beon)?[a-z]*-gil\b)?(?:,\s{1,2}[A-Z][A-Za-z]+(?:-[a-z]+)?){0,4}(?:,?\s{1,2}[0-9]{5}\b)?")
"""A Korean road name address in the Roman alphabet: ``152, Teheran-ro, Gangnam-gu, Seoul 06236``."""
KR_ROMAN_HINT = r"[A-Za-z0-9]-(?:daero|ro|gil)\b"
EN_BOX = rf"P\.?\s?O\.?\s?[Bb]ox\s[0-9]{{1,7}}(?:{_CITY}{_CODE})?"
EN_HINT = r"[0-9][A-Za-z]?,?\s{1,2}[A-Z0-9]"
EN_TOLD = (r"\baddress|\bliv(?:e|es|ing)\b|\breside|\blocated|\bship|\bdeliver|\bhome\b|\bmail|\bsend|"
           r"\bmov(?:ed|ing)\b|\bhouse\b|\bvisit|\bstay|\bfrom\b|\boffice|\bat\s?$|주소|배송지|거주")
EN_OPEN = (r"\b[0-9]{1,6}(?:-[0-9]{1,4})?[A-Za-z]?"
           rf"(?:[\s,.]+(?:{_WORD}|#?[A-Z0-9-]+|[A-Z][A-Za-z0-9-]*|[0-9]{{1,4}}[a-z-]+))*[\s,.#]*|"
           rf"\bP\.?\s?O?\.?\s?B?o?x?\s?[0-9]*(?:[\s,.]+[A-Z0-9][A-Za-z0-9'’.-]*)*[\s,.]*")

_STRONGLY = re.compile(rf"\s(?:{_STRONG})\b")
_FURTHER = re.compile(rf"{_UNIT}|[0-9]{{5}}(?:-[0-9]{{4}})?$|[0-9][A-Z]{{2}}$|\s[A-Z]{{2}}$")


def en_street(c: Candidate) -> Answer:
    """A number, a name, a word for a street. Some of those words (Way, Place) need more beside them."""
    text = c.text
    year = re.match(r"(?:1[89]|20)[0-9]{2}\s", text)
    saint = re.search(r"\bSt\.?$", text) and re.match(rb"\s[A-Z][a-z]", c.data[c.end : c.end + 3])
    if (year or saint) and not _FURTHER.search(text):
        return ("address", 0.6) if c.known and not saint else None
    if _STRONGLY.search(text):
        return "address", 0.85
    return ("address", 0.75) if c.known or _FURTHER.search(text) else None


_ROMAN_SURE = re.compile(
    r"-(?:gu|si|do|gun|dong|eup|myeon)\b|[0-9][a-z]*-gil\b|-daero\b|\s[0-9]{5}$|,\s{1,2}(?:Seoul|Busan|Daegu|Incheon|"
    r"Gwangju|Daejeon|Ulsan|Sejong|Jeju|Suwon|Seongnam|Goyang|Yongin|Changwon|Cheongju|Jeonju|Pohang|Korea)\b")
"""What is written of a road in Korea alone: its district or city behind it, a numbered side road, a boulevard."""
_LIVES = re.compile(rb"(?i)\baddress|\bliv(?:e|es|ing)\b|\bresid|\xec\xa3\xbc\xec\x86\x8c")


def kr_roman(c: Candidate) -> Answer:
    """``152, Teheran-ro``. Without its district or city, a word must announce it, or its number have a hyphen or a
    comma; a year needs more than any word, and "Ro-ro" is a ship."""
    text = c.text
    if re.search(r"\s[Rr][Oo]-ro\b", text):
        return None
    if _ROMAN_SURE.search(text):
        return "address", 0.85
    if re.match(r"(?:19|20)[0-9]{2}(?:,|\s)", text):
        return ("address", 0.6) if _LIVES.search(c.before(40)) else None
    return ("address", 0.75) if c.known or re.match(r"[0-9]+(?:-[0-9]+|,)", text) else None
