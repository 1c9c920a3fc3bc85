"""`/v1/accounts/{id}/app-passwords`: what programs log in with. One that is revoked is refused at once, and its sessions end."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, page_of_all
from api.deps import UseBackend, requires
from api.errors import blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.accounts import AccountId
from api.routes import Route
from api.schemas.app_passwords import AppPasswordIn, AppPasswordOut, NewAppPasswordOut
from api.schemas.common import MAX_ID, Page
from api.scopes import Scope
from api.sparse import sparse
from mailstead.events import AccountChanged
from mailstead.model.failure import Failure
from mailstead.store.app_passwords import MAX_OF_ACCOUNT, AppPasswordRow, app_password_hash, new_app_password

router = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}/app-passwords", tags=["accounts"])

AppPasswordId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True), idempotent()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CONFLICT, with_input=True),
)
async def create_app_password(account_id: AccountId, asked: AppPasswordIn, backend: UseBackend) -> NewAppPasswordOut:
    """A random one, shown in this answer only. 409 when the account has as many as it may."""
    secret = new_app_password()
    hashed = app_password_hash(await backend.app_passwords.key(), secret)
    assert hashed is not None
    scopes = list(dict.fromkeys(asked.scopes))
    with blame("account_id", {Failure.CONFLICT: f"It has {MAX_OF_ACCOUNT} app passwords. Revoke old ones first."}, where="path"):
        row = await backend.app_passwords.create(account_id, asked.name, scopes, hashed, asked.expires_at)
    return NewAppPasswordOut(**_app_password(row).model_dump(), password=secret)


@router.get(
    "",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def list_app_passwords(
    account_id: AccountId, backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[AppPasswordOut]:
    """The oldest first; there are at most fifty."""
    found = [_app_password(row) for row in await backend.app_passwords.list(account_id)]
    return page_of_all(found, limit, cursor, lambda app_password: app_password.id)


@router.delete(
    "/{app_password_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def revoke_app_password(account_id: AccountId, app_password_id: AppPasswordId, backend: UseBackend) -> None:
    """It is refused from now on."""
    with blame("app_password_id", {Failure.NO_SUCH_ACCOUNT: "The account has no such app password."}, where="path"):
        address, active = await backend.app_passwords.revoke(account_id, app_password_id)
    backend.bus.publish([AccountChanged(account_id, address, active)])


def _app_password(row: AppPasswordRow) -> AppPasswordOut:
    return AppPasswordOut.model_validate(
        {
            "id": row.app_password_id,
            "name": row.name,
            "scopes": row.scopes,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "last_used_at": row.last_used_at,
        }
    )
