"""Who mail is for and who may log in: the look-ups on the hot path. Changing the directory is `provisioning.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailstead.model.address import Address
from mailstead.store.engine import Database

TAG_SEPARATOR = "+"  # user+tag@domain reaches user@domain (RFC 5233)


@dataclass(frozen=True, slots=True)
class AccountLogin:
    """What verifying a password takes."""

    account_id: int
    tenant_id: int
    address: str
    password_hash: str
    password_version: int
    active: bool


@dataclass(frozen=True, slots=True)
class Recipient:
    """A local address that mail can be filed for. Usage and quota in octets; a quota of 0 is none."""

    account_id: int
    tenant_id: int
    address: str
    active: bool
    used_bytes: int
    quota_bytes: int

    def has_room_for(self, octets: int) -> bool:
        return self.quota_bytes == 0 or self.used_bytes + octets <= self.quota_bytes


@dataclass(frozen=True, slots=True)
class DomainRef:
    """A domain that this system is responsible for."""

    domain_id: int
    tenant_id: int
    name: str
    active: bool


class Directory:
    """Reads, each one statement. Raises Refused(UNAVAILABLE) only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def account_for_login(self, user: str) -> AccountLogin | None:
        """The account that logs in as `user`, which is its address in any case of letters."""
        row = await self._database.fetchrow(
            "login",
            """SELECT a.account_id, a.tenant_id, a.address, a.password_hash, a.password_version, a.active AND d.active
               FROM accounts a JOIN domains d USING (domain_id) WHERE a.address = $1""",
            user.lower(),
        )
        return AccountLogin(*row) if row else None

    async def recipient(self, address: Address) -> Recipient | None:
        """The account behind a local address, its tag aside when the whole is not itself an address."""
        user = address.local_part.partition(TAG_SEPARATOR)[0]
        candidates = [address.key] + ([Address(user, address.domain).key] if user and user != address.local_part else [])
        row = await self._database.fetchrow(
            "recipient",
            """SELECT a.account_id, a.tenant_id, a.address, a.active AND d.active,
                      (SELECT coalesce(sum(m.size), 0)::bigint FROM mailboxes m WHERE m.account_id = a.account_id), a.quota_bytes
               FROM addresses x JOIN accounts a USING (account_id) JOIN domains d USING (domain_id)
               WHERE x.address = ANY($1::text[]) ORDER BY length(x.address) DESC LIMIT 1""",
            candidates,
        )
        return Recipient(*row) if row else None

    async def local_domain(self, domain: str) -> DomainRef | None:
        """The domain if we are responsible for it, active or not."""
        sql = "SELECT domain_id, tenant_id, name, active FROM domains WHERE name = $1"
        row = await self._database.fetchrow("local domain", sql, domain.lower())
        return DomainRef(*row) if row else None

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        """Whether `address`, its tag aside, belongs to the account."""
        user = Address(address.local_part.partition(TAG_SEPARATOR)[0] or address.local_part, address.domain)
        return bool(
            await self._database.fetchrow(
                "may send as",
                "SELECT 1 FROM addresses WHERE address = ANY($1::text[]) AND account_id = $2",
                [address.key, user.key],
                account_id,
            )
        )

    async def addresses(self, account_id: int) -> Sequence[str]:
        """All addresses that reach the account, its own first."""
        rows = await self._database.fetch(
            "addresses",
            """SELECT x.address FROM addresses x JOIN accounts a USING (account_id) WHERE account_id = $1
               ORDER BY x.address <> a.address, x.address""",
            account_id,
        )
        return [row["address"] for row in rows]
