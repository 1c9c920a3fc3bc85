"""Deleting domains and accounts: what is deleted can be restored until a time set then, and is erased after it, or at once.

Until then it is as if it were suspended, so that whatever asks for `active` need not know; its names stay taken.
"""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Table, Update, delete, func, update

from mailstead.events.outside import (
    AccountDeleted,
    AccountErased,
    AccountRestored,
    DomainDeleted,
    DomainErased,
    DomainRestored,
)
from mailstead.model.failure import Failure, Refused
from mailstead.store.directory_rows import (
    AccountRow,
    DomainRow,
    find_account,
    find_domain,
    locked_account,
    locked_domain,
    require_live,
)
from mailstead.store.engine import Connection, Database
from mailstead.store.outbox import put
from mailstead.store.schema import accounts, domains, emails, expunged, mailboxes, messages, search_pending, search_texts
from mailstead.store.sharing import forget_shares
from mailstead.store.statements import run

AT_ONCE = 100  # that one statement finds to erase
NO_GRACE = timedelta(0)

_ACCOUNT = "SELECT tenant_id, address, deleted_at, erase_at <= now() AS due FROM accounts WHERE account_id = $1 FOR UPDATE"
_DUE_ACCOUNTS = "SELECT account_id FROM accounts WHERE erase_at <= now() ORDER BY erase_at LIMIT $1"
_DELETED_ACCOUNTS = "SELECT account_id FROM accounts WHERE domain_id = $1 AND deleted_at IS NOT NULL ORDER BY account_id LIMIT $2"
_ERASE_SENT = """
DELETE FROM queue_messages q WHERE account_id = $1
AND NOT EXISTS (SELECT FROM queue_recipients r WHERE r.queue_id = q.queue_id AND r.settled_at IS NULL)
"""
# What another account refers to stays: reclaiming looks. A delivery that refers to one at this moment makes it new again.
_ERASE_CONTENTS = """
UPDATE contents c SET referred_at = 'epoch' FROM emails e
WHERE e.account_id = $1 AND c.tenant_id = e.tenant_id AND c.blob_id = e.blob_id
"""
_LIVE_ALIASES = "SELECT FROM domains WHERE alias_of = $1 AND deleted_at IS NULL LIMIT 1"
# Those of a domain's alias domains that are deleted go with it: they would have no addresses.
_ERASE_DOMAINS = """
DELETE FROM domains d WHERE (d.domain_id = ANY($1::bigint[]) OR d.alias_of = ANY($1::bigint[])) AND d.deleted_at IS NOT NULL
RETURNING d.tenant_id, d.domain_id, d.name
"""
_DUE_DOMAINS = """
SELECT domain_id FROM domains d WHERE erase_at <= now()
AND NOT EXISTS (SELECT FROM accounts a WHERE a.domain_id = d.domain_id)
ORDER BY erase_at, domain_id LIMIT $1 FOR UPDATE
"""


