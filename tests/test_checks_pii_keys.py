"""Keys and passwords behind their names: every form in which they are written, and what only looks like it."""

from __future__ import annotations

from collections import Counter

import pytest

from bongsu.checks.escapes import readings
from bongsu.checks.pii import Pii, _engine
from secretforms import BASIC, KEYS, LOGINS, Written, written
from test_checks_pii import assert_nothing_leaks, seen

SECRETS = frozenset(("key", "jwt", "private_key", "password", "url_password"))
EACH = 25
PII = Pii()
ENGINE = _engine(())


def hidden(one: Written) -> bool:
    """Whether all of the secret is covered by findings, whatever they were read as."""
    at = one.text.index(one.secret)
    covered = {i for f in PII.look(one.text) for i in range(f.start, f.end)}
    return covered.issuperset(range(at, at + len(one.secret.rstrip("="))))


@pytest.mark.req("D3")
def test_secrets_are_found_in_every_form_they_are_written_in() -> None:
    found = Counter(one.form for one in written(20261123, EACH) if hidden(one))
    short = {form: found[form] / EACH for form in (*KEYS, *LOGINS, *BASIC) if found[form] < 0.9 * EACH}
    assert not short
    assert found.total() >= 0.99 * EACH * len({*KEYS, *LOGINS, *BASIC})


@pytest.mark.parametrize("one", list(written(7, 1)), ids=lambda one: one.form)
def test_no_cut_of_a_stream_lets_out_a_secret(one: Written) -> None:
    assert_nothing_leaks(one.text, list(range(len(one.text))))


@pytest.mark.parametrize(("text", "kind", "value"), [
    ('{"user": "kim", "password": "a,b;c&d9", "x": 1}', "password", "a,b;c&d9"),
    ("password: 'it<s>Mine7'", "password", "it<s>Mine7"),
    ("Pwd=q;w9;Server=db", "password", ""),
    ("the password is hunter2, really", "password", "hunter2"),
    ("password is P@ssw0rd123!", "password", "P@ssw0rd123!"),
    ("(password: Sunset2024!)", "password", "Sunset2024!"),
    ("비밀번호는 1234입니다", "password", "1234"),
    ("현관 비번 2580*", "password", "2580*"),
    ("my PIN is 4821.", "password", "4821"),
    ("ID/PW : admin / admin1234!", "password", "admin1234!"),
    ("아이디/비밀번호는 kim / Rkskek12!", "password", "Rkskek12!"),
    ("curl -u kim:Sunset2024! -H x", "url_password", "kim:Sunset2024!"),
    ("admin:p@ss#9w@10.0.0.7:3306", "url_password", "admin:p@ss#9w"),
    ("NAVER_CLIENT_SECRET=Xk3dQ9aLm2", "key", "Xk3dQ9aLm2"),
    ("PW는 Kimchi2027$ 입니다", "password", "Kimchi2027$"),
    ("password는 Kimchi2027$ 입니다", "password", "Kimchi2027$"),
    ("password값: Kimchi2027$", "password", "Kimchi2027$"), ("password  Kimchi2027$", "password", "Kimchi2027$"),
    ("API key는 Xk3dQ9aLm2Pq7Rt5Vw8Y 입니다", "key", "Xk3dQ9aLm2Pq7Rt5Vw8Y"),
    ("access token을 Xk3dQ9aLm2Pq7Rt5Vw8Y 로", "key", "Xk3dQ9aLm2Pq7Rt5Vw8Y"),
    ("token 값: Xk3dQ9aLm2Pq7Rt5Vw8Y", "key", "Xk3dQ9aLm2Pq7Rt5Vw8Y"),
    ("COHERE_API_KEY  Xk3dQ9aLm2Pq7Rt5Vw8Y", "key", "Xk3dQ9aLm2Pq7Rt5Vw8Y"),
    ("API token\n\nXk3dQ9aLm2Pq7Rt5Vw8Y", "key", "Xk3dQ9aLm2Pq7Rt5Vw8Y"),
    ("인증키는 Xk3dQ9aLm2", "key", "Xk3dQ9aLm2"),
    ("name,passphrase\nkim,Kimchi2027$\n", "password", "Kimchi2027$"),
    ("| u | Passphrase |\n|---|---|\n| kim | Kimchi2027$ |", "password", "Kimchi2027$"),
    ("name,PIN\nkim,48213\n", "password", "48213"), ("이름,핀번호\n김,48213\n", "password", "48213"),
    ("name,PIN count\nkim,48213\n", "password", ""), ("이름,토큰 수\n김,Xk3dQ9aLm2Pq7Rt5Vw8Y\n", "key", ""),
    ("Authorization: Basic YTpi", "key", ""),
    ("Authorization: Basic a2ltOnN1bnNldA", "key", "a2ltOnN1bnNldA"),
])
def test_a_secret_is_found_whole_and_alone(text: str, kind: str, value: str) -> None:
    """Empty where there is nothing to find: a value cut short by its format, or too short for one."""
    assert [v for k, v in seen(text) if k == kind] == ([value] if value else [])


