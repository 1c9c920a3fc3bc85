"""`/v1/account-imports`: many accounts at once. Each row succeeds or fails alone; sending all of it again does no harm."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException

from api.account_rows import CSV, NDJSON, BadRow, Row, Rows, lines_of
from api.address_conflicts import IN_THE_WAY
from api.callers import Caller
from api.deps import Backend, UseBackend, UseCaller, requires
from api.openapi import problems
from api.password_policy import require_strong
from api.routes import Route
from api.schemas.accounts import AccountRow, ImportedAccount, ImportOut
from api.scopes import Scope
from mailstead.events import AccountChanged
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store.account_import import AccountToImport
from mailstead.store.address_holders import Holder

PATH = "/v1/account-imports"
BATCH = 500  # rows of one transaction
HASHED_AT_ONCE = 4  # passwords; the rest of the house needs processors too

router = APIRouter(route_class=Route, prefix=PATH, tags=["accounts"])

_ROW = {"type": "string", "description": "One account on each line, of the fields of AccountRow"}
_BODY = {"required": True, "content": {CSV: {"schema": _ROW}, NDJSON: {"schema": _ROW}}}
_REASONS = {
    Failure.NO_SUCH_DOMAIN: "There is no such domain here that has addresses of its own.",
    Failure.OVER_QUOTA: "The domain has as many accounts as it may have.",
    Failure.EASILY_GUESSED: "This password is too easily guessed.",
    Failure.BUSY: "Too busy. Try this row again.",
    Failure.UNAVAILABLE: "This could not be done now. Try this row again.",
}

_OF_ADDRESS = frozenset({Failure.NO_SUCH_DOMAIN, Failure.OVER_QUOTA})


@router.post(
    "",
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses=problems(Failure.TOO_LARGE, with_input=True, media_types=True),
    openapi_extra={"requestBody": _BODY},
)
async def import_accounts(request: Request, backend: UseBackend, caller: UseCaller) -> ImportOut:
    """Create accounts from CSV, whose first line names the columns, or from NDJSON, with the result of each row.

    Give a `password_hash` from the system that they come from (argon2id, bcrypt or SHA-512-crypt): thousands of rows a second.
    With a `password` each takes about 50 ms of a processor. 413 beyond the rows that the service allows, before which all that
    were read are done. A row that exists is refused, so the same file may be sent again.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (CSV, NDJSON):
        raise HTTPException(415, f"Send {CSV} or {NDJSON}.")
    results: list[ImportedAccount] = []
    async for batch in _batches(request, Rows(media_type)):
        if len(results) + len(batch) > backend.max_import_rows:
            raise Refused(Failure.TOO_LARGE, f"more than {backend.max_import_rows} rows")
        results += await _import(backend, caller, batch, len(results) + 1)
    created = sum(result.id is not None for result in results)
    return ImportOut(created=created, refused=len(results) - created, rows=results)


async def _batches(request: Request, rows: Rows) -> AsyncIterator[list[Row]]:
    batch: list[Row] = []
    async for line in lines_of(request.stream()):
        batch += rows.read(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _import(backend: Backend, caller: Caller, batch: Sequence[Row], first: int) -> list[ImportedAccount]:
    """What became of each row of one batch."""
    hashes = await _hashes(backend, batch)
    wanted = [(row, stored) for row, stored in zip(batch, hashes, strict=True) if isinstance(row, AccountRow)]
    asked = [
        AccountToImport(Address.parse(row.address), stored, row.quota_bytes, row.quota_messages, row.active)
        for row, stored in wanted
        if isinstance(stored, str)
    ]
    try:
        outcomes = iter(await backend.account_import.add(asked, caller.tenant_id))
    except Refused as refused:
        outcomes = iter([refused.failure for _ in asked])
    results: list[ImportedAccount] = []
    for number, (row, stored) in enumerate(zip(batch, hashes, strict=True), first):
        if isinstance(row, BadRow):
            results.append(ImportedAccount(row=number, address=row.address, id=None, field=row.field, detail=row.detail))
            continue
        outcome = next(outcomes) if isinstance(stored, str) else stored
        results.append(_result(number, row.address, outcome))
    backend.bus.publish(AccountChanged(result.id, result.address, True) for result in results if result.id and result.address)
    return results


def _result(number: int, address: str, outcome: int | Failure | Holder | None) -> ImportedAccount:
    if isinstance(outcome, int):
        return ImportedAccount(row=number, address=address, id=outcome)
    if isinstance(outcome, Holder):
        return ImportedAccount(row=number, address=address, id=None, field="address", detail=IN_THE_WAY[outcome])
    failure = outcome or Failure.UNAVAILABLE
    field = "password" if failure is Failure.EASILY_GUESSED else "address" if failure in _OF_ADDRESS else None
    return ImportedAccount(row=number, address=address, id=None, field=field, detail=_REASONS[failure])


async def _hashes(backend: Backend, batch: Sequence[Row]) -> list[str | Failure | None]:
    """What is stored of each row's password, or why it is refused; None for what is no account."""
    hashes: list[str | Failure | None] = [row.password_hash if isinstance(row, AccountRow) else None for row in batch]
    plain = [(at, row) for at, row in enumerate(batch) if isinstance(row, AccountRow) and row.password is not None]
    for start in range(0, len(plain), HASHED_AT_ONCE):
        some = plain[start : start + HASHED_AT_ONCE]
        for (at, _), stored in zip(some, await asyncio.gather(*(_hashed(backend, row) for _, row in some)), strict=True):
            hashes[at] = stored
    return hashes


async def _hashed(backend: Backend, row: AccountRow) -> str | Failure:
    assert row.password is not None
    try:
        await require_strong(row.password, row.address, backend.password_strength)
        return await backend.passwords.hash(row.password)
    except Refused as refused:
        return refused.failure