class Deletion:
    """Besides what they name, all raise Refused(UNAVAILABLE). `expect` is called with the row, locked, and may raise Refused."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete_account(
        self, account_id: int, grace: timedelta, expect: Callable[[AccountRow], None] | None = None
    ) -> AccountRow:
        """It can be restored for `grace`. One that is deleted already stays as it is. Raises Refused(NO_SUCH_ACCOUNT)."""

        async def work(connection: Connection) -> AccountRow:
            account = await locked_account(connection, account_id)
            if expect:
                expect(account)
            if account.deleted_at is None:
                await run(connection, _marked(accounts, grace).where(accounts.c.account_id == account_id))
                await put(connection, account.tenant_id, AccountDeleted(account_id=account_id, address=account.address))
            return await find_account(connection, account_id)

        return await self._database.transact("delete account", work)

    async def restore_account(self, account_id: int) -> AccountRow:
        """As it was. Raises Refused: NO_SUCH_ACCOUNT, CONFLICT when it is not deleted, DELETED when its domain is."""

        async def work(connection: Connection) -> AccountRow:
            account = await locked_account(connection, account_id)
            if account.deleted_at is None:
                raise Refused(Failure.CONFLICT, f"account {account_id} is not deleted")
            require_live(await locked_domain(connection, account.address.rpartition("@")[2]))
            await run(connection, _unmarked(accounts).where(accounts.c.account_id == account_id))
            await put(connection, account.tenant_id, AccountRestored(account_id=account_id, address=account.address))
            return await find_account(connection, account_id)

        return await self._database.transact("restore account", work)

    async def erase_account(self, account_id: int, expect: Callable[[AccountRow], None] | None = None) -> AccountRow:
        """It is gone for good, with its mail, and what it sent that is settled. Nothing of it waits for anything.

        Returns what it was. Raises Refused(NO_SUCH_ACCOUNT).
        """

        async def work(connection: Connection) -> AccountRow:
            account = await locked_account(connection, account_id)
            if expect:
                expect(account)
            await _erase_account(connection, account_id)
            return account

        return await self._database.transact("erase account", work)

    async def delete_domain(self, name: str, grace: timedelta, expect: Callable[[DomainRow], None] | None = None) -> DomainRow:
        """It can be restored for `grace`. One that is deleted already stays as it is.

        Raises Refused: NO_SUCH_DOMAIN, or CONFLICT while it has accounts or alias domains that are not deleted.
        """

        async def work(connection: Connection) -> DomainRow:
            return await _delete_domain(connection, name, grace, expect)

        return await self._database.transact("delete domain", work)

    async def restore_domain(self, name: str) -> DomainRow:
        """As it was; accounts that were deleted before it stay so.

        Raises Refused: NO_SUCH_DOMAIN, CONFLICT when it is not deleted, DELETED when that is whose addresses it has.
        """

        async def work(connection: Connection) -> DomainRow:
            domain = await locked_domain(connection, name)
            if domain.deleted_at is None:
                raise Refused(Failure.CONFLICT, f"domain {name} is not deleted")
            if domain.alias_of is not None:
                require_live(await locked_domain(connection, domain.alias_of))
            await run(connection, _unmarked(domains).where(domains.c.domain_id == domain.domain_id))
            await put(connection, domain.tenant_id, DomainRestored(domain_id=domain.domain_id, name=domain.name))
            return await find_domain(connection, name)

        return await self._database.transact("restore domain", work)

    async def erase_domain(self, name: str, expect: Callable[[DomainRow], None] | None = None) -> None:
        """It is gone for good, with its aliases, and with those of its accounts and alias domains that are deleted.

        Raises Refused: NO_SUCH_DOMAIN, or CONFLICT while it has others.
        """

        async def work(connection: Connection) -> int:
            # Deleted first: while its accounts go, each in a transaction of its own, nothing new comes to it.
            return (await _delete_domain(connection, name, NO_GRACE, expect)).domain_id

        async def finish(connection: Connection) -> None:
            await _erase_domains(connection, [domain_id])

        domain_id = await self._database.transact("delete domain", work)
        while found := await self._database.fetch("deleted accounts", _DELETED_ACCOUNTS, domain_id, AT_ONCE):
            for row in found:
                await self._erase(row["account_id"], even_if_not_due=True)
        await self._database.transact("erase domain", finish)

    async def erase_due(self) -> tuple[int, int]:
        """Erase what nobody has restored in time: how many accounts and domains."""

        async def some_domains(connection: Connection) -> int:
            due = [row["domain_id"] for row in await connection.fetch(_DUE_DOMAINS, AT_ONCE)]
            return await _erase_domains(connection, due)

        erased_accounts = erased_domains = 0
        while due := await self._database.fetch("accounts to erase", _DUE_ACCOUNTS, AT_ONCE):
            erased_accounts += sum([await self._erase(row["account_id"]) for row in due])
        while erased := await self._database.transact("erase domains", some_domains):
            erased_domains += erased
        return erased_accounts, erased_domains

    async def _erase(self, account_id: int, *, even_if_not_due: bool = False) -> bool:
        """Whether it was erased: somebody may have restored it, or erased it, meanwhile."""

        async def work(connection: Connection) -> bool:
            row = await connection.fetchrow(_ACCOUNT, account_id)
            wanted = row is not None and row["deleted_at"] is not None and (row["due"] or even_if_not_due)
            if wanted:
                await _erase_account(connection, account_id)
            return wanted

        return await self._database.transact("erase account", work)


async def _delete_domain(
    connection: Connection, name: str, grace: timedelta, expect: Callable[[DomainRow], None] | None
) -> DomainRow:
    domain = await locked_domain(connection, name)
    if expect:
        expect(domain)
    if domain.deleted_at is not None:
        return domain
    if domain.accounts:
        raise Refused(Failure.CONFLICT, f"domain {name} has {domain.accounts} accounts")
    if await connection.fetchrow(_LIVE_ALIASES, domain.domain_id) is not None:
        raise Refused(Failure.CONFLICT, f"domain {name} has alias domains")
    await run(connection, _marked(domains, grace).where(domains.c.domain_id == domain.domain_id))
    await put(connection, domain.tenant_id, DomainDeleted(domain_id=domain.domain_id, name=domain.name))
    return await find_domain(connection, name)


async def _erase_account(connection: Connection, account_id: int) -> None:
    """Its row is locked."""
    row = await connection.fetchrow(_ACCOUNT, account_id)
    assert row is not None
    # In the one lock order (promise D7): no delivery can add a message once the mailbox rows are held.
    await connection.execute("SELECT FROM mailboxes WHERE account_id = $1 ORDER BY account_id, mailbox_id FOR UPDATE", account_id)
    await connection.execute(_ERASE_SENT, account_id)
    await connection.execute(_ERASE_CONTENTS, account_id)
    for table in (messages, expunged, emails, search_texts, search_pending, mailboxes):
        await run(connection, delete(table).where(table.c.account_id == account_id))
    await forget_shares(connection, account_id)
    await run(connection, delete(accounts).where(accounts.c.account_id == account_id))
    told = {"account_id": account_id, "address": row["address"]}
    if row["deleted_at"] is None:
        await put(connection, row["tenant_id"], AccountDeleted(**told))
    await put(connection, row["tenant_id"], AccountErased(**told))


async def _erase_domains(connection: Connection, domain_ids: list[int]) -> int:
    gone = await connection.fetch(_ERASE_DOMAINS, domain_ids)
    for row in gone:
        await put(connection, row["tenant_id"], DomainErased(domain_id=row["domain_id"], name=row["name"]))
    return len(gone)


def _marked(table: Table, grace: timedelta) -> Update:
    values = {"deleted_at": func.now(), "erase_at": func.now() + grace, "was_active": table.c.active, "active": False}
    return update(table).values(**values)


def _unmarked(table: Table) -> Update:
    return update(table).values(active=table.c.was_active, deleted_at=None, erase_at=None, was_active=None)
