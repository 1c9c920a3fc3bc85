"""Probes and metrics over HTTP: `/livez` (the event loop turns), `/readyz` (send me traffic), `/metrics` (Prometheus).

A responder of one page, not a web server: GET and HEAD, one request a connection, no body read, request head bounded in size
and time. It shares the event loop on purpose: if the loop is stuck, `/livez` does not answer.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from mailstead.ops.sockets import listen

MAX_HEAD = 8 * 1024  # octets of request line and header
REQUEST_SECONDS = 5.0  # for a request to arrive, and for its answer to be taken
CHECK_SECONDS = 2.0  # for one readiness check

Check = Callable[[], Awaitable[None]]
_TEXT = "text/plain; charset=utf-8"


class Readiness:
    """Whether this replica wants traffic: started, not draining, and every named check passes."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self.serving = False  # set once started, cleared when draining begins

    def add(self, name: str, check: Check) -> None:
        """`check` raises when the part it looks at is not usable. Of two checks with one name the later counts."""
        self._checks[name] = check

    async def faults(self) -> dict[str, str]:
        """What stands against being ready, by name of the check; empty when ready."""
        if not self.serving:
            return {"serving": "not started yet, or draining"}
        answers = await asyncio.gather(*(_passes(check) for check in self._checks.values()))
        return {name: fault for name, fault in zip(self._checks, answers, strict=True) if fault is not None}


async def _passes(check: Check) -> str | None:
    """None, or why not. Whatever a check raises is its answer."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a check raises is its answer
        return f"{type(error).__name__}: {error}"
    return None


class _Request(asyncio.Protocol):
    def __init__(self, readiness: Readiness, registry: CollectorRegistry, answers: set[asyncio.Task[None]]) -> None:
        self._readiness = readiness
        self._registry = registry
        self._answers = answers
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but descent
        self._deadline = asyncio.get_running_loop().call_later(REQUEST_SECONDS, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()

    def data_received(self, data: bytes) -> None:
        self._head += data
        if len(self._head) > MAX_HEAD:
            self._respond(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TEXT, b"request too large\n")
        elif b"\r\n\r\n" in self._head:
            self._transport.pause_reading()
            answer = asyncio.ensure_future(self._answer())
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def _answer(self) -> None:
        lines = self._head.decode("latin-1").split("\r\n")
        method, _, target = lines[0].partition(" ")
        path = target.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return self._respond(HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"GET and HEAD only\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        match path:
            case "/livez":
                status, kind, body = HTTPStatus.OK, _TEXT, b"alive\n"
            case "/readyz":
                faults = await self._readiness.faults()
                status = HTTPStatus.SERVICE_UNAVAILABLE if faults else HTTPStatus.OK
                text = "".join(f"{name}: {fault}\n" for name, fault in faults.items()) or "ready\n"
                kind, body = _TEXT, text.encode()
            case "/metrics":
                encode, kind = choose_encoder(headers.get("accept", ""))
                status, body = HTTPStatus.OK, encode(self._registry)
            case _:
                status, kind, body = HTTPStatus.NOT_FOUND, _TEXT, b"/livez, /readyz or /metrics\n"
        return self._respond(status, kind, body, head_only=method == "HEAD")

    def _respond(self, status: HTTPStatus, kind: str, body: bytes, *, head_only: bool = False) -> None:
        if self._transport.is_closing():
            return
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + (b"" if head_only else body))
        self._transport.close()


@asynccontextmanager
async def serve_probes(readiness: Readiness, registry: CollectorRegistry, host: str, port: int) -> AsyncIterator[int]:
    """Answer on this address until left; yields the port in use. Raises StartFailed when it cannot be bound."""
    answers: set[asyncio.Task[None]] = set()
    sock = listen("probes", host, port)
    server = await asyncio.get_running_loop().create_server(lambda: _Request(readiness, registry, answers), sock=sock)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        for answer in answers:
            answer.cancel()
