"""The store as each service sees it: every fixture's pool belongs to the role that runs this code in production."""

from collections.abc import AsyncIterator

import pytest

from kit.postgres import DatabaseUrls
from mailstead.store.changes import Changes
from mailstead.store.deletion import Deletion
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.provisioning import Provisioning
from mailstead.store.queue import Queue
from mailstead.store.reclaim import Reclaim
from store.builders import Account, Announced, Town


class Statements(list[str]):
    """Texts of statements, without those by which asyncpg learns, once for each connection, what a type is."""

    def append(self, statement: str) -> None:
        if "typeinfo" not in statement and "current_setting('jit')" not in statement and "set_config('jit'" not in statement:
            super().append(statement)


@pytest.fixture
def statements() -> Statements:
    """What `imap_db` and `smtp_db` ran, in order; clear it before what is to be counted."""
    return Statements()


@pytest.fixture
async def owner_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    """For arranging and looking; what is tested never runs as the owner."""
    async with open_database(database_urls.owner) as database:
        yield database


@pytest.fixture
async def smtp_db(database_urls: DatabaseUrls, statements: list[str]) -> AsyncIterator[Database]:
    async with open_database(database_urls.smtp_in, log_statement=statements.append) as database:
        yield database


@pytest.fixture
async def imap_db(database_urls: DatabaseUrls, statements: list[str]) -> AsyncIterator[Database]:
    async with open_database(database_urls.imap, log_statement=statements.append) as database:
        yield database


@pytest.fixture
async def pop3_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.pop3) as database:
        yield database


@pytest.fixture
async def delivery_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.delivery) as database:
        yield database


@pytest.fixture
async def api_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.api) as database:
        yield database


@pytest.fixture
async def jobs_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.jobs) as database:
        yield database


@pytest.fixture
def announced() -> Announced:
    return Announced()


@pytest.fixture
async def ingest(smtp_db: Database, announced: Announced) -> AsyncIterator[Ingest]:
    async with Ingest(smtp_db, announce=announced) as committer:
        yield committer


@pytest.fixture
def mailboxes(imap_db: Database, announced: Announced) -> Mailboxes:
    return Mailboxes(imap_db, announced)


@pytest.fixture
def messages(imap_db: Database, announced: Announced) -> Messages:
    return Messages(imap_db, announced)


@pytest.fixture
def changes(imap_db: Database) -> Changes:
    return Changes(imap_db)


@pytest.fixture
def queue(delivery_db: Database, announced: Announced) -> Queue:
    return Queue(delivery_db, announced)


@pytest.fixture
def reclaim(jobs_db: Database) -> Reclaim:
    return Reclaim(jobs_db)


@pytest.fixture
def provisioning(api_db: Database) -> Provisioning:
    return Provisioning(api_db)


@pytest.fixture
def deletion(api_db: Database) -> Deletion:
    return Deletion(api_db)


@pytest.fixture
def town(api_db: Database) -> Town:
    return Town(api_db)


@pytest.fixture
async def alice(town: Town) -> Account:
    return await town.account("alice")
