"""`/v1/audit-log`: who asked for which change, and what came of it. Nobody can change or remove an entry over the API."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, UseCaller, requires
from api.openapi import problems
from api.routers.domains import TenantId
from api.routes import Route
from api.schemas.audit import AuditOut
from api.schemas.common import Moment, Page
from api.scopes import Scope
from api.sparse import sparse
from mailstead.store.audit import AuditFilter, AuditRow

router = APIRouter(route_class=Route, prefix="/v1/audit-log", tags=["access"])

_Word = Annotated[str | None, Query(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]


@router.get("", dependencies=[requires(Scope.AUDIT_READ), sparse()], responses=problems(with_input=True))
async def list_audit_log(
    backend: UseBackend,
    caller: UseCaller,
    tenant_id: TenantId = None,
    actor: _Word = None,
    action: _Word = None,
    target: _Word = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AuditOut]:
    """Newest first; of who asked (`actor`), what for (`action`), for which paths (`target`, how they begin), and when."""
    wanted = AuditFilter(caller.tenant(tenant_id), actor, action, target, since, until)
    rows = await backend.audit.list(limit + 1, decode_cursor(cursor, UUID), wanted)
    return page_of([_entry(row) for row in rows], limit, lambda entry: entry.id)


def _entry(row: AuditRow) -> AuditOut:
    return AuditOut(
        id=row.entry_id,
        at=row.at,
        tenant_id=row.tenant_id,
        actor=row.actor,
        action=row.action,
        target=row.target,
        trace_id=row.trace_id,
        status=row.status,
        before=row.before,
        after=row.after,
    )
