"""Candidate -> what it is and how sure: the part of a form that a pattern cannot say.

A rule answers ``(kind, score)`` or None. For Korean numbers and phones a check digit or a library only moves the
score; Luhn, mod 97 and the ranges of addresses and US numbers may clear a candidate.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any

from stdnum import ean, luhn

from bongsu.checks import korean_ids as kr
from bongsu.checks.pii_things import booked, of_thing
from bongsu.checks.pii_wallets import base58, bech32, bitcoin_address, ethereum_checked, monero_address, other_address

Answer = tuple[str, float] | None
_MILLISECONDS = range(1_577_836_800_000, 2_000_000_000_000)
"""2020 to 2033 as a time stamp, which also reads as a birth date of 2016 to 2019."""
_ORDERED = range(16, 37)
"""Years of orders and papers that are numbered by their day, 2016 to 2036 (extend them when they are over): who was
born in 1916 to 1936, or since 2016, is not told from such a number by it. Older years are those of people, whose
numbers old systems keep as customer numbers."""

_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


class Candidate:
    """A place in the text where a pattern matched and whose neighbours fit; its context is looked at only if asked."""

    __slots__ = ("_context", "_reach", "data", "end", "start")

    def __init__(self, data: bytes, start: int, end: int, context: Any, reach: int) -> None:
        self.data, self.start, self.end = data, start, end
        self._context, self._reach = context, reach

    @property
    def text(self) -> str:
        return self.data[self.start : self.end].decode("utf-8", "replace")

    @property
    def digits(self) -> str:
        return self.data[self.start : self.end].translate(None, _NO_DIGITS).decode()

    @property
    def known(self) -> bool:
        """Whether a word that announces this form stands shortly before it."""
        return self._context is not None and self._context.search(self.before(self._reach)) is not None

    def before(self, chars: int) -> bytes:
        """Up to ``chars`` characters before it."""
        raw = self.data[max(0, self.start - 3 * chars) : self.start]
        return raw.decode("utf-8", "ignore")[-chars:].encode()

    def announces(self, words: str) -> bool:
        """Whether these words end in one that announces this form."""
        last = words.rstrip(" :,").rpartition(" ")[2].encode()
        found = self._context.search(last) if self._context is not None else None
        return found is not None and found.end() == len(last)

    def followed(self, chars: int) -> bool:
        """Whether such a word stands within ``chars`` characters after it."""
        raw = self.data[self.end : self.end + 3 * chars].decode("utf-8", "ignore")[:chars]
        return self._context is not None and self._context.search(raw.encode()) is not None


Rule = Callable[[Candidate], Answer]


def always(kind: str, score: float) -> Rule:
    """The pattern says it all."""
    return lambda _: (kind, score)


def announced(kind: str, without: float, told: float) -> Rule:
    """Sure only where the context says so."""
    return lambda c: (kind, told if c.known else min(without, UNSURE) if of_thing(c, alone=True) else without)


UNSURE = 0.3
"""Too little to be found by default."""


def unless_thing(kind: str, score: float) -> Rule:
    """The pattern says it all, but of a thing."""
    return lambda c: (kind, UNSURE if of_thing(c) else score)


def landline(c: Candidate) -> Answer:
    """``02-123-4567``, which behind a word for booking is where one books rather than what was booked."""
    thing = of_thing(c) and not booked(c)
    return "phone", UNSURE if thing else 0.8


# ---- Korean numbers ----


def six_seven(c: Candidate) -> Answer:
    """Thirteen digits: a resident, foreigner or corporate number, a time stamp, a barcode, or none of them."""
    digits, known = c.digits, c.known
    born = kr.birth(digits)
    corporate = kr.corporate_check(digits)
    before = c.before(15)
    told = "주민".encode() in before or "외국인".encode() in before
    bare = len(c.text) == 13
    stamp = bare and not known and int(digits) in _MILLISECONDS
    if "법인".encode() in before or (corporate and not stamp and not told and not (born and kr.resident_check(digits))):
        said = "법인".encode() in before or known
        return "kr_corporate", (0.95 if corporate else 0.6) if said or not (bare or of_thing(c)) else UNSURE
    if born is None:
        return None
    kind = "kr_frn" if kr.foreigner(digits) else "kr_rrn"
    checked = kr.resident_check(digits)
    if known:
        return kind, 0.99 if checked else 0.9
    dated = bare or not checked or int(digits[:2]) in _ORDERED
    if born.year < 1900 or stamp or (dated and of_thing(c)) or (bare and digits.startswith("880") and _ean(digits)):
        return kind, UNSURE
    if bare:
        return kind, 0.8 if checked else 0.5
    return kind, 0.98 if checked else 0.7


def _ean(digits: str) -> bool:
    return bool(ean.is_valid(digits))


def masked(c: Candidate) -> Answer:
    """``900101-1******``: still a birth date and a sex."""
    shown = re.sub(r"[^0-9*xX●○•]", "", c.text)
    if shown.isdigit() or kr.birth(shown[:7]) is None:
        return None
    return ("kr_frn" if kr.foreigner(shown) else "kr_rrn"), 0.8


def business(c: Candidate) -> Answer:
    if not c.known and (c.text.isdigit() or of_thing(c, alone=True)):
        return None
    return "kr_business", 0.95 if kr.business_check(c.digits) else 0.9 if c.known else 0.5


def licence(c: Candidate) -> Answer:
    digits = c.digits
    if len(digits) == 10:
        return "kr_licence", 0.9 if c.known else 0.4
    region = int(digits[:2])
    shaped = 11 <= region <= 28 and region != 27
    if c.text.isdigit():
        return ("kr_licence", 0.8) if c.known and shaped else None
    return "kr_licence", 0.9 if c.known else 0.8 if shaped else 0.3


def account(c: Candidate) -> Answer:
    """A bank or a word for an account before it, or, where it has hyphens, shortly after it."""
    digits, text = c.digits, c.text
    if not 9 <= len(digits) <= 16 or digits.startswith("01") or re.fullmatch(r"\d{6}-\d{7}", text):
        return None
    told = c.known or ("-" in text and c.followed(12))
    return ("kr_account", 0.85) if told else None


def near(kind: str, score: float) -> Rule:
    """Nothing without its context."""
    return lambda c: (kind, score) if c.known else None


def born(c: Candidate) -> Answer:
    """A date right after a word for birth, if the calendar has it."""
    parts = re.findall(r"\d+", c.text)
    if len(parts) == 1:
        digits = c.digits
        parts = [digits[:-4], digits[-4:-2], digits[-2:]]
    if len(parts) != 3 or not c.known:
        return None
    a, b, d = (int(p) for p in parts)
    return ("birth_date", 0.9) if any(_lived(*ymd) for ymd in ((a, b, d), (d, a, b), (d, b, a))) else None


def _lived(year: int, month: int, day: int) -> bool:
    """Whether the calendar has the day, within the years of anybody alive."""
    try:
        return 1875 <= date(year + (1900 if year < 100 else 0), month, day).year <= 2100
    except ValueError:
        return False


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def born_in_words(c: Candidate) -> Answer:
    """``March 5, 1988`` or ``5th of March 1988``, right after a word for birth."""
    month = re.search("|".join(_MONTHS), c.text.lower())
    numbers = [int(n) for n in re.findall(r"\d+", c.text)]
    if month is None or len(numbers) != 2 or not c.known:
        return None
    return ("birth_date", 0.9) if _lived(numbers[1], _MONTHS.index(month[0]) + 1, numbers[0]) else None


def born_behind(c: Candidate) -> Answer:
    """``1988년 3월 5일생``: the word stands behind the date, and is no part of it."""
    after = c.data[c.end : c.end + 3].decode("utf-8", "ignore")
    if after and "가" <= after <= "힣" and after not in "입이인으임여남의은는":
        return None  # 생산, 생성, 생일
    text = re.sub(r"\s?(?:출생|태생|생)$", "", c.text)
    c.end = c.start + len(text.encode())
    parts = re.findall(r"\d+", text)
    if len(parts) == 1:
        parts = [text[:-4], text[-4:-2], text[-2:]]
    return ("birth_date", 0.85) if len(parts) == 3 and _lived(*map(int, parts)) else None


# ---- passports ----

_TERM = re.compile(rb"(?i)expir|valid|issue|\xeb\xa7\x8c\xeb\xa3\x8c|\xeb\xb0\x9c\xea\xb8\x89")
"""Words before the date of a document: these in English, and those for expiry and issue in Korean."""
_TRAVEL = {**{str(n): n for n in range(10)}, **{chr(65 + n): 10 + n for n in range(26)}, "<": 0}


def passport(c: Candidate) -> Answer:
    """A document number behind the word passport: up to nine letters and digits, most of them digits (ICAO 9303)."""
    text = c.text
    dated = re.search(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", text) and len(text) == 8
    over = _TERM.search(c.before(25))
    if not c.known or sum(ch.isdigit() for ch in text) < 6 or (dated and over):
        return None
    return "passport", 0.8


def machine_read(c: Candidate) -> Answer:
    """The second machine-readable line of a passport, whose check digits must hold (ICAO 9303: weights 7, 3, 1)."""
    text = c.text.upper()
    parts = ((text[:9], text[9]), (text[13:19], text[19]), (text[21:27], text[27]))
    return ("passport", 0.98) if all(_icao(body) == check for body, check in parts) else None


def _icao(body: str) -> str:
    return str(sum(_TRAVEL[ch] * (7, 3, 1)[i % 3] for i, ch in enumerate(body)) % 10)


# ---- phones ----


@lru_cache(maxsize=8192)
def _possible(number: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def international(c: Candidate) -> Answer:
    """``+CC...``: possible is enough, since true numbers fail the stricter test."""
    return "phone", 0.9 if _possible(c.text) else 0.6 if c.known else 0.4


def local(c: Candidate) -> Answer:
    """Any grouping of digits that a word for a telephone announces."""
    return ("phone", 0.6) if 7 <= len(c.digits) <= 15 and c.known and not of_thing(c) else None


def service(c: Candidate) -> Answer:
    """``1588-1234``; ``1600-1800`` may be years, so those need a word."""
    years = c.text[:4] in ("1500", "1600", "1800")
    return "phone", 0.7 if (c.known or not years) and not of_thing(c) else UNSURE


# ---- money, networks, people abroad ----


def card(c: Candidate) -> Answer:
    digits = c.digits
    n, first = len(digits), digits[0]
    plausible = (first == "4" if n == 13 else first == "3" if n == 14 else first in "123" if n == 15
                 else first in "234569" if n == 16 else first in "4569")
    if not plausible or len(set(digits)) == 1 or not luhn.is_valid(digits):
        return None
    bare = n == len(c.text)
    record = n > 16 and not (n == 19 and digits.startswith(_LONG_CARDS))
    return "card", UNSURE if bare and not c.known and (record or of_thing(c)) else 0.95


_LONG_CARDS = ("4", "50", "56", "57", "58", "62", "67")
"""What cards of nineteen digits begin with (Visa, Maestro, UnionPay); most such numbers are those of records."""


def iban_longest(c: Candidate) -> Answer:
    """Groups after the number may be ordinary words, so the longest valid head is taken (and the end moved to it)."""
    text = c.text
    while len(text) >= 15:
        if _mod97(text):
            c.end = c.start + len(text)
            return "iban", 0.95
        text = text.rpartition(" ")[0]
    return None


def _mod97(text: str) -> bool:
    digits = "".join(str(int(ch, 36)) for ch in text if ch != " ")
    # the first four places go last; a letter is two digits, so the country's two letters are four of them
    return int(digits[6:] + digits[:6]) % 97 == 1


def us_ssn(c: Candidate) -> Answer:
    """Numbers from 900 up are no social security numbers, but taxpayers' (ITIN) or mistyped: believed if announced, or
    if both hyphens are where they belong. With a hyphen before the last four alone it is written as a postcode
    (ZIP+4), without any mark as anything: believed if announced."""
    digits, marks = c.digits, [ch for ch in c.text if not ch.isdigit()]
    if digits[:3] in ("000", "666") or digits[3:5] == "00" or digits[5:] == "0000":
        return None
    if not c.known and of_thing(c, alone=len(marks) < 2):
        return "us_ssn", UNSURE
    if digits[0] == "9":
        return ("us_ssn", 0.7) if c.known and len(set(marks)) <= 1 else ("us_ssn", 0.6) if marks == ["-"] * 2 else None
    if len(set(marks)) > 1 or digits in ("078051120", "219099999"):
        return None
    return "us_ssn", 0.95 if c.known else 0.7 if len(marks) == 2 else 0.6 if c.text[3] == "-" else UNSURE


_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])|(?:[0-2]\d|3[01]){2}(?:19|20)\d\d")
_COUNTS = re.compile(r"(?i)\s?(?:원|명|건|%|(?:won|krw|usd|dollars?|euros?|percent|people|persons?|drivers?|times|"
                     r"applicants?|applications?|candidates?|holders?|licen[cs]es)\b)")


def us_licence(c: Candidate) -> Answer:
    """A number behind "driver's license". Without a letter, or in groups, it has seven digits or more; a date of issue
    or expiry is none, nor what counts something."""
    text = c.text
    if not c.known or (len(c.digits) < 7 and (text.isdigit() or not text.isalnum())):
        return None
    since = re.split(rb"(?i)licen[cs]e", c.before(30))[-1]
    counts = text.isdigit() and _COUNTS.match(c.data[c.end : c.end + 24].decode("utf-8", "ignore"))
    return None if counts or (_DAY.fullmatch(text) and _TERM.search(since)) else ("us_driver_license", 0.75)


def ip4(c: Candidate) -> Answer:
    if re.search(rb"[0-9]\.$", c.before(2)):
        return None  # the rest of a longer dotted number
    try:
        address = ipaddress.IPv4Address(c.text)
    except ValueError:
        return None
    version = re.search(rb"(?i)(?:\bv|ver|rel|\bdriver)[ .:]*$", c.before(10)) or of_thing(c, alone=True)
    plain = address.is_unspecified or address.is_loopback or version
    return "ip", UNSURE if plain else 0.8


def ip6(c: Candidate) -> Answer:
    text = c.text.rstrip(".")
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    c.end = c.start + len(text)
    plain = address.is_unspecified or address.is_loopback or not any(ch.isdigit() for ch in text)
    return "ip", 0.3 if plain else 0.8


def wallet(c: Candidate) -> Answer:
    """Bitcoin's check clears; that of Ethereum, which not every program writes, moves the score.

    Without it the whole is still surer than a number that may be read inside it, which would leave the rest in clear.
    """
    if c.text.startswith("addr1"):
        return ("wallet", 0.98) if bech32("addr", c.text[5:]) else None
    if len(c.text) == 95:
        return ("wallet", 0.98) if monero_address(c.text) else None
    if not c.text.startswith("0x"):
        return ("wallet", 0.98) if bitcoin_address(c.text) or other_address(c.text) else None
    if len(set(c.text[2:].lower())) < 6:
        return None
    checked = ethereum_checked(c.text)
    return "wallet", 0.97 if checked is None else 0.98 if checked else 0.5


def solana(c: Candidate) -> Answer:
    """Thirty-two bytes in base 58 without a check of their own: a word must announce them."""
    mixed = any(ch.isdigit() for ch in c.text) and any(ch.islower() for ch in c.text)
    return ("wallet", 0.8) if c.known and mixed and base58(c.text) >> 248 else None


def dotted_mac(c: Candidate) -> Answer:
    """``001b.4411.3ab7``, as switches print it; of digits alone it may be a number, so that needs a word."""
    return ("mac", 0.8) if c.known or len(c.digits) < 12 else None


def email(c: Candidate) -> Answer:
    name, _, host = c.text.rpartition("@")
    good = len(name) <= 64 and len(host) <= 253 and ".." not in host and not host.startswith(("-", "."))
    return ("email", 0.95) if good else None
