"""The API over a real database, asked in process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from api.app import api, backend_over, create_app
from api.deps import Backend
from api.metrics import ApiMetrics, CanaryMetrics
from api.middleware import Outermost
from api.routers import account_imports, mail_files, message_changes
from api.scopes import Scope
from api.settings import ApiSettings
from kit.ports import free_port
from kit.postgres import DatabaseUrls
from mailstead.bus import open_bus
from mailstead.model.api_key import fingerprint, new_key
from mailstead.ops.authentication import Authenticator
from mailstead.ops.dns import Resolver
from mailstead.ops.lifecycle import Runtime
from mailstead.store.api_keys import ApiKeys
from mailstead.store.engine import open_database
from mailstead.store.ingest import Ingest
from mailstead.store.passwords import Passwords
from unit.api.serving import Start

Client = httpx.AsyncClient
MAX_BODY = 10_000
LARGER = [(account_imports.PATH, 100_000), (message_changes.UPLOADS, 1_000_000), (mail_files.IMPORTS, 10_000_000)]


@pytest.fixture
async def backend(database_urls: DatabaseUrls) -> AsyncIterator[Backend]:
    settings = ApiSettings(
        database_url=SecretStr(database_urls.api),
        hostname="mail.test",
        observe_port=0,
        sieve_max_scripts=2,
        sieve_max_script_octets=2_000,
        api_rate_per_second=0,
        api_stream_seconds=0.05,
    )
    async with (
        open_database(database_urls.api) as db,
        open_bus(None, name="test") as bus,
        Ingest(db, announce=bus.publish) as ingest,
    ):
        passwords = Passwords()
        authenticator = Authenticator(db, settings, CollectorRegistry())
        resolver = Resolver(("127.0.0.1",), 9, seconds=0.2)
        canary = CanaryMetrics.register(CollectorRegistry())
        yield backend_over(db, bus, passwords, authenticator, resolver, ingest, None, settings, canary)
        passwords.close()
        authenticator.close()


@pytest.fixture
async def anonymous(backend: Backend) -> AsyncIterator[Client]:
    """A client without a key."""
    app = Outermost(create_app(backend), ApiMetrics.register(CollectorRegistry()), MAX_BODY, LARGER)
    async with Client(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://api.test") as client:
        yield client


@pytest.fixture
def with_scopes(backend: Backend, anonymous: Client) -> Callable[..., Awaitable[Client]]:
    """Gives the client a new key with these scopes."""

    async def give(*scopes: str, tenant_id: int | None = None) -> Client:
        key = new_key()
        await backend.api_keys.create(f"key {key[-6:]}", scopes, fingerprint(key), tenant_id=tenant_id)
        anonymous.headers["Authorization"] = f"Bearer {key}"
        return anonymous

    return give


@pytest.fixture
async def client(with_scopes: Callable[..., Awaitable[Client]]) -> Client:
    """An administrator."""
    return await with_scopes(Scope.ADMIN)


@pytest.fixture
def served(database_urls: DatabaseUrls) -> Start:
    """`async with served() as port:`"""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[int]:
        values: dict[str, Any] = {
            "database_url": database_urls.api,
            "hostname": "mail.test",
            "observe_port": 0,
            "drain_seconds": 5,
        }
        settings = ApiSettings(**(values | {"api_port": free_port()} | changes))
        runtime = Runtime("api", settings)
        async with api(settings, runtime):
            yield settings.api_port
        await runtime.end_tasks()
        assert not runtime.failed

    return start


@pytest.fixture
async def key(database_urls: DatabaseUrls) -> str:
    key = new_key()
    async with open_database(database_urls.owner, pool_size=1) as owner:
        await ApiKeys(owner).create("test", ["admin"], fingerprint(key))
    return key
