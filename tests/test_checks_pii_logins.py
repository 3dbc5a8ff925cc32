"""Names with their passwords, and what only stands where such a pair would."""

from __future__ import annotations

import pytest

from test_checks_pii import seen

SECRETS = frozenset(("key", "jwt", "private_key", "password", "url_password"))


@pytest.mark.parametrize(("text", "value"), [
    ("connect to admin:p@ss#9w@10.0.0.7:3306", "admin:p@ss#9w"), ("kim:Sunset2024!@db.internal", "kim:Sunset2024!"),
    ("admin:hunter2x@sha.example.org", "admin:hunter2x"), ("app:Kx9dQ2@3m.example.org", "app:Kx9dQ2"),
    ("mysql -u root -pSunset2024! shop", "Sunset2024!"), ("mysqldump -uroot -p'ab12cd34' x", "ab12cd34"),
    ("mongosh -u kim -p hunter22x", "hunter22x"), ("redis-cli -h db -a x12345 ping", "x12345"),
    ("sshpass -p 482913 ssh kim@h", "482913"), ("docker login -u kim -p Rkskek12! r.io", "Rkskek12!"),
    ("계정: kim / qwer1234", "qwer1234"), ("계정: kim/Sunset2024", "Sunset2024"), ("login: kim/hunter2!", "hunter2!"),
    ("접속정보: admin / p@ssw0rd77", "p@ssw0rd77"), ("ID/PW: kim/hunter2", "hunter2"),
    ("아이디/비밀번호: kim / 48213", "48213"),
])
def test_a_password_beside_its_name_is_found(text: str, value: str) -> None:
    assert any(value in found for kind, found in seen(text) if kind in SECRETS)


@pytest.mark.parametrize("text", [
    "docker pull python:3.12-slim@sha256:9a1b", "registry.io/team/app:v1.2.3@sha256:0f3c9a1b77de",
    "CPU:i7-1260P@2.1GHz", "RE:meeting1@5pm", "image app:v1.2.3@sha512:0f3c", "mongod -p 27017",
    "mysql container -p 13306",
    "docker compose mysql -p myproj2", "mongodump -a x12345", "mariadb -u root -p shop2024", "sshpass -p 22 x",
    "계정: 2024-01/5678-12", "account: main/checking2", "접속정보: http/8080port", "login: 2024/Q3report",
    "account: 2024/12-closing", "account: 2024 / Q3-Report12", "login: github/OAuth2", "account: savings / year-end12",
    "account: main, checking2",
])
def test_what_has_a_slash_a_colon_or_an_option_is_no_password(text: str) -> None:
    assert not [found for found in seen(text) if found[0] in SECRETS]


@pytest.mark.parametrize("text", [
    "비밀번호는 SHA-256으로 저장", "비밀번호는 sha512로 해시", "비밀번호는 argon2id로 저장",
    "비밀번호를 base64로 인코딩",
    "비밀번호: AES-256-GCM", "암호는 AES256으로 처리", "암호: RSA2048/OAEP", "암호는 TLS1.3", "암호는 2048bit 이상",
    "password as base64", "password: utf8mb4", "password is 90-days old", "password: PBKDF2WithHmacSHA256",
    "x,password reset,1", "password reset/2FA", "핀 번호 3.5mm", "Pass: 2024-05-01", "Boarding Pass: KE0123",
    "Season Pass: 20240501", "pass = 0.5*x", "PW: 5V/2A",
])
def test_a_method_a_measure_or_a_ticket_is_no_password(text: str) -> None:
    assert not [found for found in seen(text) if found[0] in SECRETS]


@pytest.mark.parametrize(("text", "value"), [
    ("비밀번호는 Sha256pass!9", "Sha256pass!9"), ("password: aes256kim", "aes256kim"),
    ("password: Base2024!", "Base2024!"),
    ("password: kim,lee7x", "kim,lee7x"), ("password: Ab/9xQ", "Ab/9xQ"), ('{"pass": "hunter2"}', "hunter2"),
    ("pass: hunter2", "hunter2"), ("Wifi Pass: Sunset2024", "Sunset2024"), ("Admin Pass: hunter2!", "hunter2!"),
    ("password: 2024-05-01", "2024-05-01"), ("암호는 Tls1.3kim", "Tls1.3kim"),
])
def test_a_password_with_the_name_of_a_method_in_it_is_found(text: str, value: str) -> None:
    assert ("password", value) in seen(text)
