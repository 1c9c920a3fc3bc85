"""Strings as IMAP writes them (RFC 9051 §4.3), and mailbox names in modified UTF-7 (RFC 3501 §5.1.3)."""

import binascii
import re

MAX_QUOTED = 1000  # octets; longer strings go out as literals

_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_ATOM = re.compile(rb"[!#$&'+\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~,]+")  # ASTRING-CHAR
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_NOT_UTF7 = re.compile(rb"[^\x20-\x7e]|&(?![A-Za-z0-9+,]*-)")
_NOT_DIRECT = re.compile(r"[^ -~]+")


def quoted_or_literal(value: bytes | None) -> bytes:
    """nstring: NIL, a quoted string where it can be one, else a literal."""
    if value is None:
        return b"NIL"
    if len(value) <= MAX_QUOTED and _QUOTABLE.fullmatch(value):
        if b'"' in value or b"\\" in value:
            value = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return b'"' + value + b'"'
    return b"{%d}\r\n%b" % (len(value), value.replace(b"\0", b"?"))  # NUL may not stand in a literal (RFC 9051 §4.3)


def astring(value: bytes) -> bytes:
    """An atom where it can be one, else a string. NIL as text is quoted, so that nobody takes it for nothing."""
    return value if _ATOM.fullmatch(value) and value.upper() != b"NIL" else quoted_or_literal(value)


def utf8_string(text: str) -> bytes:
    """As `astring`, for a client that reads UTF-8 between quotes (RFC 9051 §4.3, RFC 9755 §3)."""
    if text.isascii():
        return astring(text.encode())
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


def encode_mailbox_name(name: str) -> bytes:
    """Modified UTF-7 (RFC 3501 §5.1.3)."""

    def shifted(match: re.Match[str]) -> str:
        encoded = binascii.b2a_base64(match[0].encode("utf-16-be", "surrogatepass"), newline=False)
        return "&" + encoded.decode().rstrip("=").replace("/", ",") + "-"

    return _NOT_DIRECT.sub(shifted, name.replace("&", "&-")).encode("ascii")


def decode_mailbox_name(encoded: bytes) -> str:
    """The reverse. Raises ValueError for what is no modified UTF-7."""

    def direct(match: re.Match[bytes]) -> bytes:
        if not match[1]:
            return b"&"
        octets = binascii.a2b_base64(match[1].replace(b",", b"/") + b"=" * (-len(match[1]) % 4), strict_mode=True)
        return octets.decode("utf-16-be").encode()

    if _NOT_UTF7.search(encoded):
        raise ValueError("not modified UTF-7")
    if b"&" not in encoded:
        return encoded.decode("ascii")
    name = _SHIFTED.sub(direct, encoded).decode()
    if encode_mailbox_name(name) != encoded:
        raise ValueError("not the one spelling in modified UTF-7 that the name has")
    return name
