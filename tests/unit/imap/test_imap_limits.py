"""How many connections, how long, and how much for a client that takes nothing."""

import asyncio
import socket
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from kit.transcripts import load, play_live, transcripts
from kit.waiting import eventually
from unit.imap.scenes import play_scene
from unit.imap.serving import PASSWORD, House, Person, StartReplica, connected

LARGE = b"Subject: large\r\n\r\n" + (b"x" * 78 + b"\r\n") * 25_000  # 2 MB
ASKED = 100  # times
BOUND = 8 * 1024 * 1024  # octets of memory, for 200 MB asked

SHORT = 0.3  # seconds
TIMEOUTS: dict[str, dict[str, Any]] = {
    "before-login": {"imap_login_seconds": SHORT},
    "challenge": {"imap_login_seconds": SHORT},
    "login-takes-too-long": {"imap_login_whole_seconds": SHORT},
    "logged-in": {"imap_idle_seconds": SHORT},
    "idle": {"imap_idle_seconds": SHORT, "imap_still_here_seconds": SHORT / 2},
}


async def _never(_reachable: bool) -> None:
    raise AssertionError("these scenes leave the database alone")


@pytest.mark.parametrize("path", transcripts("imap/crowd"))
async def test_too_many_connections(path: Path, alice: Person, replica: StartReplica) -> None:
    async with replica(imap_connections_per_account=2, imap_connections_per_address=4) as server:
        for _ in range(2):  # what had been taken was given back
            await play_scene(path, "127.0.0.1", server.port, alice.variables(), _never)
            await eventually(lambda: server.counted("mailstead_connections_open", listener="imap") == 0)


async def test_an_address_of_many_clients_is_not_counted(alice: Person, replica: StartReplica) -> None:
    async with (
        replica(imap_connections_per_address=1, login_shared_networks="127.0.0.0/8") as server,
        connected(server, alice),
        connected(server, alice) as second,
    ):
        assert (await second.command(b"NOOP")).endswith(b"OK done\r\n")


async def test_connections_on_another_replica_count(alice: Person, replica: StartReplica) -> None:
    """And no more once it is gone."""
    login = f"LOGIN {alice.address} {PASSWORD}\r\n".encode()
    small = {"imap_connections_per_account": 3, "imap_count_seconds": 0.1}

    async with replica(**small) as one:

        async def answer() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
            await reader.readline()
            writer.write(b"a " + login)
            said = await reader.readline()
            writer.close()
            return said

        async with replica(**small) as two, connected(two, alice), connected(two, alice), connected(one, alice):

            async def full() -> bool:
                return (await answer()).startswith(b"a NO [LIMIT]")

            await eventually(full)

        async def room() -> bool:
            return (await answer()).startswith(b"a OK")

        await eventually(room)


@pytest.mark.parametrize("path", transcripts("imap/timeouts"))
async def test_silence(path: Path, alice: Person, replica: StartReplica) -> None:
    async with replica(**TIMEOUTS[path.stem]) as server:
        await play_live(load(path), "127.0.0.1", server.port, alice.variables())


async def test_who_asks_for_much_and_reads_nothing_is_cut(house: House, alice: Person, replica: StartReplica) -> None:
    await house.fill(alice, [LARGE])
    commands = f"a LOGIN {alice.address} {PASSWORD}\r\nb SELECT INBOX\r\n" + "c FETCH 1 BODY.PEEK[]\r\n" * ASKED
    async with replica(imap_write_seconds=1) as server:
        tracemalloc.start()
        try:
            with socket.create_connection(("127.0.0.1", server.port)) as deaf:
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_sendall(deaf, commands.encode())
                await eventually(
                    lambda: server.counted("mailstead_connections_ended_total", listener="imap", reason="slow_reader") == 1
                )
            assert tracemalloc.get_traced_memory()[1] < BOUND
        finally:
            tracemalloc.stop()
        async with connected(server, alice) as client:
            assert (await client.command(b"NOOP")).endswith(b"OK done\r\n")
