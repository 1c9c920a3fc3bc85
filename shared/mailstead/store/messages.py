"""Messages of a mailbox: what a FETCH needs, flags, COPY, MOVE, EXPUNGE, and reading their octets."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from functools import lru_cache
from uuid import UUID

from mailstead.events import MailboxChanged
from mailstead.model.flags import EVERY_FLAG, FlagChange, FlagMask, Flags, SystemFlag
from mailstead.store import content
from mailstead.store.addressing import ADDRESSED, ALL, runs
from mailstead.store.content import Source
from mailstead.store.delivery import Announce
from mailstead.store.engine import Connection, Database
from mailstead.store.flag_changes import FlagRow, StoreResult, change_flags
from mailstead.store.mailbox_row import Counters, Mailbox, advance, lock_across, lock_by_id
from mailstead.store.tombstones import Reason, bury
from mailstead.store.transfers import copy_rows
from mailstead.store.usage import hold_to_quota

CHUNK = 10_000  # messages that one transaction flags or expunges (promise D7)


class Want(IntFlag):
    """Which of the larger columns a read brings along."""

    NOTHING = 0
    ENVELOPE = 1
    BODYSTRUCTURE = 2
    STRUCTURE = 4
    HEADER = 8
    PREVIEW = 16


@dataclass(slots=True)
class Summary:
    """One message as ingest described it; `None` where `Want` did not ask. Sizes in octets of BODY[]."""

    uid: int
    modseq: int
    system_flags: int
    keywords: list[str]
    internal_date: datetime
    saved_at: datetime
    size: int
    email_id: UUID
    thread_id: UUID
    tenant_id: int
    blob_id: UUID
    prefix: bytes
    header_size: int
    envelope: bytes | None
    bodystructure: bytes | None
    structure: bytes | None
    content_header: bytes | None
    preview: str | None

    @property
    def flags(self) -> Flags:
        return flags_of(self.system_flags, self.keywords)

    @property
    def header(self) -> bytes | None:
        """The whole header section of BODY[], our prefix first."""
        return None if self.content_header is None else self.prefix + self.content_header

    @property
    def source(self) -> Source:
        return Source(self.tenant_id, self.blob_id, self.prefix, self.header_size, self.size)


@dataclass(frozen=True, slots=True)
class Copied:
    """What COPYUID tells (RFC 4315 §3): (source UID, new UID) ascending."""

    uidvalidity: int
    pairs: list[tuple[int, int]]


@lru_cache(maxsize=1024)
def _system_only(system: int) -> Flags:
    return Flags(SystemFlag(system))


def flags_of(system: int, keywords: Sequence[str]) -> Flags:
    """Flags from a row; the common case without keywords makes no new object."""
    return Flags(SystemFlag(system), tuple(keywords)) if keywords else _system_only(system)


@lru_cache(maxsize=32)
def _summaries_sql(want: Want) -> str:
    def column(flag: Want, name: str) -> str:
        return name if want & flag else "NULL"

    joined = (
        """CROSS JOIN LATERAL (
            SELECT structure, header FROM contents WHERE tenant_id = e.tenant_id AND blob_id = e.blob_id OFFSET 0
        ) AS c"""
        if want & (Want.STRUCTURE | Want.HEADER)
        else ""
    )
    return f"""
        SELECT m.uid, m.modseq, m.flags, m.keywords, m.internal_date, m.saved_at, m.size, m.email_id, e.thread_id, e.tenant_id,
               e.blob_id, e.prefix, e.header_size, {column(Want.ENVELOPE, "e.envelope")},
               {column(Want.BODYSTRUCTURE, "e.bodystructure")}, {column(Want.STRUCTURE, "c.structure")},
               {column(Want.HEADER, "c.header")}, {column(Want.PREVIEW, "e.preview")}
        FROM {ADDRESSED} CROSS JOIN LATERAL (
            SELECT * FROM emails WHERE account_id = m.account_id AND email_id = m.email_id OFFSET 0
        ) AS e {joined}
        ORDER BY m.uid
    """  # noqa: S608 - constants only


_CHOOSE = f"SELECT uid FROM {ADDRESSED} ORDER BY uid"  # noqa: S608 - constants only
# The mailbox counts them: where there are none, as nearly always when a client leaves it, no message is looked at.
_CHOOSE_DELETED = f"""
SELECT uid FROM {ADDRESSED}
WHERE flags & {int(SystemFlag.DELETED)} <> 0
  AND (SELECT deleted FROM mailboxes WHERE account_id = $1 AND mailbox_id = $2) > 0
