"""Canonical forms of header fields and bodies (RFC 6376 §3.4), a large body block by block."""

import hashlib
import re
from collections.abc import Iterator

from mailstead.wire.dkim import relaxed as relaxed_field
from mailstead.wire.headers import HeaderField

BLOCK = 1024 * 1024  # octets of a body that are put into canonical form at a time

Octets = bytes | memoryview

_SPACES = re.compile(rb"[ \t]+")
_B_VALUE = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


def field_octets(header: bytes, field: HeaderField, *, relaxed: bool) -> bytes:
    """One field, CRLF-ended."""
    if relaxed:
        return relaxed_field(field)
    raw = header[field.start : field.end]
    return raw if raw.endswith(b"\r\n") else raw.rstrip(b"\r\n") + b"\r\n"


def without_signature(octets: bytes) -> bytes:
    """A signature field in either form with its b= emptied (RFC 6376 §3.5), and without its final CRLF."""
    name, colon, value = octets.partition(b":")
    return name + colon + _B_VALUE.sub(rb"\1", value, count=1).removesuffix(b"\r\n")


def body_blocks(body: Octets, *, relaxed: bool) -> Iterator[bytes | memoryview]:
    """The canonical body in pieces (RFC 6376 §3.4.3, §3.4.4)."""
    end = _content_end(body)
    if not relaxed:
        yield memoryview(body)[:end]
        yield b"\r\n"
        return
    rest = held = b""  # a line without its end yet; empty lines that may turn out to be the last ones
    any_line = False
    for start in range(0, end, BLOCK):
        data = rest + bytes(body[start : min(start + BLOCK, end)])
        cut = len(data) if start + BLOCK >= end else data.rfind(b"\n") + 1
        piece, rest = data[:cut], data[cut:]
        if b"  " in piece or b"\t" in piece:
            piece = _SPACES.sub(b" ", piece)
        piece = piece.replace(b" \r\n", b"\r\n")
        if start + BLOCK >= end:
            piece = piece.removesuffix(b" ")
        kept = _content_end(piece)
        if kept:
            any_line = True
            yield held + piece[:kept]
            held = piece[kept:]
        else:
            held += piece
    if any_line:
        yield b"\r\n"


def body_hash(body: Octets, algorithm: str, *, relaxed: bool, limit: int | None = None) -> tuple[bytes, int]:
    """The digest of the first `limit` octets of the canonical body, all of it by default; and how long all of it is."""
    digest = hashlib.new(algorithm)
    length = 0
    for block in body_blocks(body, relaxed=relaxed):
        if limit is None or length < limit:
            digest.update(block if limit is None else block[: limit - length])
        length += len(block)
    return digest.digest(), length


def _content_end(body: Octets) -> int:
    """Where the empty lines at the end begin."""
    end = len(body)
    while end:
        piece = bytes(body[max(0, end - BLOCK) : end])
        tail = piece[len(piece.rstrip(b"\r\n")) :].replace(b"\r\n", b"\0")
        empty = 2 * (len(tail) - len(tail.rstrip(b"\0")))
        end -= empty
        if empty < len(piece) - 1 or not empty:
            break
    return end
