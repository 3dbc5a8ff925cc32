"""E-mail, over SMTP with TLS. Mails of one alert make one thread; a mail that is sent again carries the same id."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from typing import Literal

from bongsu.channels.threads import in_thread
from bongsu.channels.words import fit, label, plain
from bongsu.ports import Notice, Outside, Receipt, Refused, Retry
from bongsu.quantity import SECOND

PORTS = {"starttls": 587, "tls": 465, "none": 25}
TIMEOUT = 8.0
COLOUR = {"firing": "#c62828", "acknowledged": "#ef6c00", "resolved": "#2e7d32", "test": "#546e7a"}
LONGEST_SUBJECT = 200


@dataclass(frozen=True)
class Smtp:
    """``{smtp: mail.example.com:587, from: bongsu@example.com, to: [ops@example.com]}``.

    With ``user`` and ``password`` if it asks for them. ``security`` is ``starttls``, ``tls`` or ``none`` (then without
    a password); ``ca`` a file of certificates to trust instead of the system's. Delivered means that the server took it
    for every address that it did not refuse for good.
    """

    server: str
    sender: str = field(metadata={"key": "from"})
    to: tuple[str, ...]
    user: str = ""
    password: str = ""
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca: str = ""

    def __post_init__(self) -> None:
        host, port = self.address
        if not host or not 0 < port < 65536:
            raise ValueError(f"server: expected a host, or a host and a port such as mail.example.com:587, came "
                             f"'{self.server}'")
        if not self.to:
            raise ValueError("to: expected at least one address, came none")
        for name, addresses in (("sender", (self.sender,)), ("to", self.to)):
            for one in addresses:
                if one.count("@") != 1 or any(c.isspace() or c in ",;<>\"" for c in one) or not one.isascii():
                    raise ValueError(f"{name}: expected an address such as ops@example.com, came '{one}'")
        if self.password and self.security == "none":
            raise ValueError("security: expected starttls or tls where there is a password, came 'none'")

    @property
    def address(self) -> tuple[str, int]:
        host, colon, port = self.server.rpartition(":")
        if not colon:
            return self.server, PORTS[self.security]
        return host, int(port) if port.isascii() and port.isdigit() else 0

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        password = outside.secret(self.password).reveal() if self.password else ""
        mail = compose(notice, self.sender, self.to, outside.now())
        return await in_thread(lambda: self._deliver(mail, password))

    def _deliver(self, mail: EmailMessage, password: str) -> Receipt:
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            with self._connect(context) as smtp:
                if self.security == "starttls":
                    smtp.starttls(context=context)
                if self.user and password:
                    smtp.login(self.user, password)
                refused = smtp.send_message(mail, self.sender, self.to)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise _judged(min(codes, default=550), "refused every address") from None
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code, f"answered {error.smtp_code} ({type(error).__name__})") from None
        except smtplib.SMTPNotSupportedError:
            raise Refused("the mail server does not offer what 'security' and 'user' ask for") from None
        except smtplib.SMTPException as error:
            why = f"the mail server broke off, or did not answer in time ({type(error).__name__})"
            raise Retry(why, unclear=True) from None
        except OSError as error:  # TLS, and names and timeouts
            raise Retry(f"no connection to the mail server ({type(error).__name__})", unclear=True) from None
        left_out = f"; {len(refused)} of {len(self.to)} addresses refused" if refused else ""
        return Receipt(250, f"{mail['Message-ID']}{left_out}")

    def _connect(self, context: ssl.SSLContext) -> smtplib.SMTP:
        host, port = self.address
        if self.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
        return smtplib.SMTP(host, port, timeout=TIMEOUT)


def _judged(code: int, words: str) -> Exception:
    """A reply of SMTP: 4xx may pass, 5xx will not. Its text may hold addresses, so it is not repeated."""
    why = f"the mail server {words}"
    return Retry(why) if 400 <= code < 500 or code == -1 else Refused(why)


def compose(notice: Notice, sender: str, to: tuple[str, ...], now: int) -> EmailMessage:
    """The mail. Its id follows from the delivery, its thread from the alert's key."""
    domain = sender.rpartition("@")[2]
    thread = _id(notice.key, domain)
    mail = EmailMessage(policy=WIRE)
    mail["Subject"] = fit(_line(notice.title), LONGEST_SUBJECT)
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(now // SECOND, UTC))
    mail["Message-ID"] = _id(notice.delivery, domain)
    mail["In-Reply-To"] = mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Bongsu-State"] = notice.state
    mail.set_content(plain(notice) + "\n")
    mail.add_alternative(_html(notice), subtype="html")
    return mail


def _html(notice: Notice) -> str:
    rows = "".join(f"<tr><th align=left>{escape(label(notice, name))}</th><td>{escape(value)}</td></tr>"
                   for name, value in notice.facts.items())
    link = f'<p><a href="{escape(notice.url)}">{escape(label(notice, "open"))}</a></p>' if notice.url else ""
    return (f'<html lang="{notice.language}"><body><h2 style="color:{COLOUR[notice.state]}">{escape(notice.title)}</h2>'
            f"<p>{escape(notice.text)}</p><table cellpadding=4>{rows}</table>{link}</body></html>\n")


def _id(text: str, domain: str) -> str:
    return f"<{sha256(text.encode()).hexdigest()[:40]}@{domain}>"


def _line(text: str) -> str:
    """One line: a line end in a subject would begin another header."""
    return " ".join(text.split())
