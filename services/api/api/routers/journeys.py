"""`/v1/messages/{trace_id}/journey`: one message's whole life, under the id that logs carry."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.deps import UseBackend, UseCaller, requires
from api.journey import told
from api.openapi import problems
from api.routes import Route
from api.schemas.journey import JourneyOut
from api.schemas.queue import TraceId
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure, Refused
from mailstead.store.journey import find_journey

router = APIRouter(route_class=Route, prefix="/v1/messages", tags=["queue"])


@router.get(
    "/{trace_id}/journey",
    dependencies=[requires(Scope.QUEUE_READ), sparse()],
    responses=problems(Failure.NO_SUCH_MESSAGE, with_input=True),
)
async def get_journey(trace_id: Annotated[TraceId, Path()], backend: UseBackend, caller: UseCaller) -> JourneyOut:
    """When it was received and from whom, where it was filed, each attempt at other hosts, and the reports on it."""
    try:
        return told(trace_id, await find_journey(backend.db, trace_id, caller.tenant_id))
    except ValueError as error:
        raise Refused(Failure.NO_SUCH_MESSAGE, f"no trace {trace_id}") from error
