"""`/v1/suppressions`: addresses that a tenant does not write to again, by hard bounces, complaints, or by hand."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.exceptions import RequestValidationError

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, UseCaller, requires
from api.errors import blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.domains import TenantId
from api.routes import Route
from api.schemas.common import Id, Page
from api.schemas.queue import AnyAddress
from api.schemas.suppressions import Reason, SuppressionIn, SuppressionOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure
from mailstead.store.suppressions import SuppressionRow

router = APIRouter(route_class=Route, prefix="/v1/suppressions", tags=["queue"])

SuppressionId = Annotated[Id, Path()]
_NOT_LISTED = {Failure.NO_SUCH_ENTRY: "It is not on the list."}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.QUEUE_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_TENANT, Failure.CONFLICT, with_input=True),
)
async def create_suppression(asked: SuppressionIn, backend: UseBackend, caller: UseCaller, response: Response) -> SuppressionOut:
    """From then on mail of the tenant for this address fails untried. Who reaches all tenants has to name one."""
    tenant_id = caller.tenant(asked.tenant_id)
    if tenant_id is None:
        raise RequestValidationError([{"type": "missing", "loc": ("body", "tenant_id"), "msg": "say of which tenant"}])
    with blame("tenant_id", {Failure.NO_SUCH_TENANT: "There is no such tenant."}):
        row = await backend.suppressions.add(tenant_id, asked.address, asked.detail, asked.expires_at)
    response.headers["Location"] = f"/v1/suppressions/{row.suppression_id}"
    return _suppression(row)


@router.get("", dependencies=[requires(Scope.QUEUE_READ), sparse()], responses=problems(with_input=True))
async def list_suppressions(
    backend: UseBackend,
    caller: UseCaller,
    tenant_id: TenantId = None,
    address: Annotated[AnyAddress | None, Query()] = None,
    reason: Annotated[Reason | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[SuppressionOut]:
    """In the order in which they came on the list, without those that have expired."""
    rows = await backend.suppressions.list(limit + 1, decode_cursor(cursor, int) or 0, caller.tenant(tenant_id), address, reason)
    return page_of([_suppression(row) for row in rows], limit, lambda entry: entry.id)


@router.get(
    "/{suppression_id}",
    dependencies=[requires(Scope.QUEUE_READ), sparse()],
    responses=problems(Failure.NO_SUCH_ENTRY, with_input=True),
)
async def get_suppression(suppression_id: SuppressionId, backend: UseBackend) -> SuppressionOut:
    """One address."""
    with blame("suppression_id", _NOT_LISTED, where="path"):
        return _suppression(await backend.suppressions.get(suppression_id))


@router.delete(
    "/{suppression_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.QUEUE_WRITE)],
    responses=problems(Failure.NO_SUCH_ENTRY, with_input=True),
)
async def delete_suppression(suppression_id: SuppressionId, backend: UseBackend) -> None:
    """It is written to again."""
    with blame("suppression_id", _NOT_LISTED, where="path"):
        await backend.suppressions.remove(suppression_id)


def _suppression(row: SuppressionRow) -> SuppressionOut:
    return SuppressionOut(
        id=row.suppression_id,
        tenant_id=row.tenant_id,
        address=row.address,
        reason=row.reason,
        detail=row.detail,
        trace_id=row.trace_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
