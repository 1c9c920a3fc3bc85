"""A service's end of the bus, counted and timed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailstead.bus import Bus, open_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.metrics import EventMetrics
from mailstead.ops.settings import ServiceSettings


@asynccontextmanager
async def service_bus(settings: ServiceSettings, runtime: Runtime) -> AsyncIterator[Bus]:
    """Never fails because NATS is away: services go on without hints."""
    metrics = EventMetrics.register(runtime.registry)
    async with open_bus(settings.nats_url, name=runtime.replica, observer=metrics) as bus:
        metrics.connected.set_function(lambda: bus.connected)
        yield bus
