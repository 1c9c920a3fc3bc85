"""`/v1/api-keys`: who may use this API. None can do more, or reach further, than who made it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, UseCaller, requires
from api.errors import RefusedFor, blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.domains import TenantId
from api.routes import Route
from api.schemas.api_keys import ApiKeyIn, ApiKeyOut, NewApiKeyOut
from api.schemas.common import Id, Page
from api.schemas.problem import FieldFault
from api.scopes import Scope, grants
from api.sparse import sparse
from mailstead.model.api_key import fingerprint, new_key
from mailstead.model.failure import Failure, Refused
from mailstead.store.api_keys import ApiKeyRow

router = APIRouter(route_class=Route, prefix="/v1/api-keys", tags=["access"])

ApiKeyId = Annotated[Id, Path()]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.KEYS_WRITE), idempotent()],
    responses=problems(Failure.CONFLICT, Failure.NO_SUCH_TENANT, with_input=True),
)
async def create_api_key(asked: ApiKeyIn, backend: UseBackend, caller: UseCaller, response: Response) -> NewApiKeyOut:
    """403 for a scope that the caller has not; 409 when the name is taken. The secret is shown in this answer only."""
    for number, scope in enumerate(asked.scopes):
        if not grants(caller.scopes, scope):
            fault = FieldFault(where="body", field=f"scopes.{number}", detail="You cannot give what you have not.")
            raise RefusedFor(Refused(Failure.NOT_PERMITTED, f"{caller.name} lacks {scope}"), fault)
    secret = new_key()
    scopes = sorted(set(asked.scopes))
    with (
        blame("name", {Failure.CONFLICT: "This name is taken."}),
        blame("tenant_id", {Failure.NO_SUCH_TENANT: "There is no such tenant."}),
    ):
        tenant_id = caller.tenant(asked.tenant_id)
        row = await backend.api_keys.create(asked.name, scopes, fingerprint(secret), asked.expires_at, tenant_id)
    response.headers["Location"] = f"/v1/api-keys/{row.api_key_id}"
    return NewApiKeyOut(**_api_key(row).model_dump(), key=secret)


@router.get("", dependencies=[requires(Scope.KEYS_READ), sparse()], responses=problems(with_input=True))
async def list_api_keys(
    backend: UseBackend, caller: UseCaller, tenant_id: TenantId = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[ApiKeyOut]:
    """In the order of their creation, those that have expired too."""
    rows = await backend.api_keys.list(limit + 1, decode_cursor(cursor, int) or 0, caller.tenant(tenant_id))
    return page_of([_api_key(row) for row in rows], limit, lambda key: key.id)


@router.get(
    "/{api_key_id}",
    dependencies=[requires(Scope.KEYS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_KEY, with_input=True),
)
async def get_api_key(api_key_id: ApiKeyId, backend: UseBackend) -> ApiKeyOut:
    """One key, without its secret."""
    return _api_key(await backend.api_keys.get(api_key_id))


@router.delete(
    "/{api_key_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.KEYS_WRITE)],
    responses=problems(Failure.NO_SUCH_KEY, with_input=True),
)
async def delete_api_key(api_key_id: ApiKeyId, backend: UseBackend) -> None:
    """It is refused from now on."""
    await backend.api_keys.delete(api_key_id)


def _api_key(row: ApiKeyRow) -> ApiKeyOut:
    return ApiKeyOut(
        id=row.api_key_id,
        name=row.name,
        scopes=list(row.scopes),
        tenant_id=row.tenant_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
