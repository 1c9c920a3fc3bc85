"""`/v1/delivery-rules`: how mail leaves: smart hosts, relays by LMTP, the least TLS, source addresses. For operators.

The most particular rule holds, one alone: a tenant's own before everybody's, then the domain itself, then those above it.
"""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page_of
from api.deps import UseBackend, requires
from api.errors import blame
from api.etags import UseSeen, etag_of
from api.idempotency import idempotent
from api.openapi import problems
from api.routes import Route
from api.schemas.common import Page
from api.schemas.delivery_rules import DeliveryRuleIn, DeliveryRuleOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure
from mailstead.store.delivery_rules import FIRST, DeliveryRuleRow, SecretRule

SMTP_PORT = 25
LMTP_PORT = 24
SUBMISSION_PORT = 587

router = APIRouter(route_class=Route, prefix="/v1/delivery-rules", tags=["delivery"])

RuleId = Annotated[UUID, Path()]
_TAKEN = {Failure.CONFLICT: "There is a rule for this domain already."}
_NO_TENANT = {Failure.NO_SUCH_TENANT: "There is no such tenant."}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.DELIVERY_RULES_WRITE), idempotent()],
    responses=problems(Failure.CONFLICT, Failure.NO_SUCH_TENANT, Failure.TOO_MANY, with_input=True),
)
async def create_delivery_rule(rule: DeliveryRuleIn, backend: UseBackend, response: Response) -> DeliveryRuleOut:
    """It holds within some seconds. 409 when there is a rule for this tenant and domain."""
    with blame("domain", _TAKEN), blame("tenant_id", _NO_TENANT):
        row = await backend.delivery_rules.create(_secret(rule))
    response.headers["Location"] = f"/v1/delivery-rules/{row.rule_id}"
    return _shown(row, response)


@router.get("", dependencies=[requires(Scope.DELIVERY_RULES_READ), sparse()], responses=problems(with_input=True))
async def list_delivery_rules(backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[DeliveryRuleOut]:
    """Oldest first."""
    rows = await backend.delivery_rules.list(limit + 1, decode_cursor(cursor, UUID) or FIRST)
    return page_of([_rule(row) for row in rows], limit, lambda rule: rule.id)


@router.get(
    "/{rule_id}",
    dependencies=[requires(Scope.DELIVERY_RULES_READ), sparse()],
    responses=problems(Failure.NO_SUCH_RULE, with_input=True),
)
async def get_delivery_rule(rule_id: RuleId, backend: UseBackend, response: Response) -> DeliveryRuleOut:
    """One rule, without its password."""
    return _shown(await backend.delivery_rules.get(rule_id), response)


@router.put(
    "/{rule_id}",
    dependencies=[requires(Scope.DELIVERY_RULES_WRITE)],
    responses=problems(Failure.NO_SUCH_RULE, Failure.CONFLICT, Failure.NO_SUCH_TENANT, Failure.CHANGED, with_input=True),
)
async def replace_delivery_rule(
    rule_id: RuleId, rule: DeliveryRuleIn, backend: UseBackend, response: Response, seen: UseSeen
) -> DeliveryRuleOut:
    """All of it anew: what is left out is unset, a password too."""
    with blame("domain", _TAKEN), blame("tenant_id", _NO_TENANT):
        return _shown(await backend.delivery_rules.replace(rule_id, _secret(rule), seen.expecting(_etag, _rule)), response)


@router.delete(
    "/{rule_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.DELIVERY_RULES_WRITE)],
    responses=problems(Failure.NO_SUCH_RULE, Failure.CHANGED, with_input=True),
)
async def delete_delivery_rule(rule_id: RuleId, backend: UseBackend, seen: UseSeen) -> None:
    """The next less particular rule holds then, or MX records."""
    await backend.delivery_rules.delete(rule_id, seen.expecting(_etag, _rule))


def _secret(rule: DeliveryRuleIn) -> SecretRule:
    port = rule.port
    if rule.host is not None and port is None:
        port = LMTP_PORT if rule.protocol == "lmtp" else SMTP_PORT if rule.username is None else SUBMISSION_PORT
    return SecretRule(
        tenant_id=rule.tenant_id,
        domain=rule.domain,
        host=rule.host,
        port=port,
        protocol=rule.protocol,
        tls=rule.tls,
        username=rule.username,
        password=rule.password,
        source=None if rule.source is None else str(rule.source),
        hello=rule.hello,
        messages_per_minute=rule.messages_per_minute,
    )


def _shown(row: DeliveryRuleRow, response: Response) -> DeliveryRuleOut:
    response.headers["ETag"] = _etag(row)
    return _rule(row)


def _etag(row: DeliveryRuleRow) -> str:
    return etag_of(_rule(row))


def _rule(row: DeliveryRuleRow) -> DeliveryRuleOut:
    return DeliveryRuleOut(
        id=row.rule_id,
        tenant_id=row.tenant_id,
        domain=row.domain,
        host=row.host,
        port=row.port,
        protocol=row.protocol,
        tls=row.tls,
        username=row.username,
        source=row.source,
        hello=row.hello,
        messages_per_minute=row.messages_per_minute,
        created_at=row.created_at,
    )
