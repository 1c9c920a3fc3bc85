"""`/v1/health`, `/v1/version` and `/v1/limits`."""

from importlib.metadata import version

from fastapi import APIRouter

from api.deps import UseBackend, public, requires
from api.openapi import problems
from api.routes import Route
from api.schemas.server import Health, LimitsOut, Version
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure

router = APIRouter(route_class=Route, prefix="/v1", tags=["server"])

_VERSION = version("mailstead-api")


@router.get("/health", dependencies=[public()], responses=problems(Failure.UNAVAILABLE))
async def get_health(backend: UseBackend) -> Health:
    """Needs no key. 503 while the database is away."""
    await backend.db.ping()
    connected = backend.bus.connected
    return Health(status="ok" if connected else "degraded", database="ok", events="ok" if connected else "away")


@router.get("/version", dependencies=[requires(Scope.SERVER_READ)], responses=problems())
async def get_version() -> Version:
    """The release that answers."""
    return Version(version=_VERSION, api="v1")


@router.get("/limits", dependencies=[requires(Scope.SERVER_READ), sparse()], responses=problems(with_input=True))
async def get_limits(backend: UseBackend) -> LimitsOut:
    """What is refused here for being too large, too many or too often; all replicas of a release are set up alike."""
    return backend.server_limits
