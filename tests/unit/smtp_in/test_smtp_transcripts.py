"""Every transcript over TCP and TLS, whole and one octet at a time. A file's first word says on which listener it is played."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kit.certificates import TestAuthority
from kit.postgres import DatabaseUrls
from kit.transcripts import Split, load, play_live, transcripts
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Delivery, Receipt
from mailstead.store.directory import Directory, DomainRef, Found
from unit.imap.scenes import play_scene


class AwayDirectory(Directory):
    """What every look-up is when the database is away."""

    async def look_up(self, addresses: Sequence[Address]) -> list[Found | None]:
        raise Refused(Failure.UNAVAILABLE, "connection refused by 10.0.0.7:5432")

    async def local_domain(self, domain: str) -> DomainRef | None:
        raise Refused(Failure.UNAVAILABLE, "connection refused by 10.0.0.7:5432")


class BrokenCommitter:
    """A bug: an error that nobody has foreseen."""

    def __init__(self, _real: object) -> None:
        pass

    async def deliver(self, delivery: Delivery) -> Receipt:
        raise RuntimeError("secret of the inside")


SETTINGS: dict[str, dict[str, Any]] = {
    "plain-auth": {"plaintext_auth_networks": "127.0.0.0/8"},
    "front-xclient": {"smtp_xclient_networks": "127.0.0.0/8"},
    "mx-chunking-limits": {"smtp_max_size": 65_536},
    "failing-store": {"directory": lambda real: AwayDirectory(real._database)},
    "failing-commit": {"committer": BrokenCommitter},
}
LISTENERS = {
    "mx": "mx",
    "submission": "submission",
    "submissions": "submissions",
    "plain": "submission",
    "failing": "mx",
    "front": "mx",
    "lmtp": "lmtp",
}


@pytest.mark.parametrize("split", Split, ids=lambda split: split.value)
@pytest.mark.parametrize("path", [*transcripts("smtp"), *transcripts("lmtp")])
async def test_transcript(
    path: Path, split: Split, serve: Callable[..., Awaitable[Any]], authority: TestAuthority, variables: dict[str, str]
) -> None:
    served = await serve(**SETTINGS.get(path.stem, {}))
    listener = served.listeners[LISTENERS[path.stem.partition("-")[0]]]
    context = authority.client_context()
    await play_live(
        load(path),
        "127.0.0.1",
        listener.port,
        variables,
        tls=context if path.stem.startswith("submissions") else None,
        starttls=context,
        split=split,
    )


@pytest.mark.parametrize("path", transcripts("smtp/scenes"))
async def test_scene(path: Path, serve: Callable[..., Awaitable[Any]], database_urls: DatabaseUrls) -> None:
    """With a database that goes away and comes back."""
    name = database_urls.name

    async def turn(reachable: bool) -> None:
        connection = await asyncpg.connect(DatabaseUrls(database_urls.sockets, "postgres").superuser)
        try:
            await connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {reachable}")
            if not reachable:
                await connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)
        finally:
            await connection.close()

    served = await serve()
    await play_scene(path, "127.0.0.1", served.mx, {}, turn)
    assert [b"Subject: two" in message for message in await served.inbox("alice")] == [True]
    assert await served.inbox("bob") == []
    assert served.budget.held == 0
