"""Connections that carry several messages, and what happens when one ends while it waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from kit.delivering import House
from kit.smtp_host import SmtpHost, smtp_host
from kit.waiting import eventually

DEST = ("dest MX 10 mx.dest", "mx.dest A 127.0.0.3", "other MX 10 mx.dest")


@pytest.fixture
async def dest(house: House) -> AsyncIterator[SmtpHost]:
    house.dns.records(*DEST)
    async with smtp_host("127.0.0.3", house.mail_port) as host:
        yield host


async def test_messages_to_one_host_share_a_connection(house: House, dest: SmtpHost) -> None:
    async with house.delivering():
        for recipient in ("bob@dest.test", "carol@other.test", "bob@dest.test"):  # two domains, one host
            await house.settled(await house.send(recipient))
        assert (len(dest.taken), dest.connections) == (3, 1)
    assert dest.commands.count("QUIT") == 1  # by the drain at the latest


async def test_a_connection_carries_so_many_transactions(house: House, dest: SmtpHost) -> None:
    async with house.delivering(delivery_transactions=2):
        for _ in range(3):
            await house.settled(await house.send("bob@dest.test"))
    assert (len(dest.taken), dest.connections) == (3, 2)


async def test_a_connection_that_nobody_wants_ends(house: House, dest: SmtpHost) -> None:
    async with house.delivering(delivery_idle_seconds=0.1):
        await house.settled(await house.send("bob@dest.test"))
        await eventually(lambda: dest.open_now == 0, what="the connection ends")
        assert dest.commands[-1] == "QUIT"


async def test_a_session_that_died_while_it_waited_costs_no_attempt(house: House, dest: SmtpHost) -> None:
    dest.say["MAIL"] = ["250 ok", "421 4.3.2 you waited too long", "250 ok"]
    async with house.delivering():
        for _ in range(2):
            queue_id = await house.send("bob@dest.test")
            await house.settled(queue_id)
            assert [a.outcome for a in await house.attempts(queue_id)] == ["delivered"]
    assert (len(dest.taken), dest.connections) == (2, 2)


async def test_a_reset_after_the_content_is_not_taken_for_a_dead_session(house: House, dest: SmtpHost) -> None:
    """The host may have the message: another attempt is for later, and is logged as one that may deliver twice."""
    async with house.delivering():
        await house.settled(await house.send("bob@dest.test"))
        dest.drop.add("dot")
        queue_id = await house.send("bob@dest.test")

        async def attempted() -> bool:
            return bool(await house.attempts(queue_id))

        await eventually(attempted, what="an attempt")
        dest.drop.clear()
        await house.settled(queue_id)
    assert (await house.attempts(queue_id))[0].outcome == "deferred"


async def test_a_session_that_refused_is_not_kept(house: House, dest: SmtpHost) -> None:
    dest.say["RCPT"] = ["450 4.2.1 busy", "250 ok"]
    async with house.delivering():
        await house.settled(await house.send("bob@dest.test"))
    assert (len(dest.taken), dest.connections) == (1, 2)


async def test_messages_at_once_have_a_connection_each(house: House, dest: SmtpHost) -> None:
    dest.hold.add("dot")
    async with house.delivering(delivery_per_domain_first=3):
        sent = [await house.send("bob@dest.test") for _ in range(3)]
        await eventually(lambda: dest.open_now == 3, what="three connections")
        dest.let_go.set()
        await asyncio.gather(*map(house.settled, sent))
    assert dest.most_open == 3
