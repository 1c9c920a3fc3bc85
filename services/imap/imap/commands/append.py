"""APPEND (RFC 9051 §6.3.12, RFC 3502) with APPENDUID (RFC 4315 §3): each message comes in pieces between `begin` and `finish`.

An answer of OK means that the message is committed (promise D1). A client that vanishes in between leaves nothing behind.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from imap.commands.places import place_to_fill
from imap.commands.replace import replace
from imap.commands.targets import TryCreate, open_target
from imap.grammar.requests import Append, Replace
from imap.response import Reply, ok, uid_set
from imap.rights import Rights, flags
from imap.session import Bad, Session
from imap.state import Selected
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import SystemFlag
from mailstead.model.ids import new_trace_id
from mailstead.ops.logging import get_logger
from mailstead.store.delivery import Delivery, LocalCopy, Stored
from mailstead.wire.message import parse_message

MAX_MESSAGES = 1_000  # of one APPEND
PARSED_ASIDE = 512 * 1024  # octets; a larger message is parsed in a thread, so that the loop serves others meanwhile

log = get_logger()


@dataclass(slots=True)
class Message:
    """One message on its way, with what the client says of it."""

    request: Append
    binary: bool  # a literal8, in which NUL may stand (RFC 3516 §4.4)
    pieces: list[bytes] = field(default_factory=list)

    def octets(self) -> bytes:
        """Whole, and no longer here."""
        data = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        return data


@dataclass(slots=True)
class Upload:
    """The messages of one command. With a `refusal` their octets are passed over, for the client cannot be stopped."""

    tag: bytes
    request: Append | Replace
    messages: list[Message] = field(default_factory=list)
    refusal: Refused | Bad | None = None
    reserved: int = 0  # octets of the budget

    def take(self, data: bytes) -> None:
        """The next octets of the last message."""
        message = self.messages[-1]
        if self.refusal is None and not message.binary and b"\0" in data:
            self.refusal = Bad("NUL in a literal: a literal8 may hold it")  # RFC 9051 §4.3
        if self.refusal is None:
            message.pieces.append(data)


async def begin(session: Session, upload: Upload, request: Append | Replace, size: int, *, binary: bool, waits: bool) -> None:
    """Another message of the command. With `waits` the client has sent nothing of it, and hears of the mailbox before it does.

    Whatever stands against it becomes the refusal.
    """
    head = request.append if isinstance(request, Replace) else request
    upload.messages.append(Message(head, binary))
    try:
        if isinstance(request, Replace):
            if not isinstance(session.state, Selected):
                raise Bad("not in this state")
            session.require_writable()
        if len(upload.messages) > MAX_MESSAGES:
            raise Refused(Failure.TOO_MANY, f"{MAX_MESSAGES} messages in one APPEND")
        if waits:
            await open_target(session, head.mailbox)
        if not session.backend.budget.take(size):
            raise Refused(Failure.BUSY, "the budget for appended messages is used up")
        upload.reserved += size
    except (Refused, Bad) as refusal:
        upload.refusal = upload.refusal or refusal


def release(session: Session, upload: Upload) -> None:
    """The messages are stored, or given up."""
    session.backend.budget.give_back(upload.reserved)
    upload.reserved = 0


async def finish(session: Session, upload: Upload) -> Reply:
    """File all messages, or none. Raises Refused and Bad."""
    if upload.refusal is not None:
        raise upload.refusal
    place = await _place(session, upload.messages[0].request.mailbox)
    if isinstance(upload.request, Replace):
        return await replace(session, upload.request, await _delivery(session, upload.messages[0], place))
    deliveries = [await _delivery(session, message, place) for message in upload.messages]
    ingest = session.backend.ingest
    try:
        receipts = [await ingest.deliver(deliveries[0])] if len(deliveries) == 1 else await ingest.deliver_together(deliveries)
    except Refused as refused:
        if refused.failure is Failure.NO_SUCH_MAILBOX:
            raise TryCreate(refused.detail) from refused
        raise
    stored = [receipt.copies[0] for receipt in receipts]
    for delivery, copy in zip(deliveries, stored, strict=True):
        log.info(
            "appended",
            trace_id=delivery.trace_id,
            account=session.account.address,
            mailbox_id=copy.mailbox_id,
            uid=copy.uid,
            size=delivery.size,
        )
    session.backend.metrics.appended.inc(len(stored))
    _notice(session, stored)
    unseen = sum(not delivery.copies[0].flags.system & SystemFlag.SEEN for delivery in deliveries)
    session.notify.known.filled(stored[0].mailbox_id, [copy.uid for copy in stored], unseen)
    return ok("appended", f"APPENDUID {stored[0].uidvalidity} {uid_set(copy.uid for copy in stored)}")


async def _place(session: Session, name: str) -> tuple[int, str, Rights]:
    """Raises TryCreate, and Refused(NOT_PERMITTED)."""
    try:
        return await place_to_fill(session, name)
    except Refused as refused:
        if refused.failure is Failure.NO_SUCH_MAILBOX:
            raise TryCreate(refused.detail) from refused
        raise


async def _delivery(session: Session, message: Message, place: tuple[int, str, Rights]) -> Delivery:
    request, data = message.request, message.octets()
    owner_id, name, rights = place
    content = await asyncio.to_thread(parse_message, data) if len(data) > PARSED_ASIDE else parse_message(data)
    copy = LocalCopy(
        owner_id, session.account.tenant_id, name, flags=request.flags.within(flags(rights)), received_at=request.internal_date
    )
    return Delivery(new_trace_id(), content, (copy,), strict_quota=True)


def _notice(session: Session, stored: Sequence[Stored]) -> None:
    """RFC 9051 §6.3.12: messages for the selected mailbox are told at once."""
    if isinstance(session.state, Selected) and session.state.mailbox_id == stored[0].mailbox_id:
        session.stale = True
        session.notify.brought([copy.uid for copy in stored])
