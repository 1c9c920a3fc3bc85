"""Each service's role can do what it needs and not what it must not (promise S5)."""

import asyncpg
import pytest

from kit.postgres import DatabaseUrls
from mailstead.store.roles import ROLES

# What would hurt if a service were taken over. Each line: role, statement that must be refused.
FORBIDDEN = [
    ("smtp_in", "SELECT data FROM chunks"),
    ("smtp_in", "SELECT header FROM contents"),
    ("smtp_in", "SELECT structure FROM contents"),
    ("smtp_in", "SELECT uid FROM messages"),
    ("smtp_in", "SELECT subject FROM emails"),
    ("smtp_in", "DELETE FROM messages"),
    ("smtp_in", "UPDATE messages SET flags = 0"),
    ("smtp_in", "SELECT prefix FROM queue_messages"),
    ("smtp_in", "SELECT name FROM api_keys"),
    ("smtp_in", "DELETE FROM srs_keys"),
    ("delivery", "SELECT secret FROM srs_keys"),
    ("imap", "SELECT secret FROM srs_keys"),
    ("jobs", "SELECT secret FROM srs_keys"),
    ("smtp_in", "UPDATE accounts SET password_hash = ''"),
    ("smtp_in", "UPDATE mailboxes SET name = ''"),
    ("smtp_in", "UPDATE mailboxes SET uidvalidity = 1"),
    ("delivery", "SELECT password_hash FROM accounts"),
    ("delivery", "SELECT uid FROM messages"),
    ("delivery", "SELECT subject FROM emails"),
    ("delivery", "DELETE FROM messages"),
    ("delivery", "SELECT name FROM api_keys"),
    ("delivery", "UPDATE queue_messages SET sender = ''"),
    ("delivery", "DELETE FROM queue_messages"),
    ("imap", "SELECT queue_id FROM queue_messages"),
    ("imap", "SELECT queue_id FROM queue_recipients"),
    ("imap", "INSERT INTO queue_messages DEFAULT VALUES"),
    ("imap", "DELETE FROM queue_recipients"),
    ("imap", "SELECT name FROM api_keys"),
    ("imap", "UPDATE accounts SET password_hash = ''"),
    ("imap", "UPDATE accounts SET quota_bytes = 0"),
    ("imap", "UPDATE chunks SET data = ''"),
    ("imap", "DELETE FROM chunks"),
    ("imap", "UPDATE emails SET subject = ''"),
    ("imap", "UPDATE domains SET active = true"),
    ("imap", "INSERT INTO search_texts DEFAULT VALUES"),
    ("imap", "DELETE FROM search_pending"),
    ("smtp_in", "SELECT text FROM search_texts"),
    ("smtp_in", "SELECT email_id FROM search_pending"),
    ("delivery", "SELECT text FROM search_texts"),
    ("pop3", "SELECT text FROM search_texts"),
    ("pop3", "SELECT queue_id FROM queue_messages"),
    ("pop3", "SELECT name FROM api_keys"),
    ("pop3", "SELECT rights FROM mailbox_rights"),
    ("delivery", "SELECT rights FROM mailbox_rights"),
    ("smtp_in", "UPDATE mailbox_rights SET rights = 'a'"),
    ("smtp_in", "SELECT grantee FROM shares"),
    ("pop3", "SELECT content_key FROM tenants"),
    ("pop3", "INSERT INTO messages DEFAULT VALUES"),
    ("pop3", "UPDATE messages SET flags = 0"),
    ("pop3", "UPDATE accounts SET active = true"),
    ("pop3", "UPDATE mailboxes SET name = ''"),
    ("api", "DELETE FROM chunks"),
    ("api", "UPDATE contents SET header = ''"),
    ("api", "UPDATE emails SET subject = ''"),
    ("api", "UPDATE messages SET size = 0"),
    ("api", "UPDATE chunks SET data = ''"),
    ("api", "UPDATE queue_recipients SET reply = 'x'"),
    ("jobs", "SELECT password_hash FROM accounts"),
    ("jobs", "SELECT content_key FROM tenants"),
    ("jobs", "SELECT name FROM api_keys"),
    ("jobs", "UPDATE messages SET flags = 0"),
    ("jobs", "UPDATE accounts SET active = true"),
    ("jobs", "UPDATE mailboxes SET uidnext = 1"),
    ("jobs", "UPDATE emails SET subject = ''"),
    ("jobs", "UPDATE search_texts SET text = ''"),
    ("jobs", "UPDATE chunks SET data = ''"),
]


@pytest.mark.parametrize("role", [role.name for role in ROLES])
async def test_a_service_is_refused_what_it_must_not_do(role: str, database_urls: DatabaseUrls) -> None:
    connection = await asyncpg.connect(database_urls.of(role))
    try:
        for _, statement in (line for line in FORBIDDEN if role.endswith("_" + line[0])):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
                pytest.fail(f"{role} may: {statement}")
        for table in ("alembic_version", "tenants"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"DROP TABLE {table}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE mine (n int)")
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    finally:
        await connection.close()


async def test_every_right_is_one_of_the_table(database_urls: DatabaseUrls) -> None:
    """What a hand or an earlier release granted goes away with the next migration."""
    from mailstead.store.migrate import migrate

    owner = await asyncpg.connect(database_urls.owner)
    await owner.execute("GRANT SELECT, DELETE ON chunks TO mailstead_smtp_in")
    await owner.execute("GRANT SELECT (password_hash) ON accounts TO mailstead_delivery")
    await migrate(database_urls.owner)
    for role, table, right in (("smtp_in", "chunks", "SELECT"), ("smtp_in", "chunks", "DELETE")):
        assert not await owner.fetchval("SELECT has_table_privilege($1, $2, $3)", f"mailstead_{role}", table, right)
    allowed = "SELECT has_column_privilege('mailstead_delivery', 'accounts', $1, 'SELECT')"
    assert not await owner.fetchval(allowed, "password_hash")
    assert await owner.fetchval(allowed, "address")
    await owner.close()


async def test_those_who_file_and_read_mail_plan_a_statement_once(database_urls: DatabaseUrls) -> None:
    """And never by reading a table from end to end; the queue is claimed by a plan for what is in it."""
    planned_once = set()
    for role in ROLES:
        connection = await asyncpg.connect(database_urls.of(role.name))
        said = [await connection.fetchval(f"SHOW {setting}") for setting in ("plan_cache_mode", "enable_seqscan", "jit")]
        if said == ["force_generic_plan", "off", "off"]:
            planned_once.add(role.name)
        await connection.close()
    assert planned_once == {f"mailstead_{name}" for name in ("smtp_in", "imap", "pop3")}
