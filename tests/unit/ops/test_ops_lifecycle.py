"""Processes from start to exit, as an orchestrator sees them: exit codes, probes, signals, what is logged."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.ports import free_port
from kit.waiting import eventually_now

SERVICE = """
import asyncio
from contextlib import asynccontextmanager
from mailstead.model.failure import Failure, Refused
from mailstead.ops.lifecycle import Runtime, main
from mailstead.ops.listener import serve
from mailstead.ops.settings import ServiceSettings
from mailstead.ops.sockets import StartFailed

async def session(connection):
    while (data := await connection.read_or_wake()) != b"":
        if data is None:
            await connection.write(b"bye")
            return
        await connection.write(data)

@asynccontextmanager
async def service(settings, runtime):
{body}

main(service, ServiceSettings, "test")
"""
SERVING = """
    async with serve(runtime, settings, name="test", port={port}, session=session, implicit_tls=False, max_connections=9):
        yield
"""


class Process:
    """A service of a few lines in a process of its own."""

    def __init__(self, body: str, folder: Path, **environment: str) -> None:
        self.observe = free_port()
        needed = {
            "PATH": os.defpath,
            "MAILSTEAD_DATABASE_URL": "postgresql://nobody@/none",
            "MAILSTEAD_HOSTNAME": "mail.test",
            "MAILSTEAD_OBSERVE_PORT": str(self.observe),
            "MAILSTEAD_DRAIN_SECONDS": "0.5",
        }
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-c", SERVICE.format(body=body)], env=needed | environment, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def text(self) -> str:
        return self._log.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def status(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.observe, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def wait_ready(self) -> None:
        eventually_now(lambda: self.status("/readyz") == 200, what=self.text)

    def exit_code(self) -> int:
        return self.popen.wait(15)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    running: list[Process] = []

    def start(body: str, **environment: str) -> Process:
        running.append(Process(body, tmp_path, **environment))
        return running[-1]

    yield start
    for process in running:
        process.popen.kill()
        process.popen.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_was_asked_for(started: Any, number: signal.Signals) -> None:
    process = started(SERVING.format(port=0))
    process.wait_ready()
    assert process.status("/livez") == 200
    process.popen.send_signal(number)
    assert process.exit_code() == 0
    assert [line["event"] for line in process.lines] == ["listening", "serving", "draining", "stopped"]


def test_not_ready_while_draining(started: Any) -> None:
    body = "    yield\n    await asyncio.sleep(1)\n"
    process = started(body, MAILSTEAD_DRAIN_SECONDS="5")
    process.wait_ready()
    process.popen.send_signal(signal.SIGTERM)
    eventually_now(lambda: process.status("/readyz") == 503)
    assert process.status("/livez") == 200
    assert process.exit_code() == 0


def test_a_wrong_environment(started: Any) -> None:
    process = started(SERVING.format(port=0), MAILSTEAD_HOSTNAME="", MAILSTEAD_TLS_KEY="/nowhere")
    assert process.exit_code() == 2
    assert process.text.count("\n") == 1
    assert process.text.startswith("mailstead test: MAILSTEAD_HOSTNAME: ")


def test_a_port_that_is_taken(started: Any) -> None:
    first = started(SERVING.format(port=0))
    first.wait_ready()
    process = started("    yield", MAILSTEAD_OBSERVE_PORT=str(first.observe))
    assert process.exit_code() == 1


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ("    raise StartFailed('no such thing')\n    yield", "cannot start"),
        ("    raise Refused(Failure.UNAVAILABLE, 'the database is away')\n    yield", "cannot start"),
        ("    raise RuntimeError('a bug')\n    yield", "stopped by an error"),
    ],
)
def test_a_start_that_fails(started: Any, body: str, event: str) -> None:
    process = started(body)
    assert process.exit_code() == 1
    (line,) = process.lines
    assert line["event"] == event
    assert line["reason"]


def test_a_certificate_that_cannot_be_read(started: Any) -> None:
    process = started("    yield", MAILSTEAD_TLS_CERTIFICATE="/nowhere/a.pem", MAILSTEAD_TLS_KEY="/nowhere/a.key")
    assert process.exit_code() == 1
    (line,) = process.lines
    assert "cannot use certificate /nowhere/a.pem" in line["reason"]


def test_a_stop_while_still_starting(started: Any) -> None:
    process = started("    await asyncio.Event().wait()\n    yield")
    eventually_now(lambda: process.status("/livez") == 200)
    assert process.status("/readyz") == 503
    process.popen.send_signal(signal.SIGTERM)
    assert process.exit_code() == 0


def test_a_background_task_that_crashes(started: Any) -> None:
    body = "    async def crash():\n        raise RuntimeError('a bug')\n    runtime.spawn(crash(), 'worker')\n    yield\n"
    process = started(body)
    assert process.exit_code() == 1
    crash = next(line for line in process.lines if line["event"] == "background task crashed")
    assert crash["task"] == "worker"


def test_a_background_task_that_ends_is_no_failure(started: Any) -> None:
    body = (
        "    async def work():\n        return 1\n    runtime.spawn(work(), 'worker')\n"
        "    async with runtime.running(asyncio.Event().wait(), 'waiter'):\n        yield\n"
    )
    process = started(body)
    process.wait_ready()
    process.popen.send_signal(signal.SIGTERM)
    assert process.exit_code() == 0


def test_a_service_that_does_not_stop(started: Any) -> None:
    body = "    yield\n    await asyncio.sleep(60)\n"
    process = started(body)
    process.wait_ready()
    process.popen.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.exit_code() == 1
    assert time.monotonic() - began < 12
    assert process.lines[-1]["event"] == "did not stop in time"


def test_an_error_nobody_awaited_is_counted(started: Any) -> None:
    process = started("    asyncio.get_running_loop().call_soon(lambda: 1 / 0)\n    yield")
    process.wait_ready()
    eventually_now(lambda: "unhandled error" in process.text)
    assert process.status("/readyz") == 200
