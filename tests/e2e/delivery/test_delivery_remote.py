"""Mail to other systems, all the way: queue, DNS, a real Postfix or a host that does as it is told, reports to the sender."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import Message

import pytest

from kit.delivering import MESSAGE, PREFIX, House
from kit.postfix import Postfix
from kit.smtp_host import SmtpHost, smtp_host
from kit.waiting import eventually
from mailstead.store.delivery import Notify

POSTFIX = ("postfix MX 10 mx.postfix", "mx.postfix A 127.0.0.2")
DEST = ("dest MX 10 mx.dest", "mx.dest A 127.0.0.3")


@pytest.fixture
async def dest(house: House) -> AsyncIterator[SmtpHost]:
    house.dns.records(*DEST)
    async with smtp_host("127.0.0.3", house.mail_port) as host:
        yield host


def group(report: Message, n: int = 1) -> Message:
    """The fields of the nth recipient (from 1) in a report, or those of the message (0)."""
    parts = report.get_payload()
    assert isinstance(parts, list) and isinstance(parts[1], Message)
    groups = parts[1].get_payload()
    assert isinstance(groups, list)
    chosen = groups[n]
    assert isinstance(chosen, Message)
    return chosen


async def test_postfix_takes_a_message_and_its_reply_is_stored(house: House, postfix: Postfix) -> None:
    house.dns.records(*POSTFIX)
    async with house.delivering():
        queue_id = await house.send("ok@postfix.test")
        (state,) = (await house.settled(queue_id)).values()
    assert state.state == "delivered"
    (attempt,) = await house.attempts(queue_id)
    assert (attempt.outcome, attempt.host, attempt.address) == ("delivered", "mx.postfix.test", "127.0.0.2")
    assert attempt.reply.startswith("250 2.0.0 Ok: queued as ")
    assert attempt.tls is not None and attempt.tls.startswith("TLSv1.")
    assert 0 < attempt.duration < 15
    await eventually(lambda: len(postfix.messages()) == 1)
    (filed,) = postfix.messages()
    assert (PREFIX + MESSAGE).replace(b"\r\n", b"\n") in filed
    assert await house.inbox() == []


async def test_a_recipient_that_postfix_refuses_comes_back_as_a_report(house: House, postfix: Postfix) -> None:
    house.dns.records(*POSTFIX)
    async with house.delivering():
        queue_id = await house.send("nobody@postfix.test", "ok@postfix.test", original="rfc822;Old+2BName@old.test")
        states = await house.settled(queue_id)
    assert {r.address: r.state for r in states.values()} == {"nobody@postfix.test": "failed", "ok@postfix.test": "delivered"}
    report = await house.report()
    assert group(report, 0)["Reporting-MTA"] == "dns; mx.own.test"
    failed = group(report)
    assert failed["Final-Recipient"] == "rfc822; nobody@postfix.test"
    assert failed["Original-Recipient"] == "rfc822; Old+Name@old.test"
    assert (failed["Action"], failed["Status"], failed["Remote-MTA"]) == ("failed", "5.1.1", "dns; mx.postfix.test")
    assert failed["Diagnostic-Code"].replace("\r\n", "").startswith("smtp; 550 5.1.1 <nobody@postfix.test>")
    await eventually(lambda: len(postfix.messages()) == 1)


async def test_postfix_defers_then_takes(house: House, postfix: Postfix) -> None:
    house.dns.records(*POSTFIX)
    async with house.delivering():
        queue_id = await house.send("later@postfix.test")

        async def tried_twice() -> bool:
            return len(await house.attempts(queue_id)) >= 2

        await eventually(tried_twice)
        postfix.forgive()
        (state,) = (await house.settled(queue_id)).values()
    assert state.state == "delivered"
    first, *_, last = await house.attempts(queue_id)
    assert (first.outcome, first.status, last.outcome) == ("deferred", "4.7.1", "delivered")
    assert state.attempts == last.attempt
    assert await house.inbox() == []


async def test_postfix_itself_reports_success_when_asked(house: House, postfix: Postfix) -> None:
    house.dns.records(*POSTFIX)
    async with house.delivering():
        success = frozenset({Notify.SUCCESS})
        queue_id = await house.send("ok@postfix.test", notify=success, envelope_id="env+2B1", return_full=True)
        await house.settled(queue_id)
    assert await house.inbox() == []  # Postfix offers DSN: the duty went over to it
    await eventually(lambda: "sender delivery status notification" in postfix.log)


async def test_a_domain_that_does_not_exist(house: House) -> None:
    house.dns.records()
    async with house.delivering():
        queue_id = await house.send("bob@nowhere.test", return_full=True)
        (state,) = (await house.settled(queue_id)).values()
    assert (state.state, state.status) == ("failed", "5.1.2")
    report = await house.report()
    assert group(report)["Status"] == "5.1.2"
    assert group(report)["Remote-MTA"] is None
    parts = report.get_payload()
    assert isinstance(parts, list) and isinstance(parts[2], Message)
    original = parts[2].get_payload(0)
    assert isinstance(original, Message) and original["Message-ID"] == "<1@own.test>"


async def test_a_relayed_report_where_the_next_host_sends_none(house: House, dest: SmtpHost) -> None:
    async with house.delivering():
        queue_id = await house.send("bob@dest.test", notify=frozenset({Notify.SUCCESS}), envelope_id="env+2B1")
        await house.settled(queue_id)
    report = await house.report()
    assert group(report, 0)["Original-Envelope-Id"] == "env+1"
    assert (group(report)["Action"], group(report)["Status"]) == ("relayed", "2.0.0")


async def test_a_report_to_another_system_goes_out_with_a_null_sender(house: House, dest: SmtpHost) -> None:
    async with house.delivering():
        queue_id = await house.send("bob@nowhere.test", sender="carol@dest.test")
        await house.settled(queue_id)
        await eventually(lambda: len(dest.taken) == 1)
    assert dest.taken[0].mail.startswith("MAIL FROM:<> ")
    assert dest.taken[0].recipients == ["RCPT TO:<carol@dest.test>"]
    assert b"multipart/report" in dest.taken[0].content


async def test_a_report_that_cannot_be_delivered_ends_there(house: House) -> None:
    house.dns.records()
    async with house.delivering():
        await house.send("bob@nowhere.test", sender="carol@nowhere.test")

        async def both_failed() -> bool:
            page = await house.queue.page(10)
            return len(page) == 2 and all(m.open == 0 for m in page)

        await eventually(both_failed)
    assert await house.inbox() == []


async def test_a_sender_that_is_gone_is_told_nothing(house: House) -> None:
    house.dns.records()
    async with house.delivering():
        queue_id = await house.send("bob@nowhere.test", sender="gone@own.test")
        await house.settled(queue_id)
    assert await house.inbox() == [] and len(await house.queue.page(10)) == 1


async def test_a_message_that_expires_is_reported_with_its_last_reason(house: House, dest: SmtpHost) -> None:
    dest.say["RCPT"] = ["450 4.2.1 still busy"]
    async with house.delivering():
        queue_id = await house.send("bob@dest.test", expires_after=timedelta(seconds=1))
        (state,) = (await house.settled(queue_id)).values()
    assert (state.state, state.status) == ("failed", "4.4.7")
    report = await house.report()
    assert (group(report)["Action"], group(report)["Diagnostic-Code"]) == ("failed", "smtp; 450 4.2.1 still busy")


async def test_a_late_message_is_told_of_once(house: House, dest: SmtpHost) -> None:
    dest.say["RCPT"] = ["450 4.2.1 still busy"]
    async with house.delivering(delivery_delay_notice_seconds=0.5):
        queue_id = await house.send("bob@dest.test")

        async def tried_often() -> bool:
            return len(await house.attempts(queue_id)) >= 6

        await eventually(tried_often)
        dest.say.clear()
        await house.settled(queue_id)
    assert group(await house.report())["Action"] == "delayed"


async def test_the_second_host_is_asked_where_the_first_is_down(house: House) -> None:
    house.dns.records("dest MX 10 down.dest", "dest MX 20 mx.dest", "down.dest A 127.0.0.4", "mx.dest A 127.0.0.3")
    async with smtp_host("127.0.0.3", house.mail_port), house.delivering():
        queue_id = await house.send("bob@dest.test")
        (state,) = (await house.settled(queue_id)).values()
    (attempt,) = await house.attempts(queue_id)
    assert (state.state, attempt.address) == ("delivered", "127.0.0.3")


async def test_private_networks_are_left_alone_unless_allowed(house: House, dest: SmtpHost) -> None:
    async with house.delivering(delivery_allow_private_networks=False):
        queue_id = await house.send("bob@dest.test")
        (state,) = (await house.settled(queue_id)).values()
    assert (state.state, state.status, dest.connections) == ("failed", "5.4.4", 0)


async def test_without_nats_the_queue_is_found_by_looking(house: House, dest: SmtpHost) -> None:
    house.nats.kill()
    async with house.delivering(delivery_poll_seconds=0.5):
        queue_id = await house.send("bob@dest.test")
        await house.settled(queue_id)
    assert len(dest.taken) == 1


async def test_an_event_wakes_the_worker_long_before_it_would_look(house: House, dest: SmtpHost) -> None:
    async with house.delivering(delivery_poll_seconds=3600) as runtime:
        first = await house.send("bob@dest.test")  # by now the subscription stands, or the first look finds it
        await house.settled(first)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await house.settled(await house.send("bob@dest.test"))
        assert loop.time() - began < 5
        assert runtime.registry.get_sample_value("mailstead_delivery_recipients_total", {"outcome": "delivered"}) == 2


async def test_what_requires_tls_never_leaves_without(house: House) -> None:
    """RFC 8689 §4.2.1: nothing vouches for the domain's hosts, so it is reported with 5.7.30, and none is even asked."""
    house.dns.records(*DEST)
    async with house.delivering():
        queue_id = await house.send("bob@dest.test", require_tls=True)
        states = await house.settled(queue_id)
    assert states["bob@dest.test"].status == "5.7.30"
    report = await house.report()
    assert "5.7.30" in str(report)
