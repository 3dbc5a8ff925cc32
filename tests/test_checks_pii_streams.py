"""Personal data in streams: what the whole text shows is let out by no cut, and what only looks like it is left."""

from __future__ import annotations

import pytest

from bongsu.checks.pii import Pii
from test_checks_pii import assert_nothing_leaks, seen

LONG = ("경상남도 창원시 마산합포구 가포신항동로마산해안대로 1234-56, 가포해양신도시푸르지오더센트럴파크아파트단지 "
        "1234동 1203호 (가포동, 푸르지오 더 센트럴)")
OPEN = [
    ("kr_address", "집은 서울특별시 강남구\n테헤란로 152, 101동 1203호로 옮겼다"),
    ("kr_address", "서울특별시\t강남구\t테헤란로\t152로 오세요"),
    ("kr_address", "봄날아파트 101동\n1203호에 산다"),
    ("kr_address", "배송지는\n\n동백3로11번길\n20, 101동\t1203호"),
    ("kr_address", f"집은 {LONG} 입니다"),
    ("birth_date", "birthday: **March 5th, 1988** in Busan"),
    ("birth_date", "DOB = 5th of March 1988, in Busan"),
    ("birth_date", '{"birthday": "March 5, 1988", "a": 1}'),
    ("birth_date", "She was born\nMarch 5, 1988 in Busan"),
    ("us_driver_license", "driver's license D123 4567 8901, valid"),
    ("us_driver_license", "my driving licence is K00-12-3456."),
    ("us_driver_license", "my driver’s license is D1234567."),
    ("address", "at 152, Sejong12-ro, Gangnam-gu, Seoul 06236 today"),
]


@pytest.mark.req("D3")
@pytest.mark.parametrize(("kind", "text"), OPEN)
def test_no_cut_lets_out_what_the_whole_text_shows(kind, text) -> None:
    assert kind in {k for k, _ in seen(text)}
    assert_nothing_leaks(text, list(range(len(text))))
    for cut in range(len(text)):
        assert_nothing_leaks(text, [cut])


def test_a_long_address_is_found_to_its_last_bracket() -> None:
    assert ("kr_address", LONG) in seen(f"집은 {LONG} 입니다")


@pytest.mark.parametrize("text", [
    "My driver's license expires 20261130", "a driver's license issued 20190415", "driver's license valid to 11302026",
    "The driver's license has 35000 applicants", "driver's license fee: 10000 won", "driver's license form B12 2024",
    "driving licences: 3500000 holders", "driver's license fee 1500000원",
    "In 2023 Ro-ro cargo volumes fell", "5 Ro-ro berths", "issue 42 Retro-ro is out", "from 2023 Seoul-ro carries them",
    "3 Ro-ro, Busan", "Springfield, IL 62704-1234", '{"zip": "62704-1234"}', "우편번호 62704-1234",
    "ts=1797226970435", "at 1797226970435 ms",
])
def test_a_number_that_only_looks_like_a_persons_is_left_alone(text) -> None:
    assert seen(text) == []


@pytest.mark.parametrize(("kind", "before", "value"), [
    ("us_driver_license", "driver's license: ", "1234567"), ("us_driver_license", "driver’s license no. ", "D1234567"),
    ("us_driver_license", "driver's license expires: ", "F20261130"),
    ("us_driver_license", "driver's license ", "D123 4567 8901"), ("us_driver_license", "driving licence ", "AB12345"),
    ("address", "she lives at ", "152 Teheran-ro"), ("address", "see ", "152 Teheran-ro, Seoul"),
    ("address", "see ", "152 Teheran-ro, Gangnam-gu"), ("address", "see ", "2023 Nambusunhwan-ro, Seoul 06236"),
    ("address", "see ", "20 Seocho-daero"), ("address", "see ", "12 Jong-ro 5-gil"),
    ("us_ssn", "SSN ", "12345-6789"), ("us_ssn", "my number is ", "123-456789"),
    ("us_ssn", "사회보장번호는 ", "07805-1121"),
    ("kr_corporate", "법인 ", "1801110000004"),
])
def test_the_true_number_beside_it_is_found_still(kind, before, value) -> None:
    assert (kind, value) in seen(f"{before}{value}"), Pii(least=0.0).look(f"{before}{value}")
