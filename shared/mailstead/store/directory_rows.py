"""Domains and accounts as rows, and how they are found: for whatever changes the directory (`provisioning.py`, `deletion.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection
from mailstead.store.schema import accounts, domains, mailboxes
from mailstead.store.statements import run

ACCOUNT = (
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
    accounts.c.deleted_at,
    accounts.c.erase_at,
    *(
        select(func.coalesce(func.sum(column), 0)).where(mailboxes.c.account_id == accounts.c.account_id).scalar_subquery()
        for column in (mailboxes.c.size, mailboxes.c.messages)
    ),
)
_ORIGINALS = domains.alias("originals")
DOMAIN = (
    domains.c.domain_id,
    domains.c.tenant_id,
    domains.c.name,
    domains.c.active,
    domains.c.created_at,
    domains.c.scram,
    domains.c.junk_score,
    domains.c.reject_score,
    domains.c.max_accounts,
    domains.c.retention_days,
    domains.c.verified_at,
    domains.c.deleted_at,
    domains.c.erase_at,
    domains.c.held,
    select(func.count())
    .select_from(accounts)
    .where(accounts.c.domain_id == domains.c.domain_id, accounts.c.deleted_at.is_(None))
    .scalar_subquery(),
    select(_ORIGINALS.c.name).where(_ORIGINALS.c.domain_id == domains.c.alias_of).scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain; `accounts` counts those that are not deleted. `alias_of` names the domain whose addresses it has under its own.

    `scram`: keys for SCRAM are kept of passwords that are set. `junk_score` and `reject_score`: from which messages are filed in
    Junk, and refused; None leaves it to SMTP ingress. `max_accounts`: None for no limit. `retention_days`, for which deleted
    messages can be given back: None leaves it to the jobs. `held`: its tenant is suspended, so it does not
    work even while it is `active`.
    """

    domain_id: int
    tenant_id: int
    name: str
    active: bool
    created_at: datetime
    scram: bool
    junk_score: float | None
    reject_score: float | None
    max_accounts: int | None
    retention_days: int | None
    verified_at: datetime | None
    deleted_at: datetime | None
    erase_at: datetime | None
    held: bool
    accounts: int
    alias_of: str | None

    @property
    def is_full(self) -> bool:
        """Whether it has as many accounts as it may."""
        return self.max_accounts is not None and self.accounts >= self.max_accounts


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account without its secrets; quota (0: none) and usage in octets. `erase_at`: when what is deleted goes for good."""

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
    deleted_at: datetime | None
    erase_at: datetime | None
    used_bytes: int
    messages: int


async def find_domain(connection: Connection, name: str, tenant_id: int | None = None) -> DomainRow:
    rows = await run(connection, select(*DOMAIN).where(domains.c.name == name.lower()))
    if not rows or tenant_id not in (None, rows[0]["tenant_id"]):
        raise Refused(Failure.NO_SUCH_DOMAIN, f"no domain {name}")
    return DomainRow(*rows[0])


async def locked_domain(connection: Connection, name: str) -> DomainRow:
    await run(connection, select(domains.c.domain_id).where(domains.c.name == name.lower()).with_for_update())
    return await find_domain(connection, name)


async def locked_account(connection: Connection, account_id: int) -> AccountRow:
    await run(connection, select(accounts.c.account_id).where(accounts.c.account_id == account_id).with_for_update())
    return await find_account(connection, account_id)


async def find_account(connection: Connection, account_id: int) -> AccountRow:
    rows = await run(connection, select(*ACCOUNT).where(accounts.c.account_id == account_id))
    if not rows:
        raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")
    return AccountRow(*rows[0])


def require_live(row: DomainRow | AccountRow) -> None:
    """Raises Refused(DELETED)."""
    if row.deleted_at is not None:
        name = row.name if isinstance(row, DomainRow) else row.address
        raise Refused(Failure.DELETED, f"{name} is deleted")
