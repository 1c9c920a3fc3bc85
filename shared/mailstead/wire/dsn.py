"""Delivery status notifications: `multipart/report` messages for people and programs (RFC 3461 §6, RFC 3462, RFC 3464).

Everything is given (addresses, replies, the time, the Message-ID), so the same report always renders to the same octets.
What strangers wrote (replies, ORCPT, ENVID) is made printable and folded before it becomes a header field: a report cannot be
made to carry header fields or parts of somebody else's choice. The machine-readable part is ASCII only; addresses that are not
are spelled in the 7-bit form of RFC 6533 §3.
"""

import quopri
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import Enum

MAX_RETURNED_HEADER = 65_536  # octets of the original's header section that a report returns
MAX_DIAGNOSTIC = 1_000  # characters of a reply that a report repeats
_FOLD_AT = 76
_HEX_PAIR = re.compile(r"\+([0-9A-F]{2})")


class Action(Enum):
    """What became of a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"  # to a host that sends no notifications of success itself
    EXPANDED = "expanded"  # to several, of whom no more is told


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """One recipient of the report; `original` is ORCPT as it came (`rfc822;` and xtext), `diagnostic` the other host's reply."""

    final: str
    action: Action
    status: str
    original: str | None = None
    remote_host: str | None = None
    diagnostic: str | None = None
    last_attempt: datetime | None = None
    retry_until: datetime | None = None  # told of delayed ones only


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported, to whom, by whom. `envelope_id` is ENVID as it came (xtext); `sender` gets the report."""

    host: str
    sender: str
    recipients: Sequence[ReportedRecipient]
    arrived_at: datetime
    envelope_id: str | None = None

    @property
    def failed(self) -> bool:
        """Whether a recipient failed: only then may the whole message be returned (RFC 3461 §4.3)."""
        return any(r.action is Action.FAILED for r in self.recipients)


def render_dsn(report: Report, original: bytes, *, whole: bool, message_id: str, now: datetime) -> bytes:
    """The report as a message, CRLF-ended.

    `original` is the message reported on; with `whole` all of it is returned (RET=FULL), else its header section only, of which
    at most MAX_RETURNED_HEADER octets. `message_id` comes without angle brackets and is unique; the boundary is made from it.
    Raises ValueError when there is nobody to report on.
    """
    if not report.recipients:
        raise ValueError("a report names at least one recipient")
    text_encoding, text = _human_text(report)
    status = _status_part(report)
    returned_type, returned = ("message/rfc822", original) if whole else ("text/rfc822-headers", _header_of(original))
    returned_encoding = "7bit" if returned.isascii() else "8bit"
    boundary = _boundary(message_id, returned)
    head = [
        _field("From", f"Mail Delivery System <MAILER-DAEMON@{report.host}>"),
        _field("To", f"<{_printable(report.sender)}>"),
        _field("Subject", _subject(report)),
        _field("Date", format_datetime(now)),
        _field("Message-ID", f"<{message_id}>"),
        "Auto-Submitted: auto-replied\r\n",  # RFC 3834 §5
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"\r\n',
        f"Content-Transfer-Encoding: {returned_encoding}\r\n",
        "\r\n",
        "This is a report in MIME format.\r\n",
        f"\r\n--{boundary}\r\n",
        "Content-Description: Notification\r\n",
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {text_encoding}\r\n",
        "\r\n",
    ]
    return b"".join(
        (
            "".join(head).encode(),
            text,
            f"\r\n--{boundary}\r\n".encode(),
            b"Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n",
            status,
            f"\r\n--{boundary}\r\n".encode(),
            f"Content-Description: Undelivered message{'' if whole else ' headers'}\r\n".encode()
            if report.failed
            else b"Content-Description: Message headers\r\n",
            f"Content-Type: {returned_type}\r\nContent-Transfer-Encoding: {returned_encoding}\r\n\r\n".encode(),
            returned,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )


def encode_xtext(text: str) -> str:
    """ASCII without control characters, space, `+` and `=` (RFC 3461 §4)."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def decode_xtext(text: str) -> str:
    """The characters that `+HH` stand for put back (RFC 3461 §4); what is no such pair stays as it is."""
    return _HEX_PAIR.sub(lambda pair: chr(int(pair[1], 16)), text)


def _human_text(report: Report) -> tuple[str, bytes]:
    """Content-Transfer-Encoding and octets of the part for people."""
    paragraphs = [f"This is the mail system at {report.host}."]
    for action, introduction in _INTRODUCTIONS.items():
        concerned = [r for r in report.recipients if r.action is action]
        if concerned:
            paragraphs += [introduction, *(_human_line(r) for r in concerned)]
    text = "\r\n\r\n".join("\r\n".join(_wrap(p)) for p in paragraphs) + "\r\n"
    if text.isascii():
        return "7bit", text.encode()
    return "quoted-printable", b"\r\n".join(quopri.encodestring(line.encode()) for line in text.split("\r\n"))


