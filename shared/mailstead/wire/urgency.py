"""How urgent a message is, by what its header says of who wrote it to whom."""

from mailstead.model.urgency import Urgency
from mailstead.wire.headers import first_values

_BULK = frozenset({b"bulk", b"list", b"junk"})  # of Precedence: never a standard (RFC 3834 §3.1.8), and what is in use
_TELLING = (b"precedence", b"auto-submitted", b"list-unsubscribe", b"list-id")


def urgency_of(header: bytes, sender: str) -> Urgency:
    """`sender` is the reverse-path; an empty one means a report or something like it (RFC 5321 §4.5.5)."""
    lowered = header.lower()
    if any(name in lowered for name in _TELLING):  # cheaper than to look at each field
        values = first_values(header)
        if b"list-unsubscribe" in values or b"list-id" in values or values.get(b"precedence", b"").strip().lower() in _BULK:
            return Urgency.BULK
        submitted = values.get(b"auto-submitted", b"no").split(b";")[0].strip().lower()  # RFC 3834 §5
        if submitted != b"no":
            return Urgency.AUTOMATIC
    return Urgency.PROMPT if sender else Urgency.AUTOMATIC
