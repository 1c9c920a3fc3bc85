"""Header sections: where they end, their fields, selecting and decoding them (RFC 5322 §2.2, RFC 2047)."""

import base64
import binascii
import codecs
import re
from collections.abc import Collection
from dataclasses import dataclass

from mailstead.wire.charsets import codec_for

MAX_HEADER = 1024 * 1024  # octets of a header section whose fields are looked at
MAX_DECODED = 64 * 1024  # octets of one field's value that are decoded; the rest is cut off

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)\n?", re.MULTILINE)
_FIELD_NAME = re.compile(r"[!-9;-~]+")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_WORD = re.compile(rb"=\?([^?\s]{1,80})\?([bBqQ])\?([^?\s]*)\?=")
_COMMENT_MARK = re.compile(rb"[()]|\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HeaderField:
    """`value` is raw: what follows the colon, folding included, without the final line end. Offsets are of the whole field."""

    name: bytes
    value: bytes
    start: int
    end: int


def is_field_name(name: str) -> bool:
    """Whether a field can be called so (RFC 5322 §2.2)."""
    return _FIELD_NAME.fullmatch(name) is not None


def split_header(message: bytes | bytearray) -> int:
    """Octets of the header section with the empty line that ends it; the whole message when there is none (RFC 5322 §2.1)."""
    return header_end(message, 0, len(message))


def header_end(message: bytes | bytearray, start: int, end: int) -> int:
    """Where the body begins of an entity that is `message[start:end]`; `end` when it has no empty line."""
    if message.startswith((b"\r\n", b"\n"), start, end):
        return message.index(b"\n", start) + 1
    blank = message.find(b"\n\r\n", start, end)
    # A bare LF pair counts only before that: searching a large body for what hardly ever comes would cost more than all else.
    bare = message.find(b"\n\n", start, end if blank < 0 else blank + 1)
    if bare >= 0:
        return bare + 2
    return end if blank < 0 else blank + 3


def fields(header: bytes) -> list[HeaderField]:
    """All fields in order. Lines that are no field (an mbox `From `, garbage) are passed over."""
    return [HeaderField(m[1], m[2].rstrip(b"\r"), m.start(), m.end()) for m in _FIELD.finditer(header)]


def first_values(header: bytes) -> dict[bytes, bytes]:
    """Lower-case name -> raw value of its first field, of the fields within MAX_HEADER."""
    return first_values_and_repeated(header)[0]


def first_values_and_repeated(header: bytes) -> tuple[dict[bytes, bytes], set[bytes]]:
    """As `first_values`, and the names that stand there more than once."""
    found: dict[bytes, bytes] = {}
    repeated: set[bytes] = set()
    for name, value in _FIELD.findall(header, 0, MAX_HEADER):
        lower = name.lower()
        if lower in found:
            repeated.add(lower)
        else:
            found[lower] = value.rstrip(b"\r")
    return found, repeated


def unfold(raw: bytes) -> bytes:
    """A raw value on one line, without white space around it (RFC 5322 §2.2.3)."""
    return (_FOLD.sub(b"", raw) if b"\n" in raw else raw).strip()


def decode_value(raw: bytes) -> str:
    """A raw value as text: unfolded, encoded words decoded (RFC 2047), other octets as UTF-8 or else Latin-1. Never raises."""
    value = unfold(raw[:MAX_DECODED])
    if b"=?" not in value:
        return decode_octets(value)
    text: list[str] = []
    pending, charset, at = b"", "", 0
    for word in _WORD.finditer(value):
        octets = _word_octets(word[2], word[3])
        between, word_charset = value[at : word.start()], word[1].partition(b"*")[0].decode("latin-1").lower()
        if at and between.isspace():
            between = b""  # RFC 2047 §6.2: white space between encoded words is not shown
        if pending and (between or word_charset != charset):
            # Words of one charset are joined before decoding: some senders split a character between two of them.
            text.append(decode_octets(pending, charset))
            pending = b""
        text.append(decode_octets(between))
        pending, charset, at = pending + octets, word_charset, word.end()
    text.append(decode_octets(pending, charset))
    text.append(decode_octets(value[at:]))
    return "".join(text)


def decode_octets(octets: bytes, charset: str = "utf-8", *, cut: bool = False) -> str:
    """Text in the charset it claims, or else UTF-8, or else Latin-1, which always fits.

    `cut`: it is the beginning of a longer text, a character broken off at its end is left out.
    """
    for codec in (codec_for(charset), "utf-8"):
        try:
            return codecs.getincrementaldecoder(codec)().decode(octets) if cut else octets.decode(codec)
        except UnicodeError:
            continue
    return octets.decode("latin-1")


def comment_end(value: bytes, start: int) -> int:
    """Where the comment ends that begins at `start`, comments within it included (RFC 5322 §3.2.2)."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(value, start):
        depth += {b"(": 1, b")": -1}.get(mark[0], 0)
        if not depth:
            return mark.end()
    return len(value)


def _word_octets(encoding: bytes, payload: bytes) -> bytes:
    try:
        if encoding in b"bB":
            return base64.b64decode(payload + b"=" * (-len(payload) % 4))
        return binascii.a2b_qp(payload, header=True)
    except (binascii.Error, ValueError):
        return payload


def select_fields(header: bytes, names: Collection[bytes], *, exclude: bool = False) -> bytes:
    """The fields named (lower case), or with `exclude` all others, in their order, and an empty line (RFC 9051 §6.4.5)."""
    chosen = [match[0] for match in _FIELD.finditer(header) if (match[1].lower() in names) is not exclude]
    return b"".join(field if field.endswith(b"\n") else field + b"\r\n" for field in chosen) + b"\r\n"


def remove_fields(header: bytes, names: Collection[bytes]) -> bytes:
    """The header section without the fields named (lower case); everything else stays as it is."""
    kept, at = [], 0
    for field in fields(header):
        if field.name.lower() in names:
            kept.append(header[at : field.start])
            at = field.end
    return b"".join(kept) + header[at:] if at else header
