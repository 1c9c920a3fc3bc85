"""From start to exit of a service process: settings, logs, loop, probes, the service itself, drain.

Exit codes: 0 after a drain that was asked for; 1 when starting failed, a background task crashed or the drain did not end; 2 when
the environment is wrong. Each of the failures is one clear line.
"""

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NoReturn, TypeVar

import uvloop
from pydantic import ValidationError

from mailstead.model.failure import Refused
from mailstead.ops import logging as logs
from mailstead.ops.health import Check, Readiness, serve_probes
from mailstead.ops.metrics import ConnectionMetrics, RuntimeMetrics, new_registry
from mailstead.ops.settings import ServiceSettings, explain
from mailstead.ops.sockets import StartFailed, allow_many_connections
from mailstead.ops.tls import CHECK_SECONDS, TlsFiles

CUT_SECONDS = 5.0  # beyond the drain deadline: for cut sessions to unwind and for the service to leave its context
LAG_PERIOD = 1.0  # seconds between two measurements of the loop's lag
YOUNG_OBJECTS = 20_000  # between two looks for cycles: reference counts free almost all that a session leaves behind

log = logs.get_logger()

S = TypeVar("S", bound=ServiceSettings)


class Runtime:
    """What the process offers to its service. Made inside the running event loop."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name = name
        self.replica = f"{socket.gethostname()}-{os.getpid()}"  # as lease holder: unique while it lives
        self.settings = settings
        self.registry = new_registry()
        self.metrics = RuntimeMetrics.register(self.registry)
        self.connections = ConnectionMetrics.register(self.registry)
        self.readiness = Readiness()
        self.draining = asyncio.Event()
        self.drain_deadline = float("inf")  # in loop time; known once `draining` is set
        self.tls = _tls_files(settings)
        self.started = False
        self.failed = False
        self._when_draining: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def ready_when(self, name: str, check: Check) -> None:
        """Be ready only while `check` does not raise (see `Readiness.add`)."""
        self.readiness.add(name, check)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run in the background. An exception from it ends the process with exit code 1; returning or being cancelled does not.

        What still runs after the service has left its context is cancelled.
        """
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    @asynccontextmanager
    async def running(self, work: Coroutine[Any, Any, Any], name: str) -> AsyncIterator[None]:
        """As `spawn`, within a `with`: on leaving, the work is cancelled and has ended."""
        task = self.spawn(work, name)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    def drain(self) -> None:
        """Begin to stop: not ready any more, sessions have `drain_seconds` left. Further calls change nothing."""
        if not self.draining.is_set():
            self.readiness.serving = False
            self.drain_deadline = asyncio.get_running_loop().time() + self.settings.drain_seconds
            self.draining.set()
            for callback in self._when_draining:
                callback()

    def when_draining(self, callback: Callable[[], None]) -> None:
        """Call this in the loop as soon as draining begins; at once if it has."""
        self._when_draining.append(callback)
        if self.draining.is_set():
            callback()

    async def end_tasks(self) -> None:
        """Cancel what `spawn` started and has not ended."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CUT_SECONDS)

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("background task crashed", task=task.get_name(), exc_info=error)
        self.failed = True
        self.drain()


Service = Callable[[S, Runtime], AbstractAsyncContextManager[None]]


def main(service: Service[S], settings_type: type[S], name: str) -> NoReturn:
    """Run a service until it is told to stop, and exit.

    `service(settings, runtime)` is a context manager: it has entered when it serves; it leaves by draining.
    """
    try:
        settings = settings_type.model_validate({})  # reads the environment, as calling the class would
    except ValidationError as error:
        sys.stderr.write(f"mailstead {name}: {explain(error)}\n")
        sys.exit(2)
    logs.configure(name, f"{socket.gethostname()}-{os.getpid()}", level=settings.log_level, log_format=settings.log_format)
    allow_many_connections()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_run(service, settings, name))
    sys.exit(code)


async def _run(service: Service[S], settings: S, name: str) -> int:
    try:
        runtime = Runtime(name, settings)
    except StartFailed as error:
        log.error("cannot start", reason=str(error))
        return 1
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: _unforeseen(runtime, context))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runtime.drain)

    life = loop.create_task(_live(service, settings, runtime), name=name)
    told = loop.create_task(runtime.draining.wait())
    await asyncio.wait((life, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not life.done():
        log.info("draining", seconds=settings.drain_seconds)
        if not runtime.started:
            life.cancel()
        await asyncio.wait((life,), timeout=settings.drain_seconds + CUT_SECONDS)
    if not life.done():
        log.error("did not stop in time", seconds=settings.drain_seconds + CUT_SECONDS)
        life.cancel()
        await asyncio.wait((life,), timeout=CUT_SECONDS)
        return 1
    if not life.cancelled() and (fault := life.exception()) is not None:
        _explain_end(fault)
        return 1
    log.info("stopped")
    return 1 if runtime.failed else 0


async def _live(service: Service[S], settings: S, runtime: Runtime) -> None:
    """Enter the service, serve until draining, leave it: all in one task, as task groups inside it ask for."""
    async with serve_probes(runtime.readiness, runtime.registry, settings.observe_host, settings.observe_port):
        runtime.spawn(_measure_lag(runtime), "loop-lag")
        if runtime.tls is not None:
            runtime.spawn(_follow_certificate(runtime, runtime.tls), "certificate")
        async with service(settings, runtime):
            gc.collect()
            gc.freeze()  # modules and start-up objects are not walked again at each full collection
            gc.set_threshold(YOUNG_OBJECTS)
            runtime.started = True
            runtime.readiness.serving = not runtime.draining.is_set()
            log.info("serving")
            await runtime.draining.wait()
        await runtime.end_tasks()


def _tls_files(settings: ServiceSettings) -> TlsFiles | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    try:
        return TlsFiles(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise StartFailed(f"cannot use certificate {settings.tls_certificate}: {error}") from error


def _explain_end(error: BaseException) -> None:
    match error:
        case StartFailed():
            log.error("cannot start", reason=str(error))
        case Refused():
            log.error("cannot start", reason=str(error), failure=error.failure.value)
        case _:
            log.error("stopped by an error", reason=f"{type(error).__name__}: {error}", exc_info=error)


def _unforeseen(runtime: Runtime, context: dict[str, Any]) -> None:
    runtime.metrics.unhandled.inc()
    log.error("unhandled error", what=context.get("message"), exc_info=context.get("exception"))


async def _measure_lag(runtime: Runtime) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_PERIOD
        await asyncio.sleep(LAG_PERIOD)
        runtime.metrics.loop_lag.observe(max(0.0, loop.time() - due))


async def _follow_certificate(runtime: Runtime, files: TlsFiles) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        outcome = await files.refresh()
        if outcome != "unchanged":
            runtime.metrics.certificate_reloads.labels(outcome).inc()
