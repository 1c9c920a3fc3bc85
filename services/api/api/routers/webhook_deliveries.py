"""`/v1/webhooks/{webhook_id}/deliveries`: what was sent to a webhook, what came of it, and sending it again."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, requires
from api.errors import blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.webhooks import NOT_THERE, WebhookId
from api.routes import Route
from api.schemas.common import Page
from api.schemas.webhooks import AttemptOut, DeliveryDetailOut, DeliveryOut, RecoveryIn, RecoveryOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure
from mailstead.store.webhook_deliveries import DeliveryRow, State

router = APIRouter(route_class=Route, prefix="/v1/webhooks/{webhook_id}/deliveries", tags=["events"])

EventId = Annotated[UUID, Path()]
MAX_RECOVERED = 10_000  # events of one request
_NOT_FOR_IT = {Failure.NO_SUCH_ENTRY: "No such event was for this webhook."}


@router.get(
    "",
    dependencies=[requires(Scope.WEBHOOKS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_ENTRY, with_input=True),
)
async def list_webhook_deliveries(
    webhook_id: WebhookId,
    backend: UseBackend,
    state: Annotated[State | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[DeliveryOut]:
    """Newest event first."""
    with blame("webhook_id", NOT_THERE, where="path"):
        await backend.webhooks.get(webhook_id)
    rows = await backend.webhook_deliveries.list(webhook_id, limit + 1, decode_cursor(cursor, int), state)
    positions = {row.event_id: row.position for row in rows}
    return page_of([_delivery(row) for row in rows], limit, lambda delivery: positions[delivery.event_id])


@router.get(
    "/{event_id}",
    dependencies=[requires(Scope.WEBHOOKS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_ENTRY, with_input=True),
)
async def get_webhook_delivery(webhook_id: WebhookId, event_id: EventId, backend: UseBackend) -> DeliveryDetailOut:
    """One event, with the attempts to deliver it."""
    with blame("event_id", _NOT_FOR_IT, where="path"):
        row, attempts = await backend.webhook_deliveries.get(webhook_id, event_id)
    log = [
        AttemptOut(attempt=a.attempt, started_at=a.started_at, seconds=a.duration, status=a.status, error=a.error)
        for a in attempts
    ]
    return DeliveryDetailOut(**_delivery(row).model_dump(), log=log)


@router.post(
    "/{event_id}/redelivery",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WEBHOOKS_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_ENTRY, Failure.CONFLICT, with_input=True),
)
async def redeliver_webhook_event(webhook_id: WebhookId, event_id: EventId, backend: UseBackend) -> DeliveryOut:
    """Send it once more at once, also what was delivered; it is tried for as long as at first."""
    with blame("event_id", _NOT_FOR_IT, where="path"):
        await backend.webhook_deliveries.again(webhook_id, event_id)
        row, _ = await backend.webhook_deliveries.get(webhook_id, event_id)
    return _delivery(row)


@router.post(
    "/recovery",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WEBHOOKS_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_ENTRY, Failure.CONFLICT, with_input=True),
)
async def recover_webhook_events(webhook_id: WebhookId, asked: RecoveryIn, backend: UseBackend) -> RecoveryOut:
    """Send again what was given up, as after a receiver was away for long; 10,000 events at most."""
    with blame("webhook_id", NOT_THERE, where="path"):
        await backend.webhooks.get(webhook_id)
    return RecoveryOut(event_count=await backend.webhook_deliveries.recover(webhook_id, asked.since, MAX_RECOVERED))


def _delivery(row: DeliveryRow) -> DeliveryOut:
    return DeliveryOut(
        event_id=row.event_id,
        event_type=row.type,
        event_at=row.at,
        state=row.state,
        attempts=row.attempts,
        due_at=row.due_at,
        settled_at=row.settled_at,
        status=row.status,
        error=row.error,
    )
