"""Mail clients of others' making that log in by SASL and then wait; they block, so tests run them in threads."""

import imaplib
import poplib
import smtplib
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable

Answer = Callable[[bytes], str]
Answers = Callable[[ssl.SSLSocket], Answer]
"""Given the connection, who answers its challenges."""

TIMEOUT = 20


class Denied(Exception):
    """What the server said to the attempt."""


class ImapClient:
    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self.client = imaplib.IMAP4_SSL("localhost", port, ssl_context=tls, timeout=TIMEOUT)

    def offers(self) -> set[str]:
        return {name.removeprefix("AUTH=") for name in self.client.capabilities if name.startswith("AUTH=")}

    def authenticate(self, mechanism: str, answers: Answers) -> None:
        assert isinstance(self.client.sock, ssl.SSLSocket)
        answer = answers(self.client.sock)
        try:
            self.client.authenticate(mechanism, lambda challenge: answer(challenge).encode())
        except imaplib.IMAP4.error as error:
            raise Denied(str(error)) from error

    def log_in(self, user: str, password: str) -> None:
        try:
            self.client.login(user, password)
        except imaplib.IMAP4.error as error:
            raise Denied(str(error)) from error

    def next_line(self) -> bytes:
        return self.client.readline()

    def close(self) -> None:
        self.client.shutdown()


class Pop3Client:
    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self.client = poplib.POP3_SSL("localhost", port, context=tls, timeout=TIMEOUT)

    def offers(self) -> set[str]:
        return set(self.client.capa()["SASL"])

    def authenticate(self, mechanism: str, answers: Answers) -> None:
        assert isinstance(self.client.sock, ssl.SSLSocket)
        answer = answers(self.client.sock)
        self.client._putcmd(f"AUTH {mechanism}")  # type: ignore[attr-defined]
        while (line := self.next_line()).startswith(b"+ "):
            self.client._putline(b64encode(answer(b64decode(line[2:])).encode()))  # type: ignore[attr-defined]
        if not line.startswith(b"+OK"):
            raise Denied(line.decode())

    def log_in(self, user: str, password: str) -> None:
        try:
            self.client.user(user)
            self.client.pass_(password)
        except poplib.error_proto as error:
            raise Denied(str(error)) from error

    def next_line(self) -> bytes:
        return self.client.file.readline()

    def close(self) -> None:
        self.client.close()


class SmtpClient:
    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self.client = smtplib.SMTP_SSL("localhost", port, context=tls, timeout=TIMEOUT)
        self.client.ehlo()

    def offers(self) -> set[str]:
        return set(self.client.esmtp_features["auth"].split())

    def authenticate(self, mechanism: str, answers: Answers) -> None:
        assert isinstance(self.client.sock, ssl.SSLSocket)
        answer = answers(self.client.sock)
        try:
            self.client.auth(mechanism, lambda challenge=None: answer(challenge or b""), initial_response_ok=False)
        except smtplib.SMTPAuthenticationError as error:
            raise Denied(str(error)) from error

    def log_in(self, user: str, password: str) -> None:
        self.authenticate("PLAIN", lambda _: lambda _challenge: f"\0{user}\0{password}")

    def next_line(self) -> bytes:
        code, text = self.client.getreply()
        return b"%d %b" % (code, text)

    def close(self) -> None:
        self.client.close()


CLIENTS: dict[str, type[ImapClient] | type[Pop3Client] | type[SmtpClient]] = {
    "imap": ImapClient,
    "pop3": Pop3Client,
    "smtp": SmtpClient,
}
