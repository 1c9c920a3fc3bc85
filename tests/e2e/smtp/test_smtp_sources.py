"""Two programs that send much: Postfix's smtp-source from outside, nodemailer with a pool of connections as a submitter."""

import json
import os
import poplib
import shutil
import subprocess
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from kit import node
from kit.stack import DOMAIN, Stack
from mailstead_local.demo import Person

FOLDER = Path(__file__).parent
NODEMAILER = node.FOLDER / "node_modules" / "nodemailer"
SENDER = "sender@elsewhere.test"


@pytest.fixture
async def person(stack: Stack) -> Person:
    return await stack.new_account()


def received(stack: Stack, person: Person) -> list[EmailMessage]:
    pop3 = poplib.POP3_SSL("localhost", stack.ports.pop3_tls, context=stack.client_context(), timeout=60)
    try:
        pop3.user(person.user)
        pop3.pass_(person.password)
        drop = [b"\r\n".join([*pop3.retr(number)[1], b""]) for number in range(1, pop3.stat()[0] + 1)]
    finally:
        pop3.quit()
    return [message_from_bytes(message, policy=default) for message in drop]


# ---- smtp-source


def smtp_source(stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("smtp-source", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("smtp-source is not installed (Debian: apt-get install postfix)")
    command = [program, *arguments, "-f", SENDER, f"127.0.0.1:{stack.ports.smtp}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        (("-s", "1", "-m", "5", "-l", "4096"), 5),  # a session for each message
        (("-s", "8", "-m", "100", "-d", "-l", "4096"), 100),  # eight sessions that stay
        (("-s", "4", "-m", "12", "-d", "-l", "300000"), 12),
    ],
    ids=["one", "many", "large"],
)
def test_smtp_source(stack: Stack, person: Person, options: tuple[str, ...], messages: int) -> None:
    """Each message that it was told 250 of is there once; it ends with an error where any reply was another."""
    ended = smtp_source(stack, *options, "-t", person.user)
    assert ended.returncode == 0, ended.stderr
    assert len(received(stack, person)) == messages


def test_smtp_source_is_told_of_recipients_that_do_not_exist(stack: Stack) -> None:
    ended = smtp_source(stack, "-m", "1", "-t", f"nobody@{DOMAIN}")
    assert ended.returncode != 0
    assert "550 5.1.1" in ended.stderr


def test_smtp_source_without_a_greeting_is_asked_for_one(stack: Stack, person: Person) -> None:
    """RFC 5321 §4.1.4 lets a server refuse MAIL before EHLO or HELO; this program leaves them out with -o."""
    ended = smtp_source(stack, "-m", "1", "-o", "-t", person.user)
    assert "503 5.5.1 Say EHLO or HELO first" in ended.stderr
    assert received(stack, person) == []


# ---- nodemailer


def nodemailer(stack: Stack, person: Person, **changed: object) -> Any:
    if shutil.which("node") is None:
        pytest.skip("node is not installed (Debian: apt-get install nodejs)")
    if not NODEMAILER.is_dir():
        pytest.skip("nodemailer is not installed (run `npm ci` in tests/node)")
    asked = {
        "port": stack.ports.submission_tls,
        "tls": True,
        "method": "PLAIN",
        "ca": str(stack.ca_file),
        "user": person.user,
        "password": person.password,
        "to": [person.user],
        "size": 1_000,
        "messages": 1,
        **changed,
    }
    ended = subprocess.run(
        ["node", str(FOLDER / "nodemailer.cjs"), json.dumps(asked)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "NODEMAILER": str(NODEMAILER)},
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize(("tls", "method"), [(True, "PLAIN"), (False, "LOGIN")], ids=["submissions", "submission"])
def test_nodemailer_submits(stack: Stack, person: Person, tls: bool, method: str) -> None:
    """Over a pool of connections that stay open; a blind copy stays blind, and all comes back as it was."""
    port = stack.ports.submission_tls if tls else stack.ports.submission
    told = nodemailer(stack, person, tls=tls, method=method, port=port, messages=10)
    assert [answer["accepted"] for answer in told] == [[person.user]] * 10
    assert all(answer["response"].startswith("250 2.0.0 ") for answer in told)
    messages = received(stack, person)
    assert len(messages) == 10 and len({str(message["Message-ID"]) for message in messages}) == 10
    for message in messages:
        assert message["From"] == f'"Jürgen, im Büro" <{person.user}>'
        assert message["Subject"] == "Grüße von nodemailer"
        text, attached = message.iter_parts()
        assert text.get_content().splitlines() == [".ein Punkt am Anfang"] * 1_000
        assert (attached.get_filename(), attached.get_content()) == ("ä.bin", b"\x07" * 1_000)


def test_nodemailer_hears_who_is_refused(stack: Stack, person: Person) -> None:
    """A recipient that does not exist is told beside those who do; a wrong password by its code."""
    (told,) = nodemailer(stack, person, to=[person.user, f"nobody@{DOMAIN}"])
    assert (told["accepted"], told["rejected"]) == ([person.user], [f"nobody@{DOMAIN}"])
    assert nodemailer(stack, person, password="wrong") == {"code": "EAUTH", "responseCode": 535}
    assert len(received(stack, person)) == 1
