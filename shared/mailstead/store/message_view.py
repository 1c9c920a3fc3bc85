"""Messages of an account as people look at them: newest first, with what tells one from another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import Flags
from mailstead.store.content import Source
from mailstead.store.engine import Database
from mailstead.store.mailbox_row import no_such_mailbox
from mailstead.store.messages import flags_of

_COLUMNS = """m.mailbox_id, m.uid, m.modseq, m.flags, m.keywords, m.internal_date, m.size, m.email_id, e.thread_id, e.trace_id,
       e.message_id, e.subject, e.sender, e.sent_at, e.preview, e.tenant_id, e.blob_id, e.prefix, e.header_size"""
_PAGE = f"""
SELECT {_COLUMNS} FROM messages m JOIN emails e USING (account_id, email_id)
WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid < $3 ORDER BY m.uid DESC LIMIT $4
"""  # noqa: S608 - constants only
_ONE = f"""
SELECT {_COLUMNS} FROM messages m JOIN emails e USING (account_id, email_id)
WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid = $3
"""  # noqa: S608 - constants only
_SOME = f"""
SELECT {_COLUMNS} FROM messages m JOIN emails e USING (account_id, email_id)
WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid = ANY($3::bigint[]) ORDER BY m.uid DESC
"""  # noqa: S608 - constants only
_FOLLOWING = f"""
SELECT {_COLUMNS} FROM messages m JOIN emails e USING (account_id, email_id)
WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid > $3 ORDER BY m.uid LIMIT $4
"""  # noqa: S608 - constants only
_PRESENT = """
SELECT DISTINCT w.mailbox_id, w.message_id, w.size
FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS w(mailbox_id, message_id, size)
JOIN emails e ON e.account_id = $1 AND e.message_id = w.message_id
JOIN messages m ON m.account_id = $1 AND m.email_id = e.email_id AND m.mailbox_id = w.mailbox_id AND m.size = w.size
WHERE w.message_id <> ''
"""

_IS_THERE = "SELECT FROM mailboxes WHERE account_id = $1 AND mailbox_id = $2"

MAX_UID = 2**32


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message of a mailbox; `size` in octets. `sender` and `subject` are decoded."""

    mailbox_id: int
    uid: int
    modseq: int
    flags: Flags
    internal_date: datetime
    size: int
    email_id: UUID
    thread_id: UUID
    trace_id: str
    message_id: str
    subject: str
    sender: str
    sent_at: datetime | None
    preview: str
    source: Source


class MessageView:
    """Raises Refused(UNAVAILABLE) besides what is named."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, account_id: int, mailbox_id: int, limit: int, before: int = MAX_UID) -> list[MessageRow]:
        """Those below the UID `before`, highest first, by one statement where there are any. Raises Refused(NO_SUCH_MAILBOX)."""
        rows = await self._database.fetch("list messages", _PAGE, account_id, mailbox_id, before, limit)
        if not rows and await self._database.fetchrow("mailbox", _IS_THERE, account_id, mailbox_id) is None:
            raise no_such_mailbox(f"number {mailbox_id}")
        return [_row(*row) for row in rows]

    async def some(self, account_id: int, mailbox_id: int, uids: Sequence[int]) -> list[MessageRow]:
        """Those of these that are there, highest first."""
        return [_row(*row) for row in await self._database.fetch("look at messages", _SOME, account_id, mailbox_id, uids)]

    async def following(self, account_id: int, mailbox_id: int, after: int, limit: int) -> list[MessageRow]:
        """Those above the UID `after`, lowest first."""
        return [
            _row(*row) for row in await self._database.fetch("next messages", _FOLLOWING, account_id, mailbox_id, after, limit)
        ]

    async def present(self, account_id: int, wanted: Sequence[tuple[int, str, int]]) -> set[tuple[int, str, int]]:
        """Those of these (mailbox, Message-ID, octets) of which there is a message; what has no Message-ID never is."""
        columns = [[row[n] for row in wanted] for n in range(3)]
        return {(*row,) for row in await self._database.fetch("present messages", _PRESENT, account_id, *columns)}

    async def one(self, account_id: int, mailbox_id: int, uid: int) -> MessageRow:
        """Raises Refused(NO_SUCH_MESSAGE)."""
        row = await self._database.fetchrow("get message", _ONE, account_id, mailbox_id, uid)
        if row is None:
            raise Refused(Failure.NO_SUCH_MESSAGE, f"no message {uid} in mailbox {mailbox_id}")
        return _row(*row)


def _row(
    mailbox_id: int,
    uid: int,
    modseq: int,
    system: int,
    keywords: list[str],
    internal_date: datetime,
    size: int,
    email_id: UUID,
    thread_id: UUID,
    trace_id: str,
    message_id: str,
    subject: str,
    sender: str,
    sent_at: datetime | None,
    preview: str,
    tenant_id: int,
    blob_id: UUID,
    prefix: bytes,
    header_size: int,
) -> MessageRow:
    return MessageRow(
        mailbox_id,
        uid,
        modseq,
        flags_of(system, keywords),
        internal_date,
        size,
        email_id,
        thread_id,
        trace_id,
        message_id,
        subject,
        sender,
        sent_at,
        preview,
        Source(tenant_id, blob_id, prefix, header_size, size),
    )
