"""`/v1/events`: what happened, as a list and as a stream of server-sent events (WHATWG HTML §9.2)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import Backend, UseBackend, UseCaller, requires
from api.errors import blame
from api.openapi import problems
from api.routers.domains import TenantId
from api.routes import Route
from api.schemas.common import MAX_ID, Page
from api.schemas.events import EventOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.events.outside import EventType
from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import get_logger
from mailstead.store.event_log import EventRow

LISTENS = timedelta(days=7)  # for which events are written after a reading
HEARTBEAT_SECONDS = 15.0  # so that nobody between takes a quiet stream for a dead one
PAGE = 100  # events of one read
RETRY_MILLISECONDS = 2000  # until who follows comes back

log = get_logger()

router = APIRouter(route_class=Route, prefix="/v1/events", tags=["events"])

Position = Annotated[int | None, Query(ge=0, le=MAX_ID, description="Only what came behind this position")]
Types = Annotated[list[EventType] | None, Query(alias="type", description="Only these types; left out: all")]
LastEventId = Annotated[
    int | None,
    Header(alias="Last-Event-ID", ge=0, le=MAX_ID, description="The `id` that came last: the stream goes on behind it"),
]
_NO_TENANT = {Failure.NO_SUCH_TENANT: "There is no such tenant."}


class EventStream(StreamingResponse):
    """For as long as both sides stay."""

    media_type = "text/event-stream"


@router.get(
    "",
    dependencies=[requires(Scope.EVENTS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_TENANT, with_input=True),
)
async def list_events(
    backend: UseBackend,
    caller: UseCaller,
    tenant_id: TenantId = None,
    types: Types = None,
    after: Position = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[EventOut]:
    """Oldest first. Events are written where webhooks want them, and from a first reading on until nobody has read for a week."""
    with blame("tenant_id", _NO_TENANT, where="query"):
        tenant_id = caller.tenant(tenant_id)
        await backend.event_log.listen(tenant_id, LISTENS)
    position = decode_cursor(cursor, int) or after or 0
    rows = await backend.event_log.list(limit + 1, position, tenant_id, types or ())
    return page_of([_event(row) for row in rows], limit, lambda event: event.position)


@router.get(
    "/stream",
    dependencies=[requires(Scope.EVENTS_READ)],
    response_class=EventStream,
    responses=problems(Failure.NO_SUCH_TENANT, with_input=True),
)
async def stream_events(
    backend: UseBackend,
    caller: UseCaller,
    tenant_id: TenantId = None,
    types: Types = None,
    after: Position = None,
    last_event_id: LastEventId = None,
) -> EventStream:
    """Each event as it comes: `id` is its position, `event` its type, `data` as in the list.

    It begins behind `Last-Event-ID` or `after`, or else now, and ends after some minutes: come back with `Last-Event-ID`, as
    browsers do by themselves.
    """
    with blame("tenant_id", _NO_TENANT, where="query"):
        tenant_id = caller.tenant(tenant_id)
        await backend.event_log.listen(tenant_id, LISTENS)
    backend.event_feed.require_room(caller.name)
    begin = after if last_event_id is None else last_event_id
    if begin is None:
        begin = await backend.event_log.last()
    return EventStream(_followed(backend, caller.name, begin, tenant_id, types or ()), headers={"X-Accel-Buffering": "no"})


async def _followed(
    backend: Backend, caller: str, position: int, tenant_id: int | None, types: Sequence[str]
) -> AsyncIterator[bytes]:
    """What a stream is made of. It reads by pages: nothing is open while the client takes its time.

    Where it begins, and how far it has looked, is told without an event, so that who has seen none comes back to the right place.
    """
    feed, clock = backend.event_feed, asyncio.get_running_loop().time
    until = clock() + feed.seconds
    try:
        async with feed.stream(caller):
            yield f"retry: {RETRY_MILLISECONDS}\nid: {position}\n\n".encode()
            while (left := until - clock()) > 0 and not feed.closed:
                known = feed.last  # all up to here can be seen by what is read now
                rows = await backend.event_log.list(PAGE, position, tenant_id, types)
                for row in rows:
                    yield _written(row)
                position = rows[-1].position if rows else max(position, known)
                if not rows and not await feed.moved(known, min(left, HEARTBEAT_SECONDS)):
                    yield f": nothing new\nid: {position}\n\n".encode()
    except Refused as refused:  # what has been sent is good: who follows comes back for the rest
        log.warning("a stream of events ended early", caller=caller, reason=refused.detail)


def _written(row: EventRow) -> bytes:
    return f"id: {row.position}\nevent: {row.type}\ndata: {_event(row).model_dump_json()}\n\n".encode()


def _event(row: EventRow) -> EventOut:
    return EventOut(
        position=row.position, id=row.event_id, type=row.type, timestamp=row.at, tenant_id=row.tenant_id, data=row.data
    )
