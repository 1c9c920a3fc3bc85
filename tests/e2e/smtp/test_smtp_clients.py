"""Mail programs that send: smtplib, swaks and curl, to the exchanger and to both submission ports of the running system."""

import email.policy
import os
import poplib
import shutil
import smtplib
import socket
import subprocess
import time
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

import pytest

from kit.stack import DOMAIN, Stack
from mailstead_local.demo import Person

HOST = "localhost"
SENDER = "sender@elsewhere.test"
LINE = b".\xc3\xa4 line of a message that a program sends, seventy-six octets with its end..\r\n"
MEBIBYTE = 1024 * 1024
OFFERED = ["PIPELINING", "SIZE 67108864", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES"]
LIMITS = "LIMITS RCPTMAX=1000"


@pytest.fixture
async def person(stack: Stack) -> Person:
    return await stack.new_account()


def content(size: int, subject: str = "from a program", author: str = SENDER) -> bytes:
    """8-bit, and every line of its body begins with a dot."""
    header = f"From: <{author}>\r\nSubject: {subject}\r\nMessage-ID: <{os.urandom(8).hex()}@elsewhere.test>\r\n".encode()
    return header + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + LINE * (size // len(LINE))


def maildrop(stack: Stack, person: Person) -> list[bytes]:
    """What arrived, each message without the header fields that were put before it."""
    pop3 = poplib.POP3_SSL(HOST, stack.ports.pop3_tls, context=stack.client_context(), timeout=60)
    try:
        pop3.user(person.user)
        pop3.pass_(person.password)
        messages = [b"\r\n".join([*pop3.retr(number)[1], b""]) for number in range(1, pop3.stat()[0] + 1)]
    finally:
        pop3.quit()
    assert all(message.startswith(b"Return-Path: <") for message in messages)
    return [message[message.index(b"From: ") :] for message in messages]


def submitting(stack: Stack, person: Person) -> smtplib.SMTP:
    client = smtplib.SMTP(HOST, stack.ports.submission, timeout=60)
    client.starttls(context=stack.client_context())
    client.login(person.user, person.password)
    return client


# ---- smtplib


@pytest.mark.parametrize("size", [1_000, MEBIBYTE, 10 * MEBIBYTE])
def test_smtplib_from_outside(stack: Stack, person: Person, size: int) -> None:
    sent = content(size)
    with smtplib.SMTP(HOST, stack.ports.smtp, timeout=60) as client:
        started = time.perf_counter()
        assert client.sendmail(SENDER, [person.user], sent, mail_options=["BODY=8BITMIME"]) == {}
        seconds = time.perf_counter() - started
    print(f"{len(sent) / 1e6:.1f} MB taken in {seconds:.3f} s")
    assert maildrop(stack, person) == [sent]


@pytest.mark.parametrize("size", [MEBIBYTE, 10 * MEBIBYTE])
def test_smtplib_submits(stack: Stack, person: Person, size: int) -> None:
    sent = content(size, author=person.user)
    with submitting(stack, person) as client:
        assert client.sendmail(person.user, [person.user], sent) == {}
    [received] = maildrop(stack, person)
    added, _, rest = received.partition(b"\r\n\r\n")
    assert b"Date: " in maildrop_header(stack, person) and rest == sent.partition(b"\r\n\r\n")[2]
    assert added == sent.partition(b"\r\n\r\n")[0]


def maildrop_header(stack: Stack, person: Person) -> bytes:
    pop3 = poplib.POP3_SSL(HOST, stack.ports.pop3_tls, context=stack.client_context(), timeout=60)
    try:
        pop3.user(person.user)
        pop3.pass_(person.password)
        return b"\r\n".join(pop3.top(1, 0)[1])
    finally:
        pop3.quit()


def test_smtplib_hears_who_is_refused(stack: Stack, person: Person) -> None:
    with smtplib.SMTP(HOST, stack.ports.smtp, timeout=60) as client:
        refused = client.sendmail(SENDER, [person.user, f"nobody@{DOMAIN}", "somebody@elsewhere.test"], content(100))
        assert {address: reply[0] for address, reply in refused.items()} == {
            f"nobody@{DOMAIN}": 550,
            "somebody@elsewhere.test": 550,
        }
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail(SENDER, [f"nobody@{DOMAIN}"], content(100))
        with pytest.raises(smtplib.SMTPNotSupportedError):
            client.login(person.user, person.password)
    assert len(maildrop(stack, person)) == 1


def test_smtplib_with_addresses_in_utf8(stack: Stack, person: Person) -> None:
    """Tags are the part of an address that people make up themselves."""
    tagged = person.user.replace("@", "+jürgen@")
    message = EmailMessage(policy=email.policy.SMTPUTF8)
    message["From"], message["To"], message["Subject"] = tagged, tagged, "Grüße"
    message.set_content("Hällo.\n", cte="8bit")
    with submitting(stack, person) as client:
        assert client.has_extn("SMTPUTF8")
        assert client.send_message(message) == {}
    [received] = maildrop(stack, person)
    assert "Subject: Grüße\r\n".encode() in received
    assert received.endswith("Hällo.\r\n".encode())
    assert f"for <{tagged}>".encode() in maildrop_header(stack, person)


def test_many_messages_in_one_write(stack: Stack, person: Person) -> None:
    """All there is to say at once, content and what follows it included, as RFC 2920 §3.1 lets a client do up to DATA."""
    one = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{person.user}>\r\nDATA\r\n".encode()
    said = b"EHLO client.test\r\n" + b"".join(one + b"From: x\r\n\r\n%d\r\n.\r\n" % n for n in range(20)) + b"QUIT\r\n"
    with socket.create_connection((HOST, stack.ports.smtp), timeout=60) as connection:
        connection.sendall(said)
        heard = b"".join(iter(lambda: connection.recv(65536), b""))
    codes = [line[:3] for line in heard.split(b"\r\n") if line[3:4] == b" "]
    assert codes == [b"220", b"250", *[b"250", b"250", b"354", b"250"] * 20, b"221"]
    assert maildrop(stack, person) == [b"From: x\r\n\r\n%d\r\n" % n for n in range(20)]


# ---- swaks


def swaks(stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("swaks") is None:
        pytest.skip("swaks is not installed (Debian: apt-get install swaks)")
    command = ["swaks", "--server", HOST, "--tls-ca-path", str(stack.ca_file), "--tls-verify", "--timeout", "20", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "requires Net::SSLeay" in ended.stderr:
        pytest.skip("swaks speaks no TLS (Debian: apt-get install libnet-ssleay-perl)")
    return ended


def offered(transcript: str) -> list[str]:
    """The keywords of the last EHLO answer in what swaks printed; FUTURERELEASE without its parameters: one is the hour."""
    answers = [line.lstrip("<~- ").strip() for line in transcript.splitlines() if line.lstrip("<~- ").startswith("250")]
    last = max(n for n, line in enumerate(answers) if line == "250 HELP")
    first = max(n for n, line in enumerate(answers[:last]) if line == f"250-{answers[0][4:]}")
    keywords = [line[4:] for line in answers[first + 1 : last]]
    return [keyword.split()[0] if keyword.startswith("FUTURERELEASE ") else keyword for keyword in keywords]


@pytest.mark.parametrize(
    ("port", "options", "more"),
    [
        ("smtp", (), [LIMITS, "STARTTLS"]),
        ("smtp", ("--tls",), [LIMITS, "REQUIRETLS"]),
        ("submission", (), ["DSN", LIMITS, "FUTURERELEASE", "STARTTLS"]),
        ("submission", ("--tls",), ["DSN", LIMITS, "REQUIRETLS", "FUTURERELEASE", "AUTH PLAIN LOGIN"]),
        ("submission_tls", ("--tls-on-connect",), ["DSN", LIMITS, "REQUIRETLS", "FUTURERELEASE", "AUTH PLAIN LOGIN"]),
    ],
)
def test_swaks_sees_what_is_offered(stack: Stack, port: str, options: Sequence[str], more: list[str]) -> None:
    number = {"smtp": stack.ports.smtp, "submission": stack.ports.submission, "submission_tls": stack.ports.submission_tls}[port]
    ended = swaks(stack, "--port", str(number), *options, "--quit-after", "EHLO")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert offered(ended.stdout) == OFFERED + more


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_logs_in_by_each_mechanism(stack: Stack, person: Person, mechanism: str) -> None:
    login = ("--auth", mechanism, "--auth-user", person.user, "--auth-password", person.password)
    ended = swaks(stack, "--tls", "--port", str(stack.ports.submission), *login, "--from", person.user, "--to", person.user)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "235 2.7.0 Authenticated" in ended.stdout
    assert len(maildrop(stack, person)) == 1


def test_swaks_pipelines(stack: Stack, person: Person, tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(content(5_000).replace(b"\r\n", b"\n"))
    ended = swaks(
        stack, "--pipeline", "--port", str(stack.ports.smtp), "--from", SENDER, "--to", f"{person.user},nobody@{DOMAIN}",
        "--data", f"@{tmp_path / 'message'}",
    )  # fmt: skip
    assert "550 5.1.1" in ended.stdout
    assert "250 2.0.0 Accepted as" in ended.stdout
    assert len(maildrop(stack, person)) == 1


def test_swaks_without_tls_is_not_let_in(stack: Stack, person: Person) -> None:
    login = ("--auth", "PLAIN", "--auth-user", person.user, "--auth-password", person.password)
    ended = swaks(stack, "--port", str(stack.ports.submission), *login, "--from", person.user, "--to", person.user)
    assert ended.returncode == 28, ended.stdout  # swaks: authentication failed; it was not offered
    ended = swaks(stack, "--port", str(stack.ports.submission), "--from", person.user, "--to", person.user)
    assert ended.returncode == 23, ended.stdout  # swaks: MAIL was refused
    assert "530 5.7.0 STARTTLS first" in ended.stdout


# ---- curl


def curl(stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed (Debian: apt-get install curl)")
    command = ["curl", "-sS", "--max-time", "30", "--noproxy", "*", "--cacert", str(stack.ca_file), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_curl_uploads(stack: Stack, person: Person, tmp_path: Path, scheme: str) -> None:
    sent = content(300_000, author=person.user)
    (tmp_path / "message").write_bytes(sent)
    port = stack.ports.submission_tls if scheme == "smtps" else stack.ports.submission
    envelope = ("--mail-from", person.user, "--mail-rcpt", person.user, "--upload-file", str(tmp_path / "message"))
    ended = curl(stack, "--ssl-reqd", "-u", f"{person.user}:{person.password}", *envelope, f"{scheme}://{HOST}:{port}")
    assert ended.returncode == 0, ended.stderr
    [received] = maildrop(stack, person)
    assert received == sent
    ended = curl(stack, "--ssl-reqd", "-u", f"{person.user}:wrong", *envelope, f"{scheme}://{HOST}:{port}")
    assert ended.returncode == 67, ended.stderr  # curl: the user name or password was not accepted
    assert len(maildrop(stack, person)) == 1
