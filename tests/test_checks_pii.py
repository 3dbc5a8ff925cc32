"""The check for personal data: what it finds, what it leaves alone, and what a stream may release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.checks.pii import BOUND, Pii, _engine
from bongsu.checks.pii_forms import ENTITIES
from bongsu.overlap import resolve, winners
from bongsu.ports import Finding

HUGE = 400_000
PII = Pii()
MIX = "q7Zk2Vn9Xw4Rb8Tc6Ld3Mf5Ph1Js0Gy2"
"""What keys are made of, and nobody's."""
HEX = "9f3c1b7e52a84d06"
B64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"

# (entity, words before, the value, words after): all made up or from public documentation
KNOWN = [
    ("kr_rrn", "", "900101-1234568", ""),
    ("kr_rrn", "", "900101-1234567", ""),
    ("kr_rrn", "", "9001011234568", ""),
    ("kr_rrn", "주민번호 ", "900101 - 1234567", ""),
    ("kr_rrn", "", "211231-4000001", ""),
    ("kr_rrn", "", "900101-1******", ""),
    ("kr_frn", "", "900101-5234567", ""),
    ("kr_frn", "", "900101-6●●●●●●", ""),
    ("kr_business", "", "124-81-00998", ""),
    ("kr_business", "사업자등록번호 ", "1248100998", ""),
    ("kr_corporate", "", "130111-0006246", ""),
    ("kr_corporate", "법인번호 ", "110111-1234567", ""),
    ("kr_passport", "여권번호는 ", "M12345678", ""),
    ("kr_passport", "", "M123A4567", ""),
    ("kr_licence", "", "11-20-123456-12", ""),
    ("kr_licence", "서울 ", "12-123456-12", ""),
    ("kr_licence", "면허번호 ", "112012345612", ""),
    ("kr_account", "신한은행 ", "110-123-456789", ""),
    ("kr_account", "계좌번호는 ", "11012345678901", ""),
    ("kr_account", "", "110-123-456789", " (예금주 홍길동)"),
    ("kr_insurance", "건강보험증 번호 ", "1-1234567890", ""),
    ("phone", "", "010-1234-5678", ""),
    ("phone", "", "01012345678", ""),
    ("phone", "", "02-123-4567", ""),
    ("phone", "", "070-1234-5678", ""),
    ("phone", "", "1588-1234", ""),
    ("phone", "", "+82 10-1234-5678", ""),
    ("phone", "", "+44 20 7123 4567", ""),
    ("phone", "", "(415) 555-0132", ""),
    ("phone", "전화 ", "0496 46 46 70", ""),
    ("card", "", "4111111111111111", ""),
    ("card", "", "4012 8888 8888 1881", ""),
    ("card", "", "371449635398431", ""),
    ("email", "", "hong.gildong+a@example.co.kr", ""),
    ("email", "", "a@xn--d1acufc.xn--p1ai", ""),
    ("iban", "", "GB82 WEST 1234 5698 7654 32", ""),
    ("iban", "", "gb82west12345698765432", ""),
    ("us_ssn", "", "123-45-6789", ""),
    ("us_ssn", "SSN ", "123456789", ""),
    ("us_ssn", "SSN ", "914-27-6083", ""),
    ("us_ssn", "my ITIN is ", "912-70-1234", ""),
    ("ip", "", "203.0.113.7", ""),
    ("ip", "", "2001:db8::8a2e:370:7334", ""),
    ("wallet", "", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", ""),
    ("wallet", "", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", ""),
    ("wallet", "", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", ""),
    ("wallet", "", "bc1p5d7rjq7g6rdk2yhzks9smlaqtedr4dekq08ge8ztwac72sfr9rusxg3297", ""),
    ("wallet", "", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ""),
    ("wallet", "", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", ""),
    ("wallet", "", "0x52908400098527886E0F7030069857D2E4169EE7", ""),  # a card's number is in it
    ("mac", "", "00:1A:2B:3C:4D:5E", ""),
    ("jwt", "", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", ""),
    ("key", "", "AKIA" + "IOSFODNN7EXAMPLE", ""),
    ("key", "", "sk-" + "proj-abc123def456ghi789jkl012", ""),
    ("key", "", "sk-" + "ant-api03-abcDEF123456-xyz_789012345", ""),
    ("key", "", "ghp" + "_abcdefghijklmnopqrstuvwxyz0123456789", ""),
    ("key", "", "hf" + "_abcdefghijklmnopqrstuvwxyz12345678", ""),
    ("key", "", "AIza" + "SyA1234567890abcdefghijklmnopqrstuv", ""),
    ("key", "", "xoxb" + "-123456789012-abcdefghijkl", ""),
    ("key", "", "AQ." + "Ab8RN6" + MIX + "aZ_u-L-pK2", ""),
    ("key", "", "ABSK" + MIX * 3 + "==", ""),
    ("key", "", "tgp" + f"_v1_{MIX}-{MIX}", ""),
    ("key", "", "fw" + f"_{MIX[:24]}", ""),
    ("key", "", "csk" + f"-{MIX}{MIX[:16]}", ""),
    ("key", "", "pa" + f"-{MIX}_{MIX[:10]}", ""),
    ("key", "", "pcsk" + f"_{MIX[:6]}_{MIX}{MIX}", ""),
    ("key", "", "tvly" + f"-dev-{MIX}", ""),
    ("key", "", "sk" + f"_{HEX * 3}", ""),
    ("key", "", "up" + f"_{MIX[:29]}", ""),
    ("key", "", "nv" + f"-{HEX * 3}", ""),
    ("key", "", "ncp" + "_iam_BPAMKR8fQ2Lw7Zc1Vd", ""),
    ("key", "", f"{MIX}{MIX[:20]}JQQJ99BA{MIX[:24]}", ""),
    ("key", "", "sk-" + f"ant-oat01-{MIX}-{MIX}AA", ""),
    ("key", "", "SK" + HEX * 2, ""),
    ("key", "", "glpat" + f"-{MIX}.01.1a2b3c4d5", ""),
    ("key", "MISTRAL_API_KEY=", MIX, ""),
    ("key", '{"apiKey": "', MIX, '"}'),
    ("key", "aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYq9LsTzKpWv", ""),
    ("key", "AZURE_OPENAI_API_KEY: ", HEX * 2, ""),
    ("key", "Authorization: Bearer ", MIX, ""),
    ("key", "Authorization: Basic ", "bWluc3U6aHVudGVyMl9pc19vbGQ=", ""),
    ("password", "DB_PASSWORD=", "Sunset2024!", ""),
    ("private_key", "", f"-----BEGIN RSA PRIVATE KEY-----\n{B64}\n-----END RSA PRIVATE KEY-----", ""),
    ("private_key", "", "-----BEGIN OPENSSH PRIVATE KEY-----", ""),
    ("url_password", "postgres://", "admin:hunter2", "@db.internal/x"),
    ("birth_date", "생년월일은 ", "1990년 1월 1일", ""),
    ("birth_date", "born on ", "2/16/1942", ""),
    ("birth_date", "생년월일 ", "900101", ""),
    ("birth_date", "DOB: ", "March 5, 1988", ""),
    ("birth_date", "born on the ", "5th of March 1988", ""),
    ("passport", "passport number is ", "512345678", ""),
    ("passport", "여권번호 ", "AB1234567", ""),
    ("passport", "", "L898902C36UTO7408122F1204159ZE184226B<<<<<10", ""),
    ("wallet", "", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", ""),
    ("wallet", "", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", ""),
    ("wallet", "", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", ""),
    ("wallet", "", "addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse"
     "35a3x", ""),
    ("wallet", "", "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
     ""),
    ("wallet", "my Solana wallet is ", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", ""),
    ("us_driver_license", "driver's license number ", "D1234567", ""),
    ("us_driver_license", "driving licence: ", "S530-4609-8012", ""),
    ("kr_insurance", "NHIS number: ", "1-1234567890", ""),
    ("email", "", "minsu.kim@한국우편.한국", ""),
    ("email", "", "a@xn--3e0b707e.kr", ""),
    ("mac", "", "001b.4411.3ab7", ""),
    ("address", " ", "152, Teheran-ro, Gangnam-gu, Seoul 06236", ""),
    ("address", " ", "12-3 Jong-ro 5-gil", ""),
    ("kr_address", "", "서울특별시 강남구 테헤란로 152", ""),
    ("kr_address", "", "경기도 성남시 분당구 판교역로 166번길 20-1, 101동 1203호 (백현동)", ""),
    ("kr_address", "", "부산 해운대구 우동1로 20", ""),
    ("kr_address", "", "세종특별자치시 한누리대로 2130", ""),
    ("kr_address", "", "충북 청주시 흥덕구 가경동 1234-5 봄날아파트 102동 304호", ""),
    ("kr_address", "", "경기도 화성시 봉담읍 와우리 산 12-3번지", ""),
    ("kr_address", "배송지는 ", "동백3로11번길 20", ""),
    ("kr_address", "봄날아파트 ", "101동 1203호", ""),
    ("kr_address", "테헤란로 ", "152, 1203호", ""),
    ("address", " ", "742 Evergreen Terrace, Springfield, IL 62704", ""),
    ("address", " ", "350 Fifth Avenue, Suite 3300, New York, NY 10118", ""),
    ("address", " ", "221B Baker Street, London NW1 6XE", ""),
    ("address", " ", "51 Franklin Street, Fifth Floor, Boston, MA 02110-1301", ""),
    ("address", "my home is ", "12 Park Place", ""),
    ("address", " ", "P.O. Box 1234, Austin, TX 78701", ""),
]


def seen(text: str, check: Pii = PII) -> list[tuple[str, str]]:
    return [(f.kind, text[f.start : f.end]) for f in check.look(text)]


@pytest.mark.req("D3")
@pytest.mark.parametrize(("kind", "before", "value", "after"), KNOWN)
@pytest.mark.parametrize(("left", "right"), [("", ""), ("네 ", "이고요"), ("제건", "입니다"), ("(", ").")])
def test_a_value_is_found_whole_with_korean_particles_glued_to_it(kind, before, value, after, left, right) -> None:
    text = f"{left}{before}{value}{after}{right}"
    assert (kind, value) in seen(text)


def test_every_entity_has_a_known_answer() -> None:
    assert {kind for kind, *_ in KNOWN} == set(ENTITIES)


@pytest.mark.parametrize("text", [
    "001332-1234567",                       # no such day
    "960121+1021413",
    "960111-10214131",                      # a digit too many
    "4111111111111112",                     # Luhn
    "0000000000000000",
    "바코드 8801234567893 입니다",           # a Korean barcode
    "1767225600000",                        # a time stamp in milliseconds
    "2024-01-05에 12:34:56까지",
    "예산은 1,234,567원이고 2026년 1분기에 14건입니다",
    "1600-1800",
    "GB82 WEST 1234 5698 7654 33",
    "666-12-3456",
    "256.256.256.256",
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",   # Base58Check
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mda",
    "0x" + "0" * 40,                        # nobody's
    "commit 5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
    "std::vector<int> face::add",
    "sk-learn is spelled scikit-learn-and-nothing-else-today",
    "api_key = settings.AZURE_OPENAI_API_KEY_2024",
    "const apiKey = process.env.NEXT_PUBLIC_API_KEY_V123",
    "const accessToken = useAuthStore2024.getState.token",
    "access_token: getAccessTokenSilently100",
    "api-key: rate-limit-1000-per-minute",
    "access_key = iam-user-backup-2024-eu-west-1",
    "bearer bonds-2019-2024-series-A-100m",
    "accountKey: customer-000123-berlin-de",
    "postgres://user:$PASSWORD@host/x",
    "the order number is M12345678",
    "v1.2.3.4",
    "a@b",
    "한글만 있는 문장입니다.",
    "수원시로 10분 걸립니다", "서울에서 부산으로 3시간", "서울 강남구로 3번 이사했다", "강남구 역삼동 12개 점포",
    "서울 종로 3가", "서울시는 앞으로 5년 동안 경기도 수원시에 120만 명", "이번 경기 위주로 3점을 얻었다",
    "광주로 7월 3일에 간다", "도로 3개 차선",
    "대전시 유성구 3개 동", "고성군 현내면 2026년 예산", "서울 2호선 강남역 11번 출구", "1동 3층", "주소로 3번 보냈다",
    "100 Best Way to cook", "5 Easy Steps to Success", "In 1998 Wall Street crashed", "Chapter 5 Paul St. John's view",
    "12 Park Place", "the 2 Day Drive south", "see section 4 Road map",
    "2025년 3월 5일 생산된 제품", "20250105생성", "passport valid until 20301005", "a passport for 3 people",
    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTg",
    "API_KEY=your-api-key-goes-here-0123", "api_key: str = os.environ['OPENAI_API_KEY']", "token: " + "a1" * 20,
    "access_token = get_the_access_token_of_2026()", "the secret key is kept in the vault", "Bearer of 3 gifts",
    "apiKey: https://docs/a/b/c/d/e/f1234", "1234.5678.9012", "up_to_the_last_one_of_the_30", "pa-rticularly",
    "wallet " + "A" * 44, "44" + "A" * 93, "the driver licensed 12345 songs", "나라@한국", "5 minutes to Jong-ro",
    "L898902C46UTO7408122F1204159ZE184226B<<<<<10",
    "",
])
def test_a_look_alike_is_left_alone(text) -> None:
    """What is not personal data must not be masked: false alarms make people switch a guard off."""
    assert seen(text) == []


@pytest.mark.parametrize(("text", "value"), [
    ("번호는 ０１０－１２３４－５６７８입니다", "０１０－１２３４－５６７８"),
    ("번호는 010\u200b-1234\u200b-5678입니다", "010\u200b-1234\u200b-5678"),
    ("900101\u20131234568", "900101\u20131234568"),
    ("👍 ﷺ é 010-1234-5678", "010-1234-5678"),
    ("\ud800 010-1234-5678 \udfff", "010-1234-5678"),
    ("\u1112\u1161\u11ab 010-1234-5678", "010-1234-5678"),
])
def test_offsets_are_those_of_the_original_text(text, value) -> None:
    assert [v for _, v in seen(text)] == [value]


def test_a_word_written_in_decomposed_hangul_is_still_context() -> None:
    import unicodedata

    text = unicodedata.normalize("NFD", "여권번호는 ") + "M12345678"
    assert seen(text) == [("kr_passport", "M12345678")]


def test_a_number_that_reads_as_two_things_is_read_as_one_and_masked_as_all() -> None:
    """A password in a URL ends like an e-mail address; the surer reading wins, and nothing of the other stays."""
    text = "https://bob:s3cret@example.com 900101-1234568"
    found = PII.look(text)
    assert [f.kind for f in winners(found)] == ["url_password", "kr_rrn"]
    assert [(f.kind, text[f.start : f.end]) for f in resolve(found)] == [
        ("url_password", "bob:s3cret@example.com"), ("kr_rrn", "900101-1234568")]


def test_a_failed_check_digit_lowers_the_score_and_clears_nothing() -> None:
    good, bad = PII.look("900101-1234568")[0], PII.look("900101-1234567")[0]
    assert good.score > bad.score >= PII.least


def test_every_resident_number_issued_since_october_2020_is_found() -> None:
    """They end in six random digits and have no check digit."""
    for n in range(0, 1_000_000, 4999):
        assert [k for k, _ in seen(f"000229-3{n:06d}")] in (["kr_rrn"], ["kr_corporate"])


def test_only_the_entities_asked_for_are_found() -> None:
    text = "hong@example.com 010-1234-5678 900101-1234568"
    assert [k for k, _ in seen(text, Pii(entities=("phone", "kr_rrn")))] == ["phone", "kr_rrn"]


def test_an_unknown_entity_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="did you mean 'email'"):
        Pii(entities=("emial",))


@pytest.mark.parametrize("piece", [
    "1", "1 ", "a@", "a.b@c.de ", "tel 1 2 3 4 5 6 7 ", "계좌 1-1-1-1-1-", "-----BEGIN PRIVATE KEY-----",
    "eyJ.eyJ", "::1:", "1.1.1.1 ", "\ud800", "０", "\u200b", "AB12 ", "://a:b@", "sk-", "xsk-",
    "born 1990-01-", "\x00", "ﷺ", "\u1112\u1161",
])
def test_hostile_repetition_is_read_to_its_end_and_raises_nothing(piece) -> None:
    """What grows with the square of a text's length does not end within a test's time at this length."""
    text = (piece * HUGE)[:HUGE]
    assert all(0 <= f.start < f.end <= HUGE for f in PII.look(text))
    assert 0 <= PII.hold(text) <= HUGE


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_raises(text) -> None:
    for f in PII.look(text):
        assert 0 <= f.start < f.end <= len(text)
    assert 0 <= PII.hold(text) <= len(text)


@pytest.mark.parametrize("answer", [[], [0]])
def test_where_the_automaton_gives_up_every_form_is_still_searched_for(monkeypatch, answer) -> None:
    """A hostile text may exhaust its memory; that must never read as "nothing there"."""
    monkeypatch.setattr(_engine(("email",)).which, "_match", lambda _: answer)
    assert seen("hong@example.com", Pii(entities=("email",))) == [("email", "hong@example.com")]


# ---- streams ----

WORDS = ("서울 강남구 ", "테헤란로 ", "12 Elm ", "Street",
         "회의는 ", "the ", "2026년 ", "번호는", "account ", ", ", "입니다. ", "\n", "12 ",
         "(", "tel ", "０", "\u200b", "하", "a")
pieces = st.lists(st.one_of(st.sampled_from(WORDS),
                            st.sampled_from([f"{b}{v}{a}" for _, b, v, a in KNOWN]), st.text(max_size=3)), max_size=8)


def steps(text: str, cuts: list[int]) -> Iterator[tuple[Sequence[Finding], int]]:
    """(findings so far, characters released so far) after each chunk of a stream cut at those places."""
    out = 0
    for cut in [*sorted({c % (len(text) + 1) for c in cuts}), len(text)]:
        findings = PII.look(text[:cut])
        free = cut - PII.hold(text[:cut])
        out = max(out, min([free, *(f.start for f in findings if f.start < free < f.end)]))
        yield findings, out


def assert_nothing_leaks(text: str, cuts: list[int]) -> None:
    whole = PII.look(text)
    before = 0
    for findings, out in steps(text, cuts):
        for place in range(before, out):
            due = any(f.start <= place < f.end for f in whole)
            assert not due or any(f.start <= place < f.end for f in findings), (text, place, findings)
        before = out


@pytest.mark.req("D3")
@settings(max_examples=400, deadline=None)
@given(pieces, st.lists(st.integers(0, 10_000), max_size=12))
def test_nothing_of_a_finding_is_released_before_it_is_found(parts, cuts) -> None:
    """However a stream is cut, a released character of a finding was in a finding when it was released."""
    assert_nothing_leaks("".join(parts), cuts)


def test_a_second_address_behind_one_announcement_is_held_too() -> None:
    text = "배송지는 동백3로11번길 200;테헤란로 152, 1203호"
    assert_nothing_leaks(text, list(range(len(text))))


@pytest.mark.parametrize(("kind", "before", "value", "after"), KNOWN)
def test_character_by_character_a_value_stays_held_until_it_is_found(kind, before, value, after) -> None:
    text = f"보내 주신 {before}{value}{after} 입니다."
    assert_nothing_leaks(text, list(range(len(text))))


def test_ordinary_prose_is_released_up_to_the_open_word() -> None:
    assert PII.hold("The committee met on Tuesday to disc") == len("disc")
    assert PII.hold("회의는 금요일까지 미루기로 했습니다") == 0


def test_the_hold_is_bounded() -> None:
    assert PII.hold("x" * 100_000) == BOUND


@pytest.mark.parametrize("tail", ["oKtzTqWmPXcVbNhLsDfGjHkRyUeAiOpQzX", "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7"])
def test_a_key_whose_tail_has_letters_alone_is_a_key(tail: str) -> None:
    assert [f.kind for f in Pii().look(f"token hf_{tail} works")] == ["key"]


@pytest.mark.parametrize("password", ["ApiSecret", "mypass", "JWTToken", "access_token", "sendingPassword"])
def test_the_name_of_a_secret_in_a_url_is_a_placeholder(password: str) -> None:
    assert not [f for f in Pii().look(f"mailto://user:{password}@example.net/") if f.kind == "url_password"]


def test_a_password_in_a_url_is_found_though_it_begins_like_a_placeholder() -> None:
    assert [f.kind for f in winners(Pii().look("postgres://app:mypass8Kq@db.internal/x"))] == ["url_password"]


def test_a_number_announced_as_a_residents_is_none_of_a_company() -> None:
    """Its last digits fit both rules for one number in ten that was issued since October 2020."""
    assert [f.kind for f in Pii().look("주민등록번호는 361014-1238556이고요")] == ["kr_rrn"]
    assert [f.kind for f in Pii().look("외국인등록번호 580215-6871144입니다")] == ["kr_frn"]
