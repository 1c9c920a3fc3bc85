"""The migrations make what `schema` says, once, whoever runs them and however often."""

import asyncio
import os
from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from kit.postgres import DatabaseUrls
from mailstead.store.engine import Database
from mailstead.store.migrate import NewerSchema, migrate
from mailstead.store.schema import CHUNK_SIZE, metadata
from mailstead_local.database import OWNER

_numbers = count(1)

# Tables with an account_id that belong to no single account's data: found by address, or by queue message.
NOT_OWNED = {"addresses", "queue_messages", "shares", "sign_ins"}


@pytest.fixture
async def empty_database(postgres_sockets: str) -> AsyncIterator[DatabaseUrls]:
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    connection = await asyncpg.connect(DatabaseUrls(postgres_sockets, "postgres").superuser)
    await connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0")
    yield DatabaseUrls(postgres_sockets, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def test_the_migrations_make_the_schema(database_urls: DatabaseUrls) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(database_urls.owner))
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(
                lambda sync: compare_metadata(
                    MigrationContext.configure(sync, opts={"compare_type": True, "compare_server_default": True}), metadata
                )
            )
    finally:
        await engine.dispose()
    # Alembic does not see identity columns and CHECK constraints; those are compared by what PostgreSQL says of them.
    assert differences == []


async def test_the_migrations_make_the_check_constraints(owner_db: Database) -> None:
    rows = await owner_db.fetch("test", "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0")
    declared = {
        str(metadata.naming_convention["ck"]) % {"table_name": table.name, "constraint_name": constraint.name}
        if not str(constraint.name).startswith(table.name)
        else str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    assert {row["conname"] for row in rows} == declared


async def test_migrating_again_changes_nothing(database_urls: DatabaseUrls) -> None:
    assert await migrate(database_urls.owner) == await migrate(database_urls.owner)


async def test_migrations_at_the_same_time_wait_for_each_other(empty_database: DatabaseUrls) -> None:
    revisions = await asyncio.gather(*(migrate(empty_database.owner) for _ in range(3)))
    assert len(set(revisions)) == 1
    connection = await asyncpg.connect(empty_database.owner)
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == revisions[0]
    await connection.close()


async def test_a_newer_schema_is_left_alone(database_urls: DatabaseUrls) -> None:
    connection = await asyncpg.connect(database_urls.owner)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerSchema, match="9999"):
        await migrate(database_urls.owner)
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    await connection.close()


def test_what_an_account_owns_is_keyed_by_account() -> None:
    owned = {name: table for name, table in metadata.tables.items() if "account_id" in table.c and name not in NOT_OWNED}
    assert {
        *("accounts", "mailboxes", "messages", "expunged", "emails", "subscriptions", "outbox"),
        *("sieve_scripts", "sieve_marks", "search_texts", "search_pending"),
        *("app_passwords", "scram_keys", "last_logins", "totp_secrets", "account_metadata", "mailbox_metadata", "mailbox_rights"),
    } == owned.keys()
    for table in owned.values():
        assert table.primary_key.columns.keys()[0] == "account_id", table.name


def test_nothing_points_at_content() -> None:
    for table in metadata.tables.values():
        for key in table.foreign_keys:
            assert key.column.table.name not in {"contents", "chunks", "emails", "messages"}, table.name


async def test_chunks_are_stored_so_that_ranges_are_read_as_ranges(owner_db: Database) -> None:
    row = await owner_db.fetchrow(
        "test", "SELECT attstorage::text FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND attname = 'data'"
    )
    assert row is not None
    assert row["attstorage"] == "e"
    assert CHUNK_SIZE == 256 * 1024
