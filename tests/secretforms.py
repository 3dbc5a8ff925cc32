"""Secrets as people and programs write them down: forms of configuration, of code, of chats and of commands.

The forms follow published formats (dotenv, YAML, TOML, INI, JSON and JSON within JSON, XML and property lists, RFC 7617
and RFC 6750 headers, netrc, npmrc, ODBC and ADO.NET connection strings, the options of curl, MySQL and Docker) and what
people write in English and in Korean. The values are made from a seed and are nobody's.
"""

from __future__ import annotations

import random
import string
import uuid
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import NamedTuple

ALNUM = string.ascii_letters + string.digits
SETTINGS = ("MISTRAL_API_KEY", "COHERE_API_KEY", "AZURE_OPENAI_KEY", "DJANGO_SECRET_KEY", "JWT_SECRET", "API_TOKEN",
            "STRIPE_WEBHOOK_SECRET", "NAVER_CLIENT_SECRET", "ENCRYPTION_KEY", "KAKAO_REST_API_KEY", "GITLAB_TOKEN",
            "SENTRY_AUTH_TOKEN", "SLACK_SIGNING_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ACCESS_TOKEN")
FIELDS = ("api_key", "apiKey", "access_token", "refresh_token", "client_secret", "clientSecret", "secretKey", "token",
          "authToken", "id_token", "api-key", "secret", "privateKey", "subscriptionKey", "appSecret", "consumer_key")
SPOKEN = ("API key", "Api Key", "access token", "secret key", "client secret", "auth token", "API token", "API KEY",
          "refresh token", "app secret", "license key", "webhook secret")
KOREAN = ("API 키", "API키", "인증키", "액세스 토큰", "시크릿 키", "토큰", "인증 토큰", "비밀 키", "서비스 키",
          "앱 시크릿")
PASSWORDS = ("password", "DB_PASSWORD", "passwd", "db_pass", "PGPASSWORD", "adminPassword", "MYSQL_ROOT_PASSWORD",
             "pwd")
WORDS = ("sunset", "kimchi", "tiger", "mango", "orbit", "dkssud", "qlalf", "river", "paper", "winter", "hanok", "lotus")


class Written(NamedTuple):
    """One text and the secret in it, under the form it was made by."""

    form: str
    text: str
    secret: str


def key(r: random.Random) -> str:
    """A key without a shape of its own."""
    made = r.randrange(6)
    if made == 0:
        return "".join(r.choices("0123456789abcdef", k=32))
    if made == 1:
        return b64encode(r.randbytes(30)).decode()
    if made == 2:
        return urlsafe_b64encode(r.randbytes(32)).decode().rstrip("=")
    if made == 3:
        return str(uuid.UUID(bytes=r.randbytes(16), version=4))
    return "".join(r.choices(ALNUM, k=r.choice((20, 24, 32, 40))))


def password(r: random.Random) -> str:
    """What people choose, and what a generator gives them."""
    word, made = r.choice(WORDS), r.randrange(5)
    if made == 0:
        return f"{word.title()}{r.randrange(1990, 2030)}{r.choice('!@#$%*')}"
    if made == 1:
        return f"{word}{r.randrange(10, 99)}{r.choice('!@#~')}{r.randrange(9)}"
    if made == 2:
        return word.replace("i", "1").replace("e", "3").replace("o", "0").replace("a", "@") + f"_{r.randrange(99)}X"
    if made == 3:
        return f"{word.title()}{r.choice(WORDS).title()}{r.randrange(100, 9999)}"
    return "".join(r.choices(ALNUM, k=11)) + r.choice("!#*?^~") + r.choice("0123456789")


