"""`/v1/queue`: what leaves for other hosts, and what became of each attempt."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, UseCaller, requires
from api.openapi import problems
from api.routes import Route
from api.schemas.common import Page
from api.schemas.queue import AttemptOut, QueueMessageDetail, QueueMessageOut, QueueRecipientOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure, Refused
from mailstead.store.queue_view import AttemptRow, QueuedMessage, RecipientState

router = APIRouter(route_class=Route, prefix="/v1/queue", tags=["queue"])


@router.get("", dependencies=[requires(Scope.QUEUE_READ), sparse()], responses=problems(with_input=True))
async def list_queue(
    backend: UseBackend, caller: UseCaller, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[QueueMessageOut]:
    """Messages for other hosts, newest first, settled ones included until they are purged."""
    found = await backend.queue.page(limit + 1, decode_cursor(cursor, UUID), caller.tenant_id)
    return page_of([_message(message) for message in found], limit, lambda message: message.id)


@router.get(
    "/{queue_id}",
    dependencies=[requires(Scope.QUEUE_READ), sparse()],
    responses=problems(Failure.NO_SUCH_MESSAGE, with_input=True),
)
async def get_queue_message(queue_id: UUID, backend: UseBackend) -> QueueMessageDetail:
    """One message with its recipients and all attempts."""
    message = await backend.queue.message(queue_id)
    if message is None:
        raise Refused(Failure.NO_SUCH_MESSAGE)
    attempts: dict[int, list[AttemptRow]] = defaultdict(list)
    for attempt in await backend.queue.attempts(queue_id):
        attempts[attempt.number].append(attempt)
    recipients = await backend.queue.recipients(queue_id)
    return QueueMessageDetail(
        **_message(message).model_dump(),
        recipients=[_recipient(recipient, attempts[recipient.number]) for recipient in recipients],
    )


def _message(message: QueuedMessage) -> QueueMessageOut:
    return QueueMessageOut(
        id=message.queue_id,
        trace_id=message.trace_id,
        account_id=message.account_id,
        sender=message.sender,
        size=message.size,
        queued_at=message.queued_at,
        expires_at=message.expires_at,
        recipient_count=message.recipients,
        open_count=message.open,
    )


def _recipient(recipient: RecipientState, attempts: Sequence[AttemptRow]) -> QueueRecipientOut:
    return QueueRecipientOut.model_validate(
        {
            "number": recipient.number,
            "address": recipient.address,
            "state": recipient.state,
            "due_at": recipient.due_at,
            "settled_at": recipient.settled_at,
            "status": recipient.status,
            "reply": recipient.reply,
            "attempts": [AttemptOut.model_validate(attempt, from_attributes=True) for attempt in attempts],
        }
    )
