"""What has an address already: for whoever is told that it is taken. An address and what has it are of one tenant."""

from collections.abc import Sequence
from enum import Enum

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection

_HOLDERS = """
SELECT x.address, x.kind, a.deleted_at IS NOT NULL AS deleted
FROM addresses x LEFT JOIN accounts a USING (account_id) WHERE x.address = ANY($1::text[])
"""


class Holder(Enum):
    """`ALIAS_DOMAIN`: the address is another's, since its whole domain has the addresses of another."""

    ACCOUNT = "account"
    DELETED_ACCOUNT = "deleted account"
    ALIAS = "alias"
    GROUP = "group"
    CATCH_ALL = "catch-all"
    ALIAS_DOMAIN = "alias domain"


class AddressTaken(Refused):
    """CONFLICT, or DELETED where it could be had back by restoring an account."""

    def __init__(self, address: str, holder: Holder) -> None:
        failure = Failure.DELETED if holder is Holder.DELETED_ACCOUNT else Failure.CONFLICT
        super().__init__(failure, f"{address} is taken: {holder.value}")
        self.holder = holder


async def holders_of(connection: Connection, addresses: Sequence[str]) -> dict[str, Holder]:
    """Of those that are taken, in lower case."""
    return {
        row["address"]: _holder(row["address"], row["kind"], row["deleted"])
        for row in await connection.fetch(_HOLDERS, list(addresses))
    }


async def taken(connection: Connection, address: str) -> Refused:
    """The refusal of an address that something has: AddressTaken, unless it has just been given up."""
    holder = (await holders_of(connection, [address])).get(address)
    return AddressTaken(address, holder) if holder else Refused(Failure.CONFLICT, f"{address} was taken")


def _holder(address: str, kind: str, deleted: bool) -> Holder:
    if kind == "account":
        return Holder.DELETED_ACCOUNT if deleted else Holder.ACCOUNT
    if address.startswith("@"):
        return Holder.CATCH_ALL
    return Holder.GROUP if kind == "group" else Holder.ALIAS
