"""What an account holds, and what it may hold: the sum over its mailbox rows, whose counters change with what they count."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection, Database

_USAGE = """
SELECT a.account_id, coalesce(sum(m.size), 0)::bigint, a.quota_bytes, coalesce(sum(m.messages), 0)::bigint, a.quota_messages
FROM accounts a LEFT JOIN mailboxes m USING (account_id) WHERE a.account_id = ANY($1::bigint[]) GROUP BY a.account_id
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """Octets and messages; a quota of 0 is none."""

    used_bytes: int
    quota_bytes: int
    used_messages: int
    quota_messages: int

    def has_room_for(self, octets: int, messages: int = 1) -> bool:
        return (not self.quota_bytes or self.used_bytes + octets <= self.quota_bytes) and (
            not self.quota_messages or self.used_messages + messages <= self.quota_messages
        )

    def with_more(self, octets: int, messages: int) -> "Usage":
        return replace(self, used_bytes=self.used_bytes + octets, used_messages=self.used_messages + messages)


async def usages(connection: Connection, account_ids: Iterable[int]) -> dict[int, Usage]:
    """Of those accounts that are there, by one statement."""
    rows = await connection.fetch(_USAGE, list(account_ids))
    return {account_id: Usage(*columns) for account_id, *columns in rows}


async def hold_to_quota(connection: Connection, account_id: int, octets: int, messages: int) -> None:
    """Within a transaction that has made an account hold more. Raises Refused(OVER_QUOTA) when that is too much."""
    usage = (await usages(connection, [account_id])).get(account_id)
    if usage is not None and not usage.has_room_for(octets, messages):
        raise Refused(Failure.OVER_QUOTA, f"account {account_id} has no room for {messages} messages of {octets} octets")


async def usage_of(database: Database, account_id: int) -> Usage:
    """Raises Refused: NO_SUCH_ACCOUNT, UNAVAILABLE."""
    async with database.connection("usage") as connection:
        found = (await usages(connection, [account_id])).get(account_id)
    if found is None:
        raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")
    return found
