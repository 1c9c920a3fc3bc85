"""What a POP3 session works on: the INBOX as it was at login, held by one session across all replicas (RFC 1939 §4)."""

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from mailstead.events import MailboxChanged
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Announce
from mailstead.store.engine import Connection, Database
from mailstead.store.leases import Lease, Leases, hold_fence
from mailstead.store.mailbox_row import INBOX, Counters, Mailbox, advance, lock_by_id, no_such_mailbox
from mailstead.store.tombstones import Reason, bury

REMOVED_AT_ONCE = 10_000  # messages that one statement of `remove` deletes, so that each has its time limit

# UIDs are packed as 32-bit numbers, sizes as 64-bit ones, in network order: a large maildrop is two values, not a row each.
_OPEN = """
SELECT m.mailbox_id, m.uidvalidity, v.uids, v.sizes
FROM mailboxes m CROSS JOIN LATERAL (
    SELECT string_agg(int4send((CASE WHEN uid > 2147483647 THEN uid - 4294967296 ELSE uid END)::int), '' ORDER BY uid) AS uids,
           string_agg(int8send(size), '' ORDER BY uid) AS sizes
    FROM messages x WHERE x.account_id = m.account_id AND x.mailbox_id = m.mailbox_id
) AS v
WHERE m.account_id = $1 AND m.name = $2
"""
# Each table by its key, row by row: see `messages._ADDRESSED` for OFFSET 0. What is not in `contents` shows as a NULL header.
_READ = """
SELECT m.uid, m.size, e.prefix, c.header, (
    SELECT string_agg(data, ''::bytea ORDER BY number) FROM chunks WHERE tenant_id = e.tenant_id AND blob_id = e.blob_id
) AS body
FROM unnest($3::bigint[]) AS wanted(uid) CROSS JOIN LATERAL (
    SELECT * FROM messages WHERE account_id = $1 AND mailbox_id = $2 AND uid = wanted.uid OFFSET 0
) AS m CROSS JOIN LATERAL (
    SELECT * FROM emails WHERE account_id = $1 AND email_id = m.email_id OFFSET 0
) AS e LEFT JOIN LATERAL (
    SELECT header FROM contents WHERE tenant_id = e.tenant_id AND blob_id = e.blob_id OFFSET 0
) AS c ON true
"""
_OLD = """
SELECT uid FROM messages
WHERE account_id = $1 AND mailbox_id = $2 AND uid <= $3 AND saved_at < now() - make_interval(days => $4)
"""


@dataclass(frozen=True, slots=True)
class Maildrop:
    """The snapshot: UIDs ascending and sizes in octets, packed, of equal length."""

    mailbox_id: int
    uidvalidity: int
    uids: "array[int]"
    sizes: "array[int]"


@dataclass(frozen=True, slots=True)
class Whole:
    """All octets of one message, our prefix first."""

    octets: bytes
    is_international: bool


def is_international(prefix: bytes) -> bool:
    """Whether a message came by SMTPUTF8, as our own Received field says (RFC 6531 §4.3)."""
    return b" with UTF8" in prefix


class Maildrops:
    """Leases are named `maildrop:ACCOUNT`."""

    def __init__(self, database: Database, announce: Announce) -> None:
        self._database = database
        self._announce = announce
        self._leases = Leases(database)

    async def open(self, account_id: int) -> Maildrop:
        """One statement. Raises Refused(NO_SUCH_MAILBOX)."""
        row = await self._database.fetchrow("open maildrop", _OPEN, account_id, INBOX)
        if row is None:
            raise no_such_mailbox(INBOX)
        uids, sizes = array("I", row["uids"] or b""), array("Q", row["sizes"] or b"")
        if sys.byteorder == "little":
            uids.byteswap()
            sizes.byteswap()
        return Maildrop(row["mailbox_id"], row["uidvalidity"], uids, sizes)

    async def read(self, account_id: int, mailbox_id: int, uids: Sequence[int]) -> dict[int, Whole]:
        """Whole messages by UID, those that are gone left out, by one statement; the caller bounds their octets.

        Raises Refused(UNAVAILABLE) when the content of one is not there, as it always should be.
        """
        found: dict[int, Whole] = {}
        for uid, size, prefix, header, body in await self._database.fetch("read maildrop", _READ, account_id, mailbox_id, uids):
            found[uid] = Whole(b"".join((prefix, header or b"", body or b"")), is_international(prefix))
            if len(found[uid].octets) != size:
                raise Refused(Failure.UNAVAILABLE, f"content of message {uid} in mailbox {mailbox_id} is missing")
        return found

    async def remove(
        self,
        lease: Lease,
        account_id: int,
        mailbox_id: int,
        uids: Sequence[int],
        *,
        actor: str,
        last_uid: int = 0,
        expire_days: int | None = None,
    ) -> int:
        """Expunge these messages in one transaction, all or none (RFC 1939 §6); how many of them were still there.

        With `expire_days`, those up to `last_uid` too that have been here for longer (EXPIRE, RFC 2449 §6.7).
        Raises Refused: CONFLICT when `lease` is not ours any more, so that no session deletes beside its successor;
        NO_SUCH_MAILBOX; UNAVAILABLE, and then, if the database was lost at the commit, they may be gone after all.
        """

        async def work(connection: Connection) -> tuple[int, Mailbox]:
            (mailbox,) = await lock_by_id(connection, account_id, mailbox_id)
            modseq = mailbox.highest_modseq + 1
            gone = Counters()
            doomed = [*uids]
            if expire_days:
                old = await connection.fetch(_OLD, account_id, mailbox_id, last_uid, expire_days)
                doomed = sorted({*uids, *(row["uid"] for row in old)})
            for at in range(0, len(doomed), REMOVED_AT_ONCE):
                page = doomed[at : at + REMOVED_AT_ONCE]
                buried = await bury(connection, mailbox, page, modseq, actor=actor, reason=Reason.POP3)
                gone.join(buried.counters)
            if gone.messages:
                await advance(connection, mailbox, modseq, Counters(), gone)
            # Last of all, so that the row is held for a moment only: the renewals of the lease go on meanwhile.
            await hold_fence(connection, lease)
            return gone.messages, mailbox

        removed, before = await self._database.transact("remove from maildrop", work)
        if removed:
            modseq = before.highest_modseq + 1
            self._announce([MailboxChanged(account_id, mailbox_id, before.highest_modseq, modseq)])
        return removed

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
