"""What changes messages: flags, copies, moves, deletions, and a message that is put into a mailbox.

All of it is done as IMAP does it, so that mail clients hear of it at once and what was deleted can be given back.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from api.deps import Backend, UseBackend, requires
from api.errors import blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.accounts import AccountId
from api.routers.mailboxes import MailboxId
from api.routers.messages import MessageUid
from api.routes import Route
from api.schemas.common import Moment
from api.schemas.message_changes import Acted, Flag, FlagsIn, FlagsOut, MessageActionIn, MessageActionOut, UploadedMessage
from api.scopes import Scope
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import MAX_KEYWORDS, FlagChange, Flags
from mailstead.model.ids import new_trace_id
from mailstead.store.delivery import Delivery, LocalCopy
from mailstead.store.flag_changes import FlagRow
from mailstead.wire.message import parse_message

RFC822 = "message/rfc822"
PREFIX = "/v1/accounts/{account_id}/mailboxes/{mailbox_id}"
UPLOADS = r"/v1/accounts/\d+/mailboxes/\d+/messages"

router = APIRouter(route_class=Route, prefix=PREFIX, tags=["messages"])

_BODY = {"required": True, "content": {RFC822: {"schema": {"type": "string", "format": "binary"}}}}
_TOO_MANY = {Failure.TOO_MANY: "A message has too many keywords."}


@router.patch(
    "/messages/{uid}",
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_MESSAGE, with_input=True),
)
async def update_message_flags(
    account_id: AccountId, mailbox_id: MailboxId, uid: MessageUid, wanted: FlagsIn, backend: UseBackend
) -> FlagsOut:
    """Set flags and take flags away; what is in both lists is taken away."""
    rows = await _flag(backend, account_id, mailbox_id, [uid], wanted.add, wanted.remove)
    if not rows:
        raise Refused(Failure.NO_SUCH_MESSAGE, f"no message {uid} in mailbox {mailbox_id}")
    return FlagsOut(uid=uid, flags=list(rows[0].flags.names()), modseq=rows[0].modseq)


@router.delete(
    "/messages/{uid}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_MESSAGE, with_input=True),
)
async def delete_message(account_id: AccountId, mailbox_id: MailboxId, uid: MessageUid, backend: UseBackend) -> None:
    """Out of this mailbox, not into the trash; it can be given back for a while (`restorations`)."""
    if not await _delete(backend, account_id, mailbox_id, [uid]):
        raise Refused(Failure.NO_SUCH_MESSAGE, f"no message {uid} in mailbox {mailbox_id}")


@router.post(
    "/message-actions",
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True), idempotent()],
    responses=problems(Failure.NO_SUCH_MAILBOX, Failure.OVER_QUOTA, with_input=True),
)
async def act_on_messages(
    account_id: AccountId, mailbox_id: MailboxId, asked: MessageActionIn, backend: UseBackend
) -> MessageActionOut:
    """Flag, copy, move or delete up to a thousand messages of one mailbox at once."""
    uids = sorted(set(asked.uids))
    messages = [Acted(uid=uid, new_uid=new_uid) for uid, new_uid in await _act(backend, account_id, mailbox_id, uids, asked)]
    done = {message.uid for message in messages}
    missing = [uid for uid in uids if uid not in done]
    return MessageActionOut(action=asked.action, count=len(messages), messages=messages, missing=missing)


@router.post(
    "/messages",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True), idempotent()],
    responses=problems(Failure.NO_SUCH_MAILBOX, Failure.OVER_QUOTA, with_input=True, media_types=True),
    openapi_extra={"requestBody": _BODY},
)
async def upload_message(
    account_id: AccountId,
    mailbox_id: MailboxId,
    backend: UseBackend,
    request: Request,
    response: Response,
    flag: Annotated[list[Flag] | None, Query(max_length=MAX_KEYWORDS, description="Flags that it is to have")] = None,
    received_at: Annotated[Moment | None, Query(description="When it came; now, unless it is said")] = None,
) -> UploadedMessage:
    """Put a message (RFC 5322) into the mailbox, byte for byte, as IMAP's APPEND does."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != RFC822:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {RFC822}.")
    account = await backend.provisioning.account(account_id)
    mailbox = await backend.mailboxes.find(account_id, mailbox_id)
    async with backend.uploads:
        content = await asyncio.to_thread(parse_message, await request.body())
        copy = LocalCopy(account_id, account.tenant_id, mailbox.name, flags=Flags.of(flag or ()), received_at=received_at)
        delivery = Delivery(new_trace_id(), content, (copy,), strict_quota=True)
        (stored,) = (await backend.ingest.deliver(delivery)).copies
    response.headers["Location"] = f"{PREFIX}/messages/{stored.uid}".format(account_id=account_id, mailbox_id=stored.mailbox_id)
    return UploadedMessage(
        mailbox_id=stored.mailbox_id,
        uid=stored.uid,
        uidvalidity=stored.uidvalidity,
        size=delivery.size,
        trace_id=delivery.trace_id,
    )


async def _act(
    backend: Backend, account_id: int, mailbox_id: int, uids: Sequence[int], asked: MessageActionIn
) -> list[tuple[int, int | None]]:
    """(UID, new UID where there is one) of each message to which it was done."""
    match asked.action, asked.into:
        case "flag", _:
            return [(row.uid, None) for row in await _flag(backend, account_id, mailbox_id, uids, asked.add, asked.remove)]
        case "delete", _:
            return [(uid, None) for uid in await _delete(backend, account_id, mailbox_id, uids)]
        case action, into:
            assert into is not None
            await backend.mailboxes.find(account_id, mailbox_id)
            with blame("into", {Failure.NO_SUCH_MAILBOX: "There is no such mailbox."}):
                transfer = backend.messages.copy if action == "copy" else backend.messages.move
                return [*(await transfer(account_id, mailbox_id, uids, into)).pairs]


async def _flag(
    backend: Backend, account_id: int, mailbox_id: int, uids: Sequence[int], add: Sequence[str], remove: Sequence[str]
) -> list[FlagRow]:
    """The messages that are there, as they are now."""
    rows: list[FlagRow] = []
    for change, names in ((FlagChange.ADD, add), (FlagChange.REMOVE, remove)):
        if names:
            with blame("add", _TOO_MANY):
                rows = (await backend.messages.store_flags(account_id, mailbox_id, uids, change, Flags.of(names))).rows
    return rows


async def _delete(backend: Backend, account_id: int, mailbox_id: int, uids: Sequence[int]) -> list[int]:
    await backend.mailboxes.find(account_id, mailbox_id)
    return await backend.messages.expunge(account_id, mailbox_id, uids, actor="api", only_deleted=False)
