"""Changing the directory: domains and accounts. SQLAlchemy builds the statements; nothing here is hot."""

import os
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from mailstead.events.outside import (
    AccountCreated,
    AccountUpdated,
    DomainCreated,
    DomainVerified,
)
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store.address_holders import AddressTaken, Holder, taken
from mailstead.store.directory_rows import (
    ACCOUNT,
    DOMAIN,
    AccountRow,
    DomainRow,
    find_account,
    find_domain,
    locked_account,
    locked_domain,
    require_live,
)
from mailstead.store.engine import Connection, Database
from mailstead.store.mailbox_row import INBOX, create_mailbox
from mailstead.store.outbox import put
from mailstead.store.schema import (
    accounts,
    addresses,
    domains,
    scram_keys,
    tenants,
)
from mailstead.store.statements import run
from mailstead.wire.sasl import ScramKeys

DEFAULT_TENANT = "default"
STANDARD_MAILBOXES: dict[str, str | None] = {  # name -> special use (RFC 6154)
    INBOX: None,
    "Archive": "\\Archive",
    "Drafts": "\\Drafts",
    "Junk": "\\Junk",
    "Sent": "\\Sent",
    "Trash": "\\Trash",
}


class Provisioning:
    """Each method is one transaction. Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_domain(
        self, name: str, tenant_id: int | None = None, alias_of: str | None = None, *, active: bool = True
    ) -> DomainRow:
        """A domain of a tenant; None is the default one, made on its first use.

        As `alias_of` another it has that one's addresses for good. Raises Refused: NO_SUCH_TENANT, CONFLICT when the domain
        exists, DELETED when it did, NO_SUCH_DOMAIN when that other one does not, or is an alias itself, or another tenant's.
        """

        async def work(connection: Connection) -> DomainRow:
            owner, suspended = await _tenant(connection, tenant_id)
            values: dict[str, object] = {
                "tenant_id": owner,
                "held": suspended,
                "name": name.lower(),
                "active": active,
            }
            if alias_of is not None:
                original = await find_domain(connection, alias_of)
                usable = original.alias_of is None and original.deleted_at is None
                if not usable or original.tenant_id != values["tenant_id"]:
                    raise Refused(Failure.NO_SUCH_DOMAIN, f"{alias_of} has no addresses of its own for this tenant")
                values["alias_of"] = original.domain_id
            domain = upsert(domains).values(**values).on_conflict_do_nothing()
            if not await run(connection, domain.returning(domains.c.domain_id)):
                require_live(await find_domain(connection, name))
                raise Refused(Failure.CONFLICT, f"domain {name} exists")
            made = await find_domain(connection, name)
            await put(connection, made.tenant_id, DomainCreated(domain_id=made.domain_id, name=made.name, active=made.active))
            return made

        return await self._database.transact("create domain", work)

    async def domains(
        self,
        limit: int,
        after: str = "",
        *,
        tenant_id: int | None = None,
        active: bool | None = None,
        deleted: bool = False,
    ) -> Sequence[DomainRow]:
        """In the order of names; `after` is the last name of the page before. Those that are deleted only where asked for."""
        statement = (
            select(*DOMAIN)
            .where(domains.c.name > after, domains.c.deleted_at.is_not(None) == deleted)
            .order_by(domains.c.name)
            .limit(limit)
        )
        if tenant_id is not None:
            statement = statement.where(domains.c.tenant_id == tenant_id)
        if active is not None:
            statement = statement.where(domains.c.active == active)
        async with self._database.connection("list domains") as connection:
            return [DomainRow(*row) for row in await run(connection, statement)]

    async def domain(self, name: str, tenant_id: int | None = None) -> DomainRow:
        """Raises Refused(NO_SUCH_DOMAIN), also where it is not of this tenant."""
        async with self._database.connection("get domain") as connection:
            return await find_domain(connection, name, tenant_id)

    async def update_domain(
        self,
        name: str,
        *,
        active: bool | None = None,
        scram: bool | None = None,
        settings: Mapping[str, float | None] | None = None,
        expect: Callable[[DomainRow], None] | None = None,
    ) -> DomainRow:
        """Change what is not None. Without `scram`, the keys of its accounts are gone at once. Raises Refused:
        NO_SUCH_DOMAIN, DELETED.

        `expect` is called with the domain as it is, locked, and may raise Refused.
        `settings` has some of junk_score, reject_score, max_accounts and retention_days; None in it takes one away.
        """
        values: dict[str, object] = {key: value for key, value in {"active": active, "scram": scram}.items() if value is not None}
        values |= settings or {}

        async def work(connection: Connection) -> DomainRow:
            known = await locked_domain(connection, name)
            if expect:
                expect(known)
            require_live(known)
            if values:
                await run(connection, update(domains).where(domains.c.name == name.lower()).values(**values))
            domain = await find_domain(connection, name)
            if scram is False:
                of_it = select(accounts.c.account_id).where(accounts.c.domain_id == domain.domain_id)
                await run(connection, delete(scram_keys).where(scram_keys.c.account_id.in_(of_it)))
            return domain

        return await self._database.transact("update domain", work)

    async def verify_domain(self, name: str) -> DomainRow:
        """Its tenant has shown to own it: it works from now on. Raises Refused: NO_SUCH_DOMAIN, DELETED."""

        async def work(connection: Connection) -> DomainRow:
            require_live(await locked_domain(connection, name))
            values = {"verified_at": func.now(), "active": True}
            await run(connection, update(domains).where(domains.c.name == name.lower()).values(**values))
            verified = await find_domain(connection, name)
            await put(connection, verified.tenant_id, DomainVerified(domain_id=verified.domain_id, name=verified.name))
            return verified

        return await self._database.transact("verify domain", work)

    async def create_account(
        self,
        address: Address,
        password_hash: str,
        quota_bytes: int,
        quota_messages: int = 0,
        scram: ScramKeys | None = None,
        *,
        tenant_id: int | None = None,
    ) -> AccountRow:
        """An account with its own address and the standard mailboxes; `scram` is kept if the domain asks for such keys.

        `tenant_id`: the domain must be its. Raises AddressTaken, or Refused: NO_SUCH_DOMAIN, DELETED when the domain is,
        OVER_QUOTA when it has as many accounts as it may.
        """

        async def work(connection: Connection) -> AccountRow:
            domain = await find_domain(connection, address.domain, tenant_id)
            require_live(domain)
            if domain.alias_of is not None:
                raise AddressTaken(address.key, Holder.ALIAS_DOMAIN)
            if domain.max_accounts is not None and (await locked_domain(connection, address.domain)).is_full:
                raise Refused(Failure.OVER_QUOTA, f"{address.domain} has {domain.accounts} accounts")
            values = {"tenant_id": domain.tenant_id, "address": address.key}
            account = upsert(accounts).values(
                **values,
                domain_id=domain.domain_id,
                password_hash=password_hash,
                quota_bytes=quota_bytes,
                quota_messages=quota_messages,
            )
            made = await run(connection, account.on_conflict_do_nothing().returning(accounts.c.account_id))
            if not made:
                raise await taken(connection, address.key)
            account_id = made[0]["account_id"]
            own = upsert(addresses).values(**values, domain_id=domain.domain_id, account_id=account_id).on_conflict_do_nothing()
            if not await run(connection, own.returning(addresses.c.address)):
                raise await taken(connection, address.key)
            await _keep_scram_keys(connection, account_id, scram)
            for name, special_use in STANDARD_MAILBOXES.items():
                await create_mailbox(connection, account_id, name, special_use)
            await connection.execute(
                "INSERT INTO subscriptions (account_id, name) SELECT $1, * FROM unnest($2::text[])",
                account_id,
                list(STANDARD_MAILBOXES),
            )
            created = AccountCreated(account_id=account_id, address=address.key)
            await put(connection, domain.tenant_id, created)
            return await find_account(connection, account_id)

        return await self._database.transact("create account", work)

    async def accounts(
        self,
        limit: int,
        after: int = 0,
        domain: str | None = None,
        *,
        tenant_id: int | None = None,
        active: bool | None = None,
        starts: str | None = None,
        deleted: bool = False,
    ) -> Sequence[AccountRow]:
        """In the order of ids; `after` is the last id of the page before. Those that are deleted only where asked for.

        `starts`: only addresses that begin so.
        """
        statement = (
            select(*ACCOUNT)
            .where(accounts.c.account_id > after, accounts.c.deleted_at.is_not(None) == deleted)
            .order_by(accounts.c.account_id)
            .limit(limit)
        )
        if domain is not None:
            statement = statement.join_from(accounts, domains).where(domains.c.name == domain.lower())
        if tenant_id is not None:
            statement = statement.where(accounts.c.tenant_id == tenant_id)
        if active is not None:
            statement = statement.where(accounts.c.active == active)
        if starts is not None:
            statement = statement.where(accounts.c.address.startswith(starts.lower(), autoescape=True))
        async with self._database.connection("list accounts") as connection:
            return [AccountRow(*row) for row in await run(connection, statement)]

    async def account(self, account_id: int) -> AccountRow:
        """Raises Refused(NO_SUCH_ACCOUNT)."""
        async with self._database.connection("get account") as connection:
            return await find_account(connection, account_id)

    async def update_account(
        self,
        account_id: int,
        *,
        password_hash: str | None = None,
        scram: ScramKeys | None = None,
        quota_bytes: int | None = None,
        quota_messages: int | None = None,
        active: bool | None = None,
        forwards: Sequence[str] | None = None,
        keeps_copy: bool | None = None,
        files_tags: bool | None = None,
        send_as: Sequence[str] | None = None,
        expect: Callable[[AccountRow], None] | None = None,
    ) -> AccountRow:
        """Change what is not None; a new password ends the old one at once, with `scram` if its domain asks for such keys.

        `expect` is called with the account as it is, locked, and may raise Refused.
        Raises Refused: NO_SUCH_ACCOUNT, DELETED, or CONFLICT when it would neither forward nor keep what comes.
        """
        values: dict[str, object] = {}
        if password_hash is not None:
            values |= {"password_hash": password_hash, "password_version": accounts.c.password_version + 1}
        lists = {"forwards": forwards and [*forwards], "send_as": send_as and [*send_as]}
        quotas = {"quota_bytes": quota_bytes, "quota_messages": quota_messages}
        for name, value in {**quotas, "active": active, "keeps_copy": keeps_copy, "files_tags": files_tags, **lists}.items():
            if value is not None:
                values[name] = value

        async def work(connection: Connection) -> AccountRow:
            known = await locked_account(connection, account_id)
            if expect:
                expect(known)
            require_live(known)
            if not values.get("keeps_copy", known.keeps_copy) and not values.get("forwards", known.forwards):
                raise Refused(Failure.CONFLICT, f"account {account_id} would neither forward nor keep what comes")
            if values:
                await run(connection, update(accounts).where(accounts.c.account_id == account_id).values(**values))
            if password_hash is not None:
                await _keep_scram_keys(connection, account_id, scram)
            account = await find_account(connection, account_id)
            if values:
                changed = sorted({"password" if name.startswith("password") else name for name in values})
                updated = AccountUpdated(account_id=account_id, address=account.address, active=account.active, changed=changed)
                await put(connection, account.tenant_id, updated)
            return account

        return await self._database.transact("update account", work)

    async def end_sessions(self, account_id: int) -> AccountRow:
        """All that were begun before are over. Raises Refused(NO_SUCH_ACCOUNT)."""

        async def work(connection: Connection) -> AccountRow:
            raised = {"session_epoch": accounts.c.session_epoch + 1}
            await run(connection, update(accounts).where(accounts.c.account_id == account_id).values(**raised))
            return await find_account(connection, account_id)

        return await self._database.transact("end sessions", work)


async def _keep_scram_keys(connection: Connection, account_id: int, keys: ScramKeys | None) -> None:
    """In place of those of the password before, in the transaction that sets the password."""
    await run(connection, delete(scram_keys).where(scram_keys.c.account_id == account_id))
    if keys is not None:
        await connection.execute(
            """INSERT INTO scram_keys (account_id, salt, iterations, stored_key, server_key)
               SELECT a.account_id, $2, $3, $4, $5 FROM accounts a JOIN domains d USING (domain_id)
               WHERE a.account_id = $1 AND d.scram""",
            account_id,
            keys.salt,
            keys.iterations,
            keys.stored_key,
            keys.server_key,
        )


async def _tenant(connection: Connection, tenant_id: int | None) -> tuple[int, bool]:
    """The tenant that is meant, and whether it is suspended, which stays so meanwhile. Raises Refused(NO_SUCH_TENANT)."""
    if tenant_id is None:
        default = upsert(tenants).values(name=DEFAULT_TENANT, content_key=os.urandom(32))
        await run(connection, default.on_conflict_do_nothing())
    meant = tenants.c.name == DEFAULT_TENANT if tenant_id is None else tenants.c.tenant_id == tenant_id
    found = await run(connection, select(tenants.c.tenant_id, tenants.c.active).where(meant).with_for_update(read=True))
    if not found:
        raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}")
    return found[0]["tenant_id"], not found[0]["active"]
