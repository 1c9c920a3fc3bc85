"""Mail that leaves and comes as files: all of an account as Maildirs in a tar archive, one mailbox as mbox."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from api.deps import Backend, UseBackend, requires
from api.mail_files import archive, maildir, mbox
from api.mail_intake import Intake, Item
from api.openapi import Responses, problems
from api.routers.accounts import AccountId
from api.routers.mailboxes import MailboxId
from api.routes import Route
from api.schemas.mail_files import MailImportOut
from api.schemas.mailboxes import MailboxName
from api.scopes import Scope
from mailstead.model.failure import Failure
from mailstead.model.flags import Flags, SystemFlag
from mailstead.store.content import read, read_many
from mailstead.store.message_view import MessageRow

TAR, MBOX = "application/x-tar", "application/mbox"
IMPORTS = r"/v1/accounts/\d+/mail-imports"
WHOLE = 256 * 1024  # octets; larger messages are read in pieces
PAGE = 200  # messages whose rows are read by one statement

router = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}", tags=["messages"])

_BINARY = {"type": "string", "format": "binary"}
_BODY = {"required": True, "content": {TAR: {"schema": _BINARY}, MBOX: {"schema": _BINARY}}}


def _file(media_type: str, *failures: Failure) -> Responses:
    return {**problems(*failures, with_input=True), 200: {"content": {media_type: {"schema": _BINARY}}}}


@router.get(
    "/export",
    dependencies=[requires(Scope.MESSAGES_READ, owner=True)],
    responses=_file(TAR, Failure.NO_SUCH_ACCOUNT),
    response_class=StreamingResponse,
)
async def export_account(account_id: AccountId, backend: UseBackend) -> StreamingResponse:
    """All mail, byte for byte: a Maildir for each mailbox, in one tar archive that is made while it is sent.

    An archive that was cut short lacks its end, which tar says. Mail that comes meanwhile may be in it or not.
    """
    account = await backend.provisioning.account(account_id)
    return _attached(_archive(backend, account_id), TAR, f"{account.address}.tar")


@router.get(
    "/mailboxes/{mailbox_id}/export",
    dependencies=[requires(Scope.MESSAGES_READ, owner=True)],
    responses=_file(MBOX, Failure.NO_SUCH_MAILBOX),
    response_class=StreamingResponse,
)
async def export_mailbox(account_id: AccountId, mailbox_id: MailboxId, backend: UseBackend) -> StreamingResponse:
    """One mailbox as mbox (RFC 4155), lines that begin with From quoted. Flags are not in it."""
    await backend.mailboxes.find(account_id, mailbox_id)
    return _attached(_mbox(backend, account_id, mailbox_id), MBOX, f"{mailbox_id}.mbox")


@router.post(
    "/mail-imports",
    dependencies=[requires(Scope.MESSAGES_WRITE, owner=True)],
    responses=problems(
        Failure.NO_SUCH_ACCOUNT, Failure.OVER_QUOTA, Failure.CONFLICT, Failure.TOO_LARGE, with_input=True, media_types=True
    ),
    openapi_extra={"requestBody": _BODY},
)
async def import_mail(
    account_id: AccountId,
    backend: UseBackend,
    request: Request,
    into: Annotated[MailboxName | None, Query(description="The mailbox of an mbox, or above those of an archive")] = None,
) -> MailImportOut:
    """File a tar archive of Maildirs, or an mbox, as it comes in; mailboxes are made where they are missing.

    A message that is in its mailbox already, by Message-ID and size, is passed over, so that what was cut short may be sent
    again. Messages are refused one by one; when the quota is used up, or the file is broken, what was filed before remains.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (TAR, MBOX):
        raise HTTPException(415, f"Send {TAR} or {MBOX}.")
    account = await backend.provisioning.account(account_id)
    intake = Intake(backend, account_id, account.tenant_id)
    items = _of_archive(request, backend, into) if media_type == TAR else _of_mbox(request, backend, into or "INBOX")
    async for item in items:
        await intake.take(item)
    return await intake.finish()


def _attached(octets: AsyncIterator[bytes], media_type: str, name: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(octets, media_type=media_type, headers=headers)


async def _archive(backend: Backend, account_id: int) -> AsyncIterator[bytes]:
    for mailbox in await backend.mailboxes.list(account_id):
        async for row, octets in _messages(backend, account_id, mailbox.mailbox_id):
            seconds = int(row.internal_date.timestamp())
            path = maildir.path_of(mailbox.name, row.flags, row.uid, row.size, seconds)
            yield archive.head_of(path, row.size, seconds, {maildir.KEYWORDS: " ".join(row.flags.keywords)})
            async for piece in octets:
                yield piece
            yield archive.padding_of(row.size)
    yield archive.END


async def _mbox(backend: Backend, account_id: int, mailbox_id: int) -> AsyncIterator[bytes]:
    async for row, octets in _messages(backend, account_id, mailbox_id):
        yield mbox.written(b"".join([piece async for piece in octets]), row.internal_date)


async def _messages(backend: Backend, account_id: int, mailbox_id: int) -> AsyncIterator[tuple[MessageRow, AsyncIterator[bytes]]]:
    """Each message of a mailbox with its octets, which are to be read before the next one is asked for."""
    after = 0
    while rows := await backend.message_view.following(account_id, mailbox_id, after, PAGE):
        small = read_many(backend.db, [row.source for row in rows if row.size <= WHOLE])
        for row in rows:
            yield row, _one(small) if row.size <= WHOLE else read(backend.db, row.source)
        after = rows[-1].uid


async def _one(found: AsyncIterator[tuple[int, bytes]]) -> AsyncIterator[bytes]:
    yield (await anext(found))[1]


async def _of_archive(request: Request, backend: Backend, into: str | None) -> AsyncIterator[Item]:
    async for member in archive.members(request.stream(), backend.max_message):
        named = maildir.read_path(member.path)
        if named is None:
            continue
        mailbox, system = named
        yield Item(
            member.path,
            mailbox if into is None else f"{into}/{mailbox}",
            _flags(system, member.pax.get(maildir.KEYWORDS, "").split()),
            _moment(member.seconds),
            _with_crlf(member.octets),
        )


async def _of_mbox(request: Request, backend: Backend, into: str) -> AsyncIterator[Item]:
    reader, number = mbox.Reader(backend.max_message), 0

    async def messages() -> AsyncIterator[bytes | None]:
        async for piece in request.stream():
            for message in reader.feed(piece):
                yield message
        for message in reader.close():
            yield message

    async for message in messages():
        number += 1
        yield Item(f"message {number}", into, Flags(), None, message)


def _flags(system: SystemFlag, keywords: Sequence[str]) -> Flags:
    try:
        return Flags.of([*Flags(system).names(), *keywords])
    except ValueError:
        return Flags(system)  # none that IMAP could name


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _with_crlf(octets: bytes | None) -> bytes | None:
    """Other servers' Maildirs have lines that end in LF."""
    return octets if octets is None or b"\r\n" in octets else octets.replace(b"\n", b"\r\n")
