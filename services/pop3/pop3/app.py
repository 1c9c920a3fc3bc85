"""What the POP3 service is made of, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from mailstead.ops.authentication import service_authenticator
from mailstead.ops.database import service_database
from mailstead.ops.events import service_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.listener import serve_with_tls_twin
from mailstead.store.limits import Limits
from mailstead.store.maildrop import Maildrops
from mailstead.store.messages import Messages
from pop3.leases import LeaseKeeper
from pop3.login import Login
from pop3.metrics import Pop3Metrics
from pop3.server import FULL, serve_session
from pop3.session import Backend
from pop3.settings import Pop3Settings


@asynccontextmanager
async def pop3(settings: Pop3Settings, runtime: Runtime) -> AsyncIterator[None]:
    """Serve POP3 on its ports until left."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(service_database(settings, runtime))
        bus = await stack.enter_async_context(service_bus(settings, runtime))
        metrics = Pop3Metrics.register(runtime.registry)
        maildrops = Maildrops(db, bus.publish)
        keeper = LeaseKeeper(maildrops, runtime.replica, settings.pop3_lease_seconds)
        await stack.enter_async_context(runtime.running(keeper.run(), "maildrop-leases"))
        authenticator = await stack.enter_async_context(service_authenticator(settings, runtime, db, bus))
        login = Login(maildrops, keeper, Limits(db), settings.pop3_login_delay_seconds, metrics)
        backend = Backend(settings, authenticator, login, keeper, maildrops, Messages(db, bus.publish), metrics)
        await stack.enter_async_context(
            serve_with_tls_twin(
                runtime,
                settings,
                name="pop3",
                port=settings.pop3_port,
                tls_port=settings.pop3_tls_port,
                session=partial(serve_session, backend=backend),
                max_connections=settings.pop3_max_connections,
                full=FULL,
            )
        )
        yield
