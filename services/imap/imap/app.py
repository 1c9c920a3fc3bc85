"""What the IMAP service is made of, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from imap.metrics import ImapMetrics
from imap.server import FULL, serve_session
from imap.session import AppendBudget, Backend
from imap.settings import ImapSettings
from mailstead.bus import Watcher
from mailstead.ops.authentication import service_authenticator
from mailstead.ops.database import service_database
from mailstead.ops.events import service_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.listener import serve_with_tls_twin
from mailstead.ops.session_limits import service_session_limits
from mailstead.store.changes import Changes
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.metadata import Metadata
from mailstead.store.search import Search
from mailstead.store.sharing import Sharing
from mailstead.store.usage import usage_of


@asynccontextmanager
async def imap(settings: ImapSettings, runtime: Runtime) -> AsyncIterator[None]:
    """Serve IMAP on its ports until left."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(service_database(settings, runtime))
        bus = await stack.enter_async_context(service_bus(settings, runtime))
        changes = Changes(db)
        watcher = await stack.enter_async_context(
            Watcher(bus, changes.highest, changes.account_digests, poll_seconds=settings.imap_catch_up_seconds)
        )
        ingest = await stack.enter_async_context(Ingest(db, announce=bus.publish))
        authenticator = await stack.enter_async_context(service_authenticator(settings, runtime, db, bus))
        limits = await stack.enter_async_context(
            service_session_limits(
                runtime,
                db,
                scope="imap",
                of_account=settings.imap_connections_per_account,
                of_address=settings.imap_connections_per_address,
                seconds=settings.imap_count_seconds,
            )
        )
        metrics = ImapMetrics.register(runtime.registry)
        backend = Backend(
            settings=settings,
            authenticator=authenticator,
            limits=limits,
            mailboxes=Mailboxes(db, bus.publish),
            messages=Messages(db, bus.publish),
            changes=changes,
            usage=partial(usage_of, db),
            metadata=Metadata(db, bus.publish),
            search=Search(db),
            sharing=Sharing(db, bus.publish),
            ingest=ingest,
            watcher=watcher,
            metrics=metrics,
            budget=AppendBudget(settings.imap_append_budget, metrics),
        )
        await stack.enter_async_context(
            serve_with_tls_twin(
                runtime,
                settings,
                name="imap",
                port=settings.imap_port,
                tls_port=settings.imap_tls_port,
                session=partial(serve_session, backend=backend),
                max_connections=settings.imap_max_connections,
                full=FULL,
            )
        )
        yield