_INTRODUCTIONS = {
    Action.FAILED: "Your message could not be delivered to the recipients below, and will not be tried again.",
    Action.DELAYED: "Your message has not yet been delivered to the recipients below. It will be tried again; you need not send "
    "it a second time.",
    Action.DELIVERED: "Your message was delivered to the recipients below.",
    Action.RELAYED: "Your message was accepted by the mail systems of the recipients below. Those send no notice of delivery.",
    Action.EXPANDED: "Your message was passed on to all that the recipients below stand for. Those send no notice of delivery.",
}

_SUBJECTS = {
    Action.FAILED: "Undelivered mail returned to sender",
    Action.DELAYED: "Delayed mail (still being tried)",
    Action.DELIVERED: "Successful mail delivery report",
    Action.RELAYED: "Successful mail delivery report",
    Action.EXPANDED: "Successful mail delivery report",
}


def _subject(report: Report) -> str:
    actions = {r.action for r in report.recipients}
    return next(text for action, text in _SUBJECTS.items() if action in actions)


def _human_line(recipient: ReportedRecipient) -> str:
    line = f"<{_printable(recipient.final)}>"
    if recipient.diagnostic and recipient.action in (Action.FAILED, Action.DELAYED):
        said = _printable(recipient.diagnostic)[:MAX_DIAGNOSTIC]
        line += f": {_printable(recipient.remote_host)} said: {said}" if recipient.remote_host else f": {said}"
    if recipient.retry_until and recipient.action is Action.DELAYED:
        line += f" (tried until {format_datetime(recipient.retry_until)})"
    return line


def _status_part(report: Report) -> bytes:
    """`message/delivery-status`: fields of the message, then a group of fields for each recipient (RFC 3464 §2.1)."""
    groups = [
        (_field("Original-Envelope-Id", _ascii(decode_xtext(report.envelope_id))) if report.envelope_id else "")
        + _field("Reporting-MTA", f"dns; {report.host}")
        + _field("Arrival-Date", format_datetime(report.arrived_at))
    ]
    groups += [_recipient_group(r) for r in report.recipients]
    return "\r\n".join(groups).encode("ascii")


def _recipient_group(recipient: ReportedRecipient) -> str:
    group = ""
    if recipient.original:
        kind, _, address = recipient.original.partition(";")
        group += _field("Original-Recipient", f"{_ascii(kind)}; {_ascii(decode_xtext(address))}")
    group += _field("Final-Recipient", _typed_address(recipient.final))
    group += _field("Action", recipient.action.value)
    group += _field("Status", recipient.status)
    if recipient.remote_host:
        group += _field("Remote-MTA", f"dns; {_ascii(recipient.remote_host)}")
    if recipient.diagnostic:
        kind = "smtp" if recipient.diagnostic[:3].isdigit() else "x-mailstead"  # RFC 3464 §2.3.6
        group += _field("Diagnostic-Code", f"{kind}; {_ascii(recipient.diagnostic)[:MAX_DIAGNOSTIC]}")
    if recipient.last_attempt:
        group += _field("Last-Attempt-Date", format_datetime(recipient.last_attempt))
    if recipient.retry_until and recipient.action is Action.DELAYED:
        group += _field("Will-Retry-Until", format_datetime(recipient.retry_until))  # RFC 3464 §2.3.9
    return group


def _typed_address(address: str) -> str:
    if address.isascii():
        return f"rfc822; {_printable(address)}"
    spelled = "".join(c if " " < c < "\x7f" and c not in "\\+=" else f"\\x{{{ord(c):X}}}" for c in address)
    return f"utf-8; {spelled}"  # RFC 6533 §3, utf-8-addr-xtext


def _header_of(message: bytes) -> bytes:
    """The header section without its empty line, cut between lines where it is too long."""
    end = message.find(b"\r\n\r\n")
    header = message[: end + 2] if end >= 0 else message
    if len(header) > MAX_RETURNED_HEADER:
        header = header[: header.rfind(b"\n", 0, MAX_RETURNED_HEADER) + 1]
    return header


def _boundary(message_id: str, content: bytes) -> str:
    base = "=_" + re.sub(r"[^0-9A-Za-z]", "", message_id)[:48]
    boundary, n = base, 0
    while f"--{boundary}".encode() in content:
        n += 1
        boundary = f"{base}.{n}"
    return boundary


def _printable(text: str) -> str:
    """Without control characters and line ends, so that it can stand in a header field or a line."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _ascii(text: str) -> str:
    return _printable(text).encode("ascii", "replace").decode("ascii")


def _field(name: str, value: str) -> str:
    """A header field, folded between words; a word without end is cut (RFC 5322 §2.1.1). Of an empty value: nothing."""
    if not value.strip():
        return ""
    lines = textwrap.wrap(value, _FOLD_AT, initial_indent=f"{name}: ", break_long_words=len(value) > 900, break_on_hyphens=False)
    return "\r\n ".join(lines) + "\r\n"


def _wrap(paragraph: str) -> list[str]:
    return textwrap.wrap(paragraph, _FOLD_AT, break_long_words=len(paragraph) > 900, break_on_hyphens=False)