def test_a_long_password_is_found_to_its_end() -> None:
    value = "Ab3$x9Kd02" * 30
    assert seen(f"password={value} x") == [("password", value)]


@pytest.mark.parametrize("text", [
    "password is required", "비밀번호는 8자리 이상", "비밀번호는 2024년부터 바뀝니다",
    "Password must be at least 12 characters",
    "password=get_password()", "password=${DB_PASSWORD1}", "password: str = os.environ['DB_PASSWORD_2']",
    'password="your-password-1"', "password: changeme", "DB_PASSWORD=********", "비밀번호 sha256 해시",
    '<input type="password" name="login2">', "--- PASS: TestLogin/sub_test2", "pass step2 to the next",
    "암호화 방식 aes256",
    "docker run -u 1000:1000 image", "ps -u node:node", "a basic understanding of basic knowledge",
    "Basic dGVzdGluZzEyMw==",
    "nextPageToken: CAUQAAGxyz12kLmN90pQ", '"clientRequestToken": "a8ca07e4-61ec-4399-99f4-19853801bcd5"',
    "the public key: Ed25519PublicKey2024", "token: 20240101T120000Z", "the key is in src/auth/v2/api_keys_2024.py",
    "e-mail:kim2020", "| API key | the key of your project |", "API 키는 콘솔에서 발급합니다",
    "토큰 수는 128000개입니다",
    "max_tokens: 4096", "키는 180cm입니다", "secret santa 2024", "<key>CFBundleVersion</key><string>12.4.1</string>",
    "ID/PW 찾기", "see mysql -p and redis-cli -a",
])
def test_what_only_reads_like_a_secret_is_left_alone(text: str) -> None:
    assert not [kind for kind, _ in seen(text) if kind in SECRETS]


@pytest.mark.parametrize("one", list(written(11, 2)), ids=lambda one: one.form)
def test_whatever_a_form_finds_its_hint_has_announced(one: Written) -> None:
    before, _, after = one.text.partition(one.secret)
    joined = before.rstrip(" \t:=")
    particles = ("는 ", "을 ", " 값은 ", "값: ", "  ", "\n\n")
    for text in (one.text, *(f"{joined}{particle}{one.secret}{after}" for particle in particles)):
        for flat in readings(text):
            announced = set(ENGINE.which(flat.data))
            assert {i for i, row in enumerate(ENGINE.rows) if any(row.hits(flat.data))} <= announced, text


@pytest.mark.parametrize("text", [
    "token|b\n" + "-" * 100_000 + "x\nAb3$x9Kd|1\n", "token|b\n" + "-" * 8_000 + "x\n" + "Ab3$x9Kd|1\n" * 10_000,
    "a,token\n1,b\n\n" + " " * 4_000 + ",b\n" + "Ab3$x9Kd,1\n" * 20_000,
    "a,token\n1,b\n\n" + " token" * 1_000 + ",b\n" + "Ab3$x9Kd,1\n" * 20_000,
    "a,token\n1,b\n\n" + "a token," * 1_000 + "b\n" + "Ab3$x9Kd,1\n" * 20_000])
def test_a_table_with_a_hostile_head_is_read_to_its_end(text: str) -> None:
    assert all(0 <= f.start < f.end <= len(text) for f in PII.look(text))


@pytest.mark.parametrize("piece", ["password:", "token ", "api_key=a", "-u a:", "Basic ", "비밀번호는", "key | ",
                                   "a:b@", "id/pw a/", "mysql -", "secret value", "token for a ",
                                   "a,password\n1,Ab3$x9\n", "|key|\n|-|\n|Ab3x9Kd02LmPq7Zt|\n"])
def test_names_of_secrets_over_and_over_are_read_to_their_end(piece: str) -> None:
    text = (piece * 200_000)[:200_000]
    assert all(0 <= f.start < f.end <= len(text) for f in PII.look(text))


@pytest.mark.parametrize("text", [
    *(f"password={word * (25_000 // len(word))}{end}" for end in ("9Z", "~1", "")
      for word in ("pass", "my_", "secrets", "test", "passw0rds", "in", "x")),
    "token=" + "aB" * 100_000 + "!", "token=" + "a/" * 100_000 + "1"])
def test_a_value_that_can_be_read_in_many_ways_is_read_to_its_end(text: str) -> None:
    """``pass`` over and over is the word ``pass`` and its end, or not, each time anew."""
    for value in (text, text[:140], text.replace("password=", "http://kim:") + "@h.io"):
        assert all(0 <= f.start < f.end <= len(value) for f in PII.look(value))
