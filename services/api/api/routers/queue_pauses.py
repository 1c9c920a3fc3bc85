"""`/v1/queue-pauses`: mail for a destination, or of a tenant, that waits until the pause is ended."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.exceptions import RequestValidationError

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, UseCaller, requires
from api.errors import blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.domains import TenantId
from api.routes import Route
from api.schemas.common import Id, Page
from api.schemas.queue import QueuePauseIn, QueuePauseOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.events import QueueFilled
from mailstead.model.failure import Failure
from mailstead.store.queue_pauses import PauseRow

router = APIRouter(route_class=Route, prefix="/v1/queue-pauses", tags=["queue"])

PauseId = Annotated[Id, Path()]
_NO_PAUSE = {Failure.NO_SUCH_ENTRY: "There is no such pause."}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.QUEUE_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_TENANT, Failure.CONFLICT, with_input=True),
)
async def create_queue_pause(pause: QueuePauseIn, backend: UseBackend, caller: UseCaller, response: Response) -> QueuePauseOut:
    """From the answer on nothing of it is tried anew; attempts that are under way end. 409 when it is paused already."""
    tenant_id = caller.tenant(pause.tenant_id)
    if tenant_id is None and pause.domain is None:
        fault = {"type": "missing", "loc": ("body", "domain"), "msg": "say for which domain, or of which tenant"}
        raise RequestValidationError([fault])
    if tenant_id is not None:
        with blame("tenant_id", {Failure.NO_SUCH_TENANT: "There is no such tenant."}):
            await backend.tenants.get(tenant_id)
    with blame("domain", {Failure.CONFLICT: "This is paused already."}):
        row = await backend.queue_pauses.create(tenant_id, pause.domain, pause.reason, backend.max_queue_action)
    response.headers["Location"] = f"/v1/queue-pauses/{row.pause_id}"
    return _pause(row)


@router.get("", dependencies=[requires(Scope.QUEUE_READ), sparse()], responses=problems(with_input=True))
async def list_queue_pauses(
    backend: UseBackend, caller: UseCaller, tenant_id: TenantId = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[QueuePauseOut]:
    """In the order of their beginning."""
    rows = await backend.queue_pauses.list(limit + 1, decode_cursor(cursor, int) or 0, caller.tenant(tenant_id))
    return page_of([_pause(row) for row in rows], limit, lambda pause: pause.id)


@router.get(
    "/{pause_id}",
    dependencies=[requires(Scope.QUEUE_READ), sparse()],
    responses=problems(Failure.NO_SUCH_ENTRY, with_input=True),
)
async def get_queue_pause(pause_id: PauseId, backend: UseBackend) -> QueuePauseOut:
    """One pause."""
    with blame("pause_id", _NO_PAUSE, where="path"):
        return _pause(await backend.queue_pauses.get(pause_id))


@router.delete(
    "/{pause_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.QUEUE_WRITE)],
    responses=problems(Failure.NO_SUCH_ENTRY, with_input=True),
)
async def end_queue_pause(pause_id: PauseId, backend: UseBackend) -> None:
    """What it holds is let go: some thousand recipients at once, the others within a minute."""
    with blame("pause_id", _NO_PAUSE, where="path"):
        let_go = await backend.queue_pauses.end(pause_id, backend.max_queue_action)
    if let_go:
        backend.bus.publish([QueueFilled(let_go)])


def _pause(row: PauseRow) -> QueuePauseOut:
    return QueuePauseOut(
        id=row.pause_id,
        tenant_id=row.tenant_id,
        domain=row.domain,
        reason=row.reason,
        created_at=row.created_at,
        held_count=row.held,
    )
