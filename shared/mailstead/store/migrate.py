"""Bring a database to this release's schema, and the rights of the service roles to `roles.py`.

Safe to run twice and at the same time from several places: one transaction under an advisory lock. `prepare.py` is how it is run.
Services go on meanwhile: a lock on a table that is not had soon is given up, and all of it is tried again, so that nobody queues
behind a migration that itself waits.
"""

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from mailstead.store.roles import grant_statements

_LOCK = 0x6D61696C  # the advisory lock that one migration at a time holds
LOCK_TIMEOUT = "2s"  # for the lock on a table, while which services wait too
ATTEMPTS = 30
PAUSE = 2.0  # seconds between two of them
_IN_THE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)


class NewerSchema(Exception):
    """The database was migrated by a newer release than this one; nothing was changed."""


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


async def migrate(url: str) -> str:
    """Upgrade to the newest revision and return its name. Raises NewerSchema, or OSError / asyncpg's errors as they are."""
    # SQLAlchemy would read the URL in its own way; asyncpg's is that of libpq, with sslmode and the rest. Through PgBouncer, the
    # names of prepared statements would meet those of others: they have none.
    engine = create_async_engine(
        "postgresql+asyncpg://?prepared_statement_cache_size=0",
        async_creator=lambda: asyncpg.connect(url, statement_cache_size=0),
        connect_args={"prepared_statement_name_func": str},
        poolclass=NullPool,
    )
    try:
        for _ in range(ATTEMPTS - 1):
            try:
                return await _migrate_once(engine)
            except DBAPIError as error:
                if not isinstance(getattr(error.orig, "__cause__", None), _IN_THE_WAY):
                    raise
            await asyncio.sleep(PAUSE)
        return await _migrate_once(engine)
    finally:
        await engine.dispose()


async def _migrate_once(engine: AsyncEngine) -> str:
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        return await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> str:
    config = alembic_config()
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise NewerSchema(f"the database is at schema {current}, which this release does not know: start a newer release on it")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    for statement in grant_statements():
        connection.exec_driver_sql(statement)
    return script.get_current_head() or ""
