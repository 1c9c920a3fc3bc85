"""Header fields that a server adds on a message's way: Received and Return-Path (RFC 5321 §4.4), and their dates.

Everything is given; each value has been checked by whoever took it from the wire (no control characters), so that no field of
a stranger's making can be written through it.
"""

from dataclasses import dataclass
from datetime import datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Hop:
    """How a message reached this host. `hello_name` is what the client said of itself, `protocol` one of RFC 3848's names."""

    hello_name: str
    client: str  # IP address in its usual spelling
    host: str
    protocol: str
    trace_id: str
    cipher: str | None = None  # the TLS cipher suite
    login: str | None = None  # who submitted, where that is shown
    shows_client: bool = True


def with_protocol(*, extended: bool, tls: bool, authenticated: bool, utf8: bool, lmtp: bool = False) -> str:
    """The name after `with` (RFC 3848, RFC 6531 §4.3)."""
    if not extended and not lmtp:
        return "SMTP"
    base = ("UTF8" if utf8 else "" if lmtp else "E") + ("LMTP" if lmtp else "SMTP")
    return base + ("S" if tls else "") + ("A" if authenticated else "")


def received(hop: Hop, recipient: str | None, date: str) -> bytes:
    """The Received field, CRLF-ended. `recipient` only where the message has one, or this copy is for that one alone.

    `date` comes from `date_time`, once for all copies of a message.
    """
    via_tls = f"\r\n\ttls {hop.cipher}" if hop.cipher else ""  # RFC 8314 §4.3
    to = f"\r\n\tfor <{recipient}>" if recipient else ""
    by = f" (Authenticated sender: {hop.login})" if hop.login else ""
    from_ = f"from {hop.hello_name} ({address_literal(hop.client)})" if hop.shows_client else f"from {hop.host}"
    text = f"Received: {from_}{by}\r\n\tby {hop.host} with {hop.protocol} id {hop.trace_id}{via_tls}{to};\r\n\t{date}\r\n"
    return text.encode()


def return_path(sender: str) -> bytes:
    """The Return-Path field, CRLF-ended; an empty `sender` is the null reverse-path. Written at final delivery only."""
    return f"Return-Path: <{sender}>\r\n".encode()


def address_literal(ip: str) -> str:
    """An IP address as RFC 5321 §4.1.3 writes it."""
    return f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"


def date_time(moment: datetime) -> str:
    """RFC 5322 §3.3, as in `Mon, 23 Nov 2026 09:17:13 +0000`. Raises ValueError for a moment without its zone."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("the moment has no time zone")
    minutes = int(offset.total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} {sign}{minutes // 60:02}{minutes % 60:02}"
    )
