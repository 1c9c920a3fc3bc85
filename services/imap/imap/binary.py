"""FETCH BINARY: parts with their Content-Transfer-Encoding undone (RFC 3516). Pure."""

from imap.grammar.fetch import Binary
from mailstead.wire.text import decode_transfer

_PLAIN = frozenset({"7bit", "8bit", "binary"})
_ENCODED = frozenset({"base64", "quoted-printable"})


class UnknownEncoding(Exception):
    """A part says an encoding that nobody knows."""


def undo(encoding: str, octets: bytes) -> bytes:
    """Raises UnknownEncoding."""
    if encoding in _PLAIN:
        return octets
    if encoding not in _ENCODED:
        raise UnknownEncoding(encoding)
    return decode_transfer(octets, encoding)


def binary_answer(item: Binary, decoded: bytes) -> bytes:
    """What stands behind the label: a size, or the octets, of which a partial range counts behind the decoding (§4.2)."""
    if item.size_only:
        return b" %d" % len(decoded)
    if item.partial is not None:
        first, count = item.partial
        decoded = decoded[first : first + count]
    return b" ~{%d}\r\n%b" % (len(decoded), decoded) if b"\0" in decoded else literal(decoded)


def literal(octets: bytes) -> bytes:
    """A literal behind a space."""
    return b" {%d}\r\n%b" % (len(octets), without_nul(octets))


def without_nul(octets: bytes) -> bytes:
    """As many octets, such as may stand in a literal: 0x80 in place of NUL (RFC 9051 §4.3)."""
    return octets.replace(b"\0", b"\x80")
