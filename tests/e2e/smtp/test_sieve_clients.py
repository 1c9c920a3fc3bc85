"""A script's whole way in the running system: put by a ManageSieve client, run on what arrives, seen over IMAP."""

import imaplib
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import managesieve
import pytest

from kit.stack import Stack
from mailstead_local.demo import Person

HOST = "localhost"


@pytest.fixture
async def alice(stack: Stack) -> Person:
    return await stack.new_account()


@pytest.fixture
async def bob(stack: Stack) -> Person:
    return await stack.new_account()


@contextmanager
def managing(stack: Stack, person: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[managesieve.MANAGESIEVE]:
    """Logged in over STARTTLS, with the certificate verified."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stack.ca_file))
    client = managesieve.MANAGESIEVE(HOST, stack.ports.managesieve, use_tls=True)
    secured: ssl.SSLSocket = vars(client.sock)["sslobj"]  # which the library does not close itself
    try:
        assert client.login("", person.user, person.password) == "OK"
        yield client
        assert client.logout() == "OK"
    finally:
        secured.close()


def submit(stack: Stack, sender: Person, recipient: Person, subject: str) -> None:
    with smtplib.SMTP(HOST, stack.ports.submission, timeout=60) as client:
        client.starttls(context=stack.client_context())
        client.login(sender.user, sender.password)
        message = f"From: {sender.user}\r\nTo: {recipient.user}\r\nSubject: {subject}\r\n\r\nHello.\r\n"
        assert client.sendmail(sender.user, [recipient.user], message) == {}


def found(stack: Stack, person: Person, mailbox: str) -> list[tuple[bytes, bytes]]:
    """Flags and subject of each message, once the mailbox is there."""
    with imaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=stack.client_context(), timeout=60) as client:
        client.login(person.user, person.password)
        assert client.select(f'"{mailbox}"', readonly=True)[0] == "OK", mailbox
        _, data = client.fetch("1:*", "(FLAGS BODY[HEADER.FIELDS (SUBJECT)])")
        return [(part[0], part[1].strip()) for part in data if isinstance(part, tuple)]


SCRIPT = """require ["fileinto", "mailbox", "imap4flags", "vacation"];
if header :contains "subject" "list" {
    fileinto :create :flags "\\\\Seen" "Lists/Announce";
    stop;
}
vacation :subject "Away" "Back on Monday.";
"""


def test_from_putscript_to_the_mailbox(stack: Stack, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with managing(stack, alice, monkeypatch) as client:
        assert client.havespace("main", len(SCRIPT)) == "OK"
        assert client.putscript("broken", "fileinto;") == "NO"
        assert client.putscript("main", SCRIPT) == "OK"
        assert client.setactive("main") == "OK"
        assert client.listscripts() == ("OK", [("main", True)])
        assert client.getscript("main") == ("OK", SCRIPT)
        assert client.deletescript("main") == "NO"
    submit(stack, bob, alice, "a list")
    submit(stack, bob, alice, "hello")
    submit(stack, bob, alice, "hello again")
    [(flags, subject)] = found(stack, alice, "Lists/Announce")
    assert b"\\Seen" in flags and subject == b"Subject: a list"
    assert [subject for _, subject in found(stack, alice, "INBOX")] == [b"Subject: hello", b"Subject: hello again"]
    assert [subject for _, subject in found(stack, bob, "INBOX")] == [b"Subject: Away"]


def test_without_an_active_script_all_is_kept(stack: Stack, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with managing(stack, alice, monkeypatch) as client:
        assert client.putscript("main", "discard;") == "OK"
        assert client.setactive("main") == "OK"
        submit(stack, bob, alice, "one")
        assert client.setactive("") == "OK"
        assert client.deletescript("main") == "OK"
    deadline = time.monotonic() + 20
    while not (arrived := found(stack, alice, "INBOX")) and time.monotonic() < deadline:
        submit(stack, bob, alice, "two")  # a recipient is remembered for a second
    assert {subject for _, subject in arrived} == {b"Subject: two"}
