"""What ingest computes of a message, once (promise P2): the pieces that FETCH, SEARCH and THREAD need ever after."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mailstead.wire.bodystructure import render_bodystructure
from mailstead.wire.envelope import render_envelope_of
from mailstead.wire.folded import fold_fields
from mailstead.wire.headers import MAX_HEADER, decode_value, first_values_and_repeated, split_header
from mailstead.wire.mime import scan_body
from mailstead.wire.sorting import SortKeys, sort_keys
from mailstead.wire.structure import pack
from mailstead.wire.text import preview

MAX_REFERENCES = 100  # message identifiers of one message
MAX_RELATED = 128 * 1024  # octets of the fields they are looked for in, counted from the end: the nearest stand last

_MESSAGE_ID = re.compile(rb"<[^<>\s]{1,900}>")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A message taken apart: `header` (with its empty line) and `body` are all of its octets, the rest describes them.

    `body` is a view of the message where that is large and came as a bytearray: nobody else may change it from then on.

    `structure` is packed (`wire.structure`), its offsets count from the start of the header; `envelope` and `bodystructure` are
    ready for the wire. `sent_at` has the zone that Date gave. `references` are what the message may belong to, `ancestors` the
    chain that THREAD follows (RFC 5256 §3). `folded` are fields for SEARCH, None where they have to be read (`wire.folded`).
    """

    header: bytes
    body: bytes | memoryview
    structure: bytes
    envelope: bytes
    bodystructure: bytes
    subject: str
    sender: str
    message_id: str
    references: tuple[str, ...]
    ancestors: tuple[str, ...]
    sent_at: datetime | None
    preview: str
    sort_keys: SortKeys
    folded: tuple[str | None, ...] | None


def parse_message(data: bytes | bytearray) -> Parsed:
    """Describe a message. Never raises, whatever the octets are."""
    header_end = split_header(data)
    header = bytes(data[:header_end])
    values, repeated = first_values_and_repeated(header)
    part = scan_body(data, values, header_end)
    own_id = _MESSAGE_ID.search(values.get(b"message-id", b""))
    chain, replied_to = _identifiers(values.get(b"references")), _identifiers(values.get(b"in-reply-to"))
    wanted: tuple[bytes, ...] = (b"subject", b"from")
    decoded = {name: decode_value(values[name]) for name in wanted if name in values}
    subject = decoded.get(b"subject", "")
    return Parsed(
        header=header,
        body=memoryview(data)[header_end:] if isinstance(data, bytearray) else data[header_end:],
        structure=pack(part),
        envelope=render_envelope_of(values),
        bodystructure=render_bodystructure(part),
        subject=subject,
        sender=decoded.get(b"from", ""),
        message_id=own_id[0].decode("latin-1") if own_id else "",
        references=tuple(dict.fromkeys((chain + replied_to)[-MAX_REFERENCES:])),
        ancestors=tuple(dict.fromkeys(chain or replied_to[:1])),
        sent_at=parse_date(values.get(b"date")),
        preview=preview(data, part),
        sort_keys=sort_keys(values, subject),
        folded=fold_fields(values, repeated, decoded) if header_end <= MAX_HEADER else None,
    )


def _identifiers(raw: bytes | None) -> list[str]:
    """The last MAX_REFERENCES of a field."""
    if not raw:
        return []
    found: list[bytes] = _MESSAGE_ID.findall(raw, max(0, len(raw) - MAX_RELATED))
    return [identifier.decode("latin-1") for identifier in found[-MAX_REFERENCES:]]


def parse_date(raw: bytes | None) -> datetime | None:
    """The moment of a Date field, or None for what is none (RFC 5322 §3.3)."""
    if not raw:
        return None
    try:
        moment = parsedate_to_datetime(raw[:200].decode("latin-1").strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        # Years that PostgreSQL's or Python's calendars trip over once the zone is applied are no date.
        return moment if 1 < moment.year < 9999 else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
