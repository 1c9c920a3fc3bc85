"""`/v1/aliases`: addresses that stand for others: aliases, groups, catch-alls."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.address_conflicts import blame_what_has_it
from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, UseCaller, requires
from api.errors import blame
from api.etags import UseSeen, etag_of
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.domains import Active, TenantId
from api.routes import Route
from api.schemas.aliases import AliasIn, AliasKind, AliasOut, AliasPatch
from api.schemas.common import AliasAddress, DomainName, Page
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure
from mailstead.store.aliases import AliasRow

router = APIRouter(route_class=Route, prefix="/v1/aliases", tags=["aliases"])

Name = Annotated[AliasAddress, Path()]
_NO_ALIAS = {Failure.NO_SUCH_ACCOUNT: "There is no such alias."}
OfDomain = Annotated[DomainName | None, Query(description="Only aliases of this domain")]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.ALIASES_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, Failure.DELETED, with_input=True),
)
async def create_alias(alias: AliasIn, backend: UseBackend, caller: UseCaller, response: Response) -> AliasOut:
    """404 when there is no such domain, 409 when the address is taken: `errors` says by what."""
    faults = {
        Failure.NO_SUCH_DOMAIN: "There is no such domain here. Create it first.",
        Failure.CONFLICT: "This address was taken a moment ago.",
        Failure.DELETED: "The domain is deleted and can still be restored. Restore it, or erase it for good.",
    }
    is_group = alias.kind is AliasKind.GROUP
    with blame("address", faults), blame_what_has_it("address"):
        row = await backend.aliases.create(
            alias.address,
            alias.targets,
            is_group=is_group,
            members_only=is_group and alias.members_only,
            tenant_id=caller.tenant_id,
        )
    response.headers["Location"] = f"/v1/aliases/{row.address}"
    return _shown(row, response)


@router.get("", dependencies=[requires(Scope.ALIASES_READ), sparse()], responses=problems(with_input=True))
async def list_aliases(
    backend: UseBackend,
    caller: UseCaller,
    domain: OfDomain = None,
    tenant_id: TenantId = None,
    active: Active = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AliasOut]:
    """In the order of addresses."""
    after = decode_cursor(cursor, str) or ""
    rows = await backend.aliases.list(limit + 1, after, domain, tenant_id=caller.tenant(tenant_id), active=active)
    return page_of([_alias(row) for row in rows], limit, lambda alias: alias.address)


@router.get(
    "/{address}",
    dependencies=[requires(Scope.ALIASES_READ), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def get_alias(address: Name, backend: UseBackend, response: Response) -> AliasOut:
    """One alias."""
    with blame("address", _NO_ALIAS, where="path"):
        return _shown(await backend.aliases.get(address), response)


@router.patch(
    "/{address}",
    dependencies=[requires(Scope.ALIASES_WRITE)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CONFLICT, Failure.CHANGED, with_input=True),
)
async def update_alias(address: Name, patch: AliasPatch, backend: UseBackend, response: Response, seen: UseSeen) -> AliasOut:
    """Change whom it stands for, who may write to it, or its state."""
    given = patch.model_fields_set
    with blame("address", _NO_ALIAS, where="path"), blame("members_only", {Failure.CONFLICT: "This is no group."}):
        row = await backend.aliases.update(
            address,
            targets=patch.targets if "targets" in given else None,
            members_only=patch.members_only if "members_only" in given else None,
            active=patch.active if "active" in given else None,
            expect=seen.expecting(_etag, _alias),
        )
    return _shown(row, response)


@router.delete(
    "/{address}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ALIASES_WRITE)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CHANGED, with_input=True),
)
async def delete_alias(address: Name, backend: UseBackend, seen: UseSeen) -> None:
    """Mail for it is refused from then on, unless its domain has a catch-all."""
    with blame("address", _NO_ALIAS, where="path"):
        await backend.aliases.delete(address, seen.expecting(_etag, _alias))


def _shown(row: AliasRow, response: Response) -> AliasOut:
    response.headers["ETag"] = _etag(row)
    return _alias(row)


def _etag(row: AliasRow) -> str:
    return etag_of(_alias(row))


def _alias(row: AliasRow) -> AliasOut:
    return AliasOut(
        address=row.address,
        kind=AliasKind.GROUP if row.is_group else AliasKind.ALIAS,
        targets=list(row.targets),
        members_only=row.members_only,
        active=row.active,
    )
