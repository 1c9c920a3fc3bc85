"""Giving back what was deleted, while its tombstone is kept: the same message under a new UID.

The tombstone stays, since it tells synchronising clients that the old UID is gone (RFC 7162); it is marked as restored, so that
it is not given back twice. What was moved, or replaced by a newer version (RFC 8508), is not deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailstead.events import MailboxChanged
from mailstead.model.flags import SystemFlag
from mailstead.store.delivery import Announce
from mailstead.store.engine import Connection, Database
from mailstead.store.mailbox_row import COLUMNS, Counters, Mailbox, advance, check_name, create_mailbox
from mailstead.store.usage import hold_to_quota

RESTORED = "Restored"  # where it goes when its mailbox is gone
CHUNK = 1_000  # messages of one transaction (promise D7)
MOST = 10_000  # messages of one request

# In the order in which they were deleted, which the cursor can stand in.
_LIST = """
SELECT x.mailbox_id, b.name, x.uid, x.expunged_at, x.actor, x.reason, x.size, x.internal_date, e.subject, e.sender
FROM expunged x JOIN emails e USING (account_id, email_id) LEFT JOIN mailboxes b USING (account_id, mailbox_id)
WHERE x.account_id = $1 AND x.reason NOT IN ('move', 'replace') AND x.restored_at IS NULL
  AND x.expunged_at >= coalesce($2, '-infinity'::timestamptz)
  AND ($3::timestamptz IS NULL OR (x.expunged_at, x.mailbox_id, x.uid) < ($3, $4::bigint, $5::bigint))
ORDER BY x.expunged_at DESC, x.mailbox_id DESC, x.uid DESC LIMIT $6
"""
_SINCE = """
SELECT mailbox_id, uid FROM expunged
WHERE account_id = $1 AND reason NOT IN ('move', 'replace') AND restored_at IS NULL AND expunged_at >= $2
ORDER BY expunged_at LIMIT $3
"""
_HOLD_NAMED = f"SELECT {COLUMNS} FROM mailboxes WHERE account_id = $1 AND name = $2 FOR UPDATE"  # noqa: S608 - constants only
_HOLD_ID = f"SELECT {COLUMNS} FROM mailboxes WHERE account_id = $1 AND mailbox_id = $2 FOR UPDATE"  # noqa: S608 - constants only
_RESTORE = f"""
WITH back AS (
    UPDATE expunged x SET restored_at = now()
    FROM unnest($2::bigint[], $3::bigint[]) AS w(mailbox_id, uid)
    WHERE x.account_id = $1 AND x.mailbox_id = w.mailbox_id AND x.uid = w.uid
      AND x.reason NOT IN ('move', 'replace') AND x.restored_at IS NULL
    RETURNING x.mailbox_id, x.uid, x.flags & ~{int(SystemFlag.DELETED)} AS flags, x.keywords, x.size, x.internal_date, x.email_id
), numbered AS (
    SELECT *, $5 - 1 + row_number() OVER (ORDER BY internal_date, mailbox_id, uid) AS new_uid FROM back
), made AS (
    INSERT INTO messages (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, saved_at, email_id)
    SELECT $1, $4, new_uid, $6, flags, keywords, size, internal_date, now(), email_id FROM numbered
)
SELECT mailbox_id, uid, new_uid, flags, size FROM numbered ORDER BY new_uid
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class DeletedRow:
    """What was deleted: where it was (`mailbox` is None when that is gone), when, by which service, for what reason."""

    mailbox_id: int
    mailbox: str | None
    uid: int
    deleted_at: datetime
    actor: str
    reason: str
    size: int
    internal_date: datetime
    subject: str
    sender: str


@dataclass(frozen=True, slots=True)
class RestoredRow:
    """Where it was, and where it is now."""

    from_mailbox_id: int
    from_uid: int
    mailbox: str
    uid: int


class Undelete:
    """Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database, announce: Announce) -> None:
        self._database = database
        self._announce = announce

    async def deleted(
        self, account_id: int, limit: int, after: tuple[datetime, int, int] | None = None, since: datetime | None = None
    ) -> list[DeletedRow]:
        """What can be given back, last deleted first; `after` is when, mailbox and UID of the last one of the page before."""
        rows = await self._database.fetch(
            "list deleted", _LIST, account_id, since, *(after if after is not None else (None, None, None)), limit
        )
        return [DeletedRow(*row) for row in rows]

    async def restore_since(
        self, account_id: int, since: datetime, into: str | None = None, *, most: int = MOST
    ) -> tuple[list[RestoredRow], bool]:
        """What was deleted since then, and whether that is all of it: about `most` messages are given back. See `restore`."""
        restored: list[RestoredRow] = []
        while len(restored) < most:
            rows = await self._database.fetch("deleted since", _SINCE, account_id, since, CHUNK)
            back = await self.restore(account_id, [(row["mailbox_id"], row["uid"]) for row in rows], into)
            restored += back
            if not back:
                return restored, True
        return restored, False

    async def restore(self, account_id: int, wanted: Sequence[tuple[int, int]], into: str | None = None) -> list[RestoredRow]:
        """Give back what had these mailboxes and UIDs: to its mailbox, or `into` one of this name, which is made when missing.

        In transactions of at most CHUNK messages of one mailbox, of which those before one that is refused stand. What is there
        no more is passed over. Raises Refused: OVER_QUOTA, INVALID_NAME, NO_SUCH_ACCOUNT, TOO_MANY mailboxes.
        """
        name = None if into is None else check_name(into)
        restored: list[RestoredRow] = []
        for mailbox_id in dict.fromkeys(mailbox_id for mailbox_id, _ in wanted):
            uids = [uid for source, uid in wanted if source == mailbox_id]
            for at in range(0, len(uids), CHUNK):
                restored += await self._restore(account_id, mailbox_id, uids[at : at + CHUNK], name)
        return restored

    async def _restore(self, account_id: int, mailbox_id: int, uids: Sequence[int], name: str | None) -> list[RestoredRow]:
        async def work(connection: Connection) -> tuple[list[RestoredRow], Mailbox]:
            target = await _target(connection, account_id, mailbox_id, name)
            modseq = target.highest_modseq + 1
            rows = await connection.fetch(
                _RESTORE, account_id, [mailbox_id] * len(uids), list(uids), target.mailbox_id, target.uidnext, modseq
            )
            counters = Counters()
            for row in rows:
                counters.add(row["flags"], row["size"])
            if rows:
                await advance(connection, target, modseq, counters, Counters(), len(rows))
                await hold_to_quota(connection, account_id, 0, 0)
            return [RestoredRow(row["mailbox_id"], row["uid"], target.name, row["new_uid"]) for row in rows], target

        restored, before = await self._database.transact("undelete", work)
        if restored:
            modseq = before.highest_modseq
            self._announce([MailboxChanged(account_id, before.mailbox_id, modseq, modseq + 1)])
        return restored


async def _target(connection: Connection, account_id: int, mailbox_id: int, name: str | None) -> Mailbox:
    """Locked: the one of this name, or else where the messages were, or else RESTORED."""
    if name is None:
        row = await connection.fetchrow(_HOLD_ID, account_id, mailbox_id)
        if row is not None:
            return Mailbox(*row)
    row = await connection.fetchrow(_HOLD_NAMED, account_id, name or RESTORED)
    return Mailbox(*row) if row is not None else await create_mailbox(connection, account_id, name or RESTORED, None)
