"""What hostile messages may make of us: nothing beyond the limits, whatever they repeat."""

import pytest

from mailstead.wire.addresses import MAX_ADDRESSES, parse_addresses
from mailstead.wire.message import MAX_REFERENCES, parse_message
from mailstead.wire.mime import MAX_DEPTH, MAX_PARAMETERS, MAX_PARTS, Part, scan

MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def count(part: Part) -> int:
    inner = (part.message,) if part.message else part.parts
    return 1 + sum(map(count, inner))


def depth(part: Part) -> int:
    inner = (part.message,) if part.message else part.parts
    return 1 + max(map(depth, inner), default=0)


def test_parts_are_limited() -> None:
    assert count(scan(MULTIPART + b"--b\r\n\r\n" * (2 * MAX_PARTS))) <= MAX_PARTS + 1


@pytest.mark.parametrize(
    "level",
    [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", b"Content-Type: message/rfc822\r\n\r\n"],
    ids=["multipart", "message"],
)
def test_depth_is_limited(level: bytes) -> None:
    octets = b"".join(level % ((n,) * level.count(b"%d")) for n in range(10 * MAX_DEPTH))
    assert depth(scan(octets)) <= MAX_DEPTH + 1


def test_addresses_are_limited() -> None:
    assert len(parse_addresses(b"a@b.test, " * (2 * MAX_ADDRESSES))) == MAX_ADDRESSES


def test_parameters_are_limited() -> None:
    assert len(scan(b"Content-Type: text/plain" + b"; a=b" * 1000 + b"\r\n\r\n").parameters) == MAX_PARAMETERS


def test_references_are_limited() -> None:
    references = parse_message(b"References:" + b"".join(b" <%d@a.test>" % n for n in range(1000)) + b"\r\n\r\n").references
    assert len(references) == MAX_REFERENCES
    assert references[-1] == "<999@a.test>", "the nearest ones are kept"
