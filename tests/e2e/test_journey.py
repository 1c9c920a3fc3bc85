"""One message all the way, as people send and read it: submitted, delivered here or elsewhere, read by IMAP and POP3."""

import asyncio
import imaplib
import poplib
import smtplib
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from kit.dns import DnsServer
from kit.postfix import Postfix
from kit.stack import Stack
from kit.waiting import eventually
from mailstead_local.demo import Person

HOST = "localhost"


def written(sender: Person, to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender.user
    message["To"] = to
    message["Subject"] = "Grüße"
    message.set_content("Über alles hinweg.\n.ein Punkt am Anfang\n")
    return message


def submit(stack: Stack, sender: Person, to: str) -> None:
    with smtplib.SMTP_SSL(HOST, stack.ports.submission_tls, context=stack.client_context()) as smtp:
        smtp.login(sender.user, sender.password)
        assert smtp.send_message(written(sender, to)) == {}


def imap_inbox(stack: Stack, person: Person) -> list[bytes]:
    with imaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=stack.client_context()) as imap:
        imap.login(person.user, person.password)
        imap.select("INBOX", readonly=True)
        _, answers = imap.fetch("1:*", "(BODY.PEEK[])")
        return [answer[1] for answer in answers if isinstance(answer, tuple)]


def pop3_maildrop(stack: Stack, person: Person) -> list[bytes]:
    pop3 = poplib.POP3_SSL(HOST, stack.ports.pop3_tls, context=stack.client_context())
    try:
        pop3.user(person.user)
        pop3.pass_(person.password)
        count, _ = pop3.stat()
        return [b"\r\n".join([*pop3.retr(number)[1], b""]) for number in range(1, count + 1)]
    finally:
        pop3.quit()


async def queue(stack: Stack, sender: Person) -> list[dict[str, Any]]:
    """What this sender's messages to other hosts came to, newest first, with recipients and attempts."""
    async with stack.api() as api:
        items = (await api.get("/v1/queue")).raise_for_status().json()["items"]
        mine = [item for item in items if item["sender"] == sender.user]
        return [(await api.get(f"/v1/queue/{item['id']}")).raise_for_status().json() for item in mine]


async def settled(stack: Stack, sender: Person) -> dict[str, Any]:
    """The one recipient of the sender's one message, once nothing more happens to it."""

    async def done() -> bool:
        found = await queue(stack, sender)
        return bool(found) and found[0]["open_count"] == 0

    await eventually(done, 20, "the message has left the queue")
    (message,) = await queue(stack, sender)
    (recipient,) = message["recipients"]
    return dict(recipient)


async def test_to_a_neighbour(stack: Stack) -> None:
    alice, bob = await stack.new_account(), await stack.new_account()
    await asyncio.to_thread(submit, stack, alice, bob.user)
    (by_imap,) = await asyncio.to_thread(imap_inbox, stack, bob)
    (by_pop3,) = await asyncio.to_thread(pop3_maildrop, stack, bob)
    assert by_imap == by_pop3
    assert by_imap.startswith(b"Return-Path: <" + alice.user.encode() + b">\r\nReceived: ")
    assert by_imap.endswith(b"\r\n.ein Punkt am Anfang\r\n")


async def test_to_another_system(stack: Stack, dns_server: DnsServer, postfix: Postfix) -> None:
    dns_server.records("postfix MX 10 mx.postfix", "mx.postfix A 127.0.0.2")
    alice = await stack.new_account()
    await asyncio.to_thread(submit, stack, alice, "ok@postfix.test")
    recipient = await settled(stack, alice)
    assert recipient["state"] == "delivered"
    (attempt,) = recipient["attempts"]
    assert (attempt["host"], attempt["address"], attempt["outcome"]) == ("mx.postfix.test", "127.0.0.2", "delivered")
    assert attempt["reply"].startswith("250 2.0.0 Ok: queued as ")
    print(f"Postfix said: {attempt['reply']} ({attempt['tls']}, {attempt['duration']:.3f} s)")
    await eventually(lambda: len(postfix.messages()) == 1)
    (filed,) = postfix.messages()
    assert b"\n.ein Punkt am Anfang\n" in filed
    (message,) = await queue(stack, alice)
    logs = [stack.folder.logs / f"{service}.log" for service in ("smtp-in", "delivery")]
    await eventually(lambda: all(message["trace_id"] in log.read_text() for log in logs), what="one name in the logs of both")
    assert await asyncio.to_thread(imap_inbox, stack, alice) == []


async def test_to_a_domain_that_does_not_exist(stack: Stack, dns_server: DnsServer) -> None:
    alice = await stack.new_account()
    await asyncio.to_thread(submit, stack, alice, "bob@nowhere.test")
    recipient = await settled(stack, alice)
    assert (recipient["state"], recipient["status"]) == ("failed", "5.1.2")
    (report,) = await asyncio.to_thread(imap_inbox, stack, alice)
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"Final-Recipient: rfc822; bob@nowhere.test\r\nAction: failed\r\nStatus: 5.1.2\r\n" in report


async def test_its_life_can_be_read(stack: Stack, dns_server: DnsServer) -> None:
    """By the id in Received: taken in, filed here, failed elsewhere, reported on."""
    alice, bob = await stack.new_account(), await stack.new_account()
    await asyncio.to_thread(submit, stack, alice, f"{bob.user}, bob@nowhere.test")
    await settled(stack, alice)
    (filed,) = await asyncio.to_thread(imap_inbox, stack, bob)
    trace_id = filed.partition(b" id ")[2][:32].decode()
    async with stack.api() as api:
        journey = (await api.get(f"/v1/messages/{trace_id}/journey")).raise_for_status().json()
    kinds = [event["kind"] for event in journey["events"]]
    assert sorted(kinds[:3]) == ["filed", "queued", "received"]
    assert kinds[3:] == ["failed", "report_filed"]
    by_kind = {event["kind"]: event for event in journey["events"]}
    assert by_kind["received"]["sender"] == alice.user
    assert "ESMTPSA" in by_kind["received"]["detail"]
    assert (by_kind["filed"]["recipient"], by_kind["filed"]["mailbox"], by_kind["filed"]["uid"]) == (bob.user, "INBOX", 1)
    assert (by_kind["failed"]["recipient"], by_kind["failed"]["status"]) == ("bob@nowhere.test", "5.1.2")
    assert (by_kind["report_filed"]["recipient"], by_kind["report_filed"]["mailbox"]) == (alice.user, "INBOX")


async def test_success_is_told_when_it_was_asked_for(stack: Stack) -> None:
    alice, bob = await stack.new_account(), await stack.new_account()

    def send() -> None:
        with smtplib.SMTP_SSL(HOST, stack.ports.submission_tls, context=stack.client_context()) as smtp:
            smtp.login(alice.user, alice.password)
            mail, rcpt = ["ENVID=env1", "RET=HDRS"], ["NOTIFY=SUCCESS,FAILURE"]
            assert smtp.sendmail(alice.user, [bob.user], written(alice, bob.user).as_bytes(policy=SMTP), mail, rcpt) == {}

    await asyncio.to_thread(send)
    (report,) = await asyncio.to_thread(imap_inbox, stack, alice)
    assert len(await asyncio.to_thread(imap_inbox, stack, bob)) == 1
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"Original-Envelope-Id: env1\r\n" in report
    assert b"Final-Recipient: rfc822; " + bob.user.encode() + b"\r\nAction: delivered\r\nStatus: 2.0.0\r\n" in report
