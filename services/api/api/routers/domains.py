"""`/v1/domains`: the domains that mail is accepted for."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, requires
from api.errors import blame
from api.openapi import problems
from api.schemas.common import DomainName, Page
from api.schemas.domains import DomainIn, DomainOut, DomainPatch
from api.scopes import Scope
from mailstead.model.failure import Failure
from mailstead.store.provisioning import DomainRow

router = APIRouter(prefix="/v1/domains", tags=["domains"])

Name = Annotated[DomainName, Path()]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.DOMAINS_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, with_input=True),
)
async def create_domain(domain: DomainIn, backend: UseBackend, response: Response) -> DomainOut:
    """409 when it exists, 404 when it would be an alias of a domain that is none of ours, or an alias itself."""
    faults = {Failure.NO_SUCH_DOMAIN: "There is no such domain here that has addresses of its own."}
    with blame("name", {Failure.CONFLICT: "This domain exists."}), blame("alias_of", faults):
        row = await backend.provisioning.create_domain(domain.name, alias_of=domain.alias_of)
    response.headers["Location"] = f"/v1/domains/{row.name}"
    return _domain(row)


@router.get("", dependencies=[requires(Scope.DOMAINS_READ)], responses=problems(with_input=True))
async def list_domains(backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[DomainOut]:
    """In the order of names."""
    rows = await backend.provisioning.domains(limit + 1, decode_cursor(cursor, str) or "")
    return page_of([_domain(row) for row in rows], limit, lambda domain: domain.name)


@router.get("/{name}", dependencies=[requires(Scope.DOMAINS_READ)], responses=problems(Failure.NO_SUCH_DOMAIN, with_input=True))
async def get_domain(name: Name, backend: UseBackend) -> DomainOut:
    """One domain."""
    return _domain(await backend.provisioning.domain(name))


@router.patch(
    "/{name}", dependencies=[requires(Scope.DOMAINS_WRITE)], responses=problems(Failure.NO_SUCH_DOMAIN, with_input=True)
)
async def update_domain(name: Name, patch: DomainPatch, backend: UseBackend) -> DomainOut:
    """Suspend it, or let it work again; say what is spam.

    Keep SCRAM keys of passwords that are set from now on, or remove all of them.
    """
    given = patch.model_fields_set
    asked = {"junk_score": patch.junk_score or None, "reject_score": patch.reject_score or None}
    row = await backend.provisioning.update_domain(
        name,
        active=patch.active if "active" in given else None,
        scram=patch.scram if "scram" in given else None,
        scores={field: score for field, score in asked.items() if field in given},
    )
    return _domain(row)


@router.delete(
    "/{name}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.DOMAINS_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, with_input=True),
)
async def delete_domain(name: Name, backend: UseBackend) -> None:
    """409 while it has accounts or alias domains; its aliases go with it."""
    with blame("name", {Failure.CONFLICT: "The domain has accounts or alias domains. Delete them first."}, where="path"):
        await backend.provisioning.delete_domain(name)


def _domain(row: DomainRow) -> DomainOut:
    return DomainOut(
        name=row.name,
        active=row.active,
        scram=row.scram,
        junk_score=row.junk_score or 0,
        reject_score=row.reject_score or 0,
        account_count=row.accounts,
        alias_of=row.alias_of,
        created_at=row.created_at,
    )
