"""Many accounts by few statements: a batch is one transaction of six set-wise statements, whatever its size.

Rows never hurt each other: one whose domain is not there or whose address is taken is left out, and told.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from mailstead.events.outside import AccountCreated
from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.store.address_holders import Holder, holders_of
from mailstead.store.engine import Connection, Database
from mailstead.store.outbox import wanted
from mailstead.store.provisioning import STANDARD_MAILBOXES

_ACCOUNTS = """
INSERT INTO accounts (tenant_id, domain_id, address, password_hash, quota_bytes, quota_messages, active, last_uidvalidity)
SELECT d.tenant_id, d.domain_id, r.address, r.hash, r.octets, r.messages, r.active, extract(epoch FROM now())::bigint + $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bool[])
     AS r(address, domain, hash, octets, messages, active)
JOIN domains d ON d.name = r.domain AND d.alias_of IS NULL AND d.deleted_at IS NULL AND ($7::bigint IS NULL OR d.tenant_id = $7)
WHERE NOT EXISTS (SELECT FROM addresses x WHERE x.address = r.address)
ORDER BY r.address ON CONFLICT DO NOTHING
RETURNING account_id, address
"""
# An alias of this name may have been made since.
_ADDRESSES = """
INSERT INTO addresses (address, tenant_id, domain_id, account_id)
SELECT address, tenant_id, domain_id, account_id FROM accounts WHERE account_id = ANY($1::bigint[]) ORDER BY address
ON CONFLICT DO NOTHING RETURNING account_id
"""
_MAILBOXES = """
INSERT INTO mailboxes (account_id, name, special_use, uidvalidity)
SELECT a.account_id, m.name, m.special_use, a.last_uidvalidity - cardinality($2::text[]) + m.n
FROM accounts a CROSS JOIN unnest($2::text[], $3::text[]) WITH ORDINALITY AS m(name, special_use, n)
WHERE a.account_id = ANY($1::bigint[])
"""
_SUBSCRIBE_AND_TELL = f"""
WITH told AS (
    INSERT INTO outbox (account_id, event_id, tenant_id, type, data)
    SELECT account_id, gen_random_uuid(), tenant_id, '{AccountCreated.type}',
           jsonb_build_object('account_id', account_id, 'address', address)
    FROM accounts a WHERE account_id = ANY($1::bigint[]) AND {wanted("a.tenant_id", f"'{AccountCreated.type}'")}
)
INSERT INTO subscriptions (account_id, name) SELECT a, name FROM unnest($1::bigint[]) AS a CROSS JOIN unnest($2::text[]) AS name
"""  # noqa: S608 - constants only
# Whoever makes accounts in a domain with a limit waits for the others.
_ROOM = """
SELECT d.name, greatest(d.max_accounts - (
    SELECT count(*) FROM accounts a WHERE a.domain_id = d.domain_id AND a.deleted_at IS NULL
), 0) AS room
FROM domains d WHERE d.name = ANY($1::text[]) AND d.max_accounts IS NOT NULL ORDER BY d.domain_id FOR UPDATE OF d
"""
_TAKEN = "SELECT address FROM addresses WHERE address = ANY($1::text[])"
_DOMAINS = """
SELECT name FROM domains
WHERE name = ANY($1::text[]) AND alias_of IS NULL AND deleted_at IS NULL AND ($2::bigint IS NULL OR tenant_id = $2)
"""


@dataclass(frozen=True, slots=True)
class AccountToImport:
    """`password_hash`: as `password_hashes` can compare it."""

    address: Address
    password_hash: str
    quota_bytes: int = 0
    quota_messages: int = 0
    active: bool = True


class AccountImport:
    """Raises Refused(UNAVAILABLE) only; then nothing of the batch remains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, batch: Sequence[AccountToImport], tenant_id: int | None = None) -> list[int | Failure | Holder]:
        """In the order of the batch: the id of each account, what has its address already, or NO_SUCH_DOMAIN, or OVER_QUOTA where
        the domain has as many accounts as it may."""
        first = {row.address.key: at for at, row in reversed([*enumerate(batch)])}
        wanted = [batch[at] for at in sorted(first.values())]
        domains = sorted({row.address.domain.lower() for row in wanted})

        async def work(connection: Connection) -> tuple[dict[str, int], set[str], set[str], dict[str, Holder]]:
            rows, left_out = await _fitting(connection, wanted, domains)
            made = {
                row["address"]: row["account_id"]
                for row in await connection.fetch(
                    _ACCOUNTS,
                    [row.address.key for row in rows],
                    [row.address.domain.lower() for row in rows],
                    [row.password_hash for row in rows],
                    [row.quota_bytes for row in rows],
                    [row.quota_messages for row in rows],
                    [row.active for row in rows],
                    tenant_id,
                    len(STANDARD_MAILBOXES) - 1,
                )
            }
            named = {row["account_id"] for row in await connection.fetch(_ADDRESSES, list(made.values()))}
            if nameless := [account_id for account_id in made.values() if account_id not in named]:
                await connection.execute("DELETE FROM accounts WHERE account_id = ANY($1::bigint[])", nameless)
                made = {address: account_id for address, account_id in made.items() if account_id in named}
            ids, names = list(made.values()), list(STANDARD_MAILBOXES)
            await connection.execute(_MAILBOXES, ids, names, list(STANDARD_MAILBOXES.values()))
            await connection.execute(_SUBSCRIBE_AND_TELL, ids, names)
            there = {row["name"] for row in await connection.fetch(_DOMAINS, domains, tenant_id)}
            refused = [row.address.key for row in wanted if row.address.key not in made]
            return made, there, left_out, await holders_of(connection, refused) if refused else {}

        made, there, left_out, holders = await self._database.transact("import accounts", work)
        return [
            _outcome(row, made if first[row.address.key] == at else {}, there, left_out, holders) for at, row in enumerate(batch)
        ]


async def _fitting(
    connection: Connection, wanted: Sequence[AccountToImport], domains: Sequence[str]
) -> tuple[Sequence[AccountToImport], set[str]]:
    """Those that there is room for, and the addresses of the others; what is there already takes no room."""
    room = {row["name"]: row["room"] for row in await connection.fetch(_ROOM, domains)}
    if not room:
        return wanted, set()
    taken = {row["address"] for row in await connection.fetch(_TAKEN, [row.address.key for row in wanted])}
    left_out: set[str] = set()
    for row in wanted:
        domain = row.address.domain.lower()
        if domain in room and row.address.key not in taken:
            room[domain] -= 1
            if room[domain] < 0:
                left_out.add(row.address.key)
    return [row for row in wanted if row.address.key not in left_out], left_out


def _outcome(
    row: AccountToImport, made: Mapping[str, int], there: Set[str], left_out: Set[str], holders: Mapping[str, Holder]
) -> int | Failure | Holder:
    if row.address.domain.lower() not in there:
        return Failure.NO_SUCH_DOMAIN
    if row.address.key in made:
        return made[row.address.key]
    # Where nothing has it, an earlier row of the batch has just got it.
    return Failure.OVER_QUOTA if row.address.key in left_out else holders.get(row.address.key, Holder.ACCOUNT)
