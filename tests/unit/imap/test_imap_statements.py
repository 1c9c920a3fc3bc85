"""How many statements a command takes, however many messages it is about (promise P7)."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import date
from math import ceil
from typing import Any

import pytest

from imap.commands.fetch import BODIES_PAGE, ROWS_PAGE
from mailstead.store.engine import Database, open_database
from mailstead.store.mailboxes import Mailboxes
from unit.imap.serving import Client, House, Person, StartReplica, connected

MANY = 1_000


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The text of each statement of the service; clear it before what is to be counted."""
    found: list[str] = []

    def log(statement: str) -> None:
        # What asyncpg asks once on each new connection, about types, is no part of a command.
        if "typeinfo_tree" not in statement and "'jit'" not in statement:
            found.append(statement)

    def logging_database(settings: object, _runtime: object) -> AbstractAsyncContextManager[Database]:
        url = settings.database_url.get_secret_value()  # type: ignore[attr-defined]
        return open_database(url, log_statement=log)

    monkeypatch.setattr("imap.app.service_database", logging_database)
    return found


@pytest.fixture
async def client(statements: list[str], house: House, alice: Person, replica: StartReplica) -> AsyncIterator[Client]:
    """In an INBOX of MANY messages."""
    await house.fill(alice, [b"Subject: %d\r\n\r\nbody %d\r\n" % (n, n) for n in range(MANY)])
    # The periodic looks are statements too, and none of ours.
    async with replica(imap_catch_up_seconds=600, imap_count_seconds=60) as server, connected(server, alice) as client:
        statements.clear()
        yield client


@pytest.mark.parametrize(
    ("items", "page", "each"),
    [
        ("FLAGS", ROWS_PAGE, 1),
        ("(FLAGS UID RFC822.SIZE INTERNALDATE ENVELOPE BODYSTRUCTURE)", ROWS_PAGE, 1),
        ("BODY", ROWS_PAGE, 1),
        ("BODY.PEEK[HEADER.FIELDS (SUBJECT)]", BODIES_PAGE, 1),
        ("BODY.PEEK[]", BODIES_PAGE, 2),  # the rows, and their octets
        ("(ENVELOPE BODY.PEEK[1] BODY.PEEK[]<0.10>)", BODIES_PAGE, 2),
    ],
)
async def test_fetch(client: Client, statements: list[str], items: str, page: int, each: int) -> None:
    answer = await client.command(f"FETCH 1:* {items}".encode())
    assert answer.count(b" FETCH (") == MANY
    assert len(statements) == each * ceil(MANY / page)


async def test_fetch_that_sets_seen_adds_one_transaction_to_a_page(client: Client, statements: list[str]) -> None:
    answer = await client.command(b"FETCH 1:* BODY[TEXT]")
    assert answer.count(b"FLAGS (\\Seen)") == MANY
    changing = [statement for statement in statements if "UPDATE messages" in statement]
    reading = [statement for statement in statements if statement.lstrip().startswith("SELECT") and "FOR UPDATE" not in statement]
    pages = ceil(MANY / BODIES_PAGE)
    assert len(changing) == pages and len(reading) == 2 * pages
    assert len(statements) <= 7 * pages, statements


async def test_copy_is_one_statement_in_its_transaction(client: Client, statements: list[str]) -> None:
    assert b"COPYUID" in await client.command(b"COPY 1:* Archive")
    assert sum("INSERT INTO messages" in statement for statement in statements) == 1
    assert len(statements) <= 9, statements  # finding the target, BEGIN, locks, copying, quota, counters, COMMIT


async def test_what_the_session_knows_asks_nobody(client: Client, statements: list[str]) -> None:
    assert (await client.command(b"SEARCH ALL")).count(b" ") > MANY
    assert (await client.command(b"UID SEARCH 5:20,40")).startswith(b"* SEARCH 5 6")
    assert statements == []


async def test_no_page_reads_the_whole_mailbox(statements: list[str], house: House, replica: StartReplica) -> None:
    """Whatever PostgreSQL believes: its statistics were made before this account had mail."""
    bob, alice = await house.person(), await house.person()
    await house.fill(bob, [b"Subject: %d\r\n\r\n" % n for n in range(300)])
    await house.owner.execute("analyze", "ANALYZE messages, emails, contents")
    await house.fill(alice, [b"Subject: %d\r\n\r\n" % n for n in range(MANY)])
    async with replica(imap_catch_up_seconds=600, imap_count_seconds=60) as server, connected(server, alice) as client:
        mailbox = await Mailboxes(house.owner, lambda _: None).get(alice.account_id, "INBOX")
        page = (alice.account_id, mailbox.mailbox_id, [1, 500], [100, 520])
        for command, arguments in (
            (b"FETCH 1:100,500:520 FLAGS", page),
            (b"FETCH 1:* ENVELOPE", (*page[:2], [1], [MANY])),
            (b"FETCH 1:100,500:520 (ENVELOPE BODY)", page),
            (b"SEARCH SENTSINCE 1-Jan-2020", (alice.account_id, mailbox.mailbox_id, date(2020, 1, 1))),
        ):
            statements.clear()
            await client.command(command)
            (sql,) = statements
            # As prepared for these very values, and for any.
            for cache_mode in ("force_custom_plan", "force_generic_plan"):
                assert await _looked_at_in_vain(house.owner, cache_mode, sql, arguments) <= MANY, (command, cache_mode)


async def _looked_at_in_vain(db: Database, cache_mode: str, sql: str, arguments: tuple[object, ...]) -> int:
    """Rows that were read and then thrown away, by a plan of this kind."""
    async with db.transaction("explain") as connection:
        await connection.execute(f"SET LOCAL plan_cache_mode = {cache_mode}")
        explained = await connection.fetchval("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, *arguments)
    return _removed(json.loads(explained)[0]["Plan"])


def _removed(plan: dict[str, Any]) -> int:
    here = plan.get("Rows Removed by Filter", 0) * plan["Actual Loops"]
    return int(here) + sum(_removed(child) for child in plan.get("Plans", ()))
