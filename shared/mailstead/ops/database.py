"""A service's database: the pool that its settings describe, timed, and what its readiness hangs on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from mailstead.ops.lifecycle import Runtime
from mailstead.ops.metrics import count_pool, operation_timer
from mailstead.ops.settings import ServiceSettings
from mailstead.store.engine import Database, open_database
from mailstead.store.revision import check_revision


@asynccontextmanager
async def service_database(settings: ServiceSettings, runtime: Runtime) -> AsyncIterator[Database]:
    """Raises Refused(UNAVAILABLE) when it cannot be reached at first; later it may come and go."""
    async with open_database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        prepared=settings.database_prepared_statements,
        observe=operation_timer(runtime.registry, "store"),
    ) as database:
        count_pool(runtime.registry, database.connections)
        runtime.ready_when("database", partial(check_revision, database))
        yield database
