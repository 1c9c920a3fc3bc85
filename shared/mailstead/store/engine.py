"""Connections and transactions: one pool for each process, errors as the one `Refused` that services understand.

Works through PgBouncer in transaction mode: nothing is kept on a connection between transactions, limits are `SET LOCAL`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from mailstead.model.failure import Failure, Refused

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Observe = Callable[[str, float], None]
"""Called with the name of an operation and the seconds it took; lower floors know no metrics."""

T = TypeVar("T")

LOCK_TIMEOUT = "2s"  # a stuck neighbour costs one operation this much, then it is refused as temporary
STATEMENT_TIMEOUT = "30s"
COMMAND_TIMEOUT = 40.0  # seconds; for a server that no longer answers at all
ACQUIRE_TIMEOUT = 10.0  # seconds to wait for a free connection of the pool
RETRY_PAUSE = 0.05  # seconds before a second try, so that the transaction for which the first was ended can go ahead

_BEGIN = f"BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"
_RETRIED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# asyncpg says InternalClientError of a connection that the server has just ended.
_CONNECTION_ERRORS = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_DATABASE_ERRORS = (asyncpg.PostgresError, *_CONNECTION_ERRORS, TimeoutError)


def unavailable(what: str, error: BaseException) -> Refused:
    """The one translation of a database error: temporary for the client, told in full to the log."""
    return Refused(Failure.UNAVAILABLE, f"{what}: {type(error).__name__}: {error}")


def is_outage(refused: Refused) -> bool:
    """The database itself is away or out of reach, so that trying the same with less makes no sense."""
    outages = (*_CONNECTION_ERRORS, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
    # asyncpg calls an argument that it cannot encode an InterfaceError too, which is a ValueError besides.
    blameless = (asyncpg.QueryCanceledError, ValueError)
    return isinstance(refused.__cause__, outages) and not isinstance(refused.__cause__, blameless)


class Database:
    """The pool. Every method raises Refused(UNAVAILABLE) when the database is away, too slow, or refuses the statement."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", observe: Observe | None) -> None:
        self._pool = pool
        self._observe = observe

    @asynccontextmanager
    async def connection(self, what: str) -> AsyncIterator[Connection]:
        """A connection on which single statements commit by themselves. `what` names the operation for metrics and errors."""
        started = time.perf_counter()
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT) as connection:
                yield connection
        except _DATABASE_ERRORS as error:
            raise unavailable(what, error) from error
        finally:
            if self._observe:
                self._observe(what, time.perf_counter() - started)

    @asynccontextmanager
    async def transaction(self, what: str) -> AsyncIterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self.connection(what) as connection:
            try:
                await connection.execute(_BEGIN)
                yield connection
                if await connection.execute("COMMIT") != "COMMIT":
                    raise asyncpg.InFailedSQLTransactionError("a statement of the transaction had failed: nothing is committed")
            except BaseException:
                await asyncio.shield(_abandon(connection))
                raise

    async def transact(self, what: str, operation: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `operation` in a transaction; after a deadlock or serialization failure, once more (promise D7)."""
        return await self._twice(self.transaction, what, operation)

    async def fetch(self, what: str, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """One statement and one round trip; as all single statements, once more after a deadlock."""
        return await self._twice(self.connection, what, lambda connection: connection.fetch(sql, *arguments))

    async def fetchrow(self, what: str, sql: str, *arguments: object) -> asyncpg.Record | None:
        return await self._twice(self.connection, what, lambda connection: connection.fetchrow(sql, *arguments))

    async def execute(self, what: str, sql: str, *arguments: object) -> int:
        """One writing statement; the number of rows it touched."""
        tag = await self._twice(self.connection, what, lambda connection: connection.execute(sql, *arguments))
        last = tag.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def _twice(
        self,
        within: Callable[[str], AbstractAsyncContextManager[Connection]],
        what: str,
        operation: Callable[[Connection], Awaitable[T]],
    ) -> T:
        try:
            async with within(what) as connection:
                return await operation(connection)
        except Refused as refused:
            if not isinstance(refused.__cause__, _RETRIED):
                raise
        await asyncio.sleep(RETRY_PAUSE)
        async with within(what) as connection:
            return await operation(connection)

    def connections(self) -> tuple[int, int]:
        """How many are at work now, and how many idle."""
        idle = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle

    async def ping(self) -> None:
        """Readiness: one round trip on a pooled connection."""
        await self.fetchrow("ping", "SELECT 1")


async def _abandon(connection: Connection) -> None:
    try:
        await connection.execute("ROLLBACK", timeout=5)
    except _DATABASE_ERRORS:
        connection.terminate()


async def _keep_as_is(_connection: object) -> None:
    """Nothing is ever set on a pooled connection, so releasing it needs no round trip."""


@asynccontextmanager
async def open_database(
    url: str,
    *,
    pool_size: int = 10,
    prepared: bool = True,
    observe: Observe | None = None,
    log_statement: Callable[[str], None] | None = None,
) -> AsyncIterator[Database]:
    """A pool of at most `pool_size` connections to `url`, closed at the end.

    `prepared=False` is for PgBouncer before 1.21, which cannot follow prepared statements. `log_statement` hears the text of
    each statement (tests count them). Raises Refused(UNAVAILABLE) when the database cannot be reached.
    """

    async def initialise(connection: Any) -> None:
        if log_statement:
            connection.add_query_logger(lambda record: log_statement(record.query))

    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=pool_size,
            init=initialise,
            reset=_keep_as_is,
            command_timeout=COMMAND_TIMEOUT,
            statement_cache_size=200 if prepared else 0,
            max_cached_statement_lifetime=0,
        )
    except _DATABASE_ERRORS as error:
        raise unavailable("connect to PostgreSQL", error) from error
    try:
        yield Database(pool, observe)
    finally:
        try:
            await asyncio.wait_for(pool.close(), timeout=5)
        except TimeoutError:
            pool.terminate()
