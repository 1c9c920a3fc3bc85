"""What a deployer does in PostgreSQL before any service starts: the owner, the database, the schema.

Passwords travel inside the connection, never on a command line.
"""

import asyncpg

from mailstead.store.migrate import NewerSchema, migrate
from mailstead_local.failure import LocalFailure

OWNER = "mailstead_owner"  # owns the schema; may make roles and databases of its own, no more


async def create_database(superuser_url: str, name: str, owner_password: str) -> None:
    """The owner's role and an empty database of this name; each only if it is missing."""
    connection = await asyncpg.connect(superuser_url)
    try:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", OWNER):
            await connection.execute(f"CREATE ROLE {OWNER} CREATEROLE")
        await _set_password(connection, OWNER, owner_password)
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}" OWNER {OWNER}')
    finally:
        await connection.close()


async def upgrade_schema(owner_url: str) -> str:
    """Migrate and return the revision. Raises LocalFailure for a database of a newer release."""
    try:
        return await migrate(owner_url)
    except NewerSchema as error:
        raise LocalFailure(str(error)) from error


async def _set_password(connection: "asyncpg.Connection[asyncpg.Record]", role: str, password: str) -> None:
    """ALTER ROLE takes no parameters, so the server itself quotes."""
    statement: str = await connection.fetchval(
        "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)", role, password
    )
    await connection.execute(statement)
