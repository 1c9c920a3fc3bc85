"""Mailboxes that their owners let others of their tenant use (RFC 4314). What the letters of rights mean is not known here.

A change of rights moves the modseq of its mailbox, so that every session that has it selected looks again, whether or not it
hears of it at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailstead.events import Event, MailboxChanged, MailboxesChanged
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Announce
from mailstead.store.engine import Connection, Database
from mailstead.store.mailbox_row import COLUMNS, Counters, Mailbox, advance, lock_by_id

ANYONE = "anyone"  # every account of the owner's tenant
EVERYBODY = 0  # stands for them among grantees
MAX_GRANTEES = 200  # of one mailbox
MAX_OWNERS = 1_000  # whose mailboxes one account is shown
MAX_SHOWN = 10_000  # of their mailboxes

_GIVEN = "(SELECT coalesce(string_agg(r.rights, ''), '') FROM mailbox_rights r WHERE r.account_id = m.account_id"
_GIVEN += " AND r.mailbox_id = m.mailbox_id AND r.grantee = ANY($1::bigint[]))"
_MAILBOX = ", ".join(f"m.{column.strip()}" for column in COLUMNS.split(","))

_OWNERS = """
SELECT DISTINCT account_id FROM shares WHERE tenant_id = $1 AND grantee = ANY($2::bigint[]) AND account_id <> $3
ORDER BY account_id LIMIT $4
"""
_SHARED = f"""
SELECT a.address, {_GIVEN} AS rights, {_MAILBOX}
FROM mailboxes m JOIN accounts a USING (account_id)
WHERE m.account_id = ANY($2::bigint[]) AND a.tenant_id = $3 AND a.deleted_at IS NULL
  AND EXISTS (SELECT FROM mailbox_rights r WHERE r.account_id = m.account_id AND r.mailbox_id = m.mailbox_id
              AND r.grantee = ANY($1::bigint[]))
ORDER BY a.address, m.name LIMIT $4
"""  # noqa: S608 - constants only
_FIND = f"""
SELECT a.address, {_GIVEN} AS rights, {_MAILBOX}
FROM accounts a JOIN mailboxes m USING (account_id) WHERE a.address = $2 AND a.tenant_id = $3
  AND a.deleted_at IS NULL AND m.name = ANY($4::text[])
ORDER BY length(m.name) DESC LIMIT 1
"""  # noqa: S608 - constants only
_RIGHTS = """
SELECT coalesce(string_agg(rights, ''), '') FROM mailbox_rights
WHERE account_id = $1 AND mailbox_id = $2 AND grantee = ANY($3::bigint[])
  AND EXISTS (SELECT FROM accounts a WHERE a.account_id = $1 AND a.deleted_at IS NULL)
