"""The PROXY header in both versions, whole and octet by octet, and nothing behind it."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.wire.proxy_header import MAX_LINE, MAX_REST, SIGNATURE, BadProxyHeader, ProxyHeader

BEHIND = b"EHLO client.test\r\n"


def second(kind: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes([kind, family]) + len(rest).to_bytes(2) + rest


V4 = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + (40_000).to_bytes(2) + (25).to_bytes(2)
V6 = IPv6Address("2001:db8::7").packed + IPv6Address("::1").packed + (40_000).to_bytes(2) + (25).to_bytes(2)
MAPPED = IPv6Address("::ffff:192.0.2.7").packed + V6[16:]
GOOD = [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n", ("192.0.2.7", 40_000)),
    (b"PROXY TCP6 2001:DB8::7 ::1 40000 25\r\n", ("2001:db8::7", 40_000)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 whatever 1 2\r\n", None),
    (second(0x21, 0x11, V4), ("192.0.2.7", 40_000)),
    (second(0x21, 0x11, V4 + b"\x04\x00\x01x"), ("192.0.2.7", 40_000)),  # fields behind the addresses
    (second(0x21, 0x21, V6), ("2001:db8::7", 40_000)),
    (second(0x21, 0x21, MAPPED), ("192.0.2.7", 40_000)),
    (second(0x20, 0x00, b""), None),
    (second(0x20, 0x11, V4), None),
    (second(0x21, 0x31, b"x" * 216), None),  # a Unix socket
]


def take_all(stream: bytes, step: int) -> tuple[ProxyHeader, int]:
    """Show what waits, `step` octets more at a time; the header and how many octets were taken."""
    header, taken, shown = ProxyHeader(), 0, 0
    while not header.is_complete:
        shown = max(shown, taken) + step
        assert taken < len(stream)
        taken += header.take(stream[taken:shown])
    return header, taken


@pytest.mark.parametrize("step", [1, 5, 1000])
@pytest.mark.parametrize(("octets", "source"), GOOD)
def test_the_client_is_told_and_what_follows_stays(octets: bytes, source: object, step: int) -> None:
    header, taken = take_all(octets + BEHIND, step)
    assert header.source == source
    assert taken == len(octets)


@pytest.mark.parametrize(
    "octets",
    [
        BEHIND,
        b"\r\n",
        b"\x16\x03\x01\x02\x00\x01",  # TLS
        b"PROXY \r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25 26\r\n",
        b"PROXY TCP4 192.0.2.300 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 2001:db8::7 ::1 40000 25\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 040 25\r\n",
        b"PROXY TCP4  192.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY UNIX a b c d\r\n",
        b"PROXY UNKNOWN " + b"x" * MAX_LINE,
        second(0x11, 0x11, V4),
        second(0x22, 0x11, V4),
        second(0x21, 0x11, V4[:11]),
        second(0x21, 0x21, V4),
        SIGNATURE + b"\x21\x11" + (MAX_REST + 1).to_bytes(2),
    ],
)
def test_what_is_no_header(octets: bytes) -> None:
    for step in (1, len(octets)):
        with pytest.raises(BadProxyHeader):
            take_all(octets + b" " * 200, step)


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11\x00\x0c"]))
def test_any_octets_end_bounded(octets: bytes, beginning: bytes) -> None:
    stream, header, taken = beginning + octets, ProxyHeader(), 0
    try:
        while not header.is_complete and taken < len(stream):
            taken += header.take(stream[taken:])
    except BadProxyHeader:
        return
    assert taken <= len(SIGNATURE) + 4 + MAX_REST
