"""`/v1/accounts/{account_id}/mailboxes/{mailbox_id}/messages` and `…/deleted-messages`: mail as its owner sees it, and
what can be given back.

Who reads somebody else's mail is in the audit log (`auditing.py`).
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, requires
from api.errors import blame
from api.idempotency import idempotent
from api.message_filters import Matching
from api.openapi import problems
from api.routers.accounts import AccountId
from api.routers.mailboxes import MailboxId
from api.routes import Route
from api.schemas.common import Moment, Page
from api.schemas.messages import (
    MAX_WANTED,
    DeletedMessageOut,
    MessageOut,
    RestorationIn,
    RestorationOut,
    RestoredMessage,
    Uid,
)
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.content import read
from mailstead.store.message_view import MAX_UID, MessageRow
from mailstead.store.query import And, Uids
from mailstead.store.undelete import DeletedRow, RestoredRow

router = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}", tags=["messages"])

MessageUid = Annotated[Uid, Path()]
Since = Annotated[Moment | None, Query(description="Only what was deleted since then")]


@router.get(
    "/mailboxes/{mailbox_id}/messages",
    dependencies=[requires(Scope.MESSAGES_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.NO_SUCH_MAILBOX, Failure.TOO_LARGE, with_input=True),
)
async def list_messages(
    account_id: AccountId,
    mailbox_id: MailboxId,
    backend: UseBackend,
    matching: Matching,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[MessageOut]:
    """Newest first. Filters hold together; text is compared without regard to case."""
    await backend.provisioning.account(account_id)
    before = min(decode_cursor(cursor, int) or MAX_UID, MAX_UID)
    if matching is None:
        rows = await backend.message_view.page(account_id, mailbox_id, limit + 1, before)
    else:
        await backend.mailboxes.find(account_id, mailbox_id)
        earlier = Uids(SequenceSet(((1, max(before - 1, 1)),)))
        with blame("text", {Failure.TOO_LARGE: "Too much mail would have to be read for this: narrow it."}, where="query"):
            uids = await backend.search.matching(account_id, mailbox_id, And((earlier, matching)), backend.search_effort)
        wanted = [uid for uid in uids if uid < before][-limit - 1 :]
        rows = await backend.message_view.some(account_id, mailbox_id, wanted)
    return page_of([_message(row) for row in rows], limit, lambda message: message.uid)


@router.get(
    "/mailboxes/{mailbox_id}/messages/{uid}",
    dependencies=[requires(Scope.MESSAGES_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_MESSAGE, with_input=True),
)
async def get_message(account_id: AccountId, mailbox_id: MailboxId, uid: MessageUid, backend: UseBackend) -> MessageOut:
    """One message, without its content."""
    return _message(await backend.message_view.one(account_id, mailbox_id, uid))


@router.get(
    "/mailboxes/{mailbox_id}/messages/{uid}/content",
    dependencies=[requires(Scope.MESSAGES_READ, owner=True)],
    responses={
        **problems(Failure.NO_SUCH_MESSAGE, with_input=True),
        200: {"content": {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}}},
    },
    response_class=StreamingResponse,
)
async def get_message_content(
    account_id: AccountId, mailbox_id: MailboxId, uid: MessageUid, backend: UseBackend
) -> StreamingResponse:
    """The message byte for byte, as IMAP's BODY[] gives it; streamed."""
    row = await backend.message_view.one(account_id, mailbox_id, uid)
    headers = {
        "Content-Length": str(row.size),
        "Content-Disposition": f'attachment; filename="{row.email_id}.eml"',
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(read(backend.db, row.source), media_type="message/rfc822", headers=headers)


@router.get(
    "/deleted-messages",
    dependencies=[requires(Scope.MESSAGES_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def list_deleted_messages(
    account_id: AccountId, backend: UseBackend, since: Since = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[DeletedMessageOut]:
    """What can be given back, last deleted first; for how long is the deployer's to say (`MAILSTEAD_JOBS_EXPUNGED_DAYS`)."""
    await backend.provisioning.account(account_id)
    rows = await backend.undelete.deleted(account_id, limit + 1, decode_cursor(cursor, _place), since)
    return page_of([_deleted(row) for row in rows], limit, _place_of)


@router.post(
    "/restorations",
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True), idempotent()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.OVER_QUOTA, Failure.INVALID_NAME, Failure.TOO_MANY, with_input=True),
)
async def restore_messages(account_id: AccountId, wanted: RestorationIn, backend: UseBackend) -> RestorationOut:
    """Give back deleted messages, each with a new UID; clients that watch the mailbox see them at once."""
    await backend.provisioning.account(account_id)
    with blame("into", {Failure.INVALID_NAME: "No mailbox can have this name."}):
        if wanted.since is not None:
            rows, complete = await backend.undelete.restore_since(account_id, wanted.since, wanted.into)
        else:
            keys = [(message.mailbox_id, message.uid) for message in wanted.messages or ()]
            rows, complete = await backend.undelete.restore(account_id, keys, wanted.into), True
    return RestorationOut(count=len(rows), complete=complete, messages=[_restored(row) for row in rows[:MAX_WANTED]])


def _place(text: str) -> tuple[datetime, int, int]:
    at, mailbox_id, uid = text.split(" ")
    return datetime.fromisoformat(at), int(mailbox_id), int(uid)


def _place_of(message: DeletedMessageOut) -> str:
    return f"{message.deleted_at.isoformat()} {message.mailbox_id} {message.uid}"


def _message(row: MessageRow) -> MessageOut:
    return MessageOut(
        mailbox_id=row.mailbox_id,
        uid=row.uid,
        flags=list(row.flags.names()),
        subject=row.subject,
        sender=row.sender,
        message_id=row.message_id,
        sent_at=row.sent_at,
        received_at=row.internal_date,
        size=row.size,
        preview=row.preview,
        email_id=row.email_id,
        thread_id=row.thread_id,
        trace_id=row.trace_id,
        modseq=row.modseq,
    )


def _deleted(row: DeletedRow) -> DeletedMessageOut:
    return DeletedMessageOut(
        mailbox_id=row.mailbox_id,
        mailbox=row.mailbox,
        uid=row.uid,
        deleted_at=row.deleted_at,
        by=row.actor,
        reason=row.reason,
        subject=row.subject,
        sender=row.sender,
        received_at=row.internal_date,
        size=row.size,
    )


def _restored(row: RestoredRow) -> RestoredMessage:
    return RestoredMessage(from_mailbox_id=row.from_mailbox_id, from_uid=row.from_uid, mailbox=row.mailbox, uid=row.uid)
