"""nodemailer, as web applications submit: STARTTLS and TLS from the start, a pool, DSN, UTF-8, an attachment."""

import imaplib
from email import message_from_bytes
from email.policy import default

import pytest

from kit.node import node
from kit.stack import Stack

HOST = "localhost"


@pytest.mark.parametrize("secure", ["yes", "no"])
async def test_nodemailer_submits(stack: Stack, secure: str) -> None:
    person = await stack.new_account()
    port = stack.ports.submission_tls if secure == "yes" else stack.ports.submission
    place = {"SMTP_HOST": HOST, "SMTP_PORT": port, "SMTP_SECURE": secure}
    replies = await node("nodemailer.js", stack.ca_file, SMTP_USER=person.user, SMTP_PASSWORD=person.password, **place)
    assert len(replies) == 3 and all(reply.startswith("250 2.0.0 Accepted as ") for reply in replies)
    with imaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=stack.client_context()) as client:
        client.login(person.user, person.password)
        client.select("INBOX")
        _, found = client.fetch("1:*", "(BODY.PEEK[])")
    messages = [message_from_bytes(part[1], policy=default) for part in found if isinstance(part, tuple)]
    assert sorted(message["Subject"] for message in messages) == ["Grüße 0", "Grüße 1", "Grüße 2"]
    for message in messages:
        (attachment,) = message.iter_attachments()
        assert attachment.get_filename() == "räume.bin"
        assert len(attachment.get_content()) == 200_000
