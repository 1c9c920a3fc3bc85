"""Who is doubtful is put off, comes again and is known from then on, whichever replica it comes to."""

from datetime import timedelta
from typing import Any

import pytest

from kit.dns import DnsServer
from kit.postgres import DatabaseUrls
from mailstead.store.engine import open_database
from mailstead.store.greylist import purge_greylist
from smtp_in.checks import dmarc, iprev
from smtp_in.checks.dnsbl import Zone
from smtp_in.checks.findings import Action, Findings, Identity, Opinion
from smtp_in.checks.spf import check_host as spf
from smtp_in.checks.verdict import is_doubtful
from unit.smtp_in.conversing import Client, Serve

IDENTITY = Identity("192.0.2.1", "mx.sender.test", "al@sender.test")
PUT_OFF = b"451 4.7.1 Greylisted, try again in a few minutes\r\n"
VOUCHED = dmarc.DmarcResult(dmarc.Outcome.PASS, "sender.test")


@pytest.mark.parametrize(
    ("found", "doubtful"),
    [
        (Findings(IDENTITY), False),
        (Findings(IDENTITY, iprev.IprevResult(iprev.Outcome.PASS, "mx.sender.test")), False),
        (Findings(IDENTITY, iprev.IprevResult(iprev.Outcome.TEMPERROR)), False),  # our DNS is slow: not their fault
        (Findings(IDENTITY, iprev.IprevResult(iprev.Outcome.FAIL)), True),
        (Findings(IDENTITY, iprev.IprevResult(iprev.Outcome.PERMERROR)), True),
        (Findings(IDENTITY, iprev.IprevResult(iprev.Outcome.PERMERROR), dmarc=VOUCHED), False),
        (Findings(IDENTITY, spf=spf.SpfResult(spf.Outcome.SOFTFAIL)), True),
        (Findings(IDENTITY, spf=spf.SpfResult(spf.Outcome.NEUTRAL)), False),
        (Findings(IDENTITY, spf=spf.SpfResult(spf.Outcome.FAIL), dmarc=VOUCHED), False),
        (Findings(IDENTITY, listed=(Zone("bl.test", 1),), dmarc=VOUCHED), True),
        # the spam filter has seen all of it, and decides
        (Findings(IDENTITY, listed=(Zone("bl.test", 1),), opinion=Opinion(Action.NONE, 0)), False),
        (Findings(IDENTITY, opinion=Opinion(Action.GREYLIST, 4)), True),
        (Findings(IDENTITY, opinion=Opinion(Action.ADD_HEADER, 7)), False),
    ],
)
def test_who_is_doubtful(found: Findings, doubtful: bool) -> None:
    assert is_doubtful(found) is doubtful


async def greylisting(serve: Serve, dns_server: DnsServer, whom: str = "all", **changed: object) -> Any:
    return await serve(
        smtp_trusted_networks="", dns_servers=dns_server.host, dns_port=dns_server.port, smtp_greylist=whom, **changed
    )


async def send(served: Any, sender: str = "al@sender.test") -> bytes:
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO mx.sender.test\r\nMAIL FROM:<%s>\r\n" % sender.encode(), 250, 250)
    await client.ask(b"RCPT TO:<alice@a.test>\r\nDATA\r\n", 250, 354)
    await client.send(b"From: al@sender.test\r\n\r\nHi.\r\n.\r\n")
    return await client.line()


async def passes(served: Any, time: timedelta) -> None:
    """As if so much time had gone by."""
    await served.query("UPDATE greylist SET first_at = first_at - $1::interval, expires_at = expires_at - $1::interval", time)


async def test_a_network_is_put_off_until_it_comes_again(serve: Serve, dns_server: DnsServer) -> None:
    one = await greylisting(serve, dns_server)
    assert await send(one) == PUT_OFF
    assert await send(one) == PUT_OFF  # at once does not count
    await passes(one, timedelta(minutes=2))
    assert await send(one, "other@sender.test") == PUT_OFF  # has not tried before
    assert (await send(one, "AL@sender.test")).startswith(b"250")
    assert (await send(one, "other@sender.test")).startswith(b"250")  # the network is known now
    assert len(await one.inbox("alice")) == 2


async def test_who_comes_again_too_late_begins_anew(serve: Serve, dns_server: DnsServer) -> None:
    one = await greylisting(serve, dns_server)
    assert await send(one, "") == PUT_OFF
    await passes(one, timedelta(days=3))
    assert await send(one, "") == PUT_OFF
    await passes(one, timedelta(minutes=2))
    assert (await send(one, "")).startswith(b"250")
    await passes(one, timedelta(days=30))
    assert (await send(one, "")).startswith(b"250")  # and is known for longer by it
    await passes(one, timedelta(days=30))
    assert (await send(one, "")).startswith(b"250")
    await passes(one, timedelta(days=41))
    assert await send(one, "") == PUT_OFF


async def test_only_the_doubtful_are_put_off(serve: Serve, dns_server: DnsServer) -> None:
    dns_server.records('sender TXT "v=spf1 ip4:127.0.0.0/8 -all"', '_dmarc.sender TXT "v=DMARC1; p=reject"')
    one = await greylisting(serve, dns_server, "doubtful")
    assert (await send(one)).startswith(b"250")
    dns_server.records('sender TXT "v=spf1 ~all"', '_dmarc.sender TXT "v=DMARC1; p=reject"')
    another = await greylisting(serve, dns_server, "doubtful")
    assert await send(another) == PUT_OFF


async def test_what_is_refused_in_any_case_leaves_no_trace(serve: Serve, dns_server: DnsServer) -> None:
    dns_server.records('sender TXT "v=spf1 -all"', '_dmarc.sender TXT "v=DMARC1; p=reject"')
    one = await greylisting(serve, dns_server, smtp_dmarc="reject")
    assert (await send(one)).startswith(b"550")
    assert await one.query("SELECT 1 FROM greylist") == []


async def test_who_never_came_again_is_forgotten(serve: Serve, dns_server: DnsServer, database_urls: DatabaseUrls) -> None:
    one = await greylisting(serve, dns_server)
    await send(one)
    async with open_database(database_urls.jobs) as jobs:
        assert await purge_greylist(jobs) == 0
        await passes(one, timedelta(days=3))
        assert await purge_greylist(jobs) == 1