"""
_ACL = """
SELECT r.grantee, a.address, r.rights FROM mailbox_rights r LEFT JOIN accounts a ON a.account_id = r.grantee
WHERE r.account_id = $1 AND r.mailbox_id = $2 AND (r.grantee = 0 OR a.account_id IS NOT NULL) ORDER BY a.address
"""
_ONE = "SELECT rights FROM mailbox_rights WHERE account_id = $1 AND mailbox_id = $2 AND grantee = $3"
_REMOVE = "DELETE FROM mailbox_rights WHERE account_id = $1 AND mailbox_id = $2 AND grantee = $3"
_COUNT = "SELECT count(*) FROM mailbox_rights WHERE account_id = $1 AND mailbox_id = $2"
_SET = """
INSERT INTO mailbox_rights (account_id, mailbox_id, grantee, rights) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, mailbox_id, grantee) DO UPDATE SET rights = excluded.rights
"""
_SHARE = "INSERT INTO shares (tenant_id, grantee, account_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_SHARE_NO_MORE = """
DELETE FROM shares WHERE tenant_id = $1 AND grantee = $2 AND account_id = $3
AND NOT EXISTS (SELECT FROM mailbox_rights r WHERE r.account_id = $3 AND r.grantee = $2)
"""

_FORGET_RIGHTS = """
DELETE FROM mailbox_rights r USING shares s
WHERE s.tenant_id = $2 AND s.grantee = $1 AND r.account_id = s.account_id AND r.grantee = $1
"""
_FORGET_SHARES = "DELETE FROM shares WHERE tenant_id = $2 AND (grantee = $1 OR account_id = $1)"


@dataclass(frozen=True, slots=True)
class SharedMailbox:
    """Another's mailbox: its row as its owner has it, and the letters of all rights given to who asks, some perhaps twice."""

    owner: str  # address
    rights: str
    mailbox: Mailbox


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: an account, and the tenant beyond which it sees nothing."""

    account_id: int
    tenant_id: int

    @property
    def grantees(self) -> list[int]:
        return [EVERYBODY, self.account_id]


class Sharing:
    """No method shows, or changes, anything across tenants, nor shows what an account has that is deleted and can be restored."""

    def __init__(self, database: Database, announce: Announce) -> None:
        self._database = database
        self._announce = announce

    async def mailboxes(self, reader: Reader) -> list[SharedMailbox]:
        """Those of others in which `reader` has any right, by owner and name: MAX_SHOWN of MAX_OWNERS at most."""
        owners = await self._database.fetch(
            "who shares", _OWNERS, reader.tenant_id, reader.grantees, reader.account_id, MAX_OWNERS
        )
        if not owners:
            return []
        rows = await self._database.fetch(
            "shared mailboxes", _SHARED, reader.grantees, [row["account_id"] for row in owners], reader.tenant_id, MAX_SHOWN
        )
        return [SharedMailbox(owner, rights, Mailbox(*columns)) for owner, rights, *columns in rows]

    async def find(self, reader: Reader, owner: str, names: Sequence[str]) -> SharedMailbox | None:
        """The mailbox with the longest of these names that the owner has, whatever rights are given."""
        row = await self._database.fetchrow("find shared mailbox", _FIND, reader.grantees, owner, reader.tenant_id, names)
        if row is None:
            return None
        address, rights, *columns = row
        return SharedMailbox(address, rights, Mailbox(*columns))

    async def account(self, reader: Reader, address: str) -> int | None:
        """The account of that name in the tenant of `reader`."""
        sql = "SELECT account_id FROM accounts WHERE address = $1 AND tenant_id = $2 AND deleted_at IS NULL"
        row = await self._database.fetchrow("find account", sql, address, reader.tenant_id)
        return None if row is None else int(row["account_id"])

    async def address(self, account_id: int) -> str:
        """Raises Refused(NO_SUCH_ACCOUNT)."""
        row = await self._database.fetchrow("find address", "SELECT address FROM accounts WHERE account_id = $1", account_id)
        if row is None:
            raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")
        return str(row["address"])

    async def rights(self, reader: Reader, owner_id: int, mailbox_id: int) -> str:
        """As in SharedMailbox; nothing where none are given, or there is no such mailbox."""
        row = await self._database.fetchrow("rights", _RIGHTS, owner_id, mailbox_id, reader.grantees)
        return "" if row is None else str(row[0])

    async def acl(self, owner_id: int, mailbox_id: int) -> list[tuple[str, str]]:
        """(address or ANYONE, rights) of all to whom any were given; those whose account is gone are left out."""
        rows = await self._database.fetch("read ACL", _ACL, owner_id, mailbox_id)
        return [(ANYONE if grantee == EVERYBODY else address, rights) for grantee, address, rights in rows]

    async def change(self, owner: Reader, mailbox_id: int, grantee: int, of: Callable[[str], str]) -> None:
        """Give `grantee`, of the tenant of `owner`, what `of` makes of the rights it has; nothing is an entry removed.

        Raises Refused: NO_SUCH_MAILBOX, TOO_MANY.
        """

        async def work(connection: Connection) -> Mailbox | None:
            (mailbox,) = await lock_by_id(connection, owner.account_id, mailbox_id)
            key = (owner.account_id, mailbox_id, grantee)
            before = await connection.fetchval(_ONE, *key) or ""
            after = of(before)
            if after == before:
                return None
            if after:
                await connection.execute(_SET, *key, after)
                await connection.execute(_SHARE, owner.tenant_id, grantee, owner.account_id)
                if await connection.fetchval(_COUNT, owner.account_id, mailbox_id) > MAX_GRANTEES:
                    raise Refused(Failure.TOO_MANY, f"{MAX_GRANTEES} grantees of one mailbox")
            else:
                await connection.execute(_REMOVE, *key)
                await connection.execute(_SHARE_NO_MORE, owner.tenant_id, grantee, owner.account_id)
            await advance(connection, mailbox, mailbox.highest_modseq + 1, Counters(), Counters())
            return mailbox

        changed = await self._database.transact("change ACL", work)
        if changed is None:
            return
        modseq = changed.highest_modseq
        events: list[Event] = [
            MailboxChanged(owner.account_id, mailbox_id, modseq, modseq + 1),
            MailboxesChanged(owner.account_id),
        ]
        if grantee != EVERYBODY:
            events.append(MailboxesChanged(grantee))
        self._announce(events)


async def forget_shares(connection: Connection, account_id: int) -> None:
    """Within the transaction that removes the account: what was given to it, and that it gave anything."""
    tenant_id = await connection.fetchval("SELECT tenant_id FROM accounts WHERE account_id = $1", account_id)
    await connection.execute(_FORGET_RIGHTS, account_id, tenant_id)
    await connection.execute(_FORGET_SHARES, account_id, tenant_id)
