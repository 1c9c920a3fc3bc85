"""A refusal in words that SMTP replies cannot carry, as a message to the sender: a failure MDN (RFC 5429 §2.2.1, RFC 8098)."""

import re
from datetime import datetime
from email.header import Header

from mailstead.wire.message import Parsed
from mailstead.wire.trace import date_time

MAX_HEADER = 64 * 1024  # octets of the refused message's header section that are returned
MAX_SUBJECT = 200  # characters

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def compose_refusal(reason: str, owner: str, sender: str, refused: Parsed, host: str, now: datetime, message_id: str) -> bytes:
    """From `owner`, who refuses, to `sender`. `message_id` without brackets, unique; the boundary is made from it."""
    subject = _CONTROLS.sub(" ", f"Rejected: {refused.subject}").strip()[:MAX_SUBJECT]
    if not subject.isascii():
        subject = Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    header = refused.header[:MAX_HEADER]
    boundary = "=_" + re.sub(r"[^0-9A-Za-z]", "", message_id)[:48]
    while f"--{boundary}".encode() in header or f"--{boundary}" in reason:
        boundary += "x"
    reply_to = f"In-Reply-To: {refused.message_id}\r\nReferences: {refused.message_id}\r\n" if refused.message_id else ""
    original = f"Original-Message-ID: {refused.message_id}\r\n" if refused.message_id else ""
    text = (
        f"From: {owner}\r\nTo: <{sender}>\r\nSubject: {subject}\r\nDate: {date_time(now)}\r\nMessage-ID: <{message_id}>\r\n"
        f"{reply_to}Auto-Submitted: auto-replied (rejected)\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=disposition-notification;\r\n boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "The message was refused by the recipient's mail filtering program.\r\nThe reason given was as follows:\r\n\r\n"
        f"{reason}\r\n"
        f"--{boundary}\r\nContent-Type: message/disposition-notification\r\n\r\n"
        f"Reporting-UA: {host}; Mailstead\r\nFinal-Recipient: rfc822; {owner}\r\n{original}"
        "Disposition: automatic-action/MDN-sent-automatically; deleted\r\n\r\n"
        f"--{boundary}\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return text.encode() + header.rstrip(b"\r\n") + f"\r\n--{boundary}--\r\n".encode()
