"""`/v1/canary-runs`: where the canary says how its mail fared, for Prometheus to ask."""

from http import HTTPStatus

from fastapi import APIRouter

from api.deps import UseBackend, requires
from api.openapi import problems
from api.routes import Route
from api.schemas.canary_runs import CanaryRunIn
from api.scopes import Scope

router = APIRouter(route_class=Route, prefix="/v1/canary-runs", tags=["server"])


@router.post(
    "",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.CANARY_WRITE)],
    responses=problems(with_input=True),
)
async def report_canary_run(run: CanaryRunIn, backend: UseBackend) -> None:
    """Counted in `mailstead_canary_runs_total` and `mailstead_canary_seconds` of the replica that is told."""
    backend.canary.runs.labels(run.path, run.outcome).inc()
    if run.seconds is not None:
        backend.canary.seconds.labels(run.path).observe(run.seconds)
