"""`/v1/accounts/{account_id}/sieve-scripts`: what runs on mail for an account. What cannot be compiled is not stored."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, page_of_all
from api.deps import UseBackend, requires
from api.errors import RefusedFor, blame
from api.openapi import problems
from api.routers.accounts import AccountId
from api.routes import Route
from api.schemas.common import Page
from api.schemas.problem import FieldFault
from api.schemas.sieve_scripts import SieveScriptIn, SieveScriptOut, SieveScriptStored, SieveScriptWithText
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure, Refused
from mailstead.store.sieve_scripts import ScriptInfo
from mailstead.wire.sieve import MAX_NAME, ScriptError, compile_script

router = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}/sieve-scripts", tags=["sieve scripts"])

Name = Annotated[str, Path(min_length=1, max_length=MAX_NAME, description="The name of the script", examples=["main"])]
_NO_SCRIPT = {Failure.NO_SUCH_SCRIPT: "There is no such script."}


@router.get(
    "",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def list_sieve_scripts(
    account_id: AccountId, backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[SieveScriptOut]:
    """By name; their number is bounded."""
    await backend.provisioning.account(account_id)
    found = [_script(info) for info in await backend.scripts.list(account_id)]
    return page_of_all(found, limit, cursor, lambda script: script.name)


@router.get(
    "/{name}",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_SCRIPT, with_input=True),
)
async def get_sieve_script(account_id: AccountId, name: Name, backend: UseBackend) -> SieveScriptWithText:
    """One script."""
    with blame("name", _NO_SCRIPT, where="path"):
        info, text = await backend.scripts.get(account_id, name)
    return SieveScriptWithText(**_script(info).model_dump(), text=text)


@router.put(
    "/{name}",
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CONFLICT, Failure.INVALID_SCRIPT, Failure.TOO_MANY, with_input=True),
)
async def put_sieve_script(account_id: AccountId, name: Name, script: SieveScriptIn, backend: UseBackend) -> SieveScriptStored:
    """Make or replace a script. 422 tells line and column of what is wrong with it; 429 that there are too many."""
    try:
        compiled = await asyncio.to_thread(compile_script, script.text.encode(), backend.script_limits)
    except ScriptError as error:
        fault = FieldFault(where="body", field="text", detail=str(error))
        raise RefusedFor(Refused(Failure.INVALID_SCRIPT, str(error)), fault) from error
    with blame("name", {Failure.INVALID_NAME: "A script cannot have this name."}, where="path"):
        info = await backend.scripts.put(account_id, name, script.text)
    if script.active is not None and script.active != info.active:
        await backend.scripts.activate(account_id, name if script.active else None)
        info, _ = await backend.scripts.get(account_id, name)
    return SieveScriptStored(**_script(info).model_dump(), remarks=list(map(str, compiled.remarks)))


@router.delete(
    "/{name}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_SCRIPT, Failure.IN_USE, with_input=True),
)
async def delete_sieve_script(account_id: AccountId, name: Name, backend: UseBackend) -> None:
    """409 for the active one: put it with `active` false first."""
    with blame("name", _NO_SCRIPT | {Failure.IN_USE: "The script is active."}, where="path"):
        await backend.scripts.delete(account_id, name)


def _script(info: ScriptInfo) -> SieveScriptOut:
    return SieveScriptOut(name=info.name, active=info.active, octets=info.octets, changed_at=info.changed_at)
