"""`/v1/domains`: the domains that mail is accepted for."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.callers import Caller
from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import Backend, UseBackend, UseCaller, requires
from api.errors import RefusedFor, blame
from api.etags import UseSeen, etag_of
from api.idempotency import idempotent
from api.openapi import problems
from api.routes import Route
from api.schemas.common import MAX_ID, DomainName, Page
from api.schemas.domains import DomainIn, DomainOut, DomainPatch
from api.schemas.problem import FieldFault
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure, Refused
from mailstead.store.directory_rows import DomainRow

router = APIRouter(route_class=Route, prefix="/v1/domains", tags=["domains"])

Name = Annotated[DomainName, Path()]
TenantId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only those of this tenant")]
Active = Annotated[bool | None, Query(description="Only those that work, or that are suspended")]

Deleted = Annotated[bool, Query(description="Only those that are deleted and can be restored, instead of those that are not")]
Erase = Annotated[bool, Query(description="At once and for good, so that it cannot be restored")]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.DOMAINS_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, Failure.DELETED, with_input=True),
)
async def create_domain(domain: DomainIn, backend: UseBackend, caller: UseCaller, response: Response) -> DomainOut:
    """409 when it exists, 404 when it would be an alias of a domain that is none of ours, or an alias itself.

    Where the service asks for it, a domain that a caller of one tenant creates is suspended until it is verified.
    """
    faults = {Failure.NO_SUCH_DOMAIN: "There is no such domain here that has addresses of its own."}
    taken = {
        Failure.CONFLICT: "This domain exists.",
        Failure.DELETED: "This domain is deleted and can still be restored. Restore it, or erase it for good.",
    }
    with (
        blame("name", taken),
        blame("alias_of", faults),
        blame("tenant_id", {Failure.NO_SUCH_TENANT: "There is no such tenant."}),
    ):
        tenant_id = caller.tenant(domain.tenant_id)
        active = not (backend.verify_domains and caller.tenant_id is not None)
        row = await backend.provisioning.create_domain(domain.name, tenant_id, alias_of=domain.alias_of, active=active)
    response.headers["Location"] = f"/v1/domains/{row.name}"
    return shown(row, response)


@router.get("", dependencies=[requires(Scope.DOMAINS_READ), sparse()], responses=problems(with_input=True))
async def list_domains(
    backend: UseBackend,
    caller: UseCaller,
    tenant_id: TenantId = None,
    active: Active = None,
    deleted: Deleted = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[DomainOut]:
    """In the order of names; those that are deleted only with `deleted`."""
    after = decode_cursor(cursor, str) or ""
    rows = await backend.provisioning.domains(
        limit + 1, after, tenant_id=caller.tenant(tenant_id), active=active, deleted=deleted
    )
    return page_of([_domain(row) for row in rows], limit, lambda domain: domain.name)


@router.get(
    "/{domain}",
    dependencies=[requires(Scope.DOMAINS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_DOMAIN, with_input=True),
)
async def get_domain(domain: Name, backend: UseBackend, response: Response) -> DomainOut:
    """One domain."""
    return shown(await backend.provisioning.domain(domain), response)


@router.patch(
    "/{domain}",
    dependencies=[requires(Scope.DOMAINS_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, Failure.DELETED, Failure.CHANGED, with_input=True),
)
async def update_domain(
    domain: Name, patch: DomainPatch, backend: UseBackend, caller: UseCaller, response: Response, seen: UseSeen
) -> DomainOut:
    """Suspend it, or let it work again; say what is spam, how many accounts it may have, how long it keeps what is deleted.

    Keep SCRAM keys of passwords that are set from now on, or remove all of them.
    """
    given = patch.model_fields_set
    if "active" in given and patch.active:
        await _require_verified(backend, caller, domain)
    asked = patch.model_dump(include={"junk_score", "reject_score", "max_accounts", "retention_days"})
    row = await backend.provisioning.update_domain(
        domain,
        active=patch.active if "active" in given else None,
        scram=patch.scram if "scram" in given else None,
        settings={field: value or None for field, value in asked.items() if field in given},
        expect=seen.expecting(_etag, _domain),
    )
    return shown(row, response)


@router.delete(
    "/{domain}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.DOMAINS_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, Failure.CHANGED, with_input=True),
)
async def delete_domain(domain: Name, backend: UseBackend, seen: UseSeen, erase: Erase = False) -> None:
    """No mail for it is taken any more, as if it were suspended. Until `erase_at` it can be restored, with its aliases.

    409 while it has accounts or alias domains that are not deleted. With `erase` it is gone at once and for good, with those that
    are.
    """
    expect = seen.expecting(_etag, _domain)
    with blame("domain", {Failure.CONFLICT: "The domain has accounts or alias domains. Delete them first."}, where="path"):
        if erase:
            await backend.deletion.erase_domain(domain, expect)
        else:
            await backend.deletion.delete_domain(domain, backend.deleted_for, expect)


@router.post(
    "/{domain}/restore",
    dependencies=[requires(Scope.DOMAINS_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, Failure.DELETED, with_input=True),
)
async def restore_domain(domain: Name, backend: UseBackend, response: Response) -> DomainOut:
    """As it was before it was deleted; accounts that were deleted before it stay so. 409 when it is not deleted."""
    faults = {
        Failure.CONFLICT: "The domain is not deleted.",
        Failure.DELETED: "The domain whose addresses it has is deleted. Restore that first.",
    }
    with blame("domain", faults, where="path"):
        return shown(await backend.deletion.restore_domain(domain), response)


async def _require_verified(backend: Backend, caller: Caller, domain: str) -> None:
    """Who reaches one tenant only cannot let a domain work that is not shown to be its. Raises Refused(CONFLICT)."""
    if backend.verify_domains and caller.tenant_id is not None:
        row = await backend.provisioning.domain(domain)
        if row.verified_at is None:
            fault = FieldFault(where="body", field="active", detail="Verify the domain first.")
            raise RefusedFor(Refused(Failure.CONFLICT, f"domain {domain} is not verified"), fault)


def shown(row: DomainRow, response: Response) -> DomainOut:
    response.headers["ETag"] = _etag(row)
    return _domain(row)


def _etag(row: DomainRow) -> str:
    return etag_of(_domain(row), "account_count")


def _domain(row: DomainRow) -> DomainOut:
    return DomainOut(
        name=row.name,
        tenant_id=row.tenant_id,
        active=row.active,
        held=row.held,
        scram=row.scram,
        junk_score=row.junk_score or 0,
        reject_score=row.reject_score or 0,
        max_accounts=row.max_accounts or 0,
        retention_days=row.retention_days or 0,
        account_count=row.accounts,
        alias_of=row.alias_of,
        verified_at=row.verified_at,
        deleted_at=row.deleted_at,
        erase_at=row.erase_at,
        created_at=row.created_at,
    )
