"""Names with their passwords: ``Authorization: Basic``, the options of commands, ``user:password@host``."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NoBase64

from bongsu.checks.linear import Linear
from bongsu.checks.pii_named import strong
from bongsu.checks.pii_rules import Answer, Candidate

BASIC = r"(?i:\bbasic\s{1,2}|_auth\s?=\s?|\bauth[\"'\\]{1,4}\s?:\s?[\"'\\]{1,4})[\"'`]?([A-Za-z0-9+/_-]{8,}={0,2})"
BASIC_HINT = r"(?i:\bbasic\s{1,2}|_auth\s?=\s?|\bauth[\"'\\]{1,4}\s?:\s?[\"'\\]{1,4})[\"'`]?[A-Za-z0-9+/_-]{8}"
OPTION = r"(?:\s-[uU]|--(?:proxy-)?user)[\s=]{0,2}[\"']?([\w.@\\-]{1,64}:[!-~]{4,128})"
OPTION_HINT = r"(?:\s-[uU]|--(?:proxy-)?user)[\s=]{0,2}[\"']?[\w.@\\-]+:"
_GIVEN = r"[\"']?([!-~]{4,128})"
COMMAND = (r"\b(?:sshpass|mongo[a-z]*|(?:docker|podman) login)\b[^\n|;]{0,120}?\s-p[\s=]?" + _GIVEN)
COMMAND_HINT = r"sshpass|mongo|(?:docker|podman) login"
TIGHT = r"\b(?:(?:mysql[a-z]*|mariadb[a-z-]*)\b[^\n|;]{0,120}?\s-p=?|redis-cli\b[^\n|;]{0,120}?\s-a[\s=]?)" + _GIVEN
TIGHT_HINT = r"(?:mysql|mariadb)[^\n|;]*\s-p[^\s]|redis-cli"
"""Behind a blank, ``mysql -p`` asks for the password and takes the next word for the database."""
_NAMED = r"\s{0,3}[:=]?\s{0,3}[\w.@+-]{1,64}\s{0,2}[/,]\s{0,2}([!-~]{4,128})"
BOTH = (r"(?:(?i:\b(?:id|user|login|account)|아이디|계정)\s?[/,]\s?(?i:pwd?|pass(?:word)?|비번|비밀번호|패스워드)"
        r"(?:는|은)?)" + _NAMED)
BOTH_HINT = r"(?i:(?:id|user|login|account|아이디|계정)\s?[/,]\s?(?:pw|pass|비|패))"
ACCOUNT = (r"(?:(?i:\b(?:credentials?|login|account))\s?[:=]\s|(?:계정|(?:접속|로그인)\s?정보)(?:는|은)?\s?[:=])"
           + _NAMED)
ACCOUNT_HINT = r"(?i:(?:login|account|credentials?|계정|정보)(?:는|은)?\s?[:=])"
HOST = r"\b([\w.-]{1,64}:[\w!#$%^&*?+~.(){}<>|@-]{4,128})@(?:[A-Za-z0-9.-]+\b)"
HOST_HINT = r"\w:[^\s:/\"']{4,}@[A-Za-z0-9]"
"""A password with a colon, a slash or an @ is read up to it where no scheme stands before."""

_PAIR = re.compile(r"[\x20-\x7e\u00a0-\uffff]{1,256}")
_NO_USER = re.compile(r"(?i)mailto|sips?|xmpp|acct|e?-?mail|to|cc|bcc|from|ssh|git|https?|ftp|contact|author")


def basic(c: Candidate) -> Answer:
    """Base64 of ``user:password`` (RFC 7617), with the marks at its end or without."""
    text = c.text.rstrip("=")
    others = b"-_" if set("-_") & set(text) else None
    try:
        said = b64decode(text + "=" * (-len(text) % 4), others, validate=True).decode()
    except (NoBase64, UnicodeDecodeError):
        return None
    user, colon, secret = said.partition(":")
    return ("key", 0.95) if user and colon and secret and _PAIR.fullmatch(said) else None


def _unquoted(c: Candidate) -> str:
    """The value up to the quotation mark that it began behind; the candidate's end is moved there."""
    text, opener = c.text, chr(c.data[c.start - 1])
    if opener in "\"'":
        text = text.split(opener, 1)[0]
    c.end = c.start + len(text)
    return text


def option(c: Candidate) -> Answer:
    """``-u user:password``; groups, ``-u 1000:1000``, are none."""
    return ("url_password", 0.9) if strong(_unquoted(c).partition(":")[2], told=True) else None


def secret(c: Candidate) -> Answer:
    """``ID/PW: kim / …``: what stands where a password goes."""
    text = _unquoted(c)
    return ("password", 0.8) if strong(text, told=True) and any(map(str.isdigit, text)) else None


def typed(c: Candidate) -> Answer:
    """``sshpass -p …``, ``mysql -p…``, ``redis-cli -a …``; up to five digits are a port."""
    return None if re.match(rb"\d{1,5}(?![!-~])", c.data[c.start : c.start + 6]) else secret(c)


_USER = re.compile(r"([\w.@+-]+)(\s*)[/,](\s*)[\"']?$")
_SIGNS = frozenset("!@#$%^&*?+=~")
_WORDS_JOINED = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)+")


def account(c: Candidate) -> Answer:
    """``계정: kim / …``: an account is also something with parts (``main/checking2``, ``2024/12``), so what is no
    user's name is followed by no password, nor is a value without blanks around the slash that has no sign and no
    capital with two digits."""
    user = _USER.search(c.before(72).decode())
    answer = secret(c)
    if user is None or answer is None or not any(map(str.isalpha, user[1])):
        return None
    text = c.text
    mixed = any(map(str.isupper, text)) and sum(map(str.isdigit, text)) > 1
    if mixed or not _SIGNS.isdisjoint(text):
        return answer
    return answer if user[2] and user[3] and not _WORDS_JOINED.fullmatch(text) else None


_NO_HOST = re.compile(rb"@(?:sha(?:256|384|512)\b|\d+(?:\.\d+)?[A-Za-z]{1,4}(?![\w.-]))")
"""A digest of a container image, or a number with a unit (``2.1GHz``, ``5pm``)."""


def at_host(c: Candidate) -> Answer:
    """``user:password@host`` without a scheme. What reads as an address with a word before it (``e-mail:a@b.c``) is
    one; nor is what no host follows."""
    user, _, secret = c.text.partition(":")
    mail = re.fullmatch(r"[\w.%+-]+", secret) and (user.istitle() or _NO_USER.fullmatch(user))
    other = mail or _NO_HOST.match(c.data[c.end : c.end + 32])
    return ("url_password", 0.85) if not other and strong(secret, told=True) else None


_PLACEHOLDER = Linear(
    r"(?i)(?:(?:my|your|some|the|api|app|access|auth|master|jwt|user|account|sending)[_-]?)*"
    r"(?:pass|passwd|password|pwd|token|secret|key|seed)>?")
"""What documentation writes where a password stands."""


def url_password(c: Candidate) -> Answer:
    """``user:password`` of a URL; a variable, a row of stars or the name of a secret is a placeholder."""
    _, _, password = c.text.partition(":")
    if not password or password[0] in "$<{%*" or _PLACEHOLDER.whole(password.encode()):
        return None
    return "url_password", 0.98
