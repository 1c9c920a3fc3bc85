"""Connections over real sockets: what a session may rely on."""

import asyncio
import socket
import ssl
import time

import pytest

from kit.certificates import TestAuthority
from kit.service import listening, settings_for
from kit.waiting import eventually
from mailstead.ops.connection import MAX_UNREAD, Connection, Disconnected, IdleTimeout, PlaintextBeforeTls, SlowReader


async def echo(connection: Connection) -> None:
    while data := await connection.read():
        await connection.write(data)


async def lines_and_starttls(connection: Connection) -> None:
    """A protocol in small: STARTTLS is granted, a word from before it would be answered."""
    rest = b""
    while data := await connection.read():
        *lines, rest = (rest + data).split(b"\r\n")
        for line in lines:
            if line == b"STARTTLS":
                await connection.write(b"go\r\n")
                await connection.start_tls()
                break
            await connection.write(b"tls=%d %s\r\n" % (connection.tls, line))


async def test_a_dialog_and_a_half_close() -> None:
    async with listening(echo) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.write(b"last")
        writer.write_eof()
        assert await reader.read() == b"last"
        writer.close()
        await eventually(lambda: listener.connections == 0)


async def test_the_peer_is_known() -> None:
    seen: list[tuple[str, int, int, bool]] = []

    async def look(connection: Connection) -> None:
        seen.append((connection.peer_host, connection.peer_port, connection.local_port, connection.tls))

    async with listening(look) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        ours = writer.get_extra_info("sockname")
        assert await reader.read() == b""
        writer.close()
        assert seen == [("127.0.0.1", ours[1], listener.port, False)]


async def test_an_ipv4_peer_of_a_dual_stack_socket() -> None:
    seen: list[str] = []

    async def look(connection: Connection) -> None:
        seen.append(connection.peer_host)

    async with listening(look, settings_for(listen_host="::")) as (listener, _):
        for host in ("127.0.0.1", "::1"):
            reader, writer = await asyncio.open_connection(host, listener.port)
            assert await reader.read() == b""
            writer.close()
    assert seen == ["127.0.0.1", "::1"]


async def test_a_session_that_does_not_read_makes_the_peer_wait() -> None:
    """However much is sent, what waits unread stays bounded; all of it arrives in the end."""
    go = asyncio.Event()
    held: list[int] = []
    total = 0

    async def late(connection: Connection) -> None:
        nonlocal total
        await go.wait()
        while data := await connection.read():
            held.append(len(data))
            total += len(data)

    async with listening(late) as (listener, _):
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        sent = 32 * 1024 * 1024
        writer.write(bytes(sent))
        writer.write_eof()
        await asyncio.sleep(0)
        go.set()
        await eventually(lambda: total == sent)
        assert max(held) <= MAX_UNREAD + 256 * 1024  # one socket read of uvloop beyond
        writer.close()


async def test_a_reader_that_takes_nothing_is_cut() -> None:
    outcome: list[BaseException] = []

    async def flood(connection: Connection) -> None:
        connection.write_timeout = 0.3
        try:
            while True:
                await connection.write(bytes(256 * 1024))
        except SlowReader as error:
            outcome.append(error)
            raise

    async with listening(flood) as (listener, runtime):
        deaf = socket.create_connection(("127.0.0.1", listener.port))
        await eventually(lambda: bool(outcome))
        await eventually(lambda: listener.connections == 0)
        deaf.close()
        assert (
            runtime.registry.get_sample_value("mailstead_connections_ended_total", {"listener": "test", "reason": "slow_reader"})
            == 1
        )


async def test_a_reader_that_is_only_slow_is_served() -> None:
    """Longer in all than the time-out, but never without taking something."""
    size = 24 * 1024 * 1024

    async def send(connection: Connection) -> None:
        connection.write_timeout = 0.4
        await connection.write(bytes(size))

    async with listening(send) as (listener, _):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", listener.port))
        got, started = 0, time.monotonic()
        while data := await loop.sock_recv(raw, 1024 * 1024):
            got += len(data)
            await asyncio.sleep(0.02)
        raw.close()
        assert got == size
        assert time.monotonic() - started > 0.8


async def test_silence_ends_a_read_and_leaves_the_last_word() -> None:
    async def impatient(connection: Connection) -> None:
        connection.idle_timeout = 0.2
        try:
            await connection.read()
        except IdleTimeout:
            await connection.write(b"bye\r\n")
            raise

    async with listening(impatient) as (listener, runtime):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await reader.read() == b"bye\r\n"
        writer.close()
        assert runtime.registry.get_sample_value("mailstead_connections_ended_total", {"listener": "test", "reason": "idle"}) == 1


