"""The text that people see in a message: decoded parts for searching and the preview (RFC 2045 §6, RFC 8970)."""

import base64
import binascii
import html
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailstead.wire.headers import decode_octets, decode_value, fields
from mailstead.wire.mime import Part, Span

PREVIEW_LENGTH = 200  # characters, RFC 8970 §3.1
PREVIEW_OCTETS = {"plain": 4096, "html": 16 * 1024}  # of a part that its preview is made from; HTML begins with styles

_TAG = re.compile(r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def header_holds(header: bytes, name: str | None, text: str) -> bool:
    """Whether a field of this name (any field, its name included, for None) holds `text`, cases of letters aside."""
    wanted = text.casefold()
    for field in fields(header):
        if name is None:
            if wanted in f"{decode_octets(field.name)}: {decode_value(field.value)}".casefold():
                return True
        elif field.name.lower() == name.lower().encode("utf-8", "replace") and wanted in decode_value(field.value).casefold():
            return True
    return False


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a message that SEARCH looks into: a text part, or for None the header section of an enclosed message."""

    span: Span
    part: Part | None


def text_pieces(part: Part) -> Iterator[Piece]:
    """All text parts and the headers of enclosed messages, in the order in which they are searched."""
    for child in part.parts:
        yield from text_pieces(child)
    if part.message is not None:
        yield Piece(part.message.header, None)
        yield from text_pieces(part.message)
    elif part.type == "text":
        yield Piece(part.body, part)


def piece_text(octets: bytes, piece: Piece) -> str:
    """What the octets of a piece, or the first of them, say. Never raises."""
    if piece.part is None:
        return "\n".join(f"{decode_octets(field.name)}: {decode_value(field.value)}" for field in fields(octets))
    return _decoded(octets, piece.part, cut=len(octets) < piece.span.end - piece.span.start)


def searchable_text(message: bytes, part: Part) -> str:
    """All pieces, decoded, one after the other."""
    return "\n".join(piece_text(message[piece.span.start : piece.span.end], piece) for piece in text_pieces(part))


def part_text(message: bytes | bytearray, part: Part, limit: int | None = None) -> str:
    """A text part, or what its first `limit` octets hold, in its charset. Never raises."""
    end = part.body.end if limit is None else min(part.body.end, part.body.start + limit)
    return _decoded(bytes(message[part.body.start : end]), part, cut=end < part.body.end)


def _decoded(octets: bytes, part: Part, *, cut: bool) -> str:
    return decode_octets(decode_transfer(octets, part.encoding), part.parameter("charset") or "utf-8", cut=cut)


def decode_transfer(octets: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding; broken base64 gives what can be made of it (RFC 2045 §6.8)."""
    if encoding == "base64":
        payload = octets.translate(None, _NOT_BASE64)
        try:
            return base64.b64decode(payload[: len(payload) - (len(payload) % 4 == 1)] + b"==")
        except binascii.Error:
            return b""
    if encoding == "quoted-printable":
        return quopri.decodestring(octets)
    return octets


def preview(message: bytes | bytearray, part: Part) -> str:
    """The beginning of the first text part (plain before HTML) on one line, at most PREVIEW_LENGTH characters."""
    found = _first_text(part, "plain") or _first_text(part, "html")
    if found is None:
        return ""
    text = part_text(message, found, PREVIEW_OCTETS[found.subtype])
    if found.subtype == "html":
        text = html.unescape(_TAG.sub(" ", text))
    return " ".join(text.split(None, PREVIEW_LENGTH)[:PREVIEW_LENGTH])[:PREVIEW_LENGTH]  # so many words are always enough


def _first_text(part: Part, subtype: str) -> Part | None:
    if part.type == "text" and part.subtype == subtype and not (part.disposition and part.disposition[0] == "attachment"):
        return part
    return next((found for child in part.parts if (found := _first_text(child, subtype))), None)
