"""`/v1/overview`: the mail of the last hours, the queue, what is held, and what is nearly full, in one answer."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import UseBackend, UseCaller, requires
from api.openapi import problems
from api.routers.domains import TenantId
from api.routes import Route
from api.schemas.overview import DomainSummary, FullAccountOut, HourOut, OverviewOut, QueueSummary, StorageSummary
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure
from mailstead.store.overview import Hour, Overview

MAX_HOURS = 72

router = APIRouter(route_class=Route, prefix="/v1/overview", tags=["server"])

Hours = Annotated[int, Query(ge=1, le=MAX_HOURS, description="How many hours to look back")]


@router.get("", dependencies=[requires(Scope.SERVER_READ), sparse()], responses=problems(Failure.NO_SUCH_TENANT, with_input=True))
async def get_overview(backend: UseBackend, caller: UseCaller, hours: Hours = 24, tenant_id: TenantId = None) -> OverviewOut:
    """Of all, or of one tenant. It is counted at most twice a minute."""
    return _shown(await backend.overviews.of(hours, caller.tenant(tenant_id)))


def _shown(found: Overview) -> OverviewOut:
    return OverviewOut(
        as_of=found.as_of,
        hours=[_hour(hour) for hour in found.hours],
        queue=QueueSummary(waiting_count=found.waiting, retried_count=found.retried, oldest_queued_at=found.oldest),
        storage=StorageSummary(
            account_count=found.accounts,
            suspended_count=found.suspended_accounts,
            message_count=found.messages,
            used_bytes=found.used_bytes,
            full_accounts=[
                FullAccountOut(id=full.account_id, address=full.address, used_bytes=full.used_bytes, quota_bytes=full.quota_bytes)
                for full in found.full_accounts
            ],
        ),
        domains=DomainSummary(
            domain_count=found.domains, suspended_count=found.suspended_domains, suspended=list(found.suspended_names)
        ),
    )


def _hour(hour: Hour) -> HourOut:
    return HourOut(
        start=hour.start,
        filed_count=hour.filed,
        delivered_count=hour.delivered,
        waiting_count=hour.waiting,
        failed_count=hour.failed,
    )
