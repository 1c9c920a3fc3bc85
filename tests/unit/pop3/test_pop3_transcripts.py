"""The dialogs of tests/transcripts/pop3: over TCP and TLS, whole lines and single octets; afterwards the right mail is left."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from kit.certificates import TestAuthority
from kit.postgres import DatabaseUrls
from kit.transcripts import OCTETS, WHOLE, load, play_live, transcripts
from kit.waiting import eventually
from unit.imap.scenes import play_scene
from unit.pop3.serving import MESSAGES, Account, StartReplica

DELETES = {"session": [2, 3], "pipelining": [1, 2]}  # transcript -> what is left; all the others leave all


@pytest.mark.parametrize("path", transcripts("pop3"))
async def test_dialog(path: Path, alice: Account, replica: StartReplica, authority: TestAuthority) -> None:
    async with replica() as server:
        for way in ("whole lines", "single octets", "TLS"):
            await alice.empty()
            await alice.fill(MESSAGES)
            before = await alice.uids()
            await play_live(
                load(path),
                "127.0.0.1",
                server.tls_port if way == "TLS" else server.port,
                alice.variables(),
                tls=authority.client_context() if way == "TLS" else None,
                split=OCTETS if way == "single octets" else WHOLE,
            )
            await eventually(lambda: server.counted("mailstead_connections_open", listener="pop3") == 0)
            left = DELETES.get(path.stem, [1, 2, 3])
            assert await alice.uids() == [before[number - 1] for number in left], way


@pytest.mark.parametrize("path", transcripts("pop3/secured"))
async def test_dialog_without_passwords_in_the_clear(
    path: Path, alice: Account, replica: StartReplica, authority: TestAuthority
) -> None:
    await alice.fill(MESSAGES)
    async with replica(plaintext_auth_networks="") as server:
        await play_live(load(path), "127.0.0.1", server.port, alice.variables(), starttls=authority.client_context())


LEFT = {"database-away": 3, "database-back": 2}


@pytest.fixture
def turn(database_urls: DatabaseUrls) -> Callable[[bool], Awaitable[None]]:
    """Cuts the database off from everybody, or lets them in again."""

    async def turn(reachable: bool) -> None:
        name = database_urls.name
        connection = await asyncpg.connect(DatabaseUrls(database_urls.sockets, "postgres").superuser)
        try:
            await connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {reachable}")
            if not reachable:
                await connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)
        finally:
            await connection.close()

    return turn


@pytest.mark.parametrize("path", transcripts("pop3/scenes"))
async def test_scene(path: Path, alice: Account, replica: StartReplica, turn: Callable[[bool], Awaitable[None]]) -> None:
    await alice.fill(MESSAGES)
    async with replica(pop3_lease_seconds=60) as server:
        await play_scene(path, "127.0.0.1", server.port, alice.variables(), turn)
    assert len(await alice.uids()) == LEFT[path.stem]
