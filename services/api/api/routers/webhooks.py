"""`/v1/webhooks`: where events are sent to, each signed with the webhook's secret."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import Backend, UseBackend, UseCaller, requires
from api.errors import RefusedFor, blame
from api.etags import UseSeen, etag_of
from api.idempotency import idempotent
from api.openapi import problems
from api.routers.domains import TenantId
from api.routes import Route
from api.schemas.common import Id, Page
from api.schemas.problem import FieldFault
from api.schemas.webhooks import NewWebhookOut, TriedOut, WebhookIn, WebhookOut, WebhookPatch, WebhookSecretOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure, Refused
from mailstead.store.webhooks import WebhookChange, WebhookRow
from mailstead.wire import webhook_signature

router = APIRouter(route_class=Route, prefix="/v1/webhooks", tags=["events"])

WebhookId = Annotated[Id, Path()]
NOT_THERE = {Failure.NO_SUCH_ENTRY: "There is no such webhook."}
OVERLAP = timedelta(hours=24)  # for which a secret that was changed signs beside the new one


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.WEBHOOKS_WRITE), idempotent()],
    responses=problems(Failure.CONFLICT, Failure.NO_SUCH_TENANT, Failure.TOO_MANY, with_input=True),
)
async def create_webhook(asked: WebhookIn, backend: UseBackend, caller: UseCaller, response: Response) -> NewWebhookOut:
    """It is told what happens from now on. The secret is shown in this answer only; a tenant has at most 50 webhooks."""
    _require_tls(backend, asked.url)
    secret = webhook_signature.new_secret()
    with blame("tenant_id", {Failure.NO_SUCH_TENANT: "There is no such tenant."}):
        tenant_id = caller.tenant(asked.tenant_id)
        row = await backend.webhooks.create(
            tenant_id, asked.url, _once(asked.event_types), asked.description, asked.enabled, secret
        )
    response.headers["Location"] = f"/v1/webhooks/{row.webhook_id}"
    return NewWebhookOut(**_shown(row, response).model_dump(), secret=webhook_signature.told(secret))


@router.get("", dependencies=[requires(Scope.WEBHOOKS_READ), sparse()], responses=problems(with_input=True))
async def list_webhooks(
    backend: UseBackend, caller: UseCaller, tenant_id: TenantId = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[WebhookOut]:
    """In the order of their creation."""
    rows = await backend.webhooks.list(limit + 1, decode_cursor(cursor, int) or 0, caller.tenant(tenant_id))
    return page_of([_webhook(row) for row in rows], limit, lambda webhook: webhook.id)


@router.get(
    "/{webhook_id}",
    dependencies=[requires(Scope.WEBHOOKS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_ENTRY, with_input=True),
)
async def get_webhook(webhook_id: WebhookId, backend: UseBackend, response: Response) -> WebhookOut:
    """One webhook, without its secret."""
    with blame("webhook_id", NOT_THERE, where="path"):
        return _shown(await backend.webhooks.get(webhook_id), response)


@router.patch(
    "/{webhook_id}",
    dependencies=[requires(Scope.WEBHOOKS_WRITE)],
    responses=problems(Failure.NO_SUCH_ENTRY, Failure.CHANGED, with_input=True),
)
async def update_webhook(
    webhook_id: WebhookId, changes: WebhookPatch, backend: UseBackend, response: Response, seen: UseSeen
) -> WebhookOut:
    """What is pending goes to the new URL. One that is turned on again is sent what has waited and is not too old."""
    given = changes.model_dump(include=changes.model_fields_set)
    if "url" in given:
        _require_tls(backend, changes.url)
    if "event_types" in given:
        given["event_types"] = _once(changes.event_types)
    with blame("webhook_id", NOT_THERE, where="path"):
        row = await backend.webhooks.update(webhook_id, WebhookChange(**given), seen.expecting(_etag, _webhook))
    return _shown(row, response)


@router.delete(
    "/{webhook_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.WEBHOOKS_WRITE)],
    responses=problems(Failure.NO_SUCH_ENTRY, Failure.CHANGED, with_input=True),
)
async def delete_webhook(webhook_id: WebhookId, backend: UseBackend, seen: UseSeen) -> None:
    """With the log of its deliveries; what is pending is not sent."""
    with blame("webhook_id", NOT_THERE, where="path"):
        await backend.webhooks.delete(webhook_id, seen.expecting(_etag, _webhook))


@router.post(
    "/{webhook_id}/secret",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.WEBHOOKS_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_ENTRY, Failure.CONFLICT, with_input=True),
)
async def change_webhook_secret(webhook_id: WebhookId, backend: UseBackend) -> WebhookSecretOut:
    """A new secret. For a day events are signed with the one before too, so that none is refused meanwhile."""
    secret = webhook_signature.new_secret()
    with blame("webhook_id", NOT_THERE, where="path"):
        await backend.webhooks.change_secret(webhook_id, secret, OVERLAP)
    return WebhookSecretOut(secret=webhook_signature.told(secret))


@router.post(
    "/{webhook_id}/test",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WEBHOOKS_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_ENTRY, Failure.CONFLICT, with_input=True),
)
async def test_webhook(webhook_id: WebhookId, backend: UseBackend) -> TriedOut:
    """Send it an event of type `webhook.test`. 409 while it is turned off."""
    with blame("webhook_id", NOT_THERE, where="path"):
        row = await backend.webhooks.get(webhook_id)
    if not row.enabled:
        fault = FieldFault(where="path", field="webhook_id", detail="It is turned off.")
        raise RefusedFor(Refused(Failure.CONFLICT, f"webhook {webhook_id} is turned off"), fault)
    return TriedOut(event_id=await backend.webhooks.test(row))


def _require_tls(backend: Backend, url: str) -> None:
    """Raises Refused(INVALID_NAME) for plain HTTP where that is not allowed."""
    if not url.startswith("https:") and not backend.private_webhooks:
        fault = FieldFault(where="body", field="url", detail="It must be HTTPS.")
        raise RefusedFor(Refused(Failure.INVALID_NAME, "a webhook without TLS"), fault)


def _once(types: Sequence[str]) -> list[str]:
    return sorted(set(types))


def _shown(row: WebhookRow, response: Response) -> WebhookOut:
    response.headers["ETag"] = _etag(row)
    return _webhook(row)


def _etag(row: WebhookRow) -> str:
    return etag_of(_webhook(row), "failing_since")


def _webhook(row: WebhookRow) -> WebhookOut:
    return WebhookOut(
        id=row.webhook_id,
        tenant_id=row.tenant_id,
        url=row.url,
        event_types=list(row.event_types),
        description=row.description,
        enabled=row.enabled,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
        created_at=row.created_at,
    )
