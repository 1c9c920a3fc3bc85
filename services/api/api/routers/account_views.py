"""`/v1/accounts/{account_id}/…`: usage, sessions, last log-ins, identities."""

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of, page_of_all
from api.deps import Backend, UseBackend, requires
from api.openapi import problems
from api.routers.accounts import AccountId
from api.routes import Route
from api.schemas.account_views import IdentityOut, LastLoginOut, MailboxUsageOut, SessionOut, UsageOut
from api.schemas.common import Page
from api.scopes import Scope
from api.sparse import sparse
from mailstead.events import AccountChanged, Event, SessionsAsked, SessionTold, question_subject
from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_id
from mailstead.store.account_view import Identity

ANSWER_SECONDS = 0.5  # that replicas have to tell their sessions
MAX_SESSIONS = 1_000

router = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}", tags=["accounts"])


@router.get(
    "/usage",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def get_usage(account_id: AccountId, backend: UseBackend) -> UsageOut:
    """What it holds, and what it may hold."""
    row = await backend.provisioning.account(account_id)
    return UsageOut(
        used_bytes=row.used_bytes,
        quota_bytes=row.quota_bytes,
        message_count=row.messages,
        quota_messages=row.quota_messages,
    )


@router.get(
    "/usage/mailboxes",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def list_mailbox_usage(
    account_id: AccountId, backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[MailboxUsageOut]:
    """By the name of the mailbox."""
    await backend.provisioning.account(account_id)
    rows = await backend.account_view.mailboxes(account_id, limit + 1, decode_cursor(cursor, str) or "")
    found = [
        MailboxUsageOut(name=row.name, message_count=row.messages, unseen_count=row.unseen, used_bytes=row.size) for row in rows
    ]
    return page_of(found, limit, lambda mailbox: mailbox.name)


@router.get(
    "/sessions",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def list_sessions(
    account_id: AccountId, backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[SessionOut]:
    """Connections that are logged in now, as every replica tells within half a second; the oldest first. 503 without NATS."""
    await backend.provisioning.account(account_id)
    told = sorted(await _ask(backend, account_id), key=lambda session: (session.since, session.replica, session.peer))
    shown = [
        SessionOut.model_validate(
            {
                "protocol": session.protocol,
                "peer": session.peer,
                "since": datetime.fromtimestamp(session.since, UTC),
                "by": session.by,
                "replica": session.replica,
            }
        )
        for session in told
    ]
    return page_of_all(shown, limit, cursor, lambda session: f"{session.since} {session.replica} {session.peer}")


@router.delete(
    "/sessions",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def end_sessions(account_id: AccountId, backend: UseBackend) -> None:
    """End them all, on every replica: at once, or within a minute where NATS is away. Passwords stay good."""
    row = await backend.provisioning.end_sessions(account_id)
    backend.bus.publish([AccountChanged(row.account_id, row.address, row.active)])


@router.get(
    "/last-logins",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def list_last_logins(
    account_id: AccountId, backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[LastLoginOut]:
    """The last one by each protocol."""
    await backend.provisioning.account(account_id)
    rows = await backend.account_view.last_logins(account_id)
    found = [LastLoginOut.model_validate({"protocol": row.protocol, "at": row.at, "peer": row.peer}) for row in rows]
    return page_of_all(found, limit, cursor, lambda login: login.protocol)


@router.get(
    "/identities",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def list_identities(
    account_id: AccountId, backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[IdentityOut]:
    """What it may write as: its addresses, aliases for it, the same in alias domains, and what `send_as` grants."""
    await backend.provisioning.account(account_id)
    address, _, source = (decode_cursor(cursor, str) or "").partition(" ")
    rows = await backend.account_view.identities(account_id, limit + 1, (address, source))
    return page_of([_identity(row) for row in rows], limit, lambda identity: f"{identity.address} {identity.source}")


def _identity(row: Identity) -> IdentityOut:
    return IdentityOut(address=row.address, source=row.source)


async def _ask(backend: Backend, account_id: int) -> list[SessionTold]:
    """Raises Refused(UNAVAILABLE) while nobody could hear the question."""
    if not backend.bus.connected:
        raise Refused(Failure.UNAVAILABLE, "no NATS to ask replicas by")
    question, told, heard = str(new_id()), list[SessionTold](), asyncio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, SessionTold) and len(told) < MAX_SESSIONS:
            told.append(event)

    subscription = backend.bus.subscribe(question_subject(question), hear, attached=heard.set)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await heard.wait()
        backend.bus.publish([SessionsAsked(account_id, question)])
        await asyncio.sleep(ANSWER_SECONDS)
    except TimeoutError as error:
        raise Refused(Failure.UNAVAILABLE, "NATS is slow") from error
    finally:
        subscription.close()
    return told
