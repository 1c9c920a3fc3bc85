"""The dialogs of `tests/transcripts/imap`, played to the service on a real PostgreSQL: TCP and TLS, whole lines and octets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kit.certificates import TestAuthority
from kit.postgres import DatabaseUrls
from kit.transcripts import OCTETS, WHOLE, load, play_live, transcripts
from kit.waiting import eventually
from mailstead.store.query import Query
from mailstead.store.search import ANY_EFFORT, Effort, Search
from unit.imap.scenes import play_scene
from unit.imap.serving import House, Person, StartReplica

SMALL = {  # limits that a transcript can reach
    "imap_max_command": 8192,
    "imap_max_login_literal": 1024,
    "imap_max_message": 1024,
    "imap_max_bad_commands": 5,
    "imap_search_read_octets": 1024,
    "imap_thread_messages": 1,
}
QUOTAS = {"append-quota": (100, 0), "quota": (10_240, 3)}  # octets, messages


@pytest.mark.parametrize("path", transcripts("imap"))
async def test_dialog(path: Path, house: House, replica: StartReplica, authority: TestAuthority) -> None:
    async with replica() as server:
        for way in ("whole lines", "single octets", "TLS"):
            person = await house.person(*QUOTAS.get(path.stem, (0, 0)))
            await play_live(
                load(path),
                "127.0.0.1",
                server.tls_port if way == "TLS" else server.port,
                person.variables(),
                tls=authority.client_context() if way == "TLS" else None,
                split=OCTETS if way == "single octets" else WHOLE,
            )
            await eventually(lambda: server.counted("mailstead_connections_open", listener="imap") == 0)


@pytest.mark.parametrize("path", transcripts("imap/secured"))
async def test_dialog_without_passwords_in_the_clear(
    path: Path, alice: Person, replica: StartReplica, authority: TestAuthority
) -> None:
    async with replica(plaintext_auth_networks="") as server:
        for split in (WHOLE, OCTETS):
            context = authority.client_context()
            await play_live(load(path), "127.0.0.1", server.port, alice.variables(), starttls=context, split=split)


@pytest.mark.parametrize("path", transcripts("imap/limits"))
async def test_dialog_at_the_limits(path: Path, house: House, replica: StartReplica) -> None:
    async with replica(**SMALL) as server:
        for split in (WHOLE, OCTETS):
            person = await house.person()
            await play_live(load(path), "127.0.0.1", server.port, person.variables(), split=split)


@asynccontextmanager
async def superuser(urls: DatabaseUrls) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(DatabaseUrls(urls.sockets, "postgres").superuser)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def turn(database_urls: DatabaseUrls) -> Callable[[bool], Awaitable[None]]:
    """Cuts the database off from everybody, or lets them in again."""

    async def turn(reachable: bool) -> None:
        name = database_urls.name
        async with superuser(database_urls) as connection:
            await connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {reachable}")
            if not reachable:
                await connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)

    return turn


@pytest.mark.parametrize("path", transcripts("imap/scenes"))
async def test_scene(path: Path, alice: Person, replica: StartReplica, turn: Callable[[bool], Awaitable[None]]) -> None:
    async with replica(imap_catch_up_seconds=0.2) as server:
        await play_scene(path, "127.0.0.1", server.port, alice.variables(), turn)


class BrokenSearch(Search):
    async def matching(self, account_id: int, mailbox_id: int, query: Query, effort: Effort = ANY_EFFORT) -> list[int]:
        raise RuntimeError("secret of the inside")


@pytest.mark.parametrize("path", transcripts("imap/broken"))
async def test_an_error_that_nobody_foresaw(
    path: Path, alice: Person, replica: StartReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imap.app.Search", BrokenSearch)
    async with replica() as server:
        await play_live(load(path), "127.0.0.1", server.port, alice.variables())
