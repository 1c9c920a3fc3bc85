"""The header field by which a sender puts delivery before security (RFC 8689 §5)."""

from mailstead.wire.headers import first_values

_NAME = b"tls-required"


def is_tls_optional(header: bytes) -> bool:
    """Whether the header section says `TLS-Required: No`, so that DANE and MTA-STS are not to keep the message back."""
    if _NAME not in header.lower():  # all but always, and cheaper than to look at each field
        return False
    return first_values(header).get(_NAME, b"").strip().lower() == b"no"
