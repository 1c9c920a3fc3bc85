"""Routing against a real DNS server."""

import asyncio
import socket

import pytest

from delivery.mx import DnsQuestions, Router
from delivery.route import Addresses, Endpoint, SmartHost, Unroutable
from kit.dns import DnsServer
from mailstead.model.dns import NoRecords, NoSuchName, Trouble


def questions(server: DnsServer, *, ipv6: bool = True, seconds: float = 10) -> DnsQuestions:
    return DnsQuestions([server.host], server.port, ipv6=ipv6, seconds=seconds)


def router(server: DnsServer, *, allow_private: bool = True) -> Router:
    return Router(
        questions(server),
        own_names=frozenset({"mx.own.test"}),
        port=2525,
        allow_private=allow_private,
    )


async def test_the_best_preference_comes_first_and_every_address_is_an_endpoint(dns_server: DnsServer) -> None:
    dns_server.records("d MX 20 b", "d MX 10 a", "a A 127.0.0.2", "a AAAA ::1", "b A 127.0.0.3")
    found = await router(dns_server).find("d.test")
    assert isinstance(found, tuple)
    assert set(found[:2]) == {Endpoint("a.test", "127.0.0.2", 2525), Endpoint("a.test", "::1", 2525)}
    assert found[2:] == (Endpoint("b.test", "127.0.0.3", 2525),)


async def test_equal_preferences_are_tried_in_every_order(dns_server: DnsServer) -> None:
    dns_server.records("d MX 10 a", "d MX 10 b", "a A 127.0.0.2", "b A 127.0.0.3")
    finder = router(dns_server)
    firsts = set()
    for _ in range(64):
        found = await finder.find("d.test")
        assert isinstance(found, tuple)
        firsts.add(found[0].host)
    assert firsts == {"a.test", "b.test"}


@pytest.mark.parametrize(
    ("records", "domain", "status"),
    [
        ([], "nowhere.test", "5.1.2"),
        (["d MX 0 ."], "d.test", "5.1.10"),
        (["d TXT here"], "d.test", "5.4.4"),
        (["d MX 10 gone"], "d.test", "5.4.4"),
        (["d MX 10 mx.own"], "d.test", "5.4.6"),
        ([], "d.broken", "4.4.3"),
        (["d MX 10 a.broken."], "d.test", "4.4.3"),
        ([], "x" * 64 + ".test", "5.1.2"),
        ([], "a..test", "5.1.2"),
    ],
)
async def test_no_route(dns_server: DnsServer, records: list[str], domain: str, status: str) -> None:
    dns_server.records(*records)
    found = await router(dns_server).find(domain)
    assert isinstance(found, Unroutable) and found.status == status


async def test_without_mx_the_domain_itself_is_the_host(dns_server: DnsServer) -> None:
    dns_server.records("d A 127.0.0.2")
    assert await router(dns_server).find("d.test") == (Endpoint("d.test", "127.0.0.2", 2525),)


async def test_an_alias_leads_to_its_records(dns_server: DnsServer) -> None:
    dns_server.records("www CNAME d", "d MX 10 a", "a A 127.0.0.2")
    assert await router(dns_server).find("www.test") == (Endpoint("a.test", "127.0.0.2", 2525),)


async def test_an_international_domain_is_looked_up_by_its_a_label(dns_server: DnsServer) -> None:
    dns_server.records("xn--dst-ula A 127.0.0.2")
    found = await router(dns_server).find("dåst.test")
    assert isinstance(found, tuple) and found[0].address == "127.0.0.2"


async def test_an_address_literal_needs_no_dns(dns_server: DnsServer) -> None:
    assert await router(dns_server).find("[127.0.0.9]") == (Endpoint("[127.0.0.9]", "127.0.0.9", 2525),)


@pytest.mark.parametrize("domain", ["d.test", "[127.0.0.1]", "[10.0.0.1]", "[IPv6:::1]"])
async def test_private_networks_are_not_reached_unless_allowed(dns_server: DnsServer, domain: str) -> None:
    dns_server.records("d MX 10 a", "a A 127.0.0.2", "a AAAA ::ffff:10.1.1.1")
    found = await router(dns_server, allow_private=False).find(domain)
    assert isinstance(found, Unroutable) and found.status == "5.4.4"


async def test_a_smart_host_may_be_private(dns_server: DnsServer) -> None:
    dns_server.records("relay A 127.0.0.7")
    expected = (Endpoint("relay.test", "127.0.0.7", 587),)
    strict = router(dns_server, allow_private=False)
    assert await strict.via(SmartHost("relay.test", 587)) == expected
    literal = await strict.via(SmartHost("127.0.0.8", 25))
    assert literal == (Endpoint("127.0.0.8", "127.0.0.8", 25),)


async def test_a_smart_host_that_is_not_there_is_no_senders_fault(dns_server: DnsServer) -> None:
    found = await router(dns_server).via(SmartHost("gone.test", 587))
    assert isinstance(found, Unroutable) and found.status == "4.4.3"


async def test_addresses_of_a_host(dns_server: DnsServer) -> None:
    dns_server.records("a A 127.0.0.2", "a AAAA ::1", "t TXT x")
    ask = questions(dns_server)
    both = await ask.addresses("a.test")
    assert isinstance(both, Addresses) and set(both.literals) == {"127.0.0.2", "::1"}
    assert await questions(dns_server, ipv6=False).addresses("a.test") == Addresses(("127.0.0.2",))
    assert await ask.addresses("t.test") == NoRecords()
    assert await ask.addresses("gone.test") == NoSuchName()


async def test_a_silent_resolver_is_trouble_within_its_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        ask = DnsQuestions(["127.0.0.1"], silent.getsockname()[1], ipv6=False, seconds=0.3)
        async with asyncio.timeout(5):
            assert await ask.exchanges("d.test") == Trouble("no answer in time")


async def test_what_dns_cannot_tell_is_no_word_that_there_are_no_tlsa_records(dns_server: DnsServer) -> None:
    """RFC 7672 §2.1.2: mail that demands TLS waits, and is not refused for want of records."""
    dns_server.records("d MX 10 a", "a A 127.0.0.2")
    asked = questions(dns_server)
    assert isinstance(await asked.exchanges_validated("d.broken"), Trouble)
    assert isinstance(await asked.tlsa("a.broken", 25), Trouble)
    assert await asked.exchanges_validated("d.test") is False
    assert await asked.tlsa("a.test", 25) == ()
