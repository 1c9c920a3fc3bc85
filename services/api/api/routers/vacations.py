"""`/v1/accounts/{account_id}/vacation`: an answer to who writes, for who does not write Sieve. It is the script `vacation`."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter

from api.deps import Backend, UseBackend, requires
from api.errors import RefusedFor, blame
from api.openapi import problems
from api.routers.accounts import AccountId
from api.routes import Route
from api.schemas.problem import FieldFault
from api.schemas.vacation import VacationFields, VacationIn, VacationOut
from api.scopes import Scope
from api.sparse import sparse
from api.vacation import NAME, fields_of, script_of
from mailstead.model.failure import Failure, Refused
from mailstead.wire.sieve import compile_script

router = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}/vacation", tags=["accounts"])


@router.get(
    "",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.NO_SUCH_SCRIPT, with_input=True),
)
async def get_vacation(account_id: AccountId, backend: UseBackend) -> VacationOut:
    """404 where none was set, or where its owner has written a script of that name."""
    await backend.provisioning.account(account_id)
    info, text = await backend.scripts.get(account_id, NAME)
    fields = fields_of(text)
    if fields is None:
        raise Refused(Failure.NO_SUCH_SCRIPT, f"script {NAME} of account {account_id} is somebody's own")
    return VacationOut(**fields.model_dump(), enabled=info.active)


@router.put(
    "",
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.IN_USE, Failure.TOO_MANY, with_input=True),
)
async def put_vacation(account_id: AccountId, vacation: VacationIn, backend: UseBackend) -> VacationOut:
    """Set it. 409 where another script is active, which would not run any more: let that one answer, or delete it."""
    await backend.provisioning.account(account_id)
    if vacation.enabled:
        await _require_room(backend, account_id)
    text = script_of(VacationFields.model_validate(vacation.model_dump(exclude={"enabled"})))
    await asyncio.to_thread(compile_script, text.encode(), backend.script_limits)
    await backend.scripts.put(account_id, NAME, text)
    if vacation.enabled:
        await backend.scripts.activate(account_id, NAME)
    else:
        await _disable(backend, account_id)
    return VacationOut(**vacation.model_dump())


@router.delete(
    "",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.NO_SUCH_SCRIPT, with_input=True),
)
async def delete_vacation(account_id: AccountId, backend: UseBackend) -> None:
    """Nobody is answered any more."""
    await backend.provisioning.account(account_id)
    await _disable(backend, account_id)
    with blame("account_id", {Failure.NO_SUCH_SCRIPT: "The account has no vacation."}, where="path"):
        await backend.scripts.delete(account_id, NAME)


async def _active(backend: Backend, account_id: int) -> str | None:
    return next((script.name for script in await backend.scripts.list(account_id) if script.active), None)


async def _require_room(backend: Backend, account_id: int) -> None:
    active = await _active(backend, account_id)
    if active not in (None, NAME):
        fault = FieldFault(where="body", field="enabled", detail=f"The script {active!r} is active.")
        raise RefusedFor(Refused(Failure.IN_USE, f"script {active!r} of account {account_id} is active"), fault)


async def _disable(backend: Backend, account_id: int) -> None:
    if await _active(backend, account_id) == NAME:
        await backend.scripts.activate(account_id, None)
