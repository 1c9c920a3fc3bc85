"""ENVELOPE, ready for the wire (RFC 9051 §7.5.2)."""

from mailstead.wire.addresses import MAX_VALUE, HeaderAddress, parse_addresses
from mailstead.wire.headers import MAX_DECODED, first_values, unfold
from mailstead.wire.imap_strings import quoted_or_literal

_NIL = b"NIL"


def render_envelope(header: bytes) -> bytes:
    """From a header section: (date subject from sender reply-to to cc bcc in-reply-to message-id)."""
    return render_envelope_of(first_values(header))


def render_envelope_of(values: dict[bytes, bytes]) -> bytes:
    """From the raw values of a header's first fields by lower-case name."""
    from_ = _addresses(values.get(b"from"))
    return b"(%b)" % b" ".join(
        (
            _string(values.get(b"date")),
            _string(values.get(b"subject")),
            from_,
            # RFC 9051 §7.5.2: an absent or empty Sender or Reply-To is the same as From.
            _or(_addresses(values.get(b"sender")), from_),
            _or(_addresses(values.get(b"reply-to")), from_),
            _addresses(values.get(b"to")),
            _addresses(values.get(b"cc")),
            _addresses(values.get(b"bcc")),
            _string(values.get(b"in-reply-to")),
            _string(values.get(b"message-id")),
        )
    )


def _or(rendered: bytes, fallback: bytes) -> bytes:
    return fallback if rendered == _NIL else rendered


def _string(raw: bytes | None) -> bytes:
    return _NIL if raw is None else quoted_or_literal(unfold(raw[:MAX_DECODED]))


def _addresses(raw: bytes | None) -> bytes:
    parsed = parse_addresses(unfold(raw[:MAX_VALUE])) if raw else ()
    return b"(%b)" % b"".join(map(_address, parsed)) if parsed else _NIL


def _address(address: HeaderAddress) -> bytes:
    return b"(%b %b %b %b)" % (
        quoted_or_literal(address.name),
        quoted_or_literal(address.route),
        quoted_or_literal(address.mailbox),
        quoted_or_literal(address.host),
    )
