"""imaplib and curl against the running system: every octet of a message comes back as it was given."""

import imaplib
import os
import re
import shutil
import ssl
import subprocess
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import imapclient
import pytest

from kit.stack import Stack
from mailstead_local.demo import Person

HOST = "localhost"


@pytest.fixture
async def person(stack: Stack) -> Person:
    return await stack.new_account()


def over_tls(stack: Stack) -> imaplib.IMAP4:
    return imaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=stack.client_context())


def over_starttls(stack: Stack) -> imaplib.IMAP4:
    client = imaplib.IMAP4(HOST, stack.ports.imap)
    client.starttls(stack.client_context())
    return client


def large() -> bytes:
    """100 KB of octets that no parser likes: 8-bit, long lines, dots, bare line ends."""
    body = bytes(octet or 1 for octet in os.urandom(100_000))
    return b"Subject: large\r\nFrom: a@b.test\r\nX-\xff: \xc3\xa4\r\n\r\n" + body + b"\r\n.\r\n\n\r"


# ---- imaplib


def literal(answer: tuple[str, list[Any]]) -> bytes:
    """The one literal of a FETCH of one message."""
    status, ((_, octets), _) = answer
    assert status == "OK" and isinstance(octets, bytes)
    return octets


@pytest.mark.parametrize("connect", [over_tls, over_starttls])
def test_imaplib(stack: Stack, person: Person, connect: type[imaplib.IMAP4]) -> None:
    message = large()
    with connect(stack) as client:  # type: ignore[arg-type]
        client.login(person.user, person.password)
        assert client.create("Work")[0] == "OK"
        status, (said,) = client.append("Work", "(\\Flagged)", imaplib.Time2Internaldate(time.time()), message)
        assert status == "OK" and b"APPENDUID" in said
        assert client.select("Work") == ("OK", [b"1"])
        whole = literal(client.fetch("1", "(BODY.PEEK[])"))
        # Python's imaplib makes CRLF of every line end before it appends.
        sent = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
        assert whole == sent
        assert literal(client.fetch("1", "(BODY.PEEK[]<50000.1000>)")) == sent[50_000:51_000]
        _, (flags,) = client.fetch("1", "(FLAGS RFC822.SIZE)")
        assert flags == b"1 (FLAGS (\\Flagged) RFC822.SIZE %d)" % len(sent)
        assert client.search(None, "FLAGGED", "SUBJECT", "large") == ("OK", [b"1"])
        assert client.search(None, "UNFLAGGED") == ("OK", [b""])
        assert client.store("1", "+FLAGS", "(\\Deleted $Done)") == ("OK", [b"1 (FLAGS (\\Flagged \\Deleted $Done))"])
        assert client.copy("1", "Trash")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.select("Trash") == ("OK", [b"1"])
        assert literal(client.uid("FETCH", "1", "(RFC822)")) == sent


def test_a_certificate_that_nobody_vouches_for_is_refused_by_the_client(stack: Stack) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=ssl.create_default_context())


async def test_imaplib_shares_a_mailbox(stack: Stack) -> None:
    ann, bob = await stack.new_account(), await stack.new_account()
    ours = b"Subject: ours\r\n\r\nA line.\r\n"
    work = f'"Shared/{ann.user}/Work"'
    with over_tls(stack) as owner, over_starttls(stack) as reader:
        owner.login(ann.user, ann.password)
        assert owner.create("Work")[0] == "OK"
        assert owner.append("Work", "", "", ours)[0] == "OK"
        assert owner.setacl("Work", bob.user, "lrs")[0] == "OK"
        assert owner.getacl("Work") == ("OK", [f"Work {ann.user} lrswipkxtecda {bob.user} lrs".encode()])
        reader.login(bob.user, bob.password)
        assert reader.namespace() == ("OK", [b'(("" "/")) (("Shared/" "/")) NIL'])
        assert reader.myrights(work) == ("OK", [f"Shared/{ann.user}/Work lrs".encode()])
        assert reader.select(work) == ("OK", [b"1"])
        assert literal(reader.fetch("1", "(BODY[])")) == ours
        assert reader.store("1", "+FLAGS", r"(\Flagged)")[0] == "NO"
        assert reader.copy("1", "INBOX")[0] == "OK"
        assert owner.deleteacl("Work", bob.user)[0] == "OK"


# ---- curl


def curl(stack: Stack, person: Person, path: str, *arguments: str) -> bytes:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed (Debian: apt-get install curl)")
    url = f"imaps://{HOST}:{stack.ports.imap_tls}/{path}"
    command = [program, "--silent", "--show-error", "--cacert", str(stack.ca_file), "--user", f"{person.user}:{person.password}"]
    ended = subprocess.run([*command, url, *arguments], capture_output=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_curl(stack: Stack, person: Person, tmp_path: Path) -> None:
    message = large()
    (tmp_path / "message").write_bytes(message)
    curl(stack, person, "INBOX", "--upload-file", str(tmp_path / "message"))
    assert curl(stack, person, "INBOX;UID=1") == message
    assert curl(stack, person, "INBOX;UID=1;SECTION=HEADER.FIELDS%20(Subject)") == b"Subject: large\r\n\r\n"
    assert b'* LIST (\\HasNoChildren \\Sent) "/" Sent\r\n' in curl(stack, person, "")
    assert curl(stack, person, "INBOX?SUBJECT%20large") == b"* SEARCH 1\r\n"
    assert b"* 1 EXISTS\r\n" in curl(stack, person, "INBOX", "--request", "EXAMINE INBOX")


# ---- imapclient, whose parser makes trees of what it is told


def written() -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Grüße aus Köln"
    message["From"] = "Jörg <joerg@example.net>"
    message["To"] = "a@example.net, Bob <b@example.net>"
    message["Message-ID"] = "<written@example.net>"
    message.set_content("Über alles hinweg.\r\n")
    message.add_alternative("<p>Über alles hinweg.</p>\r\n", subtype="html")
    message.add_attachment(b"\0\1\2", maintype="image", subtype="png", filename="Bild ä.png")
    return message


def test_imapclient_understands_structure(stack: Stack, person: Person) -> None:
    message = written()
    with imapclient.IMAPClient(HOST, stack.ports.imap_tls, ssl_context=stack.client_context()) as client:
        client.login(person.user, person.password)
        client.append("INBOX", message.as_bytes())
        client.select_folder("INBOX")
        told = client.fetch([1], ["ENVELOPE", "BODYSTRUCTURE", "BODY.PEEK[]", "BODY.PEEK[1.2]", "BODY.PEEK[2.MIME]"])[1]
        assert told[b"BODY[]"] == message.as_bytes()
        envelope, structure = told[b"ENVELOPE"], told[b"BODYSTRUCTURE"]
        assert envelope.message_id == b"<written@example.net>"
        assert [(each.mailbox, each.host) for each in envelope.to] == [(b"a", b"example.net"), (b"b", b"example.net")]
        assert structure.is_multipart and structure[1] == b"mixed"
        alternative, image = structure[0]
        assert alternative[1] == b"alternative" and image[0:2] == (b"image", b"png")
        assert told[b"BODY[1.2]"].count(b"<p>") == 1
        assert told[b"BODY[2.MIME]"].startswith(b"Content-Type: image/png\r\n")
