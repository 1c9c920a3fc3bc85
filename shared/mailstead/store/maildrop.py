"""What a POP3 session works on: the INBOX as it was at login, held by one session across all replicas (RFC 1939 §4)."""

from dataclasses import dataclass

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database
from mailstead.store.leases import Lease, Leases
from mailstead.store.mailbox_row import INBOX, no_such_mailbox

_OPEN = """
SELECT m.mailbox_id, m.uidvalidity, x.uid, x.size
FROM mailboxes m LEFT JOIN messages x ON x.account_id = m.account_id AND x.mailbox_id = m.mailbox_id
WHERE m.account_id = $1 AND m.name = $2 ORDER BY x.uid
"""


@dataclass(frozen=True, slots=True)
class Maildrop:
    """The snapshot: UIDs ascending and sizes in octets, of equal length."""

    mailbox_id: int
    uidvalidity: int
    uids: list[int]
    sizes: list[int]


class Maildrops:
    """Leases are named `maildrop:ACCOUNT`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases = Leases(database)

    async def open(self, account_id: int) -> Maildrop:
        """One statement. Raises Refused(NO_SUCH_MAILBOX)."""
        rows = await self._database.fetch("open maildrop", _OPEN, account_id, INBOX)
        if not rows:
            raise no_such_mailbox(INBOX)
        present = [row for row in rows if row["uid"] is not None]
        return Maildrop(
            rows[0]["mailbox_id"], rows[0]["uidvalidity"], [row["uid"] for row in present], [row["size"] for row in present]
        )

    async def acquire(self, account_id: int, holder: str, seconds: float) -> Lease:
        """Raises Refused(IN_USE) while another session has it; a crashed one loses it after its `seconds`."""
        lease = await self._leases.acquire(f"maildrop:{account_id}", holder, seconds)
        if lease is None:
            raise Refused(Failure.IN_USE, f"the maildrop of account {account_id} is held by another session")
        return lease

    async def renew(self, lease: Lease, seconds: float) -> bool:
        """Whether the maildrop is still ours."""
        return await self._leases.renew(lease, seconds)

    async def release(self, lease: Lease) -> None:
        await self._leases.release(lease)
