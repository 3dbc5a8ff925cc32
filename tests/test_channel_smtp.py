"""Mail, through a real SMTP server on this machine."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bongsu.channels.smtp as channel
from bongsu.channels.http import Http
from bongsu.channels.smtp import Smtp, compose
from bongsu.ports import Receipt, Refused, Retry
from bongsu.secret import reveal
from outsiders import CANARY
from smtpserver import Smtp as Server
from smtpserver import certificate, serving_mail
from test_channel_contracts import OVER
from test_channel_faults import NOTICE, NOW, SECRET

pytestmark = [pytest.mark.usefixtures("channel_secret"), pytest.mark.req("A1")]

TO = ("ops@example.com", "boss@example.com")


def mail(server: Server, make: Callable[[str], Smtp], *notices: Any) -> list[Any]:
    """What came of each notice; neither the password nor an address is in an error."""
    async def play() -> list[Any]:
        out: list[Any] = []
        async with serving_mail(server), Http(reveal, lambda: NOW) as outside:
            for notice in notices or (NOTICE,):
                try:
                    out.append(await make(f"127.0.0.1:{server.port}").send(notice, outside))
                except (Retry, Refused) as error:
                    out.append(error)
        return out
    out = asyncio.run(play())
    told = "".join(line for one in out if isinstance(one, Exception) for line in traceback.format_exception(one))
    assert CANARY not in told + repr(out)
    assert "ops@" not in told
    return out


def bare(at: str) -> Smtp:
    return Smtp(at, "bongsu@example.com", TO, security="none")


def test_mails_of_one_alert_are_one_thread_and_say_the_same_in_text_and_html() -> None:
    server = Server()
    odd = replace(NOTICE, title="비용 알림\r\nBcc: evil@example.com", text="<b>15</b> & more", language="ko")
    first, over = mail(server, bare, odd, OVER)
    assert isinstance(first, Receipt)
    one, two = server.mails
    assert (first.status, first.id) == (250, one["Message-ID"])
    assert one["Subject"] == "비용 알림 Bcc: evil@example.com"
    assert one["Bcc"] is None
    assert one["References"] == two["References"] == one["In-Reply-To"]
    assert one["Message-ID"] != two["Message-ID"] == over.id
    assert one["Auto-Submitted"] == "auto-generated"
    text, html = (part.get_content() for part in one.iter_parts())
    assert "<b>15</b> & more" in text
    assert "알림: cost" in text
    assert "&lt;b&gt;15&lt;/b&gt; &amp; more" in html
    assert f'href="{NOTICE.url}"' in html
    assert len(server.to) == 4


def test_a_mail_that_is_sent_again_carries_the_same_id() -> None:
    first, second = (compose(NOTICE, "bongsu@example.com", TO, now) for now in (NOW, NOW + 10**9))
    assert first["Message-ID"] == second["Message-ID"]
    assert compose(OVER, "bongsu@example.com", TO, NOW)["Message-ID"] != first["Message-ID"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_tls_only_and_to_whom_the_authority_vouches_for(security: Any, tmp_path: Path) -> None:
    context, ca = certificate(tmp_path)

    def make(at: str) -> Smtp:
        return Smtp(at, "bongsu@example.com", TO, "bot", SECRET, security, str(ca))
    server = Server(context, security == "tls", ("bot", CANARY))
    assert isinstance(mail(server, make)[0], Receipt)
    assert server.encrypted == [True]
    (stranger,) = mail(server, lambda at: replace(make(at), ca=""))
    assert (type(stranger), str(stranger)) == (Retry, "no connection to the mail server (SSLCertVerificationError)")
    (wrong,) = mail(Server(context, security == "tls", ("bot", "another")), make)
    assert (type(wrong), str(wrong)) == (Refused, "the mail server answered 535 (SMTPAuthenticationError)")


def test_a_server_that_drops_starttls_gets_neither_password_nor_mail() -> None:
    """Somebody in between may have taken the offer out."""
    server = Server(login=("bot", CANARY))
    (error,) = mail(server, lambda at: Smtp(at, "bongsu@example.com", TO, "bot", SECRET))
    assert (type(error), server.mails) == (Refused, [])
    with pytest.raises(ValueError, match="security: expected starttls or tls where there is a password"):
        Smtp("h", "bongsu@example.com", TO, "bot", SECRET, "none")


@pytest.mark.parametrize(("verb", "reply", "kind", "words"), [
    ("CONNECT", "421 ops@example.com too busy", Retry, "answered 421"),
    ("RCPT", "550 no ops@example.com", Refused, "refused every address"),
    ("RCPT", "450 greylisted", Retry, "refused every address"), ("MAIL", "452 full", Retry, "answered 452"),
    ("DATA.", "554 spam", Refused, "answered 554"), ("DATA.", "451 later", Retry, "answered 451"),
    ("DATA.", None, Retry, "broke off"), ("CONNECT", None, Retry, "broke off"),
    ("CONNECT", "HTTP/1.1 200 OK", Retry, "answered -1")])
def test_what_a_server_does_not_take_comes_later_or_never(verb: str, reply: Any, kind: Any, words: str) -> None:
    server = Server(says={verb: reply})
    (error,) = mail(server, bare)
    assert type(error) is kind
    assert words in str(error)
    assert server.mails == []


def test_one_refused_address_does_not_keep_the_mail_from_the_others() -> None:
    class Picky(Server):
        def _reply(self, verb: str, line: str, known: bool) -> str:
            return "550 unknown" if verb == "RCPT" and "boss" in line else super()._reply(verb, line, known)
    server = Picky()
    (receipt,) = mail(server, bare)
    assert receipt.id.endswith("; 1 of 2 addresses refused")
    assert len(server.mails) == 1


def test_a_mail_server_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "TIMEOUT", 0.2)

    class Hanging(Server):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
    (error,) = mail(Hanging(), bare)
    assert (type(error), str(error)) == (
        Retry, "the mail server broke off, or did not answer in time (SMTPServerDisconnected)")


@pytest.mark.parametrize(("settings", "words"), [
    ({"server": "h:x"}, "server: expected a host"), ({"server": ""}, "server: expected a host"),
    ({"to": ()}, "to: expected at least one"), ({"to": ("a@b.c\nBcc: x@y.z",)}, "to: expected an address"),
    ({"sender": "bongsu"}, "sender: expected an address")])
def test_settings_that_cannot_be_are_found_when_the_policy_is_read(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Smtp(**({"server": "h", "sender": "bongsu@example.com", "to": TO} | settings))


def test_a_mail_server_that_hangs_keeps_neither_a_worker_nor_the_process_waiting() -> None:
    """The worker gives it up after its own time; the thread it leaves behind does not hold up the end."""
    code = """
import asyncio, socket
from bongsu.channels.http import Http
from bongsu.channels import smtp
from bongsu.channels.smtp import Smtp
from bongsu.ports import Notice
from bongsu.secret import reveal
notice = Notice("k", "d", "t", "x", "firing", "major", "bot", 0)
smtp.TIMEOUT = 600
async def play(port):
    async with Http(reveal, lambda: 0) as outside:
        try:
            async with asyncio.timeout(0.2):
                await Smtp(f"127.0.0.1:{port}", "a@b.c", ("d@e.f",), security="none").send(notice, outside)
        except TimeoutError:
            print("given up")
with socket.create_server(("127.0.0.1", 0)) as silent:
    asyncio.run(play(silent.getsockname()[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "given up\n", "")
