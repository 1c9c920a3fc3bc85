"""Transactions: what returns has committed, what cannot is refused, and a deadlock is tried once more (promises D1, D7)."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest

from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.model.failure import Failure, Refused
from mailstead.store import engine
from mailstead.store.engine import Connection, Database, open_database
from mailstead.store.limits import Limits, Rate

PUT = "INSERT INTO limits VALUES ('test', $1, 1, 0, now())"


async def names(database: Database) -> list[str]:
    return [row["subject"] for row in await database.fetch("look", "SELECT subject FROM limits ORDER BY subject")]


async def test_a_transaction_that_raises_leaves_nothing(owner_db: Database) -> None:
    with pytest.raises(KeyError):
        async with owner_db.transaction("test") as connection:
            await connection.execute(PUT, "a")
            raise KeyError
    assert await names(owner_db) == []


async def test_a_failed_statement_cannot_be_passed_over(owner_db: Database) -> None:
    """PostgreSQL answers COMMIT of such a transaction with ROLLBACK and no error: for us it is one."""
    with pytest.raises(Refused) as refused:
        async with owner_db.transaction("test") as connection:
            await connection.execute(PUT, "a")
            with suppress(asyncpg.UniqueViolationError):
                await connection.execute(PUT, "a")
    assert refused.value.failure is Failure.UNAVAILABLE
    assert await names(owner_db) == []


async def test_a_cancelled_transaction_leaves_nothing_and_a_usable_pool(database_urls: DatabaseUrls) -> None:
    async with open_database(database_urls.owner, pool_size=1) as database:

        async def work(connection: Connection) -> None:
            await connection.execute(PUT, "a")
            await connection.execute("SELECT pg_sleep(60)")

        task = asyncio.create_task(database.transact("test", work))
        async with open_database(database_urls.owner, pool_size=1) as other:

            async def asleep() -> bool:
                sleeping = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
                return bool(await other.fetch("look", sleeping))

            await eventually(asleep)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert await names(database) == []


async def test_a_deadlock_is_tried_once_more(database_urls: DatabaseUrls) -> None:
    """Two that take the same rows the other way round: PostgreSQL ends one of them, and both succeed."""
    runs: list[str] = []
    both_hold_one = asyncio.Barrier(2)
    async with open_database(database_urls.superuser) as database:  # who alone may shorten deadlock_timeout
        for name in ("a", "b"):
            await database.execute("arrange", PUT, name)

        async def take(first: str, second: str) -> None:
            async def work(connection: Connection) -> None:
                await connection.execute("SET LOCAL deadlock_timeout = '20ms'")
                runs.append(first)
                await connection.execute("UPDATE limits SET granted = granted + 1 WHERE subject = $1", first)
                if len(runs) <= 2:
                    await both_hold_one.wait()
                await connection.execute("UPDATE limits SET granted = granted + 1 WHERE subject = $1", second)

            await database.transact("test", work)

        async with asyncio.timeout(30):
            await asyncio.gather(take("a", "b"), take("b", "a"))
        assert len(runs) == 3
        rows = await database.fetch("look", "SELECT granted FROM limits")
    assert [row["granted"] for row in rows] == [2, 2]


async def test_a_lock_is_not_waited_for_for_ever(owner_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_BEGIN", "BEGIN; SET LOCAL lock_timeout = '50ms'")
    await owner_db.execute("arrange", PUT, "a")
    async with owner_db.transaction("hold") as connection:
        await connection.execute("UPDATE limits SET granted = 1")
        with pytest.raises(Refused) as refused:
            async with owner_db.transaction("wait") as other:
                await other.execute("UPDATE limits SET granted = 2")
    assert refused.value.failure is Failure.UNAVAILABLE and "LockNotAvailableError" in refused.value.detail


async def test_a_pool_that_is_used_up_refuses(database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "ACQUIRE_TIMEOUT", 0.1)
    async with open_database(database_urls.owner, pool_size=1) as database:
        async with database.connection("hold"):
            with pytest.raises(Refused) as refused:
                await database.ping()
        assert refused.value.failure is Failure.UNAVAILABLE
        await database.ping()


async def test_a_database_that_is_not_there_refuses(postgres_sockets: str) -> None:
    with pytest.raises(Refused) as refused:
        async with open_database(DatabaseUrls(postgres_sockets, "no_such_database").owner):
            pytest.fail("connected to nothing")
    assert refused.value.failure is Failure.UNAVAILABLE


async def test_pooled_connections_keep_nothing(database_urls: DatabaseUrls) -> None:
    """As PgBouncer in transaction mode needs it; and without prepared statements everything works the same."""
    async with open_database(database_urls.owner, pool_size=1, prepared=False) as database:
        await Limits(database).lease("test", "a", Rate(1, 1))
        before = await database.fetch("look", "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name")
        async with database.transaction("test") as connection:
            await connection.execute(PUT, "b")
        after = await database.fetch("look", "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name")
        assert before == after
        assert await database.fetch("look", "SELECT FROM pg_prepared_statements") == []
        assert await names(database) == ["a", "b"]