async def test_the_idle_time_counts_from_the_last_read() -> None:
    """One timer serves many reads; activity moves the end, and a shorter time-out set later holds."""

    async def patient(connection: Connection) -> None:
        connection.idle_timeout = 0.5
        while data := await connection.read():
            await connection.write(data)
            if data == b"short":
                connection.idle_timeout = 0.05

    async with listening(patient) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        started = time.monotonic()
        for _ in range(4):
            await asyncio.sleep(0.2)
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
        writer.write(b"short")
        assert await reader.readexactly(5) == b"short"
        short = time.monotonic()
        assert await reader.read() == b""
        assert time.monotonic() - started > 0.8
        assert time.monotonic() - short < 0.4
        writer.close()


async def test_waking_a_session() -> None:
    woken: list[bytes | None] = []
    inside: list[Connection] = []

    async def idle(connection: Connection) -> None:
        inside.append(connection)
        while (data := await connection.read_or_wake()) != b"":
            woken.append(data)
            await connection.write(b".")

    async with listening(idle) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await eventually(lambda: bool(inside))
        inside[0].wake()
        inside[0].wake()  # not counted
        assert await reader.readexactly(1) == b"."
        inside[0].wake()
        assert await reader.readexactly(1) == b"."
        writer.write(b"data")
        assert await reader.readexactly(1) == b"."
        assert woken == [None, None, b"data"]
        writer.close()


async def test_writing_to_a_peer_that_is_gone() -> None:
    outcome: list[BaseException] = []

    async def stubborn(connection: Connection) -> None:
        assert await connection.read() == b""
        try:
            while True:
                await connection.write(bytes(100_000))
                await asyncio.sleep(0)
        except Disconnected as error:
            outcome.append(error)

    async with listening(stubborn) as (listener, _):
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.transport.abort()
        await eventually(lambda: bool(outcome))


async def test_starttls(authority: TestAuthority) -> None:
    async with listening(lines_and_starttls, settings_for(authority)) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"one\r\n")
        assert await reader.readline() == b"tls=0 one\r\n"
        writer.write(b"STARTTLS\r\n")
        assert await reader.readline() == b"go\r\n"
        await writer.start_tls(authority.client_context(), server_hostname="localhost")
        writer.write(b"two\r\n")
        assert await reader.readline() == b"tls=1 two\r\n"
        writer.close()


async def test_octets_before_the_handshake_are_refused(authority: TestAuthority) -> None:
    """Command injection: what an attacker adds in the clear must not be taken for what came protected (RFC 3207 §6)."""
    outcome: list[BaseException] = []
    arrived = asyncio.Event()

    async def session(connection: Connection) -> None:
        assert await connection.read() == b"STARTTLS\r\n"
        arrived.set()
        await connection.write(b"go\r\n")
        await eventually(lambda: connection._unread)
        try:
            await connection.start_tls()
        except PlaintextBeforeTls as error:
            outcome.append(error)
            raise

    async with listening(session, settings_for(authority)) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"STARTTLS\r\n")
        await arrived.wait()
        writer.write(b"MAIL FROM:<evil@example.org>\r\n")
        assert await reader.readline() == b"go\r\n"
        assert await reader.read() == b""
        assert outcome
        writer.close()


async def test_tls_from_the_start(authority: TestAuthority) -> None:
    ciphers: list[tuple[str, str] | None] = []

    async def session(connection: Connection) -> None:
        ciphers.append(connection.cipher())
        await echo(connection)

    async with listening(session, settings_for(authority), implicit_tls=True) as (listener, _):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", listener.port, ssl=authority.client_context(), server_hostname="localhost"
        )
        writer.write(bytes(3_000_000))
        assert await reader.readexactly(3_000_000) == bytes(3_000_000)
        assert ciphers[0] is not None
        assert ciphers[0][0] == "TLSv1.3"
        writer.close()


async def test_a_handshake_that_fails(authority: TestAuthority) -> None:
    async with listening(echo, settings_for(authority), implicit_tls=True) as (listener, runtime):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()
        await eventually(lambda: listener.connections == 0)
        assert (
            runtime.registry.get_sample_value("mailstead_connections_ended_total", {"listener": "test", "reason": "tls_failed"})
            == 1
        )


async def test_old_tls_is_refused(authority: TestAuthority) -> None:
    context = authority.client_context()
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with listening(echo, settings_for(authority), implicit_tls=True) as (listener, _):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):  # some releases of OpenSSL leave the alert unread
            await asyncio.open_connection("127.0.0.1", listener.port, ssl=context, server_hostname="localhost")
