"""What the jobs service is made of, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from jobs.catalogue import catalogue
from jobs.metrics import JobsMetrics
from jobs.runner import Runner
from jobs.settings import JobsSettings
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.metrics import operation_timer
from mailstead.store.engine import open_database
from mailstead.store.leases import Leases


@asynccontextmanager
async def jobs(settings: JobsSettings, runtime: Runtime) -> AsyncIterator[None]:
    """Run the jobs until left."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(
            open_database(
                settings.database_url.get_secret_value(),
                pool_size=settings.database_pool_size,
                observe=operation_timer(runtime.registry, "store"),
            )
        )
        runtime.ready_when("database", db.ping)
        metrics = JobsMetrics.register(runtime.registry)
        runner = Runner(Leases(db), runtime.replica, settings.jobs_lease_seconds, metrics)
        for job in catalogue(db, settings, metrics):
            await stack.enter_async_context(runtime.running(runner.lead(job), f"lead {job.name}"))
        yield