KEYS: dict[str, tuple[tuple[str, ...], str]] = {
    "dotenv": (SETTINGS, "{n}={v}\nDEBUG=1"), "dotenv, quoted": (SETTINGS, 'HOST=db\n{n}="{v}"\n'),
    "export": (SETTINGS, "export {n}='{v}'"), "PowerShell": (SETTINGS, '$env:{n} = "{v}"'),
    "cmd": (SETTINGS, "setx {n} \"{v}\""), "fish": (SETTINGS, "set -x {n} {v}"),
    "Dockerfile": (SETTINGS, "ENV {n} {v}"),
    "YAML": (FIELDS, "service:\n  {n}: {v}\n"), "YAML, quoted": (FIELDS, '  {n}: "{v}"'),
    "compose": (SETTINGS, "environment:\n  - {n}={v}"),
    "Kubernetes": (SETTINGS, 'env:\n- name: {n}\n  value: "{v}"'), "TOML": (FIELDS, '[api]\n{n} = "{v}"'),
    "properties": (FIELDS, "spring.cloud.{n}={v}"), "JSON": (FIELDS, '{{"{n}": "{v}", "n": 1}}'),
    "JSON, tight": (FIELDS, '{{"{n}":"{v}"}}'), "JSON in JSON": (FIELDS, '{{"body": "{{\\"{n}\\": \\"{v}\\"}}"}}'),
    "JSON in JSON in JSON": (FIELDS, '"{{\\\\\\"{n}\\\\\\": \\\\\\"{v}\\\\\\"}}"'),
    "name and value": (SETTINGS, '{{"name": "{n}", "value": "{v}"}}'), "XML": (FIELDS, "<{n}>{v}</{n}>"),
    "XML attribute": (FIELDS, '<add key="{n}" value="{v}" />'), "XML in a cell": (SPOKEN, "<td>{n}</td><td>{v}</td>"),
    "property list": (FIELDS, "<key>{n}</key>\n\t<string>{v}</string>"),
    "query": (FIELDS, "https://x.io/v1?q=1&{n}={v}"),
    "Python": (FIELDS[:4], 'client = Client({n}="{v}")'), "JavaScript": (FIELDS, "const c = {{ {n}: '{v}' }}"),
    "Go": (FIELDS[1:2], '{n} := "{v}"'), "Ruby": (FIELDS[:4], "{{ '{n}' => '{v}' }}"),
    "option": (("api-key", "access-token", "secret-key"), "tool --{n} {v} run"),
    "option, =": (("api-key", "access-token", "token"), "tool --{n}={v}"),
    "header": (("X-API-Key", "api-key", "X-Auth-Token", "PRIVATE-TOKEN", "Ocp-Apim-Subscription-Key"), "{n}: {v}"),
    "curl header": (("X-API-Key", "PRIVATE-TOKEN", "x-api-key"), "curl -H '{n}: {v}' https://x.io"),
    "Bearer": (("Authorization",), "{n}: Bearer {v}"), "Authorization: token": (("Authorization",), "{n}: token {v}"),
    "Authorization in code": (("Authorization",), '"{n}": "ApiKey {v}"'), "npmrc": (("_authToken",), "//r.io/:{n}={v}"),
    "Azure": (("SharedAccessKey", "AccountKey"), "Endpoint=sb://x/;SharedAccessKeyName=Root;{n}={v}"),
    "plain": (SPOKEN, "{n}: {v}"), "sentence": (SPOKEN, "My {n} is {v}, please check."),
    "sentence, with a place": (SPOKEN, "the {n} for staging: {v}"), "bold": (SPOKEN, "**{n}:** {v}"),
    "bold, colon outside": (SPOKEN, "- **{n}**: `{v}`"), "code in text": (SETTINGS, "Set `{n}` to `{v}`."),
    "table row": (SPOKEN, "| {n} | {v} |"), "table row, padded": (SETTINGS, "| `{n}`          | `{v}` |"),
    "next line": (SPOKEN, "{n}:\n{v}"), "block": (SPOKEN, "{n}:\n```\n{v}\n```"),
    "in brackets": (SPOKEN, "{n} (prod): {v}"),
    "setenv": (SETTINGS, 'os.environ.setdefault("{n}", "{v}")'),
    "call": (("apiKey", "accessToken"), 'x.{n}("{v}").build()'),
    "typed": (FIELDS[:4], "{n}=SecretStr('{v}')"), "dash": (SPOKEN, "{n} - {v}"), "arrow": (SPOKEN, "{n} → {v}"),
    "query, key": (("key", "appid"), "GET /v1?{n}={v}&units=metric"),
    "percent": (FIELDS, "%7B%22{n}%22%3A%20%22{v}%22%7D"),
    "HTML": (FIELDS, "{{&quot;{n}&quot;: &quot;{v}&quot;}}"), "whose": (SPOKEN, "the {n} of the test account is {v}"),
    "column": (SPOKEN, "| Service | {n} | Owner |\n|---|---|---|\n| mail | `{v}` | kim |\n"),
    "column, first": (SPOKEN, "{n} | of\n--- | ---\n{v} | mail\n"), "CSV": (FIELDS, "name,{n},region\nmail,{v},kr\n"),
    "CSV, quoted": (FIELDS, '"id","{n}"\r\n"7","{v}"\r\n'), "TSV": (FIELDS, "name\t{n}\nlog\t7\nmail\t{v}"),
    "Korean column": (KOREAN, "| 서비스 | {n} |\n|:--|:--|\n| 메일 | {v} |\n"),
    "Korean": (KOREAN, "{n}: {v}"), "Korean, at the start": (("키", "토큰", "시크릿"), "{n}: {v}"),
    "Korean, value, tight": (KOREAN, "{n}값: {v}"), "Korean sentence": (KOREAN, "제 {n}는 {v}입니다"),
    "Korean, value": (KOREAN, "{n} 값은 {v} 이에요"), "Korean, no mark": (KOREAN, "{n} {v} 로 호출해 줘"),
    "Korean, bold": (KOREAN, "**{n}** : `{v}`"), "Korean table": (KOREAN, "| {n} | {v} |"),
}
LOGINS: dict[str, tuple[tuple[str, ...], str]] = {
    "password: dotenv": (PASSWORDS, "{n}={v}\nX=1"), "password: export": (PASSWORDS, 'export {n}="{v}"'),
    "password: YAML": (PASSWORDS, "db:\n  {n}: {v}\n"),
    "password: JSON": (PASSWORDS, '{{"user": "app", "{n}": "{v}"}}'),
    "password: JSON in JSON": (PASSWORDS, '"{{\\"{n}\\": \\"{v}\\"}}"'),
    "password: XML": (("password",), "<{n}>{v}</{n}>"),
    "password: XML attribute": (("password",), '<property name="{n}" value="{v}"/>'),
    "password: properties": (("password",), "spring.datasource.{n}={v}"),
    "password: ADO.NET": (("Password", "Pwd"), "Server=db,1433;User Id=sa;{n}={v};Encrypt=True"),
    "password: libpq": (("password",), "host=db user=app {n}={v} dbname=x"),
    "password: Python": (PASSWORDS[:4], 'connect(host="db", {n}="{v}", port=1)'),
    "password: option": (("password",), "tool --{n} {v} --now"),
    "password: option, =": (("password",), "tool --{n}={v}"),
    "password: netrc": (("password",), "machine x.io login kim {n} {v}"),
    "password: plain": (("Password", "PW", "Passcode"), "ID: kim / {n}: {v}"),
    "password: bold": (("Password",), "**{n}:** {v}"), "password: sentence": (("password",), "The {n} is {v}"),
    "password: sentence, end": (("password",), "my {n} is {v}."), "password: table": (("Password",), "| {n} | {v} |"),
    "password: Korean": (("비밀번호", "비번", "패스워드", "암호"), "{n}: {v}"),
    "password: Korean sentence": (("비밀번호", "비번", "패스워드"), "{n}는 {v}입니다"),
    "password: Korean, space": (("비밀번호", "비번", "PW"), "아이디 kim {n} {v} 로 접속"),
    "password: Korean, changed": (("비밀번호", "비번"), "{n}를 {v}로 바꿨어요"),
    "password: Kubernetes": (("DB_PASSWORD",), '- name: {n}\n  value: "{v}"'),
    "password: CSV": (PASSWORDS, "user,{n}\nkim,x\nlee,{v}\n"),
    "password: TSV": (("비밀번호",), "이름\t{n}\n김\t{v}\n"),
    "password: column": (("Password", "비밀번호"), "| ID | {n} |\n| --- | --- |\n| kim | {v} |\n"),
    "password: SQL": (("IDENTIFIED BY", "PASSWORD"), "ALTER USER kim {n} '{v}';"),
    "password: WS-Security": (("wsse:Password",), '<{n} Type="x#PasswordText">{v}</{n}>'),
    "password: call": (("password", "setPassword"), 'ds.{n}("{v}");'),
    "password: put": (("password",), 'p.put("{n}", "{v}")'),
    "password: dash": (("Password", "PW"), "{n} - {v}"), "password: whose": (("password",), "{n} for the wifi is {v}"),
    "password: quotes": (("password",), 'the {n} "{v}" works'),
    "login: account": (("계정", "접속정보", "login"), "{n}: kim / {v}"),
    "login: ID/PW": (("ID/PW", "아이디/비밀번호", "id / pass"), "{n}: kim / {v}"),
    "login: curl -u": (("-u", "--user"), "curl {n} kim:{v} https://x.io"),
    "login: curl -u, quoted": (("-u", "--proxy-user"), "curl {n} 'kim:{v}' https://x.io"),
    "login: sshpass": (("",), "sshpass -p '{v}' ssh kim@h"), "login: mysql": (("",), "mysql -u root -p{v} shop"),
    "login: docker": (("",), "docker login -u kim -p {v} r.io"), "login: redis": (("",), "redis-cli -h db -a {v} ping"),
    "login: user:password@host": (("db.internal:5432", "10.0.0.7", "localhost"), "connect to admin:{v}@{n} now"),
}
BASIC: dict[str, str] = {
    "Basic": "Authorization: Basic {v}", "Basic in code": '"Authorization": "Basic {v}"',
    "Basic, proxy": "proxy-authorization: basic {v}", "Basic alone": "it sends Basic {v} with each call",
    "Basic in XML": "<Authorization>Basic {v}</Authorization>",
    "Basic in JSON in JSON": '{{\\"Authorization\\":\\"Basic {v}\\"}}',
    "npmrc _auth": "//r.io/:_auth={v}", "Docker's auths": '{{"auths": {{"r.io": {{"auth": "{v}"}}}}}}',
}


def basic(r: random.Random) -> str:
    """User and password as RFC 7617 has them, with or without the marks at the end."""
    said = f"{r.choice(('kim', 'admin', 'svc-deploy', 'lee@corp'))}:{password(r)}"
    coded = b64encode(said.encode()).decode()
    return coded if r.random() < 0.5 else coded.rstrip("=")


def written(seed: int, each: int) -> Iterator[Written]:
    """So many texts of each form."""
    r = random.Random(seed)
    for table, make in ((KEYS, key), (LOGINS, password)):
        for form, (names, text) in table.items():
            for _ in range(each):
                secret = make(r)
                yield Written(form, text.format(n=r.choice(names), v=secret), secret)
    for form, text in BASIC.items():
        for _ in range(each):
            secret = basic(r)
            yield Written(form, text.format(v=secret), secret)
