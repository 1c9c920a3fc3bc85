"""What an operator does to the queue: hold, release, try now, cancel; one message, or all recipients that a selection finds."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.cursor import decode_cursor, encode_cursor
from api.deps import Backend, UseBackend, UseCaller, requires
from api.idempotency import idempotent
from api.openapi import problems
from api.routes import Route
from api.schemas.queue import QueueActionIn, QueueActionOut, QueueBulkActionIn
from api.scopes import Scope
from mailstead.events import QueueFilled
from mailstead.model.failure import Failure, Refused
from mailstead.store.queue_control import Action, Done, Position
from mailstead.store.queue_filter import QueueFilter

router = APIRouter(route_class=Route, prefix="/v1", tags=["queue"])


@router.post(
    "/queue/{queue_id}/actions",
    dependencies=[requires(Scope.QUEUE_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_MESSAGE, Failure.CONFLICT, with_input=True),
)
async def act_on_queue_message(queue_id: UUID, asked: QueueActionIn, backend: UseBackend) -> QueueActionOut:
    """Done to those of its recipients whom it is for; who is being tried now is not interrupted."""
    if await backend.queue.message(queue_id) is None:
        raise Refused(Failure.NO_SUCH_MESSAGE)
    wanted = QueueFilter(queue_id=queue_id, numbers=asked.recipients)
    total, last = Done(), None
    while True:
        done = await backend.queue_control.act(asked.action, wanted, backend.max_queue_action, last)
        total = Done(total.changed + done.changed, total.under_way + done.under_way, total.due + done.due)
        last = done.last
        if last is None:
            return _told(backend, asked.action, total)


@router.post(
    "/queue-actions",
    dependencies=[requires(Scope.QUEUE_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_TENANT, Failure.CONFLICT, with_input=True),
)
async def act_on_queue(
    asked: QueueBulkActionIn,
    backend: UseBackend,
    caller: UseCaller,
    cursor: Annotated[str | None, Query(max_length=400, description="`next_cursor` of the answer before")] = None,
) -> QueueActionOut:
    """Done to the first some thousand recipients; while there are more, the answer says where to go on."""
    wanted = QueueFilter(**asked.of.model_dump() | {"tenant_id": caller.tenant(asked.of.tenant_id)})
    done = await backend.queue_control.act(asked.action, wanted, backend.max_queue_action, decode_cursor(cursor, _position))
    return _told(backend, asked.action, done)


def _told(backend: Backend, action: Action, done: Done) -> QueueActionOut:
    """The answer; workers are woken for what is due."""
    if done.due:
        backend.bus.publish([QueueFilled(done.due)])
    return QueueActionOut(
        action=action,
        recipient_count=done.changed,
        under_way_count=done.under_way,
        next_cursor=encode_cursor(f"{done.last[0]}:{done.last[1]}") if done.last else None,
    )


def _position(text: str) -> Position:
    queue_id, _, number = text.partition(":")
    if not number.isdecimal() or int(number) >= 2**31:
        raise ValueError("no position")
    return UUID(queue_id), int(number)
