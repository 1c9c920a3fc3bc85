"""APPEND (RFC 9051 §6.3.12) with APPENDUID (RFC 4315 §3): the message comes in pieces between `begin` and `finish`.

An answer of OK means that the message is committed (promise D1). A client that vanishes in between leaves nothing behind.
"""

import asyncio
from dataclasses import dataclass, field

from imap.commands.targets import TryCreate, open_target
from imap.grammar.requests import Append
from imap.response import Reply, ok
from imap.session import Session
from imap.state import Selected
from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_trace_id
from mailstead.ops.logging import get_logger
from mailstead.store.delivery import Delivery, LocalCopy, Stored
from mailstead.wire.message import parse_message

PARSED_ASIDE = 512 * 1024  # octets; a larger message is parsed in a thread, so that the loop serves others meanwhile

log = get_logger()


@dataclass(slots=True)
class Upload:
    """A message on its way. With a `refusal` its octets are passed over, for the client cannot be stopped."""

    tag: bytes
    request: Append
    size: int
    refusal: Refused | None = None
    pieces: list[bytes] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        if self.refusal is None:
            self.pieces.append(data)


async def begin(session: Session, request: Append, size: int) -> None:
    """Whether there is a mailbox and room in memory, before the client sends. Raises Refused; else `release` must follow."""
    await open_target(session, request.mailbox)
    reserve(session, size)


def reserve(session: Session, size: int) -> None:
    """Raises Refused(BUSY) when too many octets of messages are in memory."""
    if not session.backend.budget.take(size):
        raise Refused(Failure.BUSY, "the budget for appended messages is used up")


def release(session: Session, upload: Upload) -> None:
    """The message is stored, or given up."""
    if upload.refusal is None:
        session.backend.budget.give_back(upload.size)


async def finish(session: Session, upload: Upload) -> Reply:
    """File the message. Raises Refused."""
    if upload.refusal is not None:
        raise upload.refusal
    data = upload.pieces[0] if len(upload.pieces) == 1 else b"".join(upload.pieces)
    upload.pieces.clear()
    account, request, trace_id = session.account, upload.request, new_trace_id()
    content = await asyncio.to_thread(parse_message, data) if len(data) > PARSED_ASIDE else parse_message(data)
    copy = LocalCopy(
        account.account_id, account.tenant_id, request.mailbox, flags=request.flags, received_at=request.internal_date
    )
    try:
        receipt = await session.backend.ingest.deliver(Delivery(trace_id, content, (copy,), strict_quota=True))
    except Refused as refused:
        if refused.failure is Failure.NO_SUCH_MAILBOX:
            raise TryCreate(refused.detail) from refused
        raise
    stored = receipt.copies[0]
    log.info("appended", trace_id=trace_id, account=account.address, mailbox_id=stored.mailbox_id, uid=stored.uid, size=len(data))
    session.backend.metrics.appended.inc()
    _notice(session, stored)
    return ok("appended", f"APPENDUID {stored.uidvalidity} {stored.uid}")


def _notice(session: Session, stored: Stored) -> None:
    """RFC 9051 §6.3.12: a message for the selected mailbox is told at once."""
    if isinstance(session.state, Selected) and session.state.mailbox_id == stored.mailbox_id:
        session.stale = True
