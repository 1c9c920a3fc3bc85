"""A real PostgreSQL for tests: one cluster for a test run, a fresh migrated database for each test, proved sound at its end.

With pytest-xdist the controller starts the cluster and hands its address to the workers; without, the first test that asks
for a database does. Databases are copies of a migrated template: about 30 ms each.

    async def test_something(database_urls):
        async with open_database(database_urls.imap) as db: …

At the end of such a test `check_invariants` must find nothing. A test that breaks them on purpose says
`@pytest.mark.breaks_invariants`.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mailstead.store.prepare import let_services_log_in
from mailstead.store.roles import ROLE_PREFIX
from mailstead_local.database import OWNER, create_database, upgrade_schema
from mailstead_local.folder import DataFolder
from mailstead_local.postgres import Postgres
from mailstead_local.services import SERVICES

TEMPLATE = "template_mailstead"
PASSWORD = "only for tests"  # of every role; the socket's folder keeps strangers out
QUICK = {  # a test run survives no power failure; a killed process loses nothing by these
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "autovacuum": "off",
}

_numbers = count(1)


@dataclass(frozen=True)
class DatabaseUrls:
    """One database as each role sees it."""

    sockets: str
    name: str

    def of(self, role: str) -> str:
        return f"postgresql://{role}:{PASSWORD.replace(' ', '%20')}@/{self.name}?host={self.sockets}&port=5432"

    def service(self, module: str) -> str:
        """As the service with this module name, as `smtp_in`."""
        return self.of(ROLE_PREFIX + module)

    @property
    def superuser(self) -> str:
        return self.of("postgres")

    @property
    def owner(self) -> str:
        """May do all in this database, as migrations do; for the arranging and looking of tests."""
        return self.of(OWNER)

    @property
    def smtp_in(self) -> str:
        return self.service("smtp_in")

    @property
    def delivery(self) -> str:
        return self.service("delivery")

    @property
    def imap(self) -> str:
        return self.service("imap")

    @property
    def pop3(self) -> str:
        return self.service("pop3")

    @property
    def api(self) -> str:
        return self.service("api")

    @property
    def jobs(self) -> str:
        return self.service("jobs")


class Cluster:
    """The run's PostgreSQL with its migrated template. `sockets` is all that another process needs to use it."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        folder = DataFolder(Path(self._ending.enter_context(tempfile.TemporaryDirectory(prefix="mailstead-tests-"))))
        self._postgres = Postgres(folder, PASSWORD, QUICK)
        self._ending.callback(self._postgres.stop)
        self._postgres.start()
        self.sockets = str(folder.socket_link.readlink())
        asyncio.run(self._make_template())

    async def _make_template(self) -> None:
        urls = DatabaseUrls(self.sockets, TEMPLATE)
        await create_database(DatabaseUrls(self.sockets, "postgres").superuser, TEMPLATE, PASSWORD)
        await upgrade_schema(urls.owner)
        await let_services_log_in(urls.owner, {service.role: PASSWORD for service in SERVICES})

    def stop(self) -> None:
        self._ending.close()


class PostgresForWorkers:
    """A pytest plugin: the controller of pytest-xdist starts the cluster with its first worker and stops it at the end."""

    def __init__(self) -> None:
        self._cluster: Cluster | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._cluster is None:
            self._cluster = Cluster()
        node.workerinput["mailstead_sockets"] = self._cluster.sockets

    def pytest_unconfigure(self) -> None:
        if self._cluster is not None:
            self._cluster.stop()


@pytest.fixture(scope="session")
def postgres_sockets(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the run's cluster listens."""
    given: dict[str, Any] = getattr(request.config, "workerinput", {})
    if "mailstead_sockets" in given:
        yield given["mailstead_sockets"]
        return
    cluster = Cluster()
    yield cluster.sockets
    cluster.stop()


@pytest.fixture
async def database_urls(postgres_sockets: str, request: pytest.FixtureRequest) -> AsyncIterator[DatabaseUrls]:
    """A database of this test's own, with the current schema and nothing in it."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = DatabaseUrls(postgres_sockets, "postgres")
    connection = await asyncpg.connect(admin.superuser)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER}")
        urls = DatabaseUrls(postgres_sockets, name)
        yield urls
        if request.node.get_closest_marker("breaks_invariants") is None:
            from mailstead.store.engine import open_database
            from mailstead.store.invariants import check_invariants

            async with open_database(urls.owner, pool_size=1) as db:
                assert await check_invariants(db) == []
    finally:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.close()
