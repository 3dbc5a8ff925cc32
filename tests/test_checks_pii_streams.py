"""Personal data in streams: what the whole text shows is let out by no cut."""

from __future__ import annotations

import pytest

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
