"""`/v1/accounts`: who has mail here. A change is announced, so that sessions and cached answers follow it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import Backend, UseBackend, requires
from api.errors import blame
from api.openapi import problems
from api.password_policy import require_strong
from api.schemas.accounts import AccountIn, AccountOut, AccountPatch
from api.schemas.common import MAX_ID, DomainName, Page
from api.scopes import Scope
from mailstead.events import AccountChanged
from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.store.provisioning import AccountRow
from mailstead.wire.sasl import ScramKeys

router = APIRouter(prefix="/v1/accounts", tags=["accounts"])

AccountId = Annotated[int, Path(ge=1, le=MAX_ID)]
_WEAK = {Failure.EASILY_GUESSED: "This password is too easily guessed."}

OfDomain = Annotated[DomainName | None, Query(description="Only accounts of this domain")]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, Failure.EASILY_GUESSED, with_input=True),
)
async def create_account(account: AccountIn, backend: UseBackend, response: Response) -> AccountOut:
    """404 when there is no such domain, 409 when the address is taken."""
    address = Address.parse(account.address)
    faults = {
        Failure.NO_SUCH_DOMAIN: "There is no such domain here. Create it first.",
        Failure.CONFLICT: "This address is taken.",
    }
    with blame("address", faults):
        await backend.provisioning.domain(address.domain)  # before the work that a hash takes
        password_hash, scram = await _stored(backend, account.password, account.address)
        row = await backend.provisioning.create_account(
            address, password_hash, account.quota_bytes, account.quota_messages, scram
        )
    _announce(backend, row, active=row.active)
    response.headers["Location"] = f"/v1/accounts/{row.account_id}"
    return _account(row)


@router.get("", dependencies=[requires(Scope.ACCOUNTS_READ)], responses=problems(with_input=True))
async def list_accounts(
    backend: UseBackend, domain: OfDomain = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[AccountOut]:
    """In the order of their creation."""
    rows = await backend.provisioning.accounts(limit + 1, decode_cursor(cursor, _id) or 0, domain)
    return page_of([_account(row) for row in rows], limit, lambda account: account.id)


@router.get(
    "/{account_id}", dependencies=[requires(Scope.ACCOUNTS_READ)], responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True)
)
async def get_account(account_id: AccountId, backend: UseBackend) -> AccountOut:
    """One account."""
    return _account(await backend.provisioning.account(account_id))


@router.patch(
    "/{account_id}",
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CONFLICT, Failure.EASILY_GUESSED, with_input=True),
)
async def update_account(account_id: AccountId, patch: AccountPatch, backend: UseBackend) -> AccountOut:
    """Change its password, quota, state, or where its mail goes. The old password is refused from then on."""
    given = patch.model_fields_set
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
        )
    _announce(backend, row, active=row.active)
    return _account(row)


@router.delete(
    "/{account_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def delete_account(account_id: AccountId, backend: UseBackend) -> None:
    """The account and all its mail, for good."""
    _announce(backend, await backend.provisioning.delete_account(account_id), active=False)


async def _stored(backend: Backend, password: str, address: str) -> tuple[str, ScramKeys]:
    """What is stored of a password, the keys only if its domain asks for them. Raises Refused(EASILY_GUESSED)."""
    with blame("password", {Failure.EASILY_GUESSED: "This password is too easily guessed."}):
        await require_strong(password, address, backend.password_strength)
    return await backend.passwords.hash(password), await backend.passwords.scram_keys(password)


def _announce(backend: Backend, row: AccountRow, *, active: bool) -> None:
    backend.bus.publish([AccountChanged(row.account_id, row.address, active)])


def _account(row: AccountRow) -> AccountOut:
    return AccountOut(
        id=row.account_id,
        address=row.address,
        active=row.active,
        quota_bytes=row.quota_bytes,
        quota_messages=row.quota_messages,
        used_bytes=row.used_bytes,
        forwards=list(row.forwards),
        keeps_copy=row.keeps_copy,
        files_tags=row.files_tags,
        send_as=list(row.send_as),
        message_count=row.messages,
        created_at=row.created_at,
    )


def _id(text: str) -> int:
    number = int(text)
    if not 0 <= number <= MAX_ID:
        raise ValueError("no id")
    return number
