"""What the API service is made of, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api import console, openapi
from api.deps import Backend
from api.dns_records import Hosts
from api.errors import on_http, on_invalid, on_refused, on_unexpected
from api.event_feed import EventFeed
from api.metrics import ApiMetrics, CanaryMetrics
from api.middleware import Outermost
from api.overviews import Overviews
from api.rate_limit import RateLimit
from api.routers import ROUTERS, account_imports, mail_files, message_changes
from api.server import serve_http
from api.server_limits import limits_of
from api.settings import ApiSettings
from api.sign_in_cookie import SignInCookie
from mailstead.bus import Bus
from mailstead.model.failure import Refused
from mailstead.ops.authentication import Authenticator, service_authenticator
from mailstead.ops.database import service_database
from mailstead.ops.dns import Resolver
from mailstead.ops.events import service_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.tls import TlsFiles
from mailstead.store.account_import import AccountImport
from mailstead.store.account_view import AccountView
from mailstead.store.aliases import Aliases
from mailstead.store.api_keys import ApiKeys
from mailstead.store.app_passwords import AppPasswords
from mailstead.store.audit import Audit
from mailstead.store.deletion import Deletion
from mailstead.store.delivery_rules import DeliveryRules
from mailstead.store.engine import Database
from mailstead.store.event_log import EventLog
from mailstead.store.idempotency import IdempotencyKeys
from mailstead.store.ingest import Ingest
from mailstead.store.limits import Limits, Rate
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.message_view import MessageView
from mailstead.store.messages import Messages
from mailstead.store.passwords import Passwords
from mailstead.store.provisioning import Provisioning
from mailstead.store.queue_control import QueueControl
from mailstead.store.queue_pauses import QueuePauses
from mailstead.store.queue_view import QueueView
from mailstead.store.reach import Reach
from mailstead.store.search import Effort, Search
from mailstead.store.sieve_scripts import SieveScripts
from mailstead.store.sign_ins import SignIns
from mailstead.store.signing_keys import SigningKeys
from mailstead.store.suppressions import Suppressions
from mailstead.store.tenants import Tenants
from mailstead.store.totp import TotpSecrets
from mailstead.store.undelete import Undelete
from mailstead.store.webhook_deliveries import WebhookDeliveries
from mailstead.store.webhooks import Webhooks
from mailstead.wire import sieve

_VERSION = version("mailstead-api")


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = openapi.document(self)
        return self.openapi_schema


def create_app(backend: Backend) -> FastAPI:
    """The routes over `backend`, without the middleware around them."""
    app = routes()
    app.state.backend = backend
    return app


def routes() -> FastAPI:
    """The routes over nothing, for their document."""
    app = _Application(
        title="Mailstead API",
        version=_VERSION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its pages load scripts from third parties
        redoc_url=None,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,  # what generated clients call it, and the audit log
        exception_handlers={
            Refused: on_refused,
            RequestValidationError: on_invalid,
            HTTPException: on_http,
            Exception: on_unexpected,
        },
    )
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(console.router)
    return app


def hosts_of(settings: ApiSettings) -> Hosts:
    """As the deployer says, or all of them this host."""
    mail = settings.api_mail_host or settings.hostname
    return Hosts(mail, settings.api_web_host or mail, settings.api_mta_sts_mode)


def backend_over(
    db: Database,
    bus: Bus,
    passwords: Passwords,
    authenticator: Authenticator,
    resolver: Resolver,
    ingest: Ingest,
    tls: TlsFiles | None,
    settings: ApiSettings,
    canary: CanaryMetrics,
) -> Backend:
    """What requests share, over one database."""
    event_log = EventLog(db)
    return Backend(
        db=db,
        bus=bus,
        reach=Reach(db),
        rate_limit=RateLimit(Limits(db), Rate(settings.api_rate_per_second, settings.api_rate_burst)),
        idempotency=IdempotencyKeys(db),
        audit=Audit(db),
        api_keys=ApiKeys(db),
        tenants=Tenants(db),
        authenticator=authenticator,
        sign_ins=SignIns(db),
        sign_in_life=timedelta(hours=settings.api_sign_in_hours),
        sign_in_cookie=SignInCookie(settings.api_secure_cookie),
        totp=TotpSecrets(db),
        provisioning=Provisioning(db),
        deletion=Deletion(db),
        deleted_for=timedelta(days=settings.api_deleted_days),
        account_import=AccountImport(db),
        account_view=AccountView(db),
        max_import_rows=settings.api_max_import_rows,
        aliases=Aliases(db),
        signing_keys=SigningKeys(db),
        hosts=hosts_of(settings),
        tls=tls,
        verify_domains=settings.api_verify_domains,
        resolver=resolver,
        queue=QueueView(db),
        delivery_rules=DeliveryRules(db),
        mailboxes=Mailboxes(db, bus.publish, "api"),
        messages=Messages(db, bus.publish, "api"),
        ingest=ingest,
        uploads=asyncio.Semaphore(settings.api_max_uploads),
        max_message=settings.api_max_message,
        message_view=MessageView(db),
        search=Search(db),
        search_effort=Effort(settings.api_search_read),
        undelete=Undelete(db, bus.publish),
        queue_control=QueueControl(db),
        queue_pauses=QueuePauses(db),
        max_queue_action=settings.api_max_queue_action,
        suppressions=Suppressions(db),
        event_log=event_log,
        event_feed=EventFeed(
            event_log,
            bus,
            max_streams=settings.api_max_streams,
            max_of_caller=settings.api_max_streams_of_caller,
            seconds=settings.api_stream_seconds,
            look_seconds=settings.api_stream_look_seconds,
        ),
        webhooks=Webhooks(db),
        webhook_deliveries=WebhookDeliveries(db),
        private_webhooks=settings.webhook_private_receivers,
        passwords=passwords,
        app_passwords=AppPasswords(db),
        password_strength=settings.api_password_strength,
        scripts=SieveScripts(db, max_scripts=settings.sieve_max_scripts),
        script_limits=sieve.Limits(octets=settings.sieve_max_script_octets, redirects=settings.sieve_max_redirects),
        canary=canary,
        overviews=Overviews(db),
        server_limits=limits_of(settings),
    )


@asynccontextmanager
async def api(settings: ApiSettings, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the API on its port until left."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(service_database(settings, runtime))
        bus = await stack.enter_async_context(service_bus(settings, runtime))
        passwords = Passwords()
        stack.callback(passwords.close)
        authenticator = await stack.enter_async_context(service_authenticator(settings, runtime, db, bus))
        resolver = Resolver(settings.dns_servers, settings.dns_port, seconds=settings.dns_seconds)
        stack.push_async_callback(resolver.close)
        canary = CanaryMetrics.register(runtime.registry)
        ingest = await stack.enter_async_context(Ingest(db, announce=bus.publish))
        backend = backend_over(db, bus, passwords, authenticator, resolver, ingest, runtime.tls, settings, canary)
        app = create_app(backend)
        await stack.enter_async_context(runtime.running(backend.event_feed.follow(), "follow events"))
        bodies = (
            (account_imports.PATH, settings.api_max_import),
            (message_changes.UPLOADS, settings.api_max_message),
            (mail_files.IMPORTS, settings.api_max_mail_import),
        )
        metrics = ApiMetrics.register(runtime.registry)
        metrics.event_streams.set_function(lambda: backend.event_feed.streams)
        guarded = Outermost(app, metrics, settings.api_max_body, bodies)
        await stack.enter_async_context(serve_http(guarded, settings, runtime))
        stack.callback(backend.event_feed.close)
        yield
