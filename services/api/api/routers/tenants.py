"""`/v1/tenants`: whose domains are whose."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, UseCaller, requires
from api.errors import blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routes import Route
from api.schemas.common import Id, Page
from api.schemas.tenants import TenantIn, TenantOut, TenantPatch
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure
from mailstead.store.tenants import TenantRow

router = APIRouter(route_class=Route, prefix="/v1/tenants", tags=["tenants"])

TenantId = Annotated[Id, Path()]
_TAKEN = {Failure.CONFLICT: "This name is taken."}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.TENANTS_WRITE), idempotent()],
    responses=problems(Failure.CONFLICT, with_input=True),
)
async def create_tenant(tenant: TenantIn, backend: UseBackend, response: Response) -> TenantOut:
    """409 when the name is taken."""
    with blame("name", _TAKEN):
        row = await backend.tenants.create(tenant.name)
    response.headers["Location"] = f"/v1/tenants/{row.tenant_id}"
    return _tenant(row)


@router.get("", dependencies=[requires(Scope.TENANTS_READ), sparse()], responses=problems(with_input=True))
async def list_tenants(
    backend: UseBackend, caller: UseCaller, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[TenantOut]:
    """In the order of their creation."""
    rows = await backend.tenants.list(limit + 1, decode_cursor(cursor, int) or 0, caller.tenant_id)
    return page_of([_tenant(row) for row in rows], limit, lambda tenant: tenant.id)


@router.get(
    "/{tenant_id}",
    dependencies=[requires(Scope.TENANTS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_TENANT, with_input=True),
)
async def get_tenant(tenant_id: TenantId, backend: UseBackend) -> TenantOut:
    """One tenant."""
    return _tenant(await backend.tenants.get(tenant_id))


@router.patch(
    "/{tenant_id}",
    dependencies=[requires(Scope.TENANTS_WRITE)],
    responses=problems(Failure.NO_SUCH_TENANT, Failure.CONFLICT, Failure.IN_USE, with_input=True),
)
async def update_tenant(tenant_id: TenantId, patch: TenantPatch, backend: UseBackend) -> TenantOut:
    """Rename it, suspend it with all its domains, or let it work again.

    Suspended, no mail for it is taken, sessions end within a minute, and its API keys are refused; what waits to leave still
    leaves, unless it is paused. Its domains keep their own state meanwhile. 409 when the name is taken, or when operators have
    accounts of it, who would shut themselves out.
    """
    given = patch.model_fields_set
    operators = {Failure.IN_USE: "Operators have accounts of this tenant, who could sign in no more."}
    with blame("name", _TAKEN), blame("active", operators):
        return _tenant(
            await backend.tenants.update(
                tenant_id,
                name=patch.name if "name" in given else None,
                active=patch.active if "active" in given else None,
            )
        )


@router.delete(
    "/{tenant_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.TENANTS_WRITE)],
    responses=problems(Failure.NO_SUCH_TENANT, Failure.CONFLICT, with_input=True),
)
async def delete_tenant(tenant_id: TenantId, backend: UseBackend) -> None:
    """409 while it has domains, also deleted ones that are not yet erased; the API keys that reach no further go with it."""
    with blame("tenant_id", {Failure.CONFLICT: "The tenant has domains, perhaps deleted ones. Erase them first."}, where="path"):
        await backend.tenants.delete(tenant_id)


def _tenant(row: TenantRow) -> TenantOut:
    return TenantOut(
        id=row.tenant_id,
        name=row.name,
        active=row.active,
        domain_count=row.domains,
        account_count=row.accounts,
        created_at=row.created_at,
    )
