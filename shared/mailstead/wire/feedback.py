"""Feedback reports (ARF, RFC 5965): what somebody says about a message of ours that reached them.

Whoever sends one can write anything into it. What it is about is therefore told by our own trace id, which stands in the Received
field of the message that it returns and which only those know who have had that message.
"""

import re
from dataclasses import dataclass

from mailstead.wire.headers import decode_value, fields
from mailstead.wire.message import Parsed
from mailstead.wire.mime import Part, Span
from mailstead.wire.structure import unpack

MAX_REPORT = 64 * 1024  # octets of the machine-readable part, and of the returned header section, that are looked at
MAX_TRACES = 10  # trace ids in the Received fields of one message
MAX_RECIPIENTS = 100
ABOUT_SPAM = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list", "other"})  # RFC 5965 §7.3; all but not-spam

_TRACE = re.compile(r"\bid ([0-9a-f]{32})\b")
_AS_IT_IS = frozenset({"7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class Feedback:
    """`kind` is Feedback-Type in lower case; `recipients` are Original-Rcpt-To, empty where that is kept back."""

    kind: str
    recipients: tuple[str, ...]
    trace_ids: tuple[str, ...]

    @property
    def is_complaint(self) -> bool:
        return self.kind in ABOUT_SPAM


def read_feedback(message: Parsed) -> Feedback | None:
    """None for what is no feedback report, or is one in another form than RFC 5965 §2 gives it."""
    whole = unpack(message.structure)
    kind = (whole.parameter("report-type") or "").lower()
    if (_type(whole), kind) != ("multipart/report", "feedback-report"):
        return None
    by_type = {_type(part): part for part in reversed(whole.parts) if part.encoding.lower() in _AS_IT_IS}
    report = by_type.get("message/feedback-report")
    if report is None:
        return None
    told = [(field.name.lower(), decode_value(field.value).strip()) for field in fields(_octets(message, report.body))]
    kinds = [value.lower() for name, value in told if name == b"feedback-type"]
    if len(kinds) != 1:  # RFC 5965 §3.1: exactly once
        return None
    recipients = [value.strip("<>") for name, value in told if name == b"original-rcpt-to"]
    return Feedback(kinds[0], tuple(recipients[:MAX_RECIPIENTS]), _traces(_returned(message, by_type)))


def _returned(message: Parsed, by_type: dict[str, Part]) -> bytes:
    """The header section of the message that it is about."""
    original = by_type.get("message/rfc822")
    if original is not None and original.message is not None:
        return _octets(message, original.message.header)
    header = by_type.get("text/rfc822-headers")
    return _octets(message, header.body) if header is not None else b""


def _traces(header: bytes) -> tuple[str, ...]:
    received = (decode_value(field.value) for field in fields(header) if field.name.lower() == b"received")
    found = dict.fromkeys(trace for value in received for trace in _TRACE.findall(" ".join(value.split())))
    return tuple(found)[:MAX_TRACES]


def _type(part: Part) -> str:
    return f"{part.type}/{part.subtype}".lower()


def _octets(message: Parsed, span: Span) -> bytes:
    """Of the whole message, whose header and body lie apart."""
    start, end = span.start, min(span.end, span.start + MAX_REPORT)
    split = len(message.header)
    return message.header[start:end] + bytes(message.body[max(0, start - split) : max(0, end - split)])
