"""Words before a number that say it is an order's, a product's, a page's: no person's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bongsu.checks.pii_rules import Candidate

_NUMBERED = (r"invoice|product|sku|serial|ticket|tracking|shipment|parcel|lot|batch|catalog(?:ue)?|version|build|"
             r"release|firmware|section|chapter|clause|isbn|issn|ean|upc|gtin|barcode|zip|post(?:al)? ?code")
_SPOKEN_OF = r"order|part|item|model|ref(?:erence)?|case|doc(?:ument)?"
"""What is also said of people and of calling them ("just in case", "to order"): alone they number nothing."""
_NO = r"(?:[ _-]?(?:no|num(?:ber)?|id|code))"
_KOREAN_THING = (r"품번|모델명?|바코드|운?송장|버전|빌드|(?:주문|송장|배송|제품|상품|물품|부품|모델|접수|예약|관리|"
                 r"일련|시리얼|우편|사건|문서|거래|승인)\s?(?:번호|코드|넘버)")
_JOINED = r"(?:\.|는|은|이|가)?[\"'`*]{0,3}\s{0,2}(?:is\s|[:=#]\s?)?[\"'(]?$"
_THING = re.compile(rf"(?i)(?:\b(?:(?:{_NUMBERED}){_NO}?|(?:{_SPOKEN_OF})(?:{_NO}|\s?#))|{_KOREAN_THING}){_JOINED}")
_ALONE = re.compile(rf"(?i)\b(?:{_SPOKEN_OF}){_JOINED}")


def of_thing(c: Candidate, *, alone: bool = False) -> bool:
    """Whether the word right before it, or before the groups of digits it is the rest of, says that it numbers an
    order, a product, a page: no person. ``alone``: a word that is said of people, too, is enough, since the form says
    little. A word that announces the form right before that one (전화 접수번호) says what the number is."""
    before = c.before(32).decode().rstrip("0123456789-")
    thing = _THING.search(before) or (alone and _ALONE.search(before)) or None
    return thing is not None and not c.announces(before[: thing.start()])


_BOOKING = re.compile(r"(?:접수|예약)\s?(?:번호|코드|넘버)(?:는|은|이|가)?\W*$")


def booked(c: Candidate) -> bool:
    """Whether it stands behind a word for booking: a number that was booked, or one where one books."""
    return _BOOKING.search(c.before(16).decode()) is not None
