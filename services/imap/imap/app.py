"""What the IMAP service is made of, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from imap.metrics import ImapMetrics
from imap.server import FULL, serve_session
from imap.session import AppendBudget, Backend
from imap.settings import ImapSettings
from mailstead.bus import Watcher, open_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.listener import serve
from mailstead.ops.metrics import operation_timer
from mailstead.store.changes import Changes
from mailstead.store.directory import Directory
from mailstead.store.engine import open_database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.passwords import Passwords
from mailstead.store.search import Search


@asynccontextmanager
async def imap(settings: ImapSettings, runtime: Runtime) -> AsyncIterator[None]:
    """Serve IMAP on its ports until left."""
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
        changes = Changes(db)
        watcher = await stack.enter_async_context(Watcher(bus, changes.highest, poll_seconds=settings.imap_catch_up_seconds))
        ingest = await stack.enter_async_context(Ingest(db, announce=bus.publish))
        passwords = Passwords(Directory(db))
        stack.callback(passwords.close)
        metrics = ImapMetrics.register(runtime.registry)
        backend = Backend(
            settings=settings,
            passwords=passwords,
            mailboxes=Mailboxes(db, bus.publish),
            messages=Messages(db, bus.publish),
            changes=changes,
            search=Search(db),
            ingest=ingest,
            watcher=watcher,
            metrics=metrics,
            budget=AppendBudget(settings.imap_append_budget, metrics),
        )
        ports = [("imap", settings.imap_port, False)]
        if runtime.tls is not None:
            ports.append(("imaps", settings.imap_tls_port, True))
        for name, port, implicit_tls in ports:
            await stack.enter_async_context(
                serve(
                    runtime,
                    settings,
                    name=name,
                    port=port,
                    session=partial(serve_session, backend=backend),
                    implicit_tls=implicit_tls,
                    max_connections=settings.imap_max_connections,
                    full=FULL,
                )
            )
        yield
