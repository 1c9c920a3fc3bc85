"""What SORT and THREAD compare of a header, computed once at ingest (RFC 5256, RFC 5957)."""

import re
from typing import NamedTuple

from mailstead.wire.addresses import HeaderAddress, first_address
from mailstead.wire.collation import casemap
from mailstead.wire.headers import MAX_DECODED, decode_octets, decode_value, unfold
from mailstead.wire.subject import base_subject

_UNSTORABLE = re.compile("[\0-\x1f\x7f\ud800-\udfff]")

MAX_KEY = 255  # characters of a key; strings that agree so far are taken for equal


class SortKeys(NamedTuple):
    """Collation keys (`wire.collation`); what a message lacks is empty (RFC 5256 §3).

    `from_`, `to` and `cc` are the local parts of the first addresses, `display_from` and `display_to` what RFC 5957 shows of two.
    """

    base_subject: str
    is_reply: bool
    from_: str
    to: str
    cc: str
    display_from: str
    display_to: str


def sort_keys(values: dict[bytes, bytes], subject: str) -> SortKeys:
    """From the raw values of a header's first fields by lower-case name, and the decoded subject."""
    base = base_subject(subject)
    sender, to, cc = (_first(values.get(name)) for name in (b"from", b"to", b"cc"))
    return SortKeys(
        _key(base.text), base.is_reply, _mailbox(sender), _mailbox(to), _mailbox(cc), _display(sender), _display(to)
    )  # fmt: skip


def _first(raw: bytes | None) -> HeaderAddress | None:
    return first_address(unfold(raw[:MAX_DECODED])) if raw else None


def _mailbox(address: HeaderAddress | None) -> str:
    return _key(decode_octets(address.mailbox or b"")) if address else ""


def _display(address: HeaderAddress | None) -> str:
    """The name; without one the address, or the name of a group (RFC 5957 §3)."""
    if address is None:
        return ""
    if address.name and (name := decode_value(address.name)):
        return _key(name)
    mailbox = decode_octets(address.mailbox or b"")
    return _key(mailbox if address.host is None else f"{mailbox}@{decode_octets(address.host)}")


def _key(text: str) -> str:
    key = casemap(text[:MAX_KEY])[:MAX_KEY]
    return key if key.isprintable() else _UNSTORABLE.sub(" ", key)