ORDER BY uid
"""  # noqa: S608 - constants only


class Messages:
    """UIDs that are no longer there are passed over silently, as IMAP wants it for UID commands.

    `actor` is the service that tombstones name.
    """

    def __init__(self, database: Database, announce: Announce, actor: str = "imap") -> None:
        self._database = database
        self._announce = announce
        self._actor = actor

    async def summaries(self, account_id: int, mailbox_id: int, uids: Sequence[int], want: Want = Want.NOTHING) -> list[Summary]:
        """Ascending by UID, by one statement; the caller pages."""
        rows = await self._database.fetch("summaries", _summaries_sql(want), account_id, mailbox_id, *runs(uids))
        return [Summary(*row) for row in rows]

    async def flags(self, account_id: int, mailbox_id: int, uids: Sequence[int]) -> list[FlagRow]:
        """Flags and modseqs alone, ascending by UID, by one statement."""
        rows = await self._database.fetch(
            "flags",
            f"SELECT uid, modseq, flags, keywords FROM {ADDRESSED} ORDER BY uid",  # noqa: S608 - constants only
            account_id,
            mailbox_id,
            *runs(uids),
        )
        return [FlagRow(uid, modseq, flags_of(system, keywords)) for uid, modseq, system, keywords in rows]

    def read(self, source: Source, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See `content.read`."""
        return content.read(self._database, source, start, length)

    def read_many(self, sources: Sequence[Source]) -> AsyncIterator[tuple[int, bytes]]:
        """See `content.read_many`."""
        return content.read_many(self._database, sources)

    async def store_flags(
        self,
        account_id: int,
        mailbox_id: int,
        uids: Sequence[int],
        change: FlagChange,
        flags: Flags,
        *,
        unchanged_since: int | None = None,
        mask: FlagMask = EVERY_FLAG,
    ) -> StoreResult:
        """Change those flags that `mask` holds, in transactions of at most CHUNK messages; what does not change keeps its modseq.

        `StoreResult.rows` tells all messages addressed as they now are, `modified` those that fail `unchanged_since`
        (RFC 7162 §3.1.3). Raises Refused(NO_SUCH_MAILBOX).
        """
        total = StoreResult(0, [], [], False)
        for at in range(0, len(uids), CHUNK):

            async def work(connection: Connection, page: Sequence[int] = uids[at : at + CHUNK]) -> tuple[StoreResult, Mailbox]:
                (mailbox,) = await lock_by_id(connection, account_id, mailbox_id)
                return await change_flags(connection, mailbox, page, change, flags, unchanged_since, mask), mailbox

            result, before = await self._database.transact("store flags", work)
            self._tell(before, result.modseq)
            total = StoreResult(
                result.modseq, total.rows + result.rows, total.modified + result.modified, total.changed or result.changed
            )
        return total

    async def copy(
        self,
        account_id: int,
        mailbox_id: int,
        uids: Sequence[int],
        target_id: int,
        *,
        target_account_id: int | None = None,
        mask: FlagMask = EVERY_FLAG,
    ) -> Copied:
        """All or nothing (RFC 9051 §6.4.7), with those of their flags that `mask` holds.

        The target may be another account's of the same tenant. Raises Refused: NO_SUCH_MAILBOX, OVER_QUOTA of its owner.
        """
        target = (target_account_id or account_id, target_id)
        return await self._transfer((account_id, mailbox_id), uids, target, mask, move=False)

    async def move(
        self,
        account_id: int,
        mailbox_id: int,
        uids: Sequence[int],
        target_id: int,
        *,
        target_account_id: int | None = None,
        mask: FlagMask = EVERY_FLAG,
    ) -> Copied:
        """As `copy`; the originals become tombstones in the same transaction (RFC 6851). No quota stands against it within an
        account."""
        target = (target_account_id or account_id, target_id)
        return await self._transfer((account_id, mailbox_id), uids, target, mask, move=True)

    async def _transfer(
        self, source_key: tuple[int, int], uids: Sequence[int], target_key: tuple[int, int], mask: FlagMask, *, move: bool
    ) -> Copied:
        async def work(connection: Connection) -> tuple[Copied, list[tuple[Mailbox, int]]]:
            source, target = await lock_across(connection, source_key, target_key)
            copied = await copy_rows(connection, source, target, uids, mask)
            result = Copied(target.uidvalidity, copied.pairs)
            if not copied.pairs:
                return result, []
            if not move or source.account_id != target.account_id:
                await hold_to_quota(connection, target.account_id, copied.counters.size, copied.counters.messages)
            same = source.mailbox_id == target.mailbox_id
            modseq = target.highest_modseq + 1
            moved = [(target, modseq)]
            gone = Counters()
            if move:
                source_modseq = modseq if same else source.highest_modseq + 1
                buried = await bury(
                    connection, source, [uid for uid, _ in copied.pairs], source_modseq, actor=self._actor, reason=Reason.MOVE
                )
                if same:
                    gone = buried.counters
                else:
                    await advance(connection, source, source_modseq, Counters(), buried.counters)
                    moved.append((source, source_modseq))
            await advance(connection, target, modseq, copied.counters, gone, len(copied.pairs))
            return result, moved

        copied, moved = await self._database.transact("move" if move else "copy", work)
        for mailbox, modseq in moved:
            self._tell(mailbox, modseq)
        return copied

    async def expunge(
        self, account_id: int, mailbox_id: int, uids: Sequence[int] | None, *, actor: str, only_deleted: bool = True
    ) -> list[int]:
        """Remove these messages (all for None), by default only those flagged \\Deleted; the UIDs gone, ascending.

        In transactions of at most CHUNK messages. Raises Refused(NO_SUCH_MAILBOX).
        """
        addressed = ALL if uids is None else runs(uids)
        rows = await self._database.fetch(
            "choose", _CHOOSE_DELETED if only_deleted else _CHOOSE, account_id, mailbox_id, *addressed
        )
        targets = [row["uid"] for row in rows]
        gone: list[int] = []
        for at in range(0, len(targets), CHUNK):

            async def work(connection: Connection, page: list[int] = targets[at : at + CHUNK]) -> tuple[list[int], Mailbox]:
                (mailbox,) = await lock_by_id(connection, account_id, mailbox_id)
                modseq = mailbox.highest_modseq + 1
                # A client may have taken \Deleted back since the messages were chosen: it is looked at again under the lock.
                buried = await bury(
                    connection, mailbox, page, modseq, actor=actor, reason=Reason.EXPUNGE, only_deleted=only_deleted
                )
                if buried.uids:
                    await advance(connection, mailbox, modseq, Counters(), buried.counters)
                return buried.uids, mailbox

            uids_gone, before = await self._database.transact("expunge", work)
            gone += uids_gone
            if uids_gone:
                self._tell(before, before.highest_modseq + 1)
        return gone

    def _tell(self, before: Mailbox, modseq: int) -> None:
        if modseq > before.highest_modseq:
            self._announce([MailboxChanged(before.account_id, before.mailbox_id, before.highest_modseq, modseq)])
