"""Rates that replicas share, clients that talk before they are greeted, and those that ask around for recipients."""

import time
from typing import Any

import pytest

from smtp_in.abuse.door import network_of
from unit.smtp_in.conversing import Client, Serve

STRANGERS = {"smtp_trusted_networks": "", "smtp_checks": False}


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_networks(host: str, network: str) -> None:
    assert network_of(host) == network


async def greeting(port: int) -> bytes:
    client = await Client.dial(port)
    return await client.line()


async def test_replicas_share_a_rate_of_connections(serve: Serve) -> None:
    limits = {"smtp_address_connections": 4, **STRANGERS}
    one = await serve(**limits)
    greetings = [await greeting(one.mx) for _ in range(6)]
    assert [line[:3] for line in greetings] == [b"220"] * 4 + [b"421"] * 2
    assert greetings[-1] == b"421 4.7.0 Too many connections from your network, try again later\r\n"
    assert (await greeting(one.submission)).startswith(b"220")  # strangers only
    assert [tuple(row) for row in await one.query("SELECT scope, subject FROM limits ORDER BY subject")] == [
        ("connections", "127.0.0.0/24"),
        ("connections", "127.0.0.1"),
    ]


async def test_messages_have_a_rate_of_their_own(serve: Serve) -> None:
    served = await serve(smtp_network_messages=2, **STRANGERS)
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO c.test\r\n", 250)
    for code in (250, 250, 451):
        await client.ask(b"MAIL FROM:<a@b.test>\r\n", code)
        await client.ask(b"RSET\r\n", 250)


async def test_who_talks_before_the_greeting_is_not_served(serve: Serve) -> None:
    served = await serve(smtp_greeting_pause_seconds=0.3, **STRANGERS)
    hasty = await Client.dial(served.mx)
    await hasty.send(b"EHLO hasty.test\r\nMAIL FROM:<a@b.test>\r\n")
    assert [await hasty.line(), await hasty.line()] == [b"421 4.7.0 Wait for the greeting\r\n", b""]
    started = time.monotonic()
    patient = await Client.connect(served.mx)
    assert time.monotonic() - started >= 0.25
    await patient.ask(b"EHLO patient.test\r\n", 250)


async def test_who_asks_around_for_recipients_is_slowed_and_cut(serve: Serve) -> None:
    served = await serve(smtp_max_unknown_recipients=3, smtp_tarpit_seconds=0.1, **STRANGERS)
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n", 250, 250)
    started = time.monotonic()
    await client.ask(b"RCPT TO:<x1@a.test>\r\nRCPT TO:<x2@a.test>\r\nRCPT TO:<x3@a.test>\r\n", 550, 550, 550)
    assert time.monotonic() - started >= 0.25
    assert [await client.line(), await client.line()] == [b"421 4.7.0 Too many unknown recipients\r\n", b""]
    samples = {
        s.labels["reason"]: s.value
        for metric in served.runtime.registry.collect()
        for s in metric.samples
        if s.name == "mailstead_smtp_turned_away_total"
    }
    assert samples == {"unknown_recipients": 1}


async def test_trusted_networks_come_as_they_like(serve: Serve) -> None:
    served: Any = await serve(
        smtp_address_connections=1, smtp_address_messages=1, smtp_greeting_pause_seconds=30, smtp_max_unknown_recipients=1
    )
    for _ in range(3):
        client = await Client.connect(served.mx)
        await client.ask(b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x1@a.test>\r\n", 250, 250, 550)
        await client.ask(b"NOOP\r\n", 250)
