"""Deleting domains and accounts: what is deleted can be restored until a time set then, and is erased after it, or at once.

Until then it is as if it were suspended, so that whatever asks for `active` need not know; its names stay taken. Once that time
has come it cannot be restored any more: an account is erased in several transactions, and whoever finds it half erased goes on.
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
from mailstead.store.erasure import erase_some_mail
from mailstead.store.outbox import put
from mailstead.store.schema import accounts, domains, mailboxes
from mailstead.store.sharing import forget_shares
from mailstead.store.statements import run

AT_ONCE = 100  # that one statement finds to erase
NO_GRACE = timedelta(0)

_ACCOUNT = "SELECT tenant_id, address, erase_at <= now() AS due FROM accounts WHERE account_id = $1 FOR UPDATE"
_DUE_ACCOUNTS = "SELECT account_id FROM accounts WHERE erase_at <= now() ORDER BY erase_at LIMIT $1"
_IS_DUE = "SELECT erase_at <= now() FROM accounts WHERE account_id = $1"
_DUE_NOW = "UPDATE accounts SET erase_at = least(erase_at, now()) WHERE account_id = $1"
_ALL_DUE_NOW = "UPDATE accounts SET erase_at = least(erase_at, now()) WHERE domain_id = $1 AND deleted_at IS NOT NULL"
_DUE_OF_DOMAIN = "SELECT account_id FROM accounts WHERE domain_id = $1 AND erase_at <= now() ORDER BY account_id LIMIT $2"
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
        """As it was.

        Raises Refused: NO_SUCH_ACCOUNT, CONFLICT when it is not deleted or its time is over, DELETED when its domain is,
        OVER_QUOTA when that has as many accounts as it may.
        """

        async def work(connection: Connection) -> AccountRow:
            account = await locked_account(connection, account_id)
            if account.deleted_at is None:
                raise Refused(Failure.CONFLICT, f"account {account_id} is not deleted")
            if await connection.fetchval(_IS_DUE, account_id):
                raise Refused(Failure.CONFLICT, f"account {account_id} is being erased")
            domain = await locked_domain(connection, account.address.rpartition("@")[2])
            require_live(domain)
            if domain.is_full:
                raise Refused(Failure.OVER_QUOTA, f"{domain.name} has {domain.accounts} accounts")
            await run(connection, _unmarked(accounts).where(accounts.c.account_id == account_id))
            await put(connection, account.tenant_id, AccountRestored(account_id=account_id, address=account.address))
            return await find_account(connection, account_id)

        return await self._database.transact("restore account", work)

    async def erase_account(
        self,
        account_id: int,
        expect: Callable[[AccountRow], None] | None = None,
        begun: Callable[[AccountRow], None] | None = None,
    ) -> AccountRow:
        """It is gone for good, with its mail, and what it sent that is settled. Nothing of it waits for anything.

        `begun` is called with what it was, as soon as nobody can use it any more. If this does not come to its end, `erase_due`
        goes on. Returns what it was. Raises Refused(NO_SUCH_ACCOUNT).
        """

        async def begin(connection: Connection) -> AccountRow:
            account = await locked_account(connection, account_id)
            if expect:
                expect(account)
            if account.deleted_at is None:
                await run(connection, _marked(accounts, NO_GRACE).where(accounts.c.account_id == account_id))
                await put(connection, account.tenant_id, AccountDeleted(account_id=account_id, address=account.address))
            else:
                await connection.execute(_DUE_NOW, account_id)
            return account

        account = await self._database.transact("begin to erase account", begin)
        if begun:
            begun(account)
        await self._erase(account_id)
        return account

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
            # Deleted first: while its accounts go, each in transactions of its own, nothing new comes to it.
            domain = await _delete_domain(connection, name, NO_GRACE, expect)
            await connection.execute(_ALL_DUE_NOW, domain.domain_id)
            return domain.domain_id

        async def finish(connection: Connection) -> None:
            await _erase_domains(connection, [domain_id])

        domain_id = await self._database.transact("delete domain", work)
        while found := await self._database.fetch("deleted accounts", _DUE_OF_DOMAIN, domain_id, AT_ONCE):
            for row in found:
                await self._erase(row["account_id"])
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

    async def _erase(self, account_id: int) -> bool:
        """What is due; whether it was erased: somebody else may have done it meanwhile."""

        async def step(connection: Connection) -> bool | None:
            """None: there is more of it."""
            row = await connection.fetchrow(_ACCOUNT, account_id)
            if row is None or not row["due"]:
                return False
            if await erase_some_mail(connection, account_id):
                return None
            await run(connection, delete(mailboxes).where(mailboxes.c.account_id == account_id))
            await forget_shares(connection, account_id)
            await run(connection, delete(accounts).where(accounts.c.account_id == account_id))
            await put(connection, row["tenant_id"], AccountErased(account_id=account_id, address=row["address"]))
            return True

        while (erased := await self._database.transact("erase account", step)) is None:
            pass
        return erased


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
