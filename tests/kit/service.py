"""Parts of the service runtime inside a test: settings without an environment, a runtime, a listener on a free port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kit.certificates import TestAuthority
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.listener import Listener, Session, serve
from mailstead.ops.settings import ServiceSettings

UNUSED_DATABASE = "postgresql://nobody:nothing@/none?host=/nonexistent"


def settings_for(authority: TestAuthority | None = None, **changes: Any) -> ServiceSettings:
    """Settings of a service that needs no database."""
    values: dict[str, Any] = {"database_url": UNUSED_DATABASE, "hostname": "mail.test", "observe_port": 0, "drain_seconds": 5}
    if authority is not None:
        values |= {"tls_certificate": authority.certificate, "tls_key": authority.key}
    return ServiceSettings(**(values | changes))


@asynccontextmanager
async def listening(
    session: Session,
    settings: ServiceSettings | None = None,
    *,
    implicit_tls: bool = False,
    max_connections: int = 100,
    full: bytes = b"",
) -> AsyncIterator[tuple[Listener, Runtime]]:
    """A listener whose connections run `session`; drained when left."""
    settings = settings or settings_for()
    runtime = Runtime("test", settings)
    async with serve(
        runtime,
        settings,
        name="test",
        port=0,
        session=session,
        implicit_tls=implicit_tls,
        max_connections=max_connections,
        full=full,
    ) as listener:
        yield listener, runtime
