"""What an installation does before its services start, as a command that says in one line what is wrong."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from kit.postgres import PASSWORD, DatabaseUrls
from kit.waiting import eventually
from mailstead.model.api_key import fingerprint, new_key
from mailstead.model.failure import Failure, Refused
from mailstead.store import migrate as migrate_module
from mailstead.store.engine import Database
from mailstead.store.migrate import migrate
from mailstead.store.prepare import prepare, read_passwords
from mailstead.store.revision import NEEDED_REVISION, check_revision
from mailstead.store.roles import ROLE_PREFIX, ROLES


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        (None, 1, "MAILSTEAD_MIGRATION_DATABASE_URL is not set"),
        ("postgresql://nobody:nothing@127.0.0.1:1/nothing", 1, "not prepared: "),
    ],
)
async def test_the_command_fails_in_one_line(url: str | None, status: int, said: str) -> None:
    environment = {"PATH": os.environ["PATH"], **({"MAILSTEAD_MIGRATION_DATABASE_URL": url} if url else {})}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailstead.store.prepare", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    assert process.returncode == status
    assert said in stderr.decode()
    assert len(stderr.decode().splitlines()) == 1


async def test_the_command_tells_the_revision(database_urls: DatabaseUrls) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mailstead.store.prepare",
        env={"PATH": os.environ["PATH"], "MAILSTEAD_MIGRATION_DATABASE_URL": database_urls.owner},
        stdout=asyncio.subprocess.PIPE,
    )
    stdout, _ = await process.communicate()
    assert process.returncode == 0
    assert stdout.decode().startswith("the schema is at ")


async def test_roles_are_let_in_and_the_first_key_is_made_once(database_urls: DatabaseUrls, owner_db: Database) -> None:
    passwords = dict.fromkeys((role.name for role in ROLES), PASSWORD)  # other tests use these roles too: theirs it stays
    key = new_key()
    for _ in range(2):
        assert await prepare(database_urls.owner, passwords, key) == NEEDED_REVISION
    connection = await asyncpg.connect(database_urls.imap)
    await connection.close()
    rows = await owner_db.fetch("test", "SELECT secret_hash, scopes FROM api_keys")
    assert [(row["secret_hash"], row["scopes"]) for row in rows] == [(fingerprint(key), ["admin"])]


def test_a_password_is_the_file_of_its_service(tmp_path: Path) -> None:
    for role in ROLES:
        (tmp_path / role.name.removeprefix(ROLE_PREFIX).replace("_", "-")).write_text(f"of {role.name}\n")
    assert read_passwords(tmp_path) == {role.name: f"of {role.name}" for role in ROLES}


def test_a_service_without_a_password_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="smtp-in"):
        read_passwords(tmp_path)


async def test_another_key_of_that_name_stays(database_urls: DatabaseUrls, owner_db: Database) -> None:
    for key in ("one", "two"):
        await prepare(database_urls.owner, None, key)
    rows = await owner_db.fetch("test", "SELECT secret_hash FROM api_keys")
    assert [row["secret_hash"] for row in rows] == [fingerprint("one")]


async def test_a_service_is_ready_only_on_a_schema_that_is_new_enough(owner_db: Database) -> None:
    await check_revision(owner_db)
    await owner_db.execute("test", "UPDATE alembic_version SET version_num = '9999'")
    await check_revision(owner_db)
    await owner_db.execute("test", "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(Refused, match=r"mailstead\.store\.prepare") as refused:
        await check_revision(owner_db)
    assert refused.value.failure is Failure.UNAVAILABLE


async def test_a_migration_that_waits_for_a_table_lets_others_go_first(
    database_urls: DatabaseUrls, owner_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives up its place in the queue for the lock, behind which all others would wait, and comes again."""
    monkeypatch.setattr(migrate_module, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrate_module, "PAUSE", 0.05)
    async with owner_db.transaction("hold") as holder:
        await holder.execute("LOCK TABLE alembic_version")
        migration = asyncio.create_task(migrate(database_urls.owner))
        waits: set[int] = set()

        async def has_come_again() -> bool:
            """Each attempt is a transaction of its own."""
            rows = await owner_db.fetch("look", "SELECT xact_start FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            waits.update(int(row["xact_start"].timestamp() * 1000) for row in rows)
            return len(waits) >= 3

        await eventually(has_come_again)
    assert await asyncio.wait_for(migration, 20) == NEEDED_REVISION
    await check_revision(owner_db)
