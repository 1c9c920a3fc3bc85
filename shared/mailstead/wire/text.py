"""The text that people see in a message: decoded parts for searching and the preview (RFC 2045 §6, RFC 8970)."""

import base64
import binascii
import html
import quopri
import re

from mailstead.wire.headers import decode_octets, decode_value, fields
from mailstead.wire.mime import Part

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


def searchable_text(message: bytes, part: Part) -> str:
    """All text parts and the headers of enclosed messages, decoded, one after the other."""
    pieces: list[str] = []
    _collect(message, part, pieces)
    return "\n".join(pieces)


def _collect(message: bytes, part: Part, pieces: list[str]) -> None:
    for child in part.parts:
        _collect(message, child, pieces)
    if part.message is not None:
        enclosed = message[part.message.header.start : part.message.header.end]
        pieces += [f"{decode_octets(field.name)}: {decode_value(field.value)}" for field in fields(enclosed)]
        _collect(message, part.message, pieces)
    elif part.type == "text":
        pieces.append(part_text(message, part))


def part_text(message: bytes | bytearray, part: Part, limit: int | None = None) -> str:
    """A text part, or what its first `limit` octets hold, in its charset. Never raises."""
    end = part.body.end if limit is None else min(part.body.end, part.body.start + limit)
    octets = decode_transfer(bytes(message[part.body.start : end]), part.encoding)
    return decode_octets(octets, part.parameter("charset") or "utf-8", cut=end < part.body.end)


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
