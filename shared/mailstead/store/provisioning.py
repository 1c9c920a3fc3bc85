"""Changing the directory: domains and accounts. SQLAlchemy builds the statements; nothing here is hot."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from mailstead.events.outside import (
    AccountCreated,
    AccountDeleted,
    AccountUpdated,
    DomainCreated,
    DomainDeleted,
    DomainVerified,
)
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection, Database
from mailstead.store.mailbox_row import INBOX, create_mailbox
from mailstead.store.outbox import put
from mailstead.store.schema import (
    accounts,
    addresses,
    domains,
    emails,
    expunged,
    mailboxes,
    messages,
    scram_keys,
    search_pending,
    search_texts,
    tenants,
)
from mailstead.store.sharing import forget_shares
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

_ACCOUNT = (
    accounts.c.account_id,
    accounts.c.tenant_id,
    accounts.c.domain_id,
    accounts.c.address,
    accounts.c.active,
    accounts.c.quota_bytes,
    accounts.c.quota_messages,
    accounts.c.created_at,
    accounts.c.forwards,
    accounts.c.keeps_copy,
    accounts.c.files_tags,
    accounts.c.send_as,
    *(
        select(func.coalesce(func.sum(column), 0)).where(mailboxes.c.account_id == accounts.c.account_id).scalar_subquery()
        for column in (mailboxes.c.size, mailboxes.c.messages)
    ),
)
_ORIGINALS = domains.alias("originals")
_DOMAIN = (
    domains.c.domain_id,
    domains.c.tenant_id,
    domains.c.name,
    domains.c.active,
    domains.c.created_at,
    domains.c.scram,
    domains.c.junk_score,
    domains.c.reject_score,
    domains.c.verified_at,
    select(func.count()).select_from(accounts).where(accounts.c.domain_id == domains.c.domain_id).scalar_subquery(),
    select(_ORIGINALS.c.name).where(_ORIGINALS.c.domain_id == domains.c.alias_of).scalar_subquery(),
)


_ERASE_SENT = """
DELETE FROM queue_messages q WHERE account_id = $1
AND NOT EXISTS (SELECT FROM queue_recipients r WHERE r.queue_id = q.queue_id AND r.settled_at IS NULL)
"""
# What another account refers to stays: reclaiming looks. A delivery that refers to one at this moment makes it new again.
_ERASE_CONTENTS = """
UPDATE contents c SET referred_at = 'epoch' FROM emails e
WHERE e.account_id = $1 AND c.tenant_id = e.tenant_id AND c.blob_id = e.blob_id
"""


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain; `accounts` counts those it has. `alias_of` names the domain whose addresses it has under its own name.

    `scram`: keys for SCRAM are kept of passwords that are set. `junk_score` and `reject_score`: from which messages are filed in
    Junk, and refused; None leaves it to SMTP ingress.
    """

    domain_id: int
    tenant_id: int
    name: str
    active: bool
    created_at: datetime
    scram: bool
    junk_score: float | None
    reject_score: float | None
    verified_at: datetime | None
    accounts: int
    alias_of: str | None


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account without its secrets; quota (0: none) and usage in octets."""

    account_id: int
    tenant_id: int
    domain_id: int
    address: str
    active: bool
    quota_bytes: int
    quota_messages: int
    created_at: datetime
    forwards: Sequence[str]
    keeps_copy: bool
    files_tags: bool
    send_as: Sequence[str]
    used_bytes: int
    messages: int


class Provisioning:
    """Each method is one transaction. Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_domain(
        self, name: str, tenant_id: int | None = None, alias_of: str | None = None, *, active: bool = True
    ) -> DomainRow:
        """A domain of a tenant; None is the default one, made on its first use.

        As `alias_of` another it has that one's addresses for good. Raises Refused: NO_SUCH_TENANT, CONFLICT when the domain
        exists, NO_SUCH_DOMAIN when that other one does not, or is an alias itself, or another tenant's.
        """

        async def work(connection: Connection) -> DomainRow:
            values: dict[str, object] = {
                "tenant_id": await _tenant(connection, tenant_id),
                "name": name.lower(),
                "active": active,
            }
            if alias_of is not None:
                original = await _domain(connection, alias_of)
                if original.alias_of is not None or original.tenant_id != values["tenant_id"]:
                    raise Refused(Failure.NO_SUCH_DOMAIN, f"{alias_of} has no addresses of its own for this tenant")
                values["alias_of"] = original.domain_id
            domain = upsert(domains).values(**values).on_conflict_do_nothing()
            if not await run(connection, domain.returning(domains.c.domain_id)):
                raise Refused(Failure.CONFLICT, f"domain {name} exists")
            made = await _domain(connection, name)
            await put(connection, made.tenant_id, DomainCreated(domain_id=made.domain_id, name=made.name, active=made.active))
            return made

        return await self._database.transact("create domain", work)

    async def domains(
        self, limit: int, after: str = "", *, tenant_id: int | None = None, active: bool | None = None
    ) -> Sequence[DomainRow]:
        """In the order of names; `after` is the last name of the page before."""
        statement = select(*_DOMAIN).where(domains.c.name > after).order_by(domains.c.name).limit(limit)
        if tenant_id is not None:
            statement = statement.where(domains.c.tenant_id == tenant_id)
        if active is not None:
            statement = statement.where(domains.c.active == active)
        async with self._database.connection("list domains") as connection:
            return [DomainRow(*row) for row in await run(connection, statement)]

    async def domain(self, name: str, tenant_id: int | None = None) -> DomainRow:
        """Raises Refused(NO_SUCH_DOMAIN), also where it is not of this tenant."""
        async with self._database.connection("get domain") as connection:
            return await _domain(connection, name, tenant_id)

    async def update_domain(
        self,
        name: str,
        *,
        active: bool | None = None,
        scram: bool | None = None,
        scores: Mapping[str, float | None] | None = None,
        expect: Callable[[DomainRow], None] | None = None,
    ) -> DomainRow:
        """Change what is not None. Without `scram`, the keys of its accounts are gone at once. Raises Refused(NO_SUCH_DOMAIN).

        `expect` is called with the domain as it is, locked, and may raise Refused.
        `scores` has junk_score, reject_score, or both; None in it takes one away.
        """
        values: dict[str, object] = {key: value for key, value in {"active": active, "scram": scram}.items() if value is not None}
        values |= scores or {}

        async def work(connection: Connection) -> DomainRow:
            if expect:
                expect(await _locked_domain(connection, name))
            if values:
                await run(connection, update(domains).where(domains.c.name == name.lower()).values(**values))
            domain = await _domain(connection, name)
            if scram is False:
                of_it = select(accounts.c.account_id).where(accounts.c.domain_id == domain.domain_id)
                await run(connection, delete(scram_keys).where(scram_keys.c.account_id.in_(of_it)))
            return domain

        return await self._database.transact("update domain", work)

    async def verify_domain(self, name: str) -> DomainRow:
        """Its tenant has shown to own it: it works from now on. Raises Refused(NO_SUCH_DOMAIN)."""

        async def work(connection: Connection) -> DomainRow:
            values = {"verified_at": func.now(), "active": True}
            await run(connection, update(domains).where(domains.c.name == name.lower()).values(**values))
            verified = await _domain(connection, name)
            await put(connection, verified.tenant_id, DomainVerified(domain_id=verified.domain_id, name=verified.name))
            return verified

        return await self._database.transact("verify domain", work)

    async def delete_domain(self, name: str, expect: Callable[[DomainRow], None] | None = None) -> None:
        """With its aliases; `expect` as in `update_domain`.

        Raises Refused: NO_SUCH_DOMAIN, or CONFLICT while it has accounts or alias domains.
        """

        async def work(connection: Connection) -> None:
            domain = await _locked_domain(connection, name)
            if expect:
                expect(domain)
            if domain.accounts:
                raise Refused(Failure.CONFLICT, f"domain {name} has {domain.accounts} accounts")
            if await run(connection, select(domains.c.name).where(domains.c.alias_of == domain.domain_id)):
                raise Refused(Failure.CONFLICT, f"domain {name} has alias domains")
            await run(connection, delete(domains).where(domains.c.domain_id == domain.domain_id))
            await put(connection, domain.tenant_id, DomainDeleted(domain_id=domain.domain_id, name=domain.name))

        await self._database.transact("delete domain", work)

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

        `tenant_id`: the domain must be its. Raises Refused: NO_SUCH_DOMAIN, CONFLICT.
        """

        async def work(connection: Connection) -> AccountRow:
            domain = await _domain(connection, address.domain, tenant_id)
            if domain.alias_of is not None:
                raise Refused(Failure.CONFLICT, f"{address.domain} has the addresses of {domain.alias_of}")
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
                raise Refused(Failure.CONFLICT, f"account {address.key} exists")
            account_id = made[0]["account_id"]
            own = upsert(addresses).values(**values, domain_id=domain.domain_id, account_id=account_id).on_conflict_do_nothing()
            if not await run(connection, own.returning(addresses.c.address)):
                raise Refused(Failure.CONFLICT, f"address {address.key} belongs to another account")
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
            return await _account(connection, account_id)

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
    ) -> Sequence[AccountRow]:
        """In the order of ids; `after` is the last id of the page before. `starts`: only addresses that begin so."""
        statement = select(*_ACCOUNT).where(accounts.c.account_id > after).order_by(accounts.c.account_id).limit(limit)
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
            return await _account(connection, account_id)

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
        Raises Refused: NO_SUCH_ACCOUNT, or CONFLICT when it would neither forward nor keep what comes.
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
            if expect or values.keys() & {"forwards", "keeps_copy"}:
                known = await _locked_account(connection, account_id)
                if expect:
                    expect(known)
                if not values.get("keeps_copy", known.keeps_copy) and not values.get("forwards", known.forwards):
                    raise Refused(Failure.CONFLICT, f"account {account_id} would neither forward nor keep what comes")
            if values:
                await run(connection, update(accounts).where(accounts.c.account_id == account_id).values(**values))
            if password_hash is not None:
                await _keep_scram_keys(connection, account_id, scram)
            account = await _account(connection, account_id)
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
            return await _account(connection, account_id)

        return await self._database.transact("end sessions", work)

    async def delete_account(
        self, account_id: int, expect: Callable[[AccountRow], None] | None = None, *, erase: bool = False
    ) -> AccountRow:
        """Remove the account and all its mail; contents that nothing refers to any more are reclaimed later.

        With `erase` they do not wait for their grace, and what it sent and is settled goes too.
        Returns what it was; `expect` as in `update_account`. Raises Refused(NO_SUCH_ACCOUNT).
        """

        async def work(connection: Connection) -> AccountRow:
            if expect:
                expect(await _locked_account(connection, account_id))
            account = await _account(connection, account_id)
            # In the one lock order (promise D7): no delivery can add a message once the mailbox rows are held.
            await connection.execute(
                "SELECT FROM mailboxes WHERE account_id = $1 ORDER BY account_id, mailbox_id FOR UPDATE", account_id
            )
            if erase:
                await connection.execute(_ERASE_SENT, account_id)
                await connection.execute(_ERASE_CONTENTS, account_id)
            for table in (messages, expunged, emails, search_texts, search_pending, mailboxes):
                await run(connection, delete(table).where(table.c.account_id == account_id))
            await forget_shares(connection, account_id)
            await run(connection, delete(accounts).where(accounts.c.account_id == account_id))
            await put(connection, account.tenant_id, AccountDeleted(account_id=account_id, address=account.address))
            return account

        return await self._database.transact("delete account", work)


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


async def _tenant(connection: Connection, tenant_id: int | None) -> int:
    """The tenant that is meant. Raises Refused(NO_SUCH_TENANT)."""
    if tenant_id is not None:
        if not await run(connection, select(tenants.c.tenant_id).where(tenants.c.tenant_id == tenant_id)):
            raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}")
        return tenant_id
    await run(connection, upsert(tenants).values(name=DEFAULT_TENANT, content_key=os.urandom(32)).on_conflict_do_nothing())
    (row,) = await run(connection, select(tenants.c.tenant_id).where(tenants.c.name == DEFAULT_TENANT))
    return int(row["tenant_id"])


async def _domain(connection: Connection, name: str, tenant_id: int | None = None) -> DomainRow:
    rows = await run(connection, select(*_DOMAIN).where(domains.c.name == name.lower()))
    if not rows or tenant_id not in (None, rows[0]["tenant_id"]):
        raise Refused(Failure.NO_SUCH_DOMAIN, f"no domain {name}")
    return DomainRow(*rows[0])


async def _locked_domain(connection: Connection, name: str) -> DomainRow:
    await run(connection, select(domains.c.domain_id).where(domains.c.name == name.lower()).with_for_update())
    return await _domain(connection, name)


async def _locked_account(connection: Connection, account_id: int) -> AccountRow:
    await run(connection, select(accounts.c.account_id).where(accounts.c.account_id == account_id).with_for_update())
    return await _account(connection, account_id)


async def _account(connection: Connection, account_id: int) -> AccountRow:
    rows = await run(connection, select(*_ACCOUNT).where(accounts.c.account_id == account_id))
    if not rows:
        raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")
    return AccountRow(*rows[0])
