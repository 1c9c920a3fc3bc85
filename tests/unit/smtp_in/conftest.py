"""SMTP ingress over a real database, in this process: its listeners on free ports, four accounts, and what arrived."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from kit.certificates import TestAuthority
from kit.dns import dns_process, dns_server
from kit.postgres import DatabaseUrls
from kit.rspamd import rspamd
from mailstead.model.address import Address
from mailstead.ops.authentication import Authenticator
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.listener import Listener
from mailstead.store.aliases import Aliases
from mailstead.store.directory import Directory
from mailstead.store.engine import open_database
from mailstead.store.greylist import Greylist
from mailstead.store.ingest import Ingest
from mailstead.store.limits import Limits
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.passwords import Passwords
from mailstead.store.provisioning import Provisioning
from mailstead.store.sieve_scripts import SieveScripts
from mailstead.store.suppressions import Complaints
from smtp_in.app import open_ports
from smtp_in.content import Budget
from smtp_in.metrics import Metrics
from smtp_in.placing import Committer
from smtp_in.settings import Settings
from unit.smtp_in.conversing import Client

__all__ = ["dns_process", "dns_server", "rspamd"]

PASSWORD = "correct horse"
ALIASES = {
    "sales@a.test": ["alice@a.test", "Bob@a.test"],
    "out@a.test": ["far@else.test"],
    "wide@a.test": ["one@else.test", "two@else.test"],
    "mixed@a.test": ["alice@a.test", "nobody@a.test", "disabled@a.test"],
    "dead@a.test": ["nobody@a.test"],
    "stuffed@a.test": ["full@a.test"],
    "loop@a.test": ["pool@a.test"],
    "pool@a.test": ["loop@a.test"],
    "@catch.test": ["bob@a.test"],
}
USERS = ("alice", "bob", "jürgen", "postmaster", "disabled", "full")


def plain(user: str, password: str = PASSWORD, acting_as: str = "") -> str:
    return b64encode(f"{acting_as}\0{user}\0{password}".encode()).decode()


VARIABLES = {
    "plain": plain("alice@a.test"),
    "plain_wrong": plain("alice@a.test", "wrong"),
    "plain_unknown": plain("nobody@a.test"),
    "plain_disabled": plain("disabled@a.test"),
    "plain_as_bob": plain("alice@a.test", acting_as="bob@a.test"),
    "user64": b64encode(b"alice@a.test").decode(),
    "password64": b64encode(PASSWORD.encode()).decode(),
    "x500": "x" * 500,
    "x498": "x" * 498,
    "x70000": ("x" * 98 + "\\r\\n") * 700,
}


@dataclass(frozen=True)
class Served:
    """A running service. `mx`, `submission` and `submissions` are ports on 127.0.0.1."""

    runtime: Runtime
    budget: Budget
    listeners: dict[str, Listener]
    urls: DatabaseUrls

    @property
    def mx(self) -> int:
        return self.listeners["mx"].port

    @property
    def submission(self) -> int:
        return self.listeners["submission"].port

    @property
    def submissions(self) -> int:
        return self.listeners["submissions"].port

    @property
    def managesieve(self) -> int:
        return self.listeners["managesieve"].port

    async def query(self, sql: str, *arguments: object) -> list[Any]:
        """As the owner of the schema, who may look at everything."""
        connection = await asyncpg.connect(self.urls.owner)
        try:
            return list(await connection.fetch(sql, *arguments))
        finally:
            await connection.close()

    async def inbox(self, user: str) -> list[bytes]:
        """The messages of user@a.test in order, each whole."""
        rows = await self.query(
            """SELECT e.prefix || c.header || coalesce((
                   SELECT string_agg(k.data, ''::bytea ORDER BY k.number) FROM chunks k
                   WHERE k.tenant_id = c.tenant_id AND k.blob_id = c.blob_id), ''::bytea) AS message
               FROM accounts a JOIN messages m USING (account_id) JOIN mailboxes b USING (account_id, mailbox_id)
               JOIN emails e USING (account_id, email_id) JOIN contents c ON (c.tenant_id, c.blob_id) = (e.tenant_id, e.blob_id)
               WHERE a.address = $1 AND b.name = 'INBOX' ORDER BY m.uid""",
            f"{user}@a.test",
        )
        return [row["message"] for row in rows]


@pytest.fixture
async def serve(database_urls: DatabaseUrls, authority: TestAuthority) -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    """Starts the service: `await serve(smtp_max_size=…)`. `directory` and `committer` wrap the real ones, to make them fail."""
    async with AsyncExitStack() as stack:
        await _populate(database_urls)

        async def start(
            *,
            directory: Callable[[Directory], Directory] = lambda real: real,
            committer: Callable[[Ingest], Committer] = lambda real: real,
            **changed: object,
        ) -> Served:
            settings = Settings.model_validate(
                {
                    "database_url": database_urls.smtp_in,
                    "hostname": "mx.a.test",
                    "observe_port": 0,
                    "smtp_port": 0,
                    "submission_port": 0,
                    "submission_tls_port": 0,
                    "managesieve_port": 0,
                    "managesieve_failure_delay": 0,
                    "lmtp_port": 0,
                    "tls_certificate": authority.certificate,
                    "tls_key": authority.key,
                    "drain_seconds": 5,
                    "smtp_postmaster": "postmaster@a.test",
                    **changed,
                }
            )
            runtime = Runtime("smtp-in", settings)
            budget = Budget(settings.smtp_content_budget)
            database = await stack.enter_async_context(open_database(database_urls.smtp_in, pool_size=4))
            ingest = await stack.enter_async_context(Ingest(database, announce=lambda _: None))
            authenticator = Authenticator(database, settings, runtime.registry)
            stack.callback(authenticator.close)
            ports = await stack.enter_async_context(
                open_ports(
                    settings,
                    runtime,
                    authenticator,
                    directory(Directory(database)),
                    SieveScripts(database, max_scripts=settings.sieve_max_scripts),
                    Mailboxes(database, lambda _: None),
                    Limits(database),
                    Greylist(database, timedelta(seconds=settings.smtp_greylist_seconds)),
                    Complaints(database),
                    committer(ingest),
                    budget,
                    Metrics(runtime.registry, budget),
                )
            )
            assert ports.submissions is not None
            listeners = {
                "mx": ports.mx,
                "submission": ports.submission,
                "submissions": ports.submissions,
                "managesieve": ports.managesieve,
                "lmtp": ports.lmtp,
            }
            return Served(runtime, budget, listeners, database_urls)

        yield start


async def _populate(urls: DatabaseUrls) -> None:
    async with open_database(urls.api, pool_size=1) as database:
        provisioning, passwords = Provisioning(database), Passwords()
        password_hash = await passwords.hash(PASSWORD)
        passwords.close()
        await provisioning.create_domain("a.test")
        await provisioning.create_domain("alias.test", alias_of="a.test")
        await provisioning.create_domain("catch.test")
        aliases = Aliases(database)
        for address, targets in ALIASES.items():
            await aliases.create(address, targets)
        await aliases.create("team@a.test", ["alice@a.test", "bob@a.test"], is_group=True, members_only=True)
        await aliases.create("crew@a.test", ["alice@a.test", "nobody@a.test", "far@else.test"], is_group=True)
        for user in USERS:
            account = await provisioning.create_account(Address(user, "a.test"), password_hash, 4_000 if user == "full" else 0)
            if user == "disabled":
                await provisioning.update_account(account.account_id, active=False)


@pytest.fixture(autouse=True)
async def _no_client_is_left_open() -> AsyncIterator[None]:
    yield
    for client in Client.made:
        client.vanish()
    Client.made.clear()


@pytest.fixture
def variables() -> dict[str, str]:
    """What the transcripts speak of."""
    return VARIABLES
