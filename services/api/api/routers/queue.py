"""`/v1/queue`: what leaves for other hosts, and what became of each attempt."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, UseCaller, requires
from api.openapi import problems
from api.routers.domains import TenantId
from api.routes import Route
from api.schemas.common import MAX_ID, Moment, Page
from api.schemas.queue import (
    AnyAddress,
    AttemptOut,
    QueuedDomain,
    QueueMessageDetail,
    QueueMessageOut,
    QueueRecipientOut,
    State,
    TraceId,
)
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure, Refused
from mailstead.store.queue_filter import QueueFilter
from mailstead.store.queue_view import AttemptRow, QueuedMessage, RecipientState

_AccountId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Whose submissions")]

router = APIRouter(route_class=Route, prefix="/v1/queue", tags=["queue"])


@router.get("", dependencies=[requires(Scope.QUEUE_READ), sparse()], responses=problems(with_input=True))
async def list_queue(
    backend: UseBackend,
    caller: UseCaller,
    tenant_id: TenantId = None,
    account_id: _AccountId = None,
    trace_id: Annotated[TraceId | None, Query()] = None,
    sender: Annotated[AnyAddress | None, Query(description="The reverse-path")] = None,
    recipient: Annotated[AnyAddress | None, Query()] = None,
    domain: Annotated[QueuedDomain | None, Query(description="Of a recipient")] = None,
    state: Annotated[State | None, Query(description="Of a recipient")] = None,
    queued_before: Moment | None = None,
    queued_after: Moment | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[QueueMessageOut]:
    """Messages for other hosts, newest first, settled ones included until they are purged.

    `recipient`, `domain` and `state` find messages with a recipient of whom all of these hold.
    """
    wanted = QueueFilter(
        tenant_id=caller.tenant(tenant_id),
        account_id=account_id,
        trace_id=trace_id,
        sender=sender,
        recipient=recipient,
        domain=domain,
        state=state,
        queued_before=queued_before,
        queued_after=queued_after,
    )
    found = await backend.queue.page(limit + 1, decode_cursor(cursor, UUID), wanted)
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
        tenant_id=message.tenant_id,
        account_id=message.account_id,
        sender=message.sender,
        size=message.size,
        queued_at=message.queued_at,
        expires_at=message.expires_at,
        recipient_count=message.recipients,
        open_count=message.open,
        held_count=message.held,
        due_at=message.due_at,
    )


def _recipient(recipient: RecipientState, attempts: Sequence[AttemptRow]) -> QueueRecipientOut:
    return QueueRecipientOut.model_validate(
        {
            "number": recipient.number,
            "address": recipient.address,
            "state": recipient.state,
            "asked": recipient.asked,
            "pause_id": recipient.pause_id,
            "due_at": recipient.due_at,
            "settled_at": recipient.settled_at,
            "status": recipient.status,
            "reply": recipient.reply,
            "attempts": [AttemptOut.model_validate(attempt, from_attributes=True) for attempt in attempts],
        }
    )
