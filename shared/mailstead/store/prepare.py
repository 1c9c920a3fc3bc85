"""What an installation does before its services start: the schema, roles that can log in, the first key for the API.

Run as `python -m mailstead.store.prepare`, as often as wanted, with these in the environment:

    MAILSTEAD_MIGRATION_DATABASE_URL   the database, as a role that owns the schema and may make roles
    MAILSTEAD_ROLE_PASSWORDS           optional: a folder with a file for each service (`smtp-in`, …) that holds its password
    MAILSTEAD_FIRST_API_KEY            optional: a file that holds an API key, which is made with all rights unless it is there

Secrets come from files, so that neither a command line nor an environment shows them.
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
from alembic.util import CommandError

from mailstead.model.api_key import fingerprint
from mailstead.model.failure import Failure, Refused
from mailstead.store.api_keys import ApiKeys
from mailstead.store.engine import open_database
from mailstead.store.migrate import NewerSchema, migrate
from mailstead.store.roles import ROLE_PREFIX, ROLES

FIRST_KEY = "first key"


async def let_services_log_in(owner_url: str, passwords: dict[str, str]) -> None:
    """Give each service role its password, by role name; the roles exist once the schema does. Raises asyncpg's errors."""
    connection = await asyncpg.connect(owner_url, statement_cache_size=0)  # so that it may lead through PgBouncer
    try:
        for role in ROLES:
            # ALTER ROLE takes no parameters, so the server itself quotes.
            quoted: str = await connection.fetchval(
                "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)", role.name, passwords[role.name]
            )
            await connection.execute(quoted)
    finally:
        await connection.close()


async def create_first_key(owner_url: str, name: str, key: str) -> None:
    """A key for the API with all rights, unless it is there. Raises Refused: CONFLICT when another has this name, UNAVAILABLE."""
    async with open_database(owner_url, pool_size=1, prepared=False) as database:
        keys = ApiKeys(database)
        if await keys.find(fingerprint(key)) is None:
            await keys.create(name, ["admin"], fingerprint(key))


async def prepare(owner_url: str, passwords: dict[str, str] | None, first_key: str | None) -> str:
    """All of it; the revision of the schema. Raises NewerSchema, Refused, or asyncpg's errors as they are."""
    revision = await migrate(owner_url)
    if passwords is not None:
        await let_services_log_in(owner_url, passwords)
    if first_key is not None:
        try:
            await create_first_key(owner_url, FIRST_KEY, first_key)
        except Refused as refused:
            if refused.failure is not Failure.CONFLICT:
                raise
            sys.stderr.write(f"there is another API key named {FIRST_KEY!r}: it stays as it is\n")
    return revision


def read_passwords(folder: Path) -> dict[str, str]:
    """By role name. Raises OSError naming the file that cannot be read."""
    return {role.name: _secret(folder / role.name.removeprefix(ROLE_PREFIX).replace("_", "-")) for role in ROLES}


def _secret(file: Path) -> str:
    return file.read_text().strip()


def main() -> None:
    """Exit status 0 when all is in place, 1 when it could not be reached or changed, or when nothing says where it is."""
    url = os.environ.get("MAILSTEAD_MIGRATION_DATABASE_URL")
    if not url:
        sys.exit("MAILSTEAD_MIGRATION_DATABASE_URL is not set: give the URL of a role that owns the schema")
    folder, first_key = (os.environ.get(f"MAILSTEAD_{name}") for name in ("ROLE_PASSWORDS", "FIRST_API_KEY"))
    try:
        passwords = read_passwords(Path(folder)) if folder else None
        revision = asyncio.run(prepare(url, passwords, _secret(Path(first_key)) if first_key else None))
    except (NewerSchema, Refused, OSError, CommandError, asyncpg.PostgresError) as error:
        sys.exit(f"not prepared: {error}")
    sys.stdout.write(f"the schema is at {revision}\n")


if __name__ == "__main__":
    main()
