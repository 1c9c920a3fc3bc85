"""What there is to know of an account beside its settings: usage by mailbox, last log-ins, the addresses that it may write as."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mailstead.store.engine import Database

_LAST_LOGINS = "SELECT protocol, at, peer FROM last_logins WHERE account_id = $1 ORDER BY protocol"
_MAILBOXES = "SELECT name, messages, unseen, size FROM mailboxes WHERE account_id = $1 AND name > $2 ORDER BY name LIMIT $3"
# As `Directory.may_send_as` decides.
_IDENTITIES = """
SELECT address, source FROM (
    SELECT x.address, 'address' AS source FROM addresses x WHERE x.account_id = $1
    UNION ALL
    SELECT x.address, 'alias' FROM addresses x JOIN accounts a ON a.account_id = $1 AND a.tenant_id = x.tenant_id
    WHERE x.kind = 'alias' AND x.active AND a.address = ANY(x.targets) AND x.address NOT LIKE '@%'
    UNION ALL
    SELECT left(x.address, -length(d.name)) || n.name, 'alias domain'
    FROM addresses x JOIN domains d USING (domain_id) JOIN domains n ON n.alias_of = d.domain_id WHERE x.account_id = $1
    UNION ALL
    SELECT unnest(a.send_as), 'grant' FROM accounts a WHERE a.account_id = $1
) AS i WHERE (address, source) > ($2, $3) GROUP BY address, source ORDER BY address, source LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class MailboxUsage:
    """Octets and messages of one mailbox."""

    name: str
    messages: int
    unseen: int
    size: int


@dataclass(frozen=True, slots=True)
class LastLogin:
    """Exact to about ten seconds."""

    protocol: str
    at: datetime
    peer: str


@dataclass(frozen=True, slots=True)
class Identity:
    """An address, or `@domain` for all of it, and why the account may write as it."""

    address: str
    source: Literal["address", "alias", "alias domain", "grant"]


class AccountView:
    """Reads, each one statement; of an account that is not there they find nothing. Raises Refused(UNAVAILABLE) only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last_logins(self, account_id: int) -> Sequence[LastLogin]:
        return [LastLogin(*row) for row in await self._database.fetch("last log-ins", _LAST_LOGINS, account_id)]

    async def mailboxes(self, account_id: int, limit: int, after: str = "") -> Sequence[MailboxUsage]:
        """By name; `after` is the last name of the page before."""
        rows = await self._database.fetch("usage of mailboxes", _MAILBOXES, account_id, after, limit)
        return [MailboxUsage(*row) for row in rows]

    async def identities(self, account_id: int, limit: int, after: tuple[str, str] = ("", "")) -> Sequence[Identity]:
        """By address; `after` is the last of the page before, its address and its source."""
        return [Identity(*row) for row in await self._database.fetch("identities", _IDENTITIES, account_id, *after, limit)]
