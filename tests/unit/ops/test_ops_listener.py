"""Accepting, limiting, draining."""

import asyncio
import time
from itertools import count

import pytest

from kit.certificates import TestAuthority
from kit.service import listening, settings_for
from kit.waiting import eventually
from mailstead.ops.connection import Connection
from mailstead.ops.listener import serve
from mailstead.ops.sockets import StartFailed


async def polite(connection: Connection) -> None:
    """Ends when asked to, between two messages."""
    while (data := await connection.read_or_wake()) != b"":
        if data is None and connection.draining.is_set():
            await connection.write(b"bye\r\n")
            return
        await connection.write(data or b"woken\r\n")


async def deaf(connection: Connection) -> None:
    """Never looks whether it should end."""
    while await connection.read():
        pass


async def test_one_connection_too_many() -> None:
    async with listening(polite, max_connections=1, full=b"421 too many\r\n") as (listener, runtime):
        first = await asyncio.open_connection("127.0.0.1", listener.port)
        await eventually(lambda: listener.connections == 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await reader.read() == b"421 too many\r\n"
        writer.close()
        assert runtime.registry.get_sample_value("mailstead_connections_refused_total", {"listener": "test"}) == 1
        first[1].close()
        await eventually(lambda: listener.connections == 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        writer.close()


async def test_draining_lets_sessions_say_goodbye() -> None:
    async with listening(polite) as (listener, runtime):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await eventually(lambda: listener.connections == 1)
        runtime.drain()
        assert await reader.read() == b"bye\r\n"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", listener.port)
        writer.close()


async def test_draining_cuts_what_does_not_end() -> None:
    started = time.monotonic()
    async with listening(deaf, settings_for(drain_seconds=0.3)) as (listener, runtime):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await eventually(lambda: listener.connections == 1)
    assert 0.3 <= time.monotonic() - started < 3
    assert await reader.read() == b""
    writer.close()
    assert runtime.registry.get_sample_value("mailstead_connections_ended_total", {"listener": "test", "reason": "drained"}) == 1
    assert runtime.registry.get_sample_value("mailstead_connections_open", {"listener": "test"}) == 0


async def test_an_error_of_a_session_is_its_own() -> None:
    turn = count()

    async def brittle(connection: Connection) -> None:
        if next(turn) == 0:
            raise RuntimeError("a bug")
        await polite(connection)

    async with listening(brittle) as (listener, runtime):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await reader.read() == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        writer.close()
        assert runtime.registry.get_sample_value("mailstead_unhandled_errors_total") == 1


async def test_a_port_that_is_taken() -> None:
    async with listening(polite) as (listener, runtime):
        settings = settings_for()
        with pytest.raises(StartFailed, match=f"imap: cannot listen on 127.0.0.1:{listener.port}: Address already in use"):
            async with serve(
                runtime, settings, name="imap", port=listener.port, session=polite, implicit_tls=False, max_connections=1
            ):
                pass


async def test_tls_without_a_certificate() -> None:
    with pytest.raises(StartFailed, match="TLS needs MAILSTEAD_TLS_CERTIFICATE"):
        async with listening(polite, implicit_tls=True):
            pass


async def test_what_an_idle_connection_costs(authority: TestAuthority) -> None:
    """In the clear, with everything of ours that belongs to it: connection, timer, task and coroutine of a session."""
    many = 400

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    async with listening(polite, max_connections=2 * many) as (listener, _):
        peers = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(many)]  # warms allocators up
        await eventually(lambda: listener.connections == many)
        before = resident()
        peers += [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(many)]
        await eventually(lambda: listener.connections == 2 * many)
        grown = resident() - before
        for _, writer in peers:
            writer.transport.abort()
        await eventually(lambda: listener.connections == 0)
    assert grown / many < 24 * 1024  # the clients, which live in this process too, included
