"""All parts of one running copy, each of which can be started, stopped and waited for by name.

`up` starts them all and takes the death of any as the end; tests kill and start them one by one.
"""

import asyncio
import http.client
import signal
import time
from collections.abc import Mapping

from mailstead.ops.own_certificate import Certificates
from mailstead.store.prepare import let_services_log_in
from mailstead_local.database import OWNER, create_database, upgrade_schema
from mailstead_local.folder import DataFolder
from mailstead_local.nats import READY_SECONDS as NATS_SECONDS
from mailstead_local.nats import answers, nats_server, nats_url
from mailstead_local.ports import HOST, Ports
from mailstead_local.postgres import Postgres
from mailstead_local.processes import Child
from mailstead_local.services import BY_NAME, SERVICES, Service, Surroundings, environment

DATABASE = "mailstead"
HOSTNAME = "mail.demo.test"  # .test is reserved (RFC 6761 §6.2): it can never be somebody's
NAMES = (HOSTNAME, "localhost", HOST, "::1")  # of the certificate
SERVICE_SECONDS = 60  # to become ready; generous, for the machine may be busy
STOP_MARGIN = 15  # seconds beyond a service's own drain


class System:
    """One data folder, one set of ports. `settings` are further MAILSTEAD_ variables for the services."""

    def __init__(
        self,
        folder: DataFolder,
        ports: Ports,
        settings: Mapping[str, str] | None = None,
        postgres_settings: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.ports = ports
        self.certificates = Certificates(folder.certificates)
        self.postgres = Postgres(folder, folder.secret("postgres"), postgres_settings)
        password = folder.secret("nats")
        self._nats = nats_server(folder.path, folder.logs / "nats.log", ports.nats, password)
        self._drain = float((settings or {}).get("MAILSTEAD_DRAIN_SECONDS", "20"))
        self._around = Surroundings(HOSTNAME, nats_url(ports.nats, password), ports, self.certificates, settings or {})
        self._services: dict[str, Child] = {}

    @property
    def nats_url(self) -> str:
        return self._around.nats_url

    def owner_url(self) -> str:
        """The database as the owner of its schema. Only while PostgreSQL was started."""
        return self.postgres.url(OWNER, self.folder.secret(OWNER), DATABASE)

    def service_url(self, service: Service) -> str:
        """The database as a service sees it. Only while PostgreSQL was started."""
        return self.postgres.url(service.role, self.folder.secret(service.role), DATABASE)

    def start_postgres(self) -> None:
        self.postgres.start()

    def prepare_database(self) -> str:
        """Database, schema, roles. The revision of the schema. Raises LocalFailure."""
        secret = self.folder.secret
        passwords = {service.role: secret(service.role) for service in SERVICES}
        return asyncio.run(_prepare(self.postgres.superuser_url(), secret(OWNER), self.owner_url(), passwords))

    def start_nats(self) -> None:
        self._nats.start()
        self._nats.wait_until(lambda: answers(self.ports.nats), NATS_SECONDS)

    def start_service(self, name: str) -> None:
        """Start, without waiting for it to be ready."""
        service = BY_NAME[name]
        child = Child(
            name, service.argv, environment(service, self._around, self.service_url(service)), self.folder.logs / f"{name}.log"
        )
        self._services[name] = child
        child.start()

    def wait_ready(self, name: str) -> None:
        """Until the service says that it wants traffic. Raises LocalFailure when it ends before, or takes too long."""
        port: int = getattr(self.ports, BY_NAME[name].observe)
        self._services[name].wait_until(lambda: _is_ready(port), SERVICE_SECONDS)

    def child(self, name: str) -> Child:
        """The process of this name: a service, "nats" or "postgres"."""
        match name:
            case "nats":
                return self._nats
            case "postgres":
                return self.postgres.child
            case _:
                return self._services[name]

    def children(self) -> list[Child]:
        """All that were started."""
        return [*self._services.values(), self._nats, self.postgres.child]

    def stop_services(self) -> None:
        """All drain at once; one that does not end in time is killed."""
        for child in self._services.values():
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + self._drain + STOP_MARGIN
        for child in self._services.values():
            if not child.wait(max(0.0, deadline - time.monotonic())):
                child.kill()

    def cut_services(self) -> None:
        """End all at once; what was acknowledged is safe."""
        for child in self._services.values():
            child.signal(signal.SIGKILL)

    def stop_nats(self) -> None:
        self._nats.signal(signal.SIGTERM)
        if not self._nats.wait(5):
            self._nats.kill()

    def stop_postgres(self) -> None:
        self.postgres.stop()


async def _prepare(superuser_url: str, owner_password: str, owner_url: str, passwords: dict[str, str]) -> str:
    await create_database(superuser_url, DATABASE, owner_password)
    revision = await upgrade_schema(owner_url)
    await let_services_log_in(owner_url, passwords)
    return revision


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
