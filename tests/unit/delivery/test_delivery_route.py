"""What DNS answers mean for where mail goes, as tables."""

from collections.abc import Sequence

import pytest

from delivery.route import (
    AddressAnswer,
    Addresses,
    Endpoint,
    Exchanges,
    MxAnswer,
    SmartHost,
    Unroutable,
    endpoints_of,
    hosts_of,
    literal,
)
from mailstead.model import public_address
from mailstead.model.dns import NoRecords, NoSuchName, Trouble

OWN = frozenset({"mx.own.test"})


def reverse(items: list[str]) -> None:
    items.reverse()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Exchanges(((10, "a.test"),)), ("a.test",)),
        (Exchanges(((20, "b.test"), (10, "a.test"))), ("a.test", "b.test")),
        (Exchanges(((10, "a.test"), (10, "b.test"), (5, "c.test"))), ("c.test", "b.test", "a.test")),
        (Exchanges(((10, "a.test"), (20, "a.test"))), ("a.test",)),
        (NoRecords(), ("dest.test",)),
        (Exchanges(((0, ""),)), "5.1.10"),
        (Exchanges(((0, ""), (10, "a.test"))), ("a.test",)),
        (NoSuchName(), "5.1.2"),
        (Trouble("SERVFAIL"), "4.4.3"),
        (Exchanges(((10, "MX.own.test"),)), "5.4.6"),
        (Exchanges(((5, "a.test"), (10, "mx.own.test"), (20, "b.test"))), ("a.test",)),
        (Exchanges(((10, "a.test"), (10, "mx.own.test"))), "5.4.6"),
        (Exchanges(tuple((n, f"h{n}.test") for n in range(50))), tuple(f"h{n}.test" for n in range(10))),
    ],
)
def test_hosts(answer: MxAnswer, expected: tuple[str, ...] | str) -> None:
    found = hosts_of("dest.test", answer, OWN, reverse)
    assert (found.status if isinstance(found, Unroutable) else found) == expected


def test_a_domain_that_is_our_own_name_and_has_no_mx_is_a_loop() -> None:
    found = hosts_of("mx.own.test", NoRecords(), OWN, reverse)
    assert isinstance(found, Unroutable) and found.status == "5.4.6"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([("a.test", Addresses(("8.8.8.8",)))], ["8.8.8.8"]),
        ([("a.test", Addresses(("8.8.8.8", "8.8.4.4"))), ("b.test", Addresses(("1.1.1.1",)))], ["8.8.4.4", "8.8.8.8", "1.1.1.1"]),
        ([("a.test", NoSuchName()), ("b.test", Addresses(("1.1.1.1",)))], ["1.1.1.1"]),
        ([("a.test", Trouble("timeout")), ("b.test", Addresses(("1.1.1.1",)))], ["1.1.1.1"]),
        ([("a.test", Trouble("timeout")), ("b.test", NoRecords())], "4.4.3"),
        ([("a.test", NoSuchName()), ("b.test", NoRecords())], "5.4.4"),
        ([("dest.test", NoRecords())], "5.4.4"),
        ([("a.test", Addresses(("127.0.0.1", "10.1.2.3")))], "5.4.4"),
        ([("a.test", Addresses(("127.0.0.1",))), ("b.test", Addresses(("1.1.1.1",)))], ["1.1.1.1"]),
        ([("a.test", Addresses(("127.0.0.1",))), ("b.test", Trouble("SERVFAIL"))], "4.4.3"),
    ],
)
def test_endpoints(answers: Sequence[tuple[str, AddressAnswer]], expected: list[str] | str) -> None:
    found = endpoints_of("dest.test", answers, 25, public_address.forbidden, reverse)
    assert (found.status if isinstance(found, Unroutable) else [e.address for e in found]) == expected


def test_an_endpoint_keeps_the_name_of_its_host() -> None:
    found = endpoints_of("dest.test", [("mx.dest.test", Addresses(("8.8.8.8",)))], 2525, public_address.forbidden, reverse)
    assert found == (Endpoint("mx.dest.test", "8.8.8.8", 2525),)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("dest.test", None),
        ("[192.0.2.1]", "192.0.2.1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("[ipv6:2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]", "5.1.2"),
        ("[192.0.2]", "5.1.2"),
        ("[192.0.2.1", "5.1.2"),
        ("[", "5.1.2"),
        ("[x400:c=us]", "5.1.2"),
    ],
)
def test_address_literals(domain: str, expected: str | None) -> None:
    found = literal(domain)
    assert (found.status if isinstance(found, Unroutable) else found) == expected


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2a00:1450:4001:80b::200e", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("10.0.0.1", False),
        ("172.16.5.4", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("198.18.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::", False),
        ("2001:db8::1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert (public_address.forbidden(address) is None) is public


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relay.test:587", SmartHost("relay.test", 587)),
        ("192.0.2.1:25", SmartHost("192.0.2.1", 25)),
        ("[2001:db8::1]:25", SmartHost("2001:db8::1", 25)),
    ],
)
def test_smart_host(text: str, expected: SmartHost) -> None:
    assert SmartHost.parse(text) == expected


@pytest.mark.parametrize("text", ["relay.test", ":25", "relay.test:", "relay.test:0", "relay.test:70000", "relay.test:smtp"])
def test_smart_host_must_be_whole(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        SmartHost.parse(text)
