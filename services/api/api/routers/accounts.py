"""`/v1/accounts`: who has mail here. A change is announced, so that sessions and cached answers follow it."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.address_conflicts import blame_what_has_it
from api.callers import Caller
from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import Backend, UseBackend, UseCaller, requires
from api.errors import RefusedFor, blame
from api.etags import UseSeen, etag_of
from api.idempotency import idempotent
from api.openapi import problems
from api.password_policy import require_strong
from api.routers.domains import Active, Deleted, Erase, TenantId
from api.routes import Route
from api.schemas.accounts import AccountIn, AccountOut, AccountPatch
from api.schemas.common import MAX_ID, DomainName, Page
from api.schemas.problem import FieldFault
from api.scopes import Scope
from api.sparse import sparse
from mailstead.events import AccountChanged
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store.directory_rows import AccountRow
from mailstead.wire.sasl import ScramKeys

router = APIRouter(route_class=Route, prefix="/v1/accounts", tags=["accounts"])

AccountId = Annotated[int, Path(ge=1, le=MAX_ID)]

Starts = Annotated[
    str | None,
    Query(min_length=1, max_length=320, pattern=r"^[^\x00-\x20\x7f]+$", description="Only addresses that begin with this"),
]
OfDomain = Annotated[DomainName | None, Query(description="Only accounts of this domain")]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.ACCOUNTS_WRITE), idempotent()],
    responses=problems(
        Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, Failure.DELETED, Failure.OVER_QUOTA, Failure.EASILY_GUESSED, with_input=True
    ),
)
async def create_account(account: AccountIn, backend: UseBackend, caller: UseCaller, response: Response) -> AccountOut:
    """404 when there is no such domain, 409 when the address is taken, also by an account that is deleted and not yet erased.

    `errors` says what is in the way.
    """
    address = Address.parse(account.address)
    faults = {
        Failure.NO_SUCH_DOMAIN: "There is no such domain here. Create it first.",
        Failure.OVER_QUOTA: "The domain has as many accounts as it may have.",
        Failure.CONFLICT: "This address was taken a moment ago.",
        Failure.DELETED: "The domain is deleted and can still be restored. Restore it, or erase it for good.",
    }
    with blame("address", faults), blame_what_has_it("address"):
        await backend.provisioning.domain(address.domain, caller.tenant_id)  # before the work that a hash takes
        password_hash, scram = await _stored(backend, account.password, account.address)
        row = await backend.provisioning.create_account(
            address, password_hash, account.quota_bytes, account.quota_messages, scram, tenant_id=caller.tenant_id
        )
    _announce(backend, row, active=row.active)
    response.headers["Location"] = f"/v1/accounts/{row.account_id}"
    return _shown(row, response)


@router.get("", dependencies=[requires(Scope.ACCOUNTS_READ), sparse()], responses=problems(with_input=True))
async def list_accounts(
    backend: UseBackend,
    caller: UseCaller,
    domain: OfDomain = None,
    tenant_id: TenantId = None,
    active: Active = None,
    address: Starts = None,
    deleted: Deleted = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AccountOut]:
    """In the order of their creation; those that are deleted only with `deleted`."""
    rows = await backend.provisioning.accounts(
        limit + 1,
        decode_cursor(cursor, _id) or 0,
        domain,
        tenant_id=caller.tenant(tenant_id),
        active=active,
        starts=address,
        deleted=deleted,
    )
    return page_of([_account(row) for row in rows], limit, lambda account: account.id)


@router.get(
    "/{account_id}",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def get_account(account_id: AccountId, backend: UseBackend, response: Response) -> AccountOut:
    """One account."""
    return _shown(await backend.provisioning.account(account_id), response)


@router.patch(
    "/{account_id}",
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses=problems(
        Failure.NO_SUCH_ACCOUNT, Failure.CONFLICT, Failure.DELETED, Failure.EASILY_GUESSED, Failure.CHANGED, with_input=True
    ),
)
async def update_account(
    account_id: AccountId,
    patch: AccountPatch,
    backend: UseBackend,
    caller: UseCaller,
    response: Response,
    seen: UseSeen,
) -> AccountOut:
    """Change its password, quota, state, or where its mail goes. The old password is refused from then on."""
    given = patch.model_fields_set
    if "send_as" in given:
        await _require_own_domains(backend, caller, patch.send_as)
    password_hash, scram = None, None
    if "password" in given:
        account = await backend.provisioning.account(account_id)
        password_hash, scram = await _stored(backend, patch.password, account.address)
    with blame("keeps_copy", {Failure.CONFLICT: "An account that forwards nowhere keeps what comes."}):
        row = await backend.provisioning.update_account(
            account_id,
            password_hash=password_hash,
            scram=scram,
            quota_bytes=patch.quota_bytes if "quota_bytes" in given else None,
            quota_messages=patch.quota_messages if "quota_messages" in given else None,
            active=patch.active if "active" in given else None,
            forwards=patch.forwards if "forwards" in given else None,
            keeps_copy=patch.keeps_copy if "keeps_copy" in given else None,
            files_tags=patch.files_tags if "files_tags" in given else None,
            send_as=patch.send_as if "send_as" in given else None,
            expect=seen.expecting(_etag, _account),
        )
    _announce(backend, row, active=row.active)
    return _shown(row, response)


@router.delete(
    "/{account_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CHANGED, with_input=True),
)
async def delete_account(account_id: AccountId, backend: UseBackend, seen: UseSeen, erase: Erase = False) -> None:
    """Nobody logs in to it any more and no mail comes, as if it were suspended. Until `erase_at` it can be restored.

    With `erase` it is gone at once and for good, deleted before or not: all its mail, tombstones too, and what it sent that is
    settled. Octets that no other account has are freed by the next run of the job that frees them. Should this be cut short, a
    job goes on with it.
    """
    expect = seen.expecting(_etag, _account)
    if erase:
        await backend.deletion.erase_account(account_id, expect, begun=partial(_announce, backend, active=False))
    else:
        _announce(backend, await backend.deletion.delete_account(account_id, backend.deleted_for, expect), active=False)


@router.post(
    "/{account_id}/restore",
    dependencies=[requires(Scope.ACCOUNTS_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CONFLICT, Failure.DELETED, Failure.OVER_QUOTA, with_input=True),
)
async def restore_account(account_id: AccountId, backend: UseBackend, response: Response) -> AccountOut:
    """As it was before it was deleted. 409 when it is not deleted, when its domain is too: restore that first, when that has as
    many accounts as it may, and once `erase_at` is over.
    """
    faults = {
        Failure.CONFLICT: "The account is not deleted, or is being erased.",
        Failure.OVER_QUOTA: "The domain has as many accounts as it may have.",
        Failure.DELETED: "The domain of the account is deleted. Restore it first.",
    }
    with blame("account_id", faults, where="path"):
        row = await backend.deletion.restore_account(account_id)
    _announce(backend, row, active=row.active)
    return _shown(row, response)


async def _require_own_domains(backend: Backend, caller: Caller, senders: Sequence[str]) -> None:
    """Who reaches one tenant only may let accounts send as its addresses only. Raises Refused(NOT_PERMITTED)."""
    if caller.tenant_id is None:
        return
    for domain in sorted({sender.rpartition("@")[2] for sender in senders}):
        if await backend.reach.of_domain(domain) != caller.tenant_id:
            fault = FieldFault(where="body", field="send_as", detail=f"{domain} is none of your domains.")
            raise RefusedFor(Refused(Failure.NOT_PERMITTED, f"{caller.name} has no domain {domain}"), fault)


async def _stored(backend: Backend, password: str, address: str) -> tuple[str, ScramKeys]:
    """What is stored of a password, the keys only if its domain asks for them. Raises Refused(EASILY_GUESSED)."""
    with blame("password", {Failure.EASILY_GUESSED: "This password is too easily guessed."}):
        await require_strong(password, address, backend.password_strength)
    return await backend.passwords.hash(password), await backend.passwords.scram_keys(password)


def _announce(backend: Backend, row: AccountRow, *, active: bool) -> None:
    backend.bus.publish([AccountChanged(row.account_id, row.address, active)])


def _shown(row: AccountRow, response: Response) -> AccountOut:
    response.headers["ETag"] = _etag(row)
    return _account(row)


def _etag(row: AccountRow) -> str:
    return etag_of(_account(row), "used_bytes", "message_count")


def _account(row: AccountRow) -> AccountOut:
    return AccountOut(
        id=row.account_id,
        address=row.address,
        tenant_id=row.tenant_id,
        active=row.active,
        quota_bytes=row.quota_bytes,
        quota_messages=row.quota_messages,
        used_bytes=row.used_bytes,
        forwards=list(row.forwards),
        keeps_copy=row.keeps_copy,
        files_tags=row.files_tags,
        send_as=list(row.send_as),
        message_count=row.messages,
        deleted_at=row.deleted_at,
        erase_at=row.erase_at,
        created_at=row.created_at,
    )


def _id(text: str) -> int:
    number = int(text)
    if not 0 <= number <= MAX_ID:
        raise ValueError("no id")
    return number
