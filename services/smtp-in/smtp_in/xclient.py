"""XCLIENT: a front end says whom it speaks for (Postfix's XCLIENT_README). Pure."""

from dataclasses import dataclass
from ipaddress import ip_address

from mailstead.wire.dsn import decode_xtext

MAX_ATTRIBUTES = 20
_UNKNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")
_KNOWN = {"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"}


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """`address` in its usual spelling; None for what was not told. What else is told is read and not used."""

    address: str | None = None


def parse(argument: str) -> FrontEnd | None:
    """None for what is malformed."""
    words = argument.split()
    if not words or len(words) > MAX_ATTRIBUTES:
        return None
    address = None
    for word in words:
        name, equals, value = word.partition("=")
        text = decode_xtext(value)
        if not equals or name.upper() not in _KNOWN or not text.isprintable():
            return None
        if text.upper() in _UNKNOWN:
            continue
        if name.upper() == "ADDR":
            try:
                address = str(ip_address(text[5:] if text[:5].upper() == "IPV6:" else text))
            except ValueError:
                return None
    return FrontEnd(address)
