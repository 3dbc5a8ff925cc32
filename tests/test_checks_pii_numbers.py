"""Numbers of things beside those of persons: the same digits in the same groups, told apart by what announces them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from stdnum import ean, luhn

from test_checks_pii import seen

Made = Callable[[random.Random], str]
EACH = 150
BODY = "402600000000000001"
CARD = BODY + luhn.calc_check_digit(BODY)


def n(r: random.Random, *groups: int) -> str:
    return "-".join("".join(r.choices("0123456789", k=size)) for size in groups)


def day(r: random.Random) -> str:
    return f"{r.randrange(20, 27)}{r.randrange(1, 13):02}{r.randrange(1, 29):02}"


def isbn(r: random.Random) -> str:
    body = f"978{n(r, 9)}"
    return body + str(ean.calc_check_digit(body))


THINGS: dict[str, Made] = {
    "ZIP+4": lambda r: n(r, 5, 4), "ZIP+4 in brackets": lambda r: f"({n(r, 5, 4)})",
    "ZIP+4 in a row": lambda r: f"{n(r, 5, 4)},Austin,TX", "ZIP+4, told": lambda r: f"zip: {n(r, 5, 4)}",
    "ZIP+4 behind a state": lambda r: f"Springfield, IL {n(r, 5, 4)}", "order": lambda r: f"order no. {n(r, 3, 2, 4)}",
    "order #": lambda r: f"Order #{n(r, 3, 2, 4)}", "order in JSON": lambda r: f'{{"order_id": "{n(r, 3, 2, 4)}"}}',
    "nine digits": lambda r: f"order {n(r, 9)} shipped", "part": lambda r: f"part {n(r, 3, 6)} in stock",
    "part like a phone": lambda r: f"part no. 4{n(r, 2, 3, 4)}", "document": lambda r: f"document no {n(r, 3, 2, 4)}",
    "version": lambda r: f"version {r.randrange(30)}.{r.randrange(99)}.{n(r, 4)}",
    "build": lambda r: f"build 10.0.{r.randrange(256)}.{r.randrange(256)}",
    "section": lambda r: f"section {r.randrange(1, 20)}.2.3.4", "ISBN": lambda r: f"ISBN {isbn(r)}", "ISBN alone": isbn,
    "ISBN-10": lambda r: f"ISBN {n(r, 1, 4, 4)}-X", "Korean order by date": lambda r: f"주문번호 {day(r)}-{n(r, 7)}",
    "of eight and seven": lambda r: f"주문번호는 20{day(r)}-{n(r, 7)}",
    "Korean order, no marks": lambda r: f"주문번호 {n(r, 16)}", "of thirteen": lambda r: f"주문번호: 9{n(r, 12)}",
    "Korean product": lambda r: f"품번 {n(r, 3, 2, 5)}", "Korean parcel": lambda r: f"송장번호 {n(r, 4, 4, 4)}",
    "Korean parcel, no marks": lambda r: f"운송장 {n(r, 12)}",
    "model like a passport": lambda r: f"모델 M{n(r, 3)}A{n(r, 4)}",
    "date and time": lambda r: f"backup_{day(r)}-{n(r, 6)}.tgz", "microseconds": lambda r: f"ts 17{n(r, 14)}",
    "date": lambda r: f"20{day(r)[:2]}-{day(r)[2:4]}-11", "CVE": lambda r: f"CVE-2024-{n(r, 5)}",
    "eighteen": lambda r: f"id {n(r, 18)}",
}


@pytest.mark.parametrize("name", THINGS)
def test_a_number_of_a_thing_is_no_persons(name: str) -> None:
    r = random.Random(name)
    texts = [THINGS[name](r) for _ in range(EACH)]
    assert not {text: found for text in texts if (found := seen(text))}


@pytest.mark.parametrize(("kind", "before", "value"), [
    ("us_ssn", "", "123-45-6789"), ("us_ssn", "SSN: ", "12345-6789"), ("us_ssn", "SSN ", "123456789"),
    ("us_ssn", "납세자 번호 ", "123-45-6789"), ("us_ssn", "order 17, SSN ", "123-45-6789"),
    ("us_ssn", "it is ", "078 05 1123"),
    ("phone", "call order desk at ", "415-555-0132"), ("phone", "주문번호 문의 전화 ", "415-555-0132"),
    ("phone", "주문번호 ", "010-1234-5678"), ("kr_rrn", "주문번호 3, 주민번호 ", "900101-1234568"),
    ("kr_business", "관리번호 1 사업자등록번호 ", "124-81-00998"), ("kr_corporate", "", "130111-0006246"),
    ("kr_corporate", "법인등록번호 ", "1301110006246"), ("card", "주문 카드 ", "4111111111111111"),
    ("card", "my card ", CARD), ("ip", "host ", "10.0.141.153"), ("kr_passport", "여권 ", "M123A4567"),
])
def test_the_same_digits_are_a_persons_where_nothing_else_is_said(kind: str, before: str, value: str) -> None:
    assert (kind, value) in seen(f"{before}{value}")


def kinds(text: str) -> set[str]:
    return {kind for kind, _ in seen(text)}


@pytest.mark.parametrize(("text", "kind"), [
    ("Driver: 900101-1234568", "kr_rrn"), ("driver 123-45-6789", "us_ssn"), ("Driver (415) 555-0132", "phone"),
    ("driver: 4111 1111 1111 1111", "card"), ("Call just in case: 415-555-0132", "phone"),
    ("just in case 123-45-6789", "us_ssn"), ("To order: 415-555-0132", "phone"), ("our model: 415-555-0132", "phone"),
    ("driver: 4111111111111111", "card"), ("고객센터 접수번호 1588-1234", "phone"),
    ("전화 접수번호는 1588-1234", "phone"), ("전화 예약번호 031-123-4567", "phone"),
    ("고객센터 예약번호: 02-555-1234", "phone"), ("예약번호는 031-123-4567", "phone"),
    ("전화 접수번호 555 123 4567", "phone"), ("고객 관리번호 900101-1234568", "kr_rrn"),
    ("회원 관리번호: 900101-1234568", "kr_rrn"), ("문서번호 900101-1234568", "kr_rrn"),
    ("거래번호 4111-1111-1111-1111", "card"), ("승인번호: 4111 1111 1111 1111", "card"),
    ("예약번호 4111-1111-1111-1111", "card"),
])
def test_a_word_that_only_may_number_a_thing_hides_no_person(text: str, kind: str) -> None:
    assert kind in kinds(text)


@pytest.mark.parametrize("text", [
    "driver version 31.0.15.3623", "driver: 31.0.15.3623", "case no. 123-45-6789", "ref #123-45-6789",
    "order number 415-555-0132", "model id (415) 555-0132", "item no. 900101-1234567", "part 123-456789",
    "주문번호 1588-1234", "송장번호는 031-123-4567", "전화로 주문한 송장번호는 031-123-4567",
    "접수번호 1588-1234", "관리번호 900101-1234567", "문서번호 240315-3234565", "주문번호 160401-4234561",
    "거래번호 4111111111111111", "order #4111111111111111",
])
def test_a_word_that_numbers_a_thing_still_does(text: str) -> None:
    assert not kinds(text)
