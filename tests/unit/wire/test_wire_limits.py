"""What hostile messages may make of us: nothing beyond the limits, whatever they repeat."""

import encodings
import time

import pytest

from mailstead.wire.addresses import MAX_ADDRESSES, parse_addresses
from mailstead.wire.headers import MAX_DECODED, decode_value
from mailstead.wire.message import MAX_REFERENCES, parse_message
from mailstead.wire.mime import MAX_DEPTH, MAX_PARAMETERS, MAX_PARTS, Part, scan
from mailstead.wire.text import part_text

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


SIZE = 2_000_000
HOSTILE = {
    "delimiters": MULTIPART + b"--b\r\n\r\n" * (SIZE // 7),
    "almost delimiters": MULTIPART + b"--b-\n" * (SIZE // 5),
    "almost delimiters at every level": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%b\r\n\r\n--b%b\r\n" % (b"b" * n, b"b" * n) for n in range(MAX_DEPTH)
    )
    + (b"\n--" + b"b" * 2 * MAX_DEPTH + b"x") * (SIZE // 100),
    "fields": b"".join(b"a%d: b\r\n" % n for n in range(SIZE // 12)),
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * MAX_DEPTH + b"a\n" * (SIZE // 2),
    "addresses": b"From: " + b"a@b," * (SIZE // 4) + b"\r\n\r\n",
    "addresses in messages": MULTIPART
    + (b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: " + b"a@b," * 1000 + b"\r\n\r\n") * (SIZE // 4050),
    "spaces in a name": b"From: a" + b" " * SIZE + b"b\r\n\r\n",
    "open comments": b"From: a" + b"(" * SIZE + b"\r\n\r\n",
    "quotes and comments": MULTIPART + (b'--b\r\nContent-Type: text/plain; ("' + b'\\"' * 8000 + b"\r\n\r\n") * (SIZE // 16050),
    "open encoded words": b"Subject: " + b"=?utf-8?q?" * (SIZE // 10) + b"\r\n\r\n",
    "a long subject": b"Subject: " + b"\r\n a" * (SIZE // 4) + b"\r\n\r\n",
    "references": b"References: " + b"<a>" * (SIZE // 3) + b"\r\n\r\n",
    "punycode": b"Content-Type: text/plain; charset=punycode\r\n\r\n-" + b"999a" * (SIZE // 4),
    "open tags": b"Content-Type: text/html\r\n\r\n" + b"<" * SIZE,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_repetition_takes_long_or_grows(name: str) -> None:
    began = time.process_time()
    parsed = parse_message(HOSTILE[name])
    part_text(HOSTILE[name], scan(HOSTILE[name]))
    assert time.process_time() - began < 10, "each takes a fraction of a second, unless something is quadratic"
    assert len(parsed.envelope) + len(parsed.bodystructure) < 8 * SIZE
    assert len(parsed.subject) <= MAX_DECODED


def test_an_unknown_charset_is_not_remembered() -> None:
    known = len(encodings._cache)
    for n in range(100):
        assert decode_value(b"=?x-none-%d?q?=C3=A4?=" % n) == "ä"
    assert len(encodings._cache) == known
