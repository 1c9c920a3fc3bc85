"""What the POP3 service is made of, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from mailstead.bus import open_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.listener import serve
from mailstead.ops.metrics import operation_timer
from mailstead.store.directory import Directory
from mailstead.store.engine import open_database
from mailstead.store.maildrop import Maildrops
from mailstead.store.messages import Messages
from mailstead.store.passwords import Passwords
from pop3.leases import LeaseKeeper
from pop3.login import Login
from pop3.metrics import Pop3Metrics
from pop3.server import FULL, Backend, serve_session
from pop3.settings import Pop3Settings


@asynccontextmanager
async def pop3(settings: Pop3Settings, runtime: Runtime) -> AsyncIterator[None]:
    """Serve POP3 on its ports until left."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(
            open_database(
                settings.database_url.get_secret_value(),
                pool_size=settings.database_pool_size,
                observe=operation_timer(runtime.registry, "store"),
            )
        )
        runtime.ready_when("database", db.ping)
        bus = await stack.enter_async_context(open_bus(settings.nats_url, name=runtime.replica))
        metrics = Pop3Metrics.register(runtime.registry)
        maildrops = Maildrops(db)
        keeper = LeaseKeeper(maildrops, runtime.replica, settings.pop3_lease_seconds)
        await stack.enter_async_context(runtime.running(keeper.run(), "maildrop-leases"))
        passwords = Passwords(Directory(db))
        stack.callback(passwords.close)
        login = Login(passwords, maildrops, keeper, metrics)
        backend = Backend(settings, login, keeper, Messages(db, bus.publish), metrics)
        ports = [("pop3", settings.pop3_port, False)]
        if runtime.tls is not None:
            ports.append(("pop3s", settings.pop3_tls_port, True))
        for name, port, implicit_tls in ports:
            await stack.enter_async_context(
                serve(
                    runtime,
                    settings,
                    name=name,
                    port=port,
                    session=partial(serve_session, backend=backend),
                    implicit_tls=implicit_tls,
                    max_connections=settings.pop3_max_connections,
                    full=FULL,
                )
            )
        yield
