"""Vacation: who gets an answer, and the message that answers (RFC 5230 §4–5, RFC 3834)."""

import re
from collections.abc import Iterable
from datetime import datetime
from email.header import Header
from email.utils import formataddr

from mailstead.wire.addresses import parse_addresses
from mailstead.wire.headers import unfold
from mailstead.wire.sieve.actions import is_mime_entity, outbound_address
from mailstead.wire.sieve.tree import Vacation
from mailstead.wire.trace import date_time
from smtp_in.sieve.conditions import TAG_SEPARATOR, mark_key
from smtp_in.sieve.message import MessageView
from smtp_in.sieve.plan import Answer, Mark
from smtp_in.sieve.run import Run, ScriptFailed

MAX_SUBJECT = 200  # characters
MAX_REFERENCES = 20

# RFC 5230 §4.6: programs that do not care whether somebody is away.
_AUTOMATIC = re.compile(
    r"mailer-daemon|listserv|listproc|majordomo|sympa|no-?reply|do-?not-?reply|bounces?|owner-.*|.*-owner|.*-request|.*-bounces?"
    r"|bounce[-+=].*|.*[-+]bounces?[-+=].*",
    re.IGNORECASE,
)
_LIST_FIELDS = (b"list-id", b"list-help", b"list-subscribe", b"list-unsubscribe", b"list-post", b"list-owner", b"list-archive")
_ADDRESSED = (b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc")
_BULK = (b"bulk", b"list", b"junk")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def answer_to(action: Vacation, run: Run) -> tuple[Answer, Mark] | None:
    """The response that `action` asks for and the mark that makes it one in its time; None where none is due."""
    reason = run.expand(action.reason)
    if action.mime and not is_mime_entity(reason):
        raise ScriptFailed("the header of a vacation's MIME entity is not ASCII")
    sender = run.occasion.addresses[0]
    if action.sender is not None:
        sender = _mailbox(run.expand(action.sender))
    own = {address.lower() for address in (*run.occasion.addresses, run.occasion.recipient)}
    own |= {_address(address).lower() for address in run.expand_all(action.addresses)}
    if not is_due(run.message, run.occasion.sender, own):
        return None
    # RFC 5230 §4.2: as the script has them, before anything was put in.
    if action.handle is not None:
        told: tuple[bytes | None, ...] = (b"handle", action.handle.written)
    else:
        subject, from_ = (None if text is None else text.written for text in (action.subject, action.sender))
        told = (b"arguments", subject, from_, b"mime" if action.mime else b"text", action.reason.written)
    key = mark_key(b"vacation", run.occasion.sender.lower().encode(), *told)
    if key in run.occasion.seen:
        return None
    bounds = run.bounds
    seconds = bounds.answer_seconds if action.seconds is None else action.seconds
    seconds = min(max(seconds, bounds.least_answer_seconds), bounds.most_seconds)
    answer = Answer(
        recipient=run.occasion.sender,
        sender=sender,
        subject=_subject(None if action.subject is None else run.expand(action.subject), run.message),
        reason=reason,
        mime=action.mime,
        in_reply_to=run.message.message_id,
        references=run.message.references[-MAX_REFERENCES:],
    )
    return answer, Mark(key, seconds)


def is_due(message: MessageView, sender: str, own: set[str]) -> bool:
    """RFC 5230 §4.5–4.6, RFC 3834 §2: a person wrote it, to the owner of the script, and is not the owner."""
    local_part = sender.rpartition("@")[0]
    if not sender or not local_part or _AUTOMATIC.fullmatch(local_part) or _untagged(sender) in own or sender.lower() in own:
        return False
    if any(message.raw(name) for name in _LIST_FIELDS):
        return False
    if any(_word(raw) != b"no" for raw in message.raw(b"auto-submitted")):
        return False
    if any(_word(raw) in _BULK for raw in message.raw(b"precedence")):
        return False
    if any(_word(raw) == b"yes" for raw in message.raw(b"x-spam-flag")):
        return False  # who is named as its sender has most likely not sent it
    if any(word in (b"all", b"oof", b"autoreply") for raw in message.raw(b"x-auto-response-suppress") for word in _words(raw)):
        return False
    return any(address in own for raw in _addressed(message) for address in _spellings(raw))


def compose(answer: Answer, now: datetime, message_id: str) -> bytes:
    """The response as a message (RFC 5230 §5). `message_id` without brackets, unique."""
    fields = [
        ("From", answer.sender),
        ("To", f"<{answer.recipient}>"),
        ("Subject", _encoded(answer.subject)),
        ("Date", date_time(now)),
        ("Message-ID", f"<{message_id}>"),
    ]
    if answer.in_reply_to:
        fields.append(("In-Reply-To", answer.in_reply_to))
        fields.append(("References", "\r\n ".join((*answer.references, answer.in_reply_to))))
    fields.append(("Auto-Submitted", "auto-replied (vacation)"))  # RFC 3834 §5
    fields.append(("Precedence", "bulk"))  # for what is older than RFC 3834
    fields.append(("MIME-Version", "1.0"))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
    if answer.mime:
        return head + _entity(answer.reason)
    encoding = "7bit" if answer.reason.isascii() else "8bit"
    kind = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head + kind.encode() + _ended(answer.reason)


def _entity(reason: bytes) -> bytes:
    """The fields of a MIME entity that may stand in a message, and its content. Without any field it is plain text."""
    header, separator, body = reason.partition(b"\r\n\r\n")
    if reason.startswith(b"\r\n"):
        header, separator, body = b"", b"\r\n", reason[2:]
    kept: list[bytes] = []
    taken = False
    for line in header.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            taken = line.lower().startswith(b"content-")
        if taken:
            kept.append(line + b"\r\n")
    if not separator and not kept:
        body = reason
    return b"".join(kept) + b"\r\n" + _ended(body)


def _ended(body: bytes) -> bytes:
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def _subject(given: bytes | None, message: MessageView) -> str:
    if given is not None:
        text = given.decode("utf-8", "replace")
    else:
        originals = message.values(b"subject")  # RFC 5230 §5.3
        text = f"Auto: {originals[0].decode('utf-8', 'replace')}" if originals and originals[0] else "Automated reply"
    return _CONTROLS.sub(" ", text).strip()[:MAX_SUBJECT]


def _encoded(subject: str) -> str:
    """RFC 5230 §4.3: encoded words if and only if there is something beyond ASCII."""
    if subject.isascii():
        return subject
    return Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _address(value: bytes) -> str:
    """Raises ScriptFailed."""
    address = outbound_address(value)
    if address is None:
        raise ScriptFailed(f"{value.decode('utf-8', 'replace')[:200]!r} is no address")
    return address


def _mailbox(value: bytes) -> str:
    """An address with its name, if it has one, as a field can hold it."""
    address = _address(value)
    name = parse_addresses(value)[0].name
    if not name or not address.isascii():
        return address
    return formataddr((_CONTROLS.sub(" ", name.decode("utf-8", "replace")), address))


def _untagged(address: str) -> str:
    local_part, _, domain = address.lower().rpartition("@")
    return f"{local_part.partition(TAG_SEPARATOR.decode())[0]}@{domain}"


def _addressed(message: MessageView) -> Iterable[bytes]:
    for name in _ADDRESSED:
        yield from message.raw(name)


def _spellings(raw: bytes) -> Iterable[str]:
    """Each address of a field, as it is and without its tag."""
    for address in parse_addresses(unfold(raw)):
        if address.mailbox and address.host:
            spelled = f"{address.mailbox.decode('utf-8', 'replace')}@{address.host.decode('utf-8', 'replace')}".lower()
            yield spelled
            yield _untagged(spelled)


def _word(raw: bytes) -> bytes:
    words = _words(raw)
    return words[0] if words else b""


def _words(raw: bytes) -> list[bytes]:
    return re.findall(rb"[a-z-]+", raw[:1000].lower())
