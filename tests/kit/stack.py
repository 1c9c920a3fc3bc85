"""The whole system, as `mailstead up` starts it, on free ports: once for all tests of a run that ask for it.

    async def test_something(stack):
        alice = await stack.new_account()
        imaplib.IMAP4_SSL("localhost", stack.ports.imap_tls, ssl_context=stack.client_context())

Parts are killed and started again by name: a service, "nats" or "postgres". A test that kills starts again what it killed. At the
end the database must be sound, and no service may have met an error that nothing had foreseen.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import fields
from itertools import count
from pathlib import Path

import httpx
import pytest

from kit.ports import free_port
from mailstead.store.engine import open_database
from mailstead.store.invariants import check_invariants
from mailstead_local.demo import Demo, Person, create_demo
from mailstead_local.folder import DataFolder
from mailstead_local.nats import READY_SECONDS, answers
from mailstead_local.ports import HOST, Ports
from mailstead_local.services import BY_NAME, SERVICES
from mailstead_local.system import NAMES, System

DOMAIN = "demo.test"
ALL = tuple(service.name for service in SERVICES)
UNFORESEEN = frozenset({"unhandled error", "session failed", "background task crashed", "stopped by an error"})


class Stack:
    """All parts running; `start`, `kill` and `wait_ready` take the name of one."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.ports = Ports(**{port.name: free_port() for port in fields(Ports)})
        self.folder = DataFolder(folder)
        self.system = System(self.folder, self.ports, settings)
        self.demo: Demo
        self._numbers = count(1)
        self._ending = ExitStack()

    def start_all(self, services: Sequence[str] = ALL) -> None:
        """PostgreSQL, NATS and these services, ready, with the demo domain."""
        self.system.certificates.ensure(NAMES)
        self._ending.callback(self.system.stop_postgres)
        self.system.start_postgres()
        self.system.prepare_database()
        self._ending.callback(self.system.stop_nats)
        self.system.start_nats()
        self._ending.callback(self.system.stop_services)
        for name in services:
            self.system.start_service(name)
        for name in services:
            self.system.wait_ready(name)
        self.demo = create_demo(self.system)

    def stop_all(self) -> None:
        self._ending.close()

    def start(self, name: str) -> None:
        """Start a part that is not running, without waiting until it is ready; PostgreSQL and NATS are ready on return."""
        match name:
            case "postgres":
                self.system.start_postgres()
            case "nats":
                self.system.start_nats()
            case _:
                self.system.start_service(name)

    def kill(self, name: str) -> None:
        """SIGKILL, as a node that fails would."""
        self.system.child(name).kill()

    def wait_ready(self, name: str) -> None:
        """Until it wants traffic, or would take it."""
        if name in BY_NAME:
            self.system.wait_ready(name)
        elif name == "nats":
            self.system.child(name).wait_until(lambda: answers(self.ports.nats), READY_SECONDS)

    @property
    def ca_file(self) -> Path:
        return self.system.certificates.authority

    def client_context(self) -> ssl.SSLContext:
        """Verifies as a mail client does; the server is `localhost` or 127.0.0.1."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    @asynccontextmanager
    async def api(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the REST API that may do all."""
        headers = {"Authorization": f"Bearer {self.demo.admin_token}"}
        async with httpx.AsyncClient(
            base_url=f"http://{HOST}:{self.ports.api}", headers=headers, timeout=30, trust_env=False
        ) as client:
            yield client

    async def new_account(self, quota_bytes: int = 0) -> Person:
        """An account that nobody else uses."""
        person = Person(f"user{next(self._numbers)}@{DOMAIN}", "correct horse battery")
        body = {"address": person.user, "password": person.password, "quota_bytes": quota_bytes}
        async with self.api() as api:
            (await api.post("/v1/accounts", json=body)).raise_for_status()
        return person

    async def violations(self) -> list[object]:
        """What `check_invariants` finds."""
        async with open_database(self.system.owner_url(), pool_size=1) as database:
            return list(await check_invariants(database))

    def surprises(self) -> list[str]:
        """Lines of the services' logs that tell of errors nothing had foreseen, of this run and the process before."""
        found = []
        for path in sorted(self.folder.logs.glob("*.log*")):
            for line in path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and entry.get("event") in UNFORESEEN:
                    found.append(f"{path.name}: {line}")
        return found


@pytest.fixture(scope="session")
def stack_settings() -> dict[str, str]:
    """MAILSTEAD_ variables for the services of `stack`; a folder's conftest may override it."""
    return {"MAILSTEAD_DRAIN_SECONDS": "5"}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, stack_settings: dict[str, str]) -> Iterator[Stack]:
    """The running system, shared."""
    made = Stack(tmp_path_factory.mktemp("stack"), stack_settings)
    try:
        made.start_all()
        yield made
        assert asyncio.run(made.violations()) == []
        assert made.surprises() == []
    finally:
        made.stop_all()
