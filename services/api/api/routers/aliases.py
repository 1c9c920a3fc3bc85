"""`/v1/aliases`: addresses that stand for others: aliases, groups, catch-alls."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, requires
from api.errors import blame
from api.openapi import problems
from api.schemas.aliases import AliasIn, AliasKind, AliasOut, AliasPatch
from api.schemas.common import AliasAddress, DomainName, Page
from api.scopes import Scope
from mailstead.model.failure import Failure
from mailstead.store.aliases import AliasRow

router = APIRouter(prefix="/v1/aliases", tags=["aliases"])

Name = Annotated[AliasAddress, Path()]
_NO_ALIAS = {Failure.NO_SUCH_ACCOUNT: "There is no such alias."}
OfDomain = Annotated[DomainName | None, Query(description="Only aliases of this domain")]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.ALIASES_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, with_input=True),
)
async def create_alias(alias: AliasIn, backend: UseBackend, response: Response) -> AliasOut:
    """404 when there is no such domain, 409 when the address is taken."""
    faults = {
        Failure.NO_SUCH_DOMAIN: "There is no such domain here. Create it first.",
        Failure.CONFLICT: "This address is taken, or its domain has the addresses of another.",
    }
    is_group = alias.kind is AliasKind.GROUP
    with blame("address", faults):
        row = await backend.aliases.create(
            alias.address, alias.targets, is_group=is_group, members_only=is_group and alias.members_only
        )
    response.headers["Location"] = f"/v1/aliases/{row.address}"
    return _alias(row)


@router.get("", dependencies=[requires(Scope.ALIASES_READ)], responses=problems(with_input=True))
async def list_aliases(
    backend: UseBackend, domain: OfDomain = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[AliasOut]:
    """In the order of addresses."""
    rows = await backend.aliases.list(limit + 1, decode_cursor(cursor, str) or "", domain)
    return page_of([_alias(row) for row in rows], limit, lambda alias: alias.address)


@router.get(
    "/{address}", dependencies=[requires(Scope.ALIASES_READ)], responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True)
)
async def get_alias(address: Name, backend: UseBackend) -> AliasOut:
    """One alias."""
    with blame("address", _NO_ALIAS, where="path"):
        return _alias(await backend.aliases.get(address))


@router.patch(
    "/{address}",
    dependencies=[requires(Scope.ALIASES_WRITE)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CONFLICT, with_input=True),
)
async def update_alias(address: Name, patch: AliasPatch, backend: UseBackend) -> AliasOut:
    """Change whom it stands for, who may write to it, or its state."""
    given = patch.model_fields_set
    with blame("address", _NO_ALIAS, where="path"), blame("members_only", {Failure.CONFLICT: "This is no group."}):
        row = await backend.aliases.update(
            address,
            targets=patch.targets if "targets" in given else None,
            members_only=patch.members_only if "members_only" in given else None,
            active=patch.active if "active" in given else None,
        )
    return _alias(row)


@router.delete(
    "/{address}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ALIASES_WRITE)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def delete_alias(address: Name, backend: UseBackend) -> None:
    """Mail for it is refused from then on, unless its domain has a catch-all."""
    with blame("address", _NO_ALIAS, where="path"):
        await backend.aliases.delete(address)


def _alias(row: AliasRow) -> AliasOut:
    return AliasOut(
        address=row.address,
        kind=AliasKind.GROUP if row.is_group else AliasKind.ALIAS,
        targets=list(row.targets),
        members_only=row.members_only,
        active=row.active,
    )
