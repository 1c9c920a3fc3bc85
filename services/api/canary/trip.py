"""One message on its way, by Python's own mail clients: handed in by submission, waited for by IMAP, read by POP3."""

import imaplib
import poplib
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from enum import StrEnum
from secrets import token_hex
from typing import Any

from canary.settings import CanarySettings

LOOK_SECONDS = 0.1  # between two looks into the mailbox
ANSWER_SECONDS = 30.0


class Outcome(StrEnum):
    """How a round trip ended. `REFUSED`: something on the way said no, or did not answer."""

    ARRIVED = "arrived"
    LATE = "late"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds` from the acknowledgement until the message was there; None unless it arrived. `reason`: for people."""

    outcome: Outcome
    seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """An account that may be used for this."""

    user: str
    password: str


def round_trip(settings: CanarySettings, login: Login, recipient: str, seconds: float) -> Run:
    """Mail `recipient` and wait until that message is in the INBOX of `login`, where it is removed again."""
    subject = f"Canary {token_hex(16)}"
    try:
        acknowledged = _submit(settings, login, recipient, subject)
        with _inbox(settings, login) as inbox:
            uid = _wait(inbox, subject, acknowledged + seconds)
            if uid is None:
                return Run(Outcome.LATE, reason=f"not in the INBOX within {seconds:g} s")
            arrived = Run(Outcome.ARRIVED, time.monotonic() - acknowledged)
            if settings.canary_pop3 is not None:
                _read_by_pop3(settings, login, subject)
            inbox.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
            inbox.uid("EXPUNGE", uid)
            return arrived
    except (OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto) as error:
        return Run(Outcome.REFUSED, reason=f"{type(error).__name__}: {error}")


def _submit(settings: CanarySettings, login: Login, recipient: str, subject: str) -> float:
    """When it was acknowledged, by the monotonic clock."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Date"] = login.user, recipient, subject, formatdate()
    message.set_content("This message looks whether mail arrives. Nobody needs to read it.\n")
    host, port = _place(settings.canary_smtp)
    with smtplib.SMTP_SSL(host, port, timeout=ANSWER_SECONDS, context=_tls(settings)) as client:
        client.login(login.user, login.password)
        client.send_message(message)
        return time.monotonic()


@contextmanager
def _inbox(settings: CanarySettings, login: Login) -> Iterator[imaplib.IMAP4]:
    host, port = _place(settings.canary_imap)
    with imaplib.IMAP4_SSL(host, port, ssl_context=_tls(settings), timeout=ANSWER_SECONDS) as client:
        client.login(login.user, login.password)
        client.select("INBOX")
        yield client


def _wait(inbox: imaplib.IMAP4, subject: str, deadline: float) -> str | None:
    """The UID of the message, None when it is not there in time."""
    while True:
        _, (found, *_rest) = inbox.uid("SEARCH", "SUBJECT", f'"{subject}"')
        if found:
            return str(found.split()[0].decode())
        if time.monotonic() > deadline:
            return None
        time.sleep(LOOK_SECONDS)


def _read_by_pop3(settings: CanarySettings, login: Login, subject: str) -> None:
    """Raises poplib.error_proto unless the message is among the last of the maildrop."""
    assert settings.canary_pop3 is not None
    host, port = _place(settings.canary_pop3)
    client = poplib.POP3_SSL(host, port, timeout=ANSWER_SECONDS, context=_tls(settings))
    try:
        client.user(login.user)
        client.pass_(login.password)
        count, _ = client.stat()
        for number in range(count, max(count - 10, 0), -1):
            _, lines, _ = client.retr(number)
            if f"Subject: {subject}".encode() in lines:
                return
        raise poplib.error_proto("the message that IMAP shows is not in the maildrop")
    finally:
        client.quit()


def _place(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    return host.strip("[]"), int(port)


def _tls(settings: CanarySettings) -> ssl.SSLContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = settings.canary_tls_name
    if settings.canary_tls_authority is not None:
        context.load_verify_locations(settings.canary_tls_authority)
    else:
        context.load_default_certs()
    if not settings.canary_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _NamedContext(ssl.SSLContext):
    """Asks for the certificate of `name`, whatever the address is called inside the cluster."""

    name: str

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*arguments, **options | {"server_hostname": self.name})
