"""`/v1/accounts/{account_id}/mailboxes`: the folders of an account. Mail clients hear of a change at once."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, page_of_all
from api.deps import UseBackend, requires
from api.errors import blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.accounts import AccountId
from api.routes import Route
from api.schemas.common import Id, Page
from api.schemas.mailboxes import MailboxIn, MailboxOut, MailboxPatch
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure, Refused
from mailstead.store.mailbox_row import INBOX, Mailbox

router = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}/mailboxes", tags=["messages"])

MailboxId = Annotated[Id, Path()]

_NAMES = {
    Failure.INVALID_NAME: "No mailbox can have this name.",
    Failure.MAILBOX_EXISTS: "A mailbox of this name, or below it, exists.",
}


@router.get(
    "",
    dependencies=[requires(Scope.MESSAGES_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def list_mailboxes(
    account_id: AccountId, backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[MailboxOut]:
    """By their names."""
    await backend.provisioning.account(account_id)
    found = [_mailbox(mailbox) for mailbox in await backend.mailboxes.list(account_id)]
    return page_of_all(found, limit, cursor, lambda mailbox: mailbox.id)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True), idempotent()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.MAILBOX_EXISTS, Failure.INVALID_NAME, with_input=True),
)
async def create_mailbox(account_id: AccountId, wanted: MailboxIn, backend: UseBackend, response: Response) -> MailboxOut:
    """An empty mailbox."""
    with blame("name", _NAMES):
        made = await backend.mailboxes.create(account_id, wanted.name, wanted.special_use)
    if wanted.subscribed:
        await backend.mailboxes.subscribe(account_id, made.name, True)
    response.headers["Location"] = f"/v1/accounts/{account_id}/mailboxes/{made.mailbox_id}"
    return _mailbox(await backend.mailboxes.find(account_id, made.mailbox_id))


@router.get(
    "/{mailbox_id}",
    dependencies=[requires(Scope.MESSAGES_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_MAILBOX, with_input=True),
)
async def get_mailbox(account_id: AccountId, mailbox_id: MailboxId, backend: UseBackend) -> MailboxOut:
    """One mailbox. Its `id` is for good, its name may change."""
    return _mailbox(await backend.mailboxes.find(account_id, mailbox_id))


@router.patch(
    "/{mailbox_id}",
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_MAILBOX, Failure.MAILBOX_EXISTS, Failure.INVALID_NAME, with_input=True),
)
async def update_mailbox(account_id: AccountId, mailbox_id: MailboxId, patch: MailboxPatch, backend: UseBackend) -> MailboxOut:
    """Rename it with what is below it, subscribe or unsubscribe it. Renaming INBOX moves its messages to a new mailbox."""
    mailbox = await backend.mailboxes.find(account_id, mailbox_id)
    given, name = patch.model_fields_set, mailbox.name
    if "name" in given and patch.name != name:
        with blame("name", _NAMES):
            await backend.mailboxes.rename(account_id, name, patch.name)
        name = patch.name
    if "subscribed" in given:
        await backend.mailboxes.subscribe(account_id, name, patch.subscribed)
    return _mailbox(await backend.mailboxes.find(account_id, mailbox_id))


@router.delete(
    "/{mailbox_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_MAILBOX, Failure.CONFLICT, with_input=True),
)
async def delete_mailbox(account_id: AccountId, mailbox_id: MailboxId, backend: UseBackend) -> None:
    """The mailbox; its messages can be given back for a while (`restorations`). INBOX cannot be deleted: 409."""
    mailbox = await backend.mailboxes.find(account_id, mailbox_id)
    if mailbox.name == INBOX:
        raise Refused(Failure.CONFLICT, "INBOX is always there")
    await backend.mailboxes.delete(account_id, mailbox.name)
    await backend.mailboxes.subscribe(account_id, mailbox.name, False)


def _mailbox(row: Mailbox) -> MailboxOut:
    return MailboxOut(
        id=row.mailbox_id,
        name=row.name,
        special_use=row.special_use,
        subscribed=row.subscribed,
        message_count=row.messages,
        unseen_count=row.unseen,
        used_bytes=row.size,
        uidvalidity=row.uidvalidity,
        highest_modseq=row.highest_modseq,
    )
