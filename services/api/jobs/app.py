"""What the jobs service is made of, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from jobs.catalogue import catalogue
from jobs.metrics import JobsMetrics
from jobs.receivers import Receivers
from jobs.runner import Runner
from jobs.sender import Sender
from jobs.settings import JobsSettings
from mailstead.ops.database import service_database
from mailstead.ops.events import service_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.store.leases import Leases
from mailstead.store.webhook_sending import WebhookSending


@asynccontextmanager
async def jobs(settings: JobsSettings, runtime: Runtime) -> AsyncIterator[None]:
    """Run the jobs until left."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(service_database(settings, runtime))
        bus = await stack.enter_async_context(service_bus(settings, runtime))
        metrics = JobsMetrics.register(runtime.registry)
        runner = Runner(Leases(db), runtime.replica, settings.jobs_lease_seconds, metrics)
        for job in catalogue(db, bus.publish, settings, metrics):
            await stack.enter_async_context(runtime.running(runner.lead(job), f"lead {job.name}"))
        receivers = await stack.enter_async_context(
            Receivers(seconds=settings.jobs_webhook_seconds, private=settings.webhook_private_receivers)
        )
        sender = Sender(WebhookSending(db), receivers, settings, metrics)
        await stack.enter_async_context(runtime.running(sender.run(), "send to webhooks"))
        yield
