"""Probes and metrics, as a kubelet and Prometheus ask for them."""

import asyncio
import http.client

from mailstead.ops.health import MAX_HEAD, Readiness, serve_probes
from mailstead.ops.metrics import new_registry


async def ask(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Status line and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head.split(b"\r\n")[0], body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_live_from_the_start_and_ready_when_serving() -> None:
    readiness = Readiness()
    async with serve_probes(readiness, new_registry(), "127.0.0.1", 0) as port:
        assert await ask(port, get("/livez")) == (b"HTTP/1.1 200 OK", b"alive\n")
        assert (await ask(port, get("/readyz")))[0] == b"HTTP/1.1 503 Service Unavailable"
        readiness.serving = True
        assert await ask(port, get("/readyz?verbose")) == (b"HTTP/1.1 200 OK", b"ready\n")
        readiness.serving = False
        assert (await ask(port, get("/readyz")))[0] == b"HTTP/1.1 503 Service Unavailable"


async def test_each_check_that_fails_is_named() -> None:
    readiness = Readiness()
    readiness.serving = True

    async def fails() -> None:
        raise ConnectionError("no route")

    async def passes() -> None: ...

    async def hangs() -> None:
        await asyncio.Event().wait()

    readiness.add("database", fails)
    readiness.add("bus", passes)
    assert await readiness.faults() == {"database": "ConnectionError: no route"}
    readiness.add("database", passes)
    assert await readiness.faults() == {}
    readiness.add("slow", hangs)
    assert await readiness.faults() == {"slow": "no answer within 2 s"}


async def test_metrics_in_both_formats() -> None:
    async with serve_probes(Readiness(), new_registry(), "127.0.0.1", 0) as port:
        status, body = await ask(port, get("/metrics"))
        assert status == b"HTTP/1.1 200 OK"
        assert b"\nprocess_resident_memory_bytes " in body
        _, body = await ask(port, b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n")
        assert body.endswith(b"# EOF\n")


async def test_a_real_client_understands_it() -> None:
    async with serve_probes(Readiness(), new_registry(), "127.0.0.1", 0) as port:

        def head() -> tuple[int, bytes, str | None]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("HEAD", "/livez")
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Content-Length")

        assert await asyncio.to_thread(head) == (200, b"", "6")


async def test_what_is_not_served() -> None:
    async with serve_probes(Readiness(), new_registry(), "127.0.0.1", 0) as port:
        assert (await ask(port, get("/etc/passwd")))[0] == b"HTTP/1.1 404 Not Found"
        assert (await ask(port, b"POST /livez HTTP/1.1\r\n\r\n"))[0] == b"HTTP/1.1 405 Method Not Allowed"
        assert (await ask(port, b"\r\n\r\n"))[0] == b"HTTP/1.1 405 Method Not Allowed"
        assert (await ask(port, b"x" * (MAX_HEAD + 1)))[0] == b"HTTP/1.1 431 Request Header Fields Too Large"
