"""What a host has to prove, decided on values: MTA-STS (RFC 8461) and REQUIRETLS (RFC 8689)."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.dane import Tlsa, authenticates
from delivery.tls_policy import (
    MAX_AGE,
    OPPORTUNISTIC,
    Barred,
    Demand,
    Handshake,
    Mode,
    NoPolicy,
    PolicyUnknown,
    Published,
    StsPolicy,
    demand_of,
    parse_policy,
    record_id,
)

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"  # RFC 8461 §3.2


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("v=STSv1; id=20160831085700Z;",), "20160831085700Z"),  # RFC 8461 §3.1, its example
        (("v=STSv1;id=1",), "1"),
        (("v=spf1 -all", "v=STSv1; id=1"), "1"),
        (("v=STSv1; id=1", "v=STSv1; id=2"), None),  # "if the number of resulting records is not one"
        (("v=STSv1; later=x; id=9;",), "9"),
        (("v=STSv1;",), None),
        (("v=STSv1; id=" + "a" * 33,), None),
        (("v=STSv1; id=a-b",), None),
        (("v=STSv10; id=1",), None),
        ((), None),
    ],
)
def test_the_record(texts: tuple[str, ...], expected: str | None) -> None:
    assert record_id(texts) == expected


def test_a_policy_is_read() -> None:
    assert parse_policy(POLICY) == StsPolicy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604800)
    assert parse_policy(POLICY.replace(b"\r\n", b"\n")) == parse_policy(POLICY)
    assert parse_policy(b"version: STSv1\nmode: none\nmax_age: 99999999\n") == StsPolicy(Mode.NONE, (), MAX_AGE)
    assert parse_policy(POLICY + b"mode: none\r\nfuture: field\r\n").mode is Mode.ENFORCE  # the first counts, unknown ones do not


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"STSv1", b"STSv2"), (b"enforce", b"force"), (b"604800", b"-1"), (b"max_age: 604800", b"nothing"), (b"mx:", b"xm:")],
)
def test_what_is_no_policy(old: bytes, new: bytes) -> None:
    with pytest.raises(ValueError):
        parse_policy(POLICY.replace(old, new))


@given(st.binary(max_size=300))
def test_nonsense_raises_nothing_else(octets: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse_policy(octets)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("mail.example.com", True),
        ("MAIL.example.COM", True),
        ("a.example.net", True),
        ("a.b.example.net", False),  # RFC 8461 §4.1: a wildcard is one label
        ("example.net", False),
        ("example.com", False),
    ],
)
def test_hosts_of_a_policy(host: str, named: bool) -> None:
    assert parse_policy(POLICY).names(host) is named


ENFORCE = StsPolicy(Mode.ENFORCE, ("mx.dest.test",), 100)
TESTING = StsPolicy(Mode.TESTING, ("mx.dest.test",), 100)
NONE = StsPolicy(Mode.NONE, ("mx.dest.test",), 100)
ONLY_VERIFIED = (Handshake.VERIFIED,)


@pytest.mark.parametrize(
    ("published", "host", "require_tls", "expected"),
    [
        (NoPolicy(), "mx.dest.test", False, OPPORTUNISTIC),
        (PolicyUnknown("away"), "mx.dest.test", False, OPPORTUNISTIC),  # RFC 8461 §5.1: as if there were none
        (NONE, "mx.dest.test", False, OPPORTUNISTIC),
        (ENFORCE, "mx.dest.test", False, Demand(ONLY_VERIFIED, "sts-enforce")),
        (ENFORCE, "mx.evil.test", False, Barred),
        (TESTING, "mx.dest.test", False, Demand((Handshake.VERIFIED, *OPPORTUNISTIC.ways), "sts-testing")),
        (TESTING, "mx.evil.test", False, Demand(OPPORTUNISTIC.ways, "sts-testing")),
        (NoPolicy(), "mx.dest.test", True, Barred),
        (NONE, "mx.dest.test", True, Barred),
        (ENFORCE, "mx.evil.test", True, Barred),
        (ENFORCE, "mx.dest.test", True, Demand(ONLY_VERIFIED, "requiretls", require_tls=True)),
        (TESTING, "mx.dest.test", True, Demand(ONLY_VERIFIED, "requiretls", require_tls=True)),
    ],
)
def test_what_is_demanded(published: Published, host: str, require_tls: bool, expected: Demand | type[Barred]) -> None:
    demand = demand_of(host, published, require_tls=require_tls)
    assert isinstance(demand, Barred) if expected is Barred else demand == expected


EE = Tlsa(3, 1, 1, bytes(32))
PKIX = Tlsa(1, 1, 1, bytes(32))


@pytest.mark.parametrize(
    ("tlsa", "published", "require_tls", "expected"),
    [
        ((EE,), NoPolicy(), False, Demand((Handshake.DANE,), "dane", (EE,))),
        ((EE,), ENFORCE, False, Demand((Handshake.DANE,), "dane", (EE,))),  # RFC 8461 §2: DANE goes first
        ((EE,), NoPolicy(), True, Demand((Handshake.DANE,), "requiretls", (EE,), require_tls=True)),
        ((PKIX,), NoPolicy(), False, Demand((Handshake.UNVERIFIED,), "dane")),  # RFC 7672 §2.2: there is TLS
        ((PKIX,), TESTING, False, Demand((Handshake.UNVERIFIED,), "dane")),
        ((PKIX,), ENFORCE, False, Demand(ONLY_VERIFIED, "sts-enforce")),
        ((PKIX,), NoPolicy(), True, Barred),
    ],
)
def test_what_tlsa_records_demand(
    tlsa: tuple[Tlsa, ...], published: Published, require_tls: bool, expected: Demand | type[Barred]
) -> None:
    demand = demand_of("mx.dest.test", published, tlsa, require_tls=require_tls)
    assert isinstance(demand, Barred) if expected is Barred else demand == expected


@given(st.lists(st.binary(max_size=50), max_size=3), st.binary(max_size=50), st.sampled_from([2, 3]), st.sampled_from([0, 1]))
def test_what_is_no_certificate_is_vouched_for_by_none(chain: list[bytes], data: bytes, usage: int, selector: int) -> None:
    assert not authenticates([Tlsa(usage, selector, 1, data)], chain, "mx.dest.test", datetime.now(UTC))


def test_a_host_that_the_operator_named_needs_no_policy_to_vouch_for_its_name() -> None:
    assert demand_of("relay.test", NoPolicy(), require_tls=True, named_by_operator=True) == Demand(
        ONLY_VERIFIED, "requiretls", require_tls=True
    )
