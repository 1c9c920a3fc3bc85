"""Fixtures of the kit for all tests, and what makes the suite fail beyond its assertions."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import uvloop
from blockbuster import blockbuster_ctx

from kit.certificates import authority
from kit.nats import nats
from kit.postgres import PostgresForWorkers, database_urls, postgres_sockets
from kit.stack import stack, stack_settings
from mailstead.ops.sockets import allow_many_connections

__all__ = ["authority", "database_urls", "nats", "postgres_sockets", "stack", "stack_settings"]


OURS = ["mailstead", "smtp_in", "delivery", "imap", "pop3", "api", "jobs"]  # what runs in the event loop of a service


def pytest_configure(config: pytest.Config) -> None:
    allow_many_connections()
    config.addinivalue_line("markers", "breaks_invariants: leaves the database unsound on purpose")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(PostgresForWorkers())


@pytest.fixture(scope="session", autouse=True)
def _no_blocking_calls() -> Iterator[None]:
    """A call of ours that blocks the event loop raises BlockingError where it is made."""
    with blockbuster_ctx(OURS) as blocking:
        for function in blocking.functions.values():
            # at the start of a process, before it serves, waiting for the disk holds up nobody
            function.can_block_in("mailstead/ops/tls.py", "__init__")
            # a command of its own, which serves nobody
            function.can_block_in("mailstead/store/migrate.py", "_upgrade")
            # reads of /proc wait for no disk
            function.can_block_in("prometheus_client/process_collector.py", "collect")
            # tests log for people, with source lines in tracebacks; services log JSON
            function.can_block_in("structlog/dev.py", "__call__")
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the whole system run in one worker, so that it is started once."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("stack"))


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the event loop that the services run on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def loop_errors() -> AsyncIterator[list[dict[str, Any]]]:
    """What went wrong in the event loop where nobody awaited it fails the test. A test that means it empties the list."""
    found: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(context))
    yield found
    loop.set_exception_handler(None)
    assert not found, f"unhandled in the event loop: {found}"


@pytest.fixture(autouse=True)
def _watch_the_loop(request: pytest.FixtureRequest) -> None:
    if inspect.iscoroutinefunction(request.function):
        request.getfixturevalue("loop_errors")
