"""Who mail is for: the look-ups on the hot path. Who may log in is `logins.py`, changing the directory is `provisioning.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

import asyncpg

from mailstead.model.address import Address
from mailstead.store.engine import Database
from mailstead.store.usage import Usage

JUNK, JUNK_USE = "Junk", "\\Junk"  # RFC 6154
TAG_SEPARATOR = "+"  # user+tag@domain reaches user@domain (RFC 5233)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A local address that mail can be filed for."""

    account_id: int
    tenant_id: int
    address: str
    active: bool
    usage: Usage
    forwards: tuple[str, ...] = ()  # addresses that get what comes here
    keeps_copy: bool = True  # of what is forwarded
    folder: str | None = None  # the mailbox that the tag of the address names, where the account files by tags and it exists
    script: UUID | None = None  # the revision of its active Sieve script


@dataclass(frozen=True, slots=True)
class DomainRef:
    """A domain that this system is responsible for."""

    domain_id: int
    tenant_id: int
    name: str
    active: bool


class Posting(Enum):
    """Who may write to an address that stands for others."""

    ANYBODY = "anybody"
    MEMBERS = "members"


@dataclass(frozen=True, slots=True)
class Alias:
    """An address that stands for others: an alias, a group (`is_group`), or the catch-all of a domain."""

    address: str
    tenant_id: int
    active: bool
    targets: tuple[str, ...]
    is_group: bool = False
    posting: Posting = Posting.ANYBODY


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of an address of ours: its domain (that which it is an alias of), and who is behind it, if anybody."""

    domain: DomainRef
    behind: Recipient | Alias | None


_LOOK_UP = """
SELECT w.n, d.domain_id, d.tenant_id, d.name, asked.active AND d.active AND NOT d.held AS domain_active,
       x.address, x.kind, x.tenant_id AS alias_tenant_id, x.targets, x.members_only, x.active AS alias_active,
       a.account_id, a.tenant_id AS account_tenant_id, a.address AS account_address,
       a.active AND home.active AND NOT home.held AS account_active,
       used.bytes AS used_bytes, a.quota_bytes, used.messages AS used_messages, a.quota_messages, a.forwards, a.keeps_copy,
       CASE WHEN a.files_tags AND w.tag <> '' THEN (
           SELECT m.name FROM mailboxes m WHERE m.account_id = a.account_id AND lower(m.name) = lower(w.tag)
           ORDER BY m.name <> w.tag, m.name LIMIT 1) END AS folder,
       (SELECT s.revision FROM sieve_scripts s WHERE s.account_id = a.account_id AND s.active) AS script
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[]) AS w(n, local_part, untagged, tag, domain)
JOIN domains asked ON asked.name = w.domain
JOIN domains d ON d.domain_id = coalesce(asked.alias_of, asked.domain_id)
LEFT JOIN LATERAL (
    SELECT * FROM addresses
    WHERE address = ANY(ARRAY[w.local_part || '@' || d.name, w.untagged || '@' || d.name, '@' || d.name])
    ORDER BY length(address) DESC LIMIT 1
) AS x ON true
LEFT JOIN accounts a ON a.account_id = x.account_id
LEFT JOIN domains home ON home.domain_id = a.domain_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(size), 0)::bigint AS bytes, coalesce(sum(messages), 0)::bigint AS messages
    FROM mailboxes WHERE account_id = a.account_id
) AS used
"""

_MAY_SEND_AS = """
SELECT FROM accounts a
LEFT JOIN domains asked ON asked.name = $3
LEFT JOIN domains d ON d.domain_id = coalesce(asked.alias_of, asked.domain_id)
WHERE a.account_id = $1 AND (
    a.send_as && ARRAY[$2 || '@' || $3, '@' || $3]
    OR EXISTS (
        SELECT FROM addresses x WHERE x.address = $2 || '@' || d.name
        AND (x.account_id = $1 OR (x.kind = 'alias' AND x.active AND a.address = ANY(x.targets)))
    )
)
"""


_JUNK = """
SELECT DISTINCT ON (account_id) account_id, name FROM mailboxes
WHERE account_id = ANY($1::bigint[]) AND (special_use = $2 OR lower(name) = lower($3))
ORDER BY account_id, special_use IS DISTINCT FROM $2, name
"""


class Directory:
    """Reads, each one statement. Raises Refused(UNAVAILABLE) only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look_up(self, addresses: Sequence[Address]) -> list[Found | None]:
        """What each of `addresses` stands for, by one statement; None for those whose domain is not ours.

        An address is looked for as it is, then without its tag, then as its domain's catch-all.
        """
        parts = [(address.domain, *_keys(address)) for address in addresses]
        rows = await self._database.fetch(
            "look up",
            _LOOK_UP,
            list(range(len(parts))),
            [whole for _, whole, _, _ in parts],
            [untagged for _, _, untagged, _ in parts],
            [tag for _, _, _, tag in parts],
            [domain for domain, _, _, _ in parts],
        )
        found: list[Found | None] = [None] * len(parts)
        for row in rows:
            domain = DomainRef(row["domain_id"], row["tenant_id"], row["name"], row["domain_active"])
            found[row["n"]] = Found(domain, _behind(row))
        return found

    async def recipient(self, address: Address) -> Recipient | None:
        """The account whose address this is, its tag aside; None also for an alias."""
        (found,) = await self.look_up([address])
        return found.behind if found and isinstance(found.behind, Recipient) else None

    async def local_domain(self, domain: str) -> DomainRef | None:
        """The domain if we are responsible for it, active or not."""
        sql = "SELECT domain_id, tenant_id, name, active FROM domains WHERE name = $1"
        row = await self._database.fetchrow("local domain", sql, domain.lower())
        return DomainRef(*row) if row else None

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        """Whether the account may write as `address`, its tag aside: its own, an alias of it, or one that it was granted."""
        _, untagged, _ = _keys(address)
        return await self._database.fetchrow("may send as", _MAY_SEND_AS, account_id, untagged, address.domain) is not None

    async def suppressed(self, tenant_id: int, address: str) -> bool:
        """Whether the tenant does not write to this address any more."""
        sql = """SELECT FROM suppressions WHERE tenant_id = $1 AND address = lower($2)
                 AND (expires_at IS NULL OR expires_at > now())"""
        return await self._database.fetchrow("suppressed", sql, tenant_id, address) is not None

    async def junk_mailboxes(self, account_ids: Sequence[int]) -> dict[int, str]:
        """Where each account has its junk: the mailbox of that special use, or of that name; an account without is left out."""
        rows = await self._database.fetch("junk mailboxes", _JUNK, list(account_ids), JUNK_USE, JUNK)
        return {row["account_id"]: row["name"] for row in rows}

    async def spam_thresholds(self, domains: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
        """Of domains that have any: the scores from which messages are junk, and are rejected."""
        sql = """SELECT name, junk_score, reject_score FROM domains
                 WHERE name = ANY($1::text[]) AND coalesce(junk_score, reject_score) IS NOT NULL"""
        rows = await self._database.fetch("spam thresholds", sql, list(domains))
        return {row["name"]: (row["junk_score"], row["reject_score"]) for row in rows}

    async def srs_secrets(self) -> list[bytes]:
        """The keys under which senders are rewritten, newest first."""
        rows = await self._database.fetch("SRS keys", "SELECT secret FROM srs_keys ORDER BY key_id DESC")
        return [row["secret"] for row in rows]

    async def addresses(self, account_id: int) -> Sequence[str]:
        """All addresses that reach the account, its own first."""
        rows = await self._database.fetch(
            "addresses",
            """SELECT x.address FROM addresses x JOIN accounts a USING (account_id) WHERE account_id = $1
               ORDER BY x.address <> a.address, x.address""",
            account_id,
        )
        return [row["address"] for row in rows]


def _keys(address: Address) -> tuple[str, str, str]:
    """The local part as it is compared, the same without its tag, and the tag."""
    whole = address.local_part.lower()
    user, _, tag = address.local_part.partition(TAG_SEPARATOR)
    return (whole, user.lower(), tag) if user else (whole, whole, "")


def _behind(row: asyncpg.Record) -> Recipient | Alias | None:
    match row["kind"]:
        case None:
            return None
        case "account":
            return Recipient(
                row["account_id"],
                row["account_tenant_id"],
                row["account_address"],
                row["account_active"] and row["alias_active"] and row["domain_active"],
                Usage(row["used_bytes"], row["quota_bytes"], row["used_messages"], row["quota_messages"]),
                tuple(row["forwards"]),
                row["keeps_copy"],
                row["folder"],
                row["script"],
            )
        case kind:
            return Alias(
                row["address"],
                row["alias_tenant_id"],
                row["alias_active"] and row["domain_active"],
                tuple(row["targets"]),
                kind == "group",
                Posting.MEMBERS if row["members_only"] else Posting.ANYBODY,
            )
