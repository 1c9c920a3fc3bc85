"""Hosts that turn everybody away, or answer nobody, while others are well."""

from contextlib import AsyncExitStack
from functools import partial

import pytest

from kit.delivering import House
from kit.smtp_host import SmtpHost, smtp_host
from kit.waiting import eventually

RECORDS = ("sick MX 10 mx.sick", "mx.sick A 127.0.0.3", "well MX 10 mx.well", "mx.well A 127.0.0.5")


@pytest.mark.parametrize("step", ["connect", "EHLO"])
async def test_a_storm_of_421_is_left_alone_and_then_probed(house: House, step: str) -> None:
    house.dns.records(*RECORDS)
    async with AsyncExitStack() as parts:
        sick = await parts.enter_async_context(smtp_host("127.0.0.3", house.mail_port))
        well = await parts.enter_async_context(smtp_host("127.0.0.5", house.mail_port))
        sick.say[step] = ["421 4.3.2 too many connections"]
        await parts.enter_async_context(house.delivering(delivery_breaker_failures=2, delivery_breaker_seconds=2))
        late = await house.send("bob@sick.test")

        async def left_alone() -> bool:
            return any("left alone" in attempt.reply for attempt in await house.attempts(late))

        await eventually(left_alone, what="the sick host is left alone")
        assert sick.connections == 2
        assert (await house.settled(await house.send("bob@well.test")))["bob@well.test"].state == "delivered"
        assert len(well.taken) == 1
        del sick.say[step]
        assert (await house.settled(late))["bob@sick.test"].state == "delivered"


async def test_a_tarpit_holds_only_its_own(house: House) -> None:
    """Every place of its domain is taken, and mail for others goes on."""
    house.dns.records(*RECORDS)
    async with AsyncExitStack() as parts:
        sick = await parts.enter_async_context(smtp_host("127.0.0.3", house.mail_port))
        well = await parts.enter_async_context(smtp_host("127.0.0.5", house.mail_port))
        sick.hold.add("connect")
        await parts.enter_async_context(house.delivering(delivery_in_flight=4, delivery_per_domain=2))
        for _ in range(4):
            await house.send("bob@sick.test")
        await eventually(lambda: sick.open_now == 2, what="the tarpit holds what it may")
        for _ in range(3):
            await house.settled(await house.send("bob@well.test"))
        assert (len(well.taken), sick.most_open) == (3, 2)
        sick.let_go.set()
        await eventually(lambda: len(sick.taken) == 4, what="the tarpit lets go")


async def tarpits(parts: AsyncExitStack, house: House, count: int) -> list[SmtpHost]:
    """So many domains, each with a host of its own that takes connections and never says a word; and one that is well."""
    numbers = range(20, 20 + count)
    records = [record for n in numbers for record in (f"sick{n} MX 10 mx.sick{n}", f"mx.sick{n} A 127.0.0.{n}")]
    house.dns.records(*records, "well MX 10 mx.well", "mx.well A 127.0.0.5")
    hosts = [await parts.enter_async_context(smtp_host(f"127.0.0.{n}", house.mail_port)) for n in numbers]
    for host in hosts:
        host.hold.add("connect")
    return hosts


async def test_who_only_waits_takes_no_place_from_others(house: House) -> None:
    """More silent hosts than there are places, and mail for the one that is well goes on."""
    async with AsyncExitStack() as parts:
        sick = await tarpits(parts, house, 4)
        well = await parts.enter_async_context(smtp_host("127.0.0.5", house.mail_port))
        runtime = await parts.enter_async_context(house.delivering(delivery_in_flight=2, delivery_patience_seconds=0.2))
        silent = [await house.send(f"bob@sick{n}.test") for n in range(20, 24)]
        await eventually(lambda: all(host.open_now for host in sick), what="all silent hosts are waited for")
        await house.settled(await house.send("bob@well.test"))
        assert len(well.taken) == 1
        lingering = partial(runtime.registry.get_sample_value, "mailstead_delivery_lingering")
        await eventually(lambda: lingering() == 4, what="after a moment they linger")
        for host in sick:
            host.let_go.set()
        for queue_id in silent:  # they have been waited for: none was given up
            await house.settled(queue_id)
            assert [attempt.outcome for attempt in await house.attempts(queue_id)] == ["delivered"]


async def test_beyond_so_many_that_wait_the_longest_is_given_up(house: House) -> None:
    async with AsyncExitStack() as parts:
        sick = await tarpits(parts, house, 2)
        await parts.enter_async_context(house.delivering(delivery_lingering=1, delivery_patience_seconds=0.2))
        first = await house.send("bob@sick20.test")
        await eventually(lambda: sick[0].open_now == 1, what="the first is waited for")
        second = await house.send("bob@sick21.test")

        async def given_up() -> bool:
            return any(attempt.status == "4.4.2" for attempt in await house.attempts(first))

        await eventually(given_up, what="the first is given up")
        assert await house.attempts(second) == []


@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "content", "dot"])
async def test_a_reset_at_each_step_costs_a_retry_and_no_message(house: House, step: str) -> None:
    """Only after the final dot may the host have the message already: that window is counted, elsewhere it gets one copy."""
    house.dns.records(*RECORDS)
    async with smtp_host("127.0.0.3", house.mail_port) as sick, house.delivering() as runtime:
        sick.drop.add(step)
        queue_id = await house.send("bob@sick.test")

        async def attempted() -> bool:
            return bool(await house.attempts(queue_id))

        await eventually(attempted, what="an attempt")
        sick.drop.clear()
        (state,) = (await house.settled(queue_id)).values()
        in_doubt = runtime.registry.get_sample_value("mailstead_delivery_in_doubt_total")
    assert state.state == "delivered"
    first, *_ = await house.attempts(queue_id)
    assert (first.outcome, first.status[0]) == ("deferred", "4")
    assert len(sick.taken) >= 2 if step == "dot" else len(sick.taken) == 1
    assert bool(in_doubt) is (step in ("content", "dot"))  # so small a message has left, with its dot, when the reset comes
