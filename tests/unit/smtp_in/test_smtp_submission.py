"""What submission holds its users to: who they write as, how much, what is added and removed, what is told of them (RFC 6409)."""

import asyncio
import smtplib
from collections.abc import Callable
from typing import Any

import pytest

from kit.certificates import TestAuthority
from kit.postgres import DatabaseUrls
from unit.smtp_in.conversing import Serve
from unit.smtp_in.test_smtp_recipients import account

PASSWORD = "correct horse"
Submit = Callable[..., Any]


async def submit(
    served: Any, authority: TestAuthority, *header: str, sender: str = "alice@a.test", to: tuple[str, ...] = ("bob@a.test",)
) -> tuple[int, str]:
    """As alice; the code of the last reply and its text."""

    def work() -> tuple[int, bytes]:
        with smtplib.SMTP_SSL("127.0.0.1", served.submissions, context=authority.client_context(), timeout=20) as client:
            client.login("alice@a.test", PASSWORD)
            reply = client.mail(sender)
            for recipient in to:
                reply = client.rcpt(recipient) if reply[0] == 250 else reply
            return client.data("".join(f"{line}\r\n" for line in header) + "\r\nbody\r\n") if reply[0] == 250 else reply

    code, text = await asyncio.to_thread(work)
    return code, text.decode()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ((), 250),  # From is added
        (("From: alice@a.test",), 250),
        (("From: Alice <ALICE+tag@A.test>",), 250),
        (("From: Sales <sales@a.test>",), 250),  # an alias of hers
        (("From: a@granted.test",), 250),
        (("From: bob@a.test",), 550),
        (("From: boss@elsewhere.test",), 550),
        (("From: alice@a.test", "From: boss@elsewhere.test"), 550),  # readers differ in which they show
        (("From: alice@a.test, boss@elsewhere.test",), 550),
        (("From: alice@a.test", "Sender: bob@a.test"), 550),
        (('From: "alice@a.test" <bob@a.test>',), 550),
        (("From: alice@a.test <bob@a.test>",), 550),
        (("From: nobody in particular",), 550),
        (("From: undisclosed:;",), 550),
        (("From: ",), 550),
    ],
)
async def test_who_may_be_the_author(
    serve: Serve, authority: TestAuthority, database_urls: DatabaseUrls, header: tuple[str, ...], code: int
) -> None:
    served = await serve()
    await account(database_urls, "alice@a.test", send_as=["@granted.test"])
    found, text = await submit(served, authority, *header)
    assert found == code
    assert code == 250 or text.startswith("5.7.1 From or Sender")
    assert len(await served.inbox("bob")) == (code == 250)


async def test_who_may_be_the_sender(serve: Serve, authority: TestAuthority) -> None:
    served = await serve()
    for sender, code in (
        ("sales@a.test", 250),
        ("alice+x@alias.test", 250),
        ("", 250),
        ("bob@a.test", 553),
        ("team@a.test", 553),
    ):
        assert (await submit(served, authority, sender=sender))[0] == code, sender


async def test_an_operator_may_leave_authors_alone(serve: Serve, authority: TestAuthority) -> None:
    served = await serve(submission_checks_author=False)
    assert (await submit(served, authority, "From: boss@elsewhere.test"))[0] == 250


async def test_what_is_added_and_removed(serve: Serve, authority: TestAuthority) -> None:
    """RFC 6409 §8.2–8.4; blind recipients are nobody's business (RFC 5322 §3.6.3)."""
    served = await serve()
    assert (await submit(served, authority, "Subject: x", "Bcc: secret@a.test", "bCC: other@a.test", "Resent-Bcc: x@a.test"))[
        0
    ] == 250
    [message] = await served.inbox("bob")
    header = message.partition(b"\r\n\r\n")[0].lower()
    assert b"\nbcc:" not in header and b"\nresent-bcc:" not in header and b"secret" not in header
    assert b"\nfrom: <alice@a.test>" in header and b"\ndate: " in header and b"\nmessage-id: <" in header


@pytest.mark.parametrize(("login", "client"), [(False, True), (True, True), (False, False)])
async def test_what_is_told_of_who_submits(serve: Serve, authority: TestAuthority, login: bool, client: bool) -> None:
    served = await serve(submission_shows_login=login, submission_shows_client=client)
    assert (await submit(served, authority, "From: sales@a.test", sender="sales@a.test"))[0] == 250
    [message] = await served.inbox("bob")
    assert (b"alice@a.test" in message) is login
    assert (b"127.0.0.1" in message) is client
    assert b"by mx.a.test with ESMTPSA id" in message


@pytest.mark.parametrize("setting", ["submission_recipients_per_hour", "submission_tenant_recipients_per_hour"])
async def test_recipients_are_limited(serve: Serve, authority: TestAuthority, setting: str) -> None:
    served = await serve(**{setting: 20})
    for _ in range(10):
        assert (await submit(served, authority, to=("bob@a.test", "far@else.test")))[0] == 250
    code, text = await submit(served, authority)
    assert (code, text) == (451, "4.7.1 Sending limit reached, try again later")
