"""Mailboxes of an account: list, open, create, delete, rename, subscribe."""

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from mailstead.events import Event, MailboxChanged, MailboxesChanged
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Announce
from mailstead.store.engine import Connection, Database
from mailstead.store.mailbox_row import (
    COLUMNS,
    INBOX,
    MAX_MAILBOXES,
    SEPARATOR,
    Counters,
    Mailbox,
    advance,
    check_name,
    create_mailbox,
    levels_above,
    lock_mailbox,
    no_such_mailbox,
)
from mailstead.store.tombstones import Reason, bury
from mailstead.store.transfers import copy_rows

# One statement, so that the counters and the UIDs are of one moment. UIDs are packed as 32-bit numbers in network order.
_OPEN = f"""
SELECT {COLUMNS}, v.uids, v.first_unseen, v.keywords
FROM mailboxes m CROSS JOIN LATERAL (
    SELECT string_agg(int4send((CASE WHEN uid > 2147483647 THEN uid - 4294967296 ELSE uid END)::int), '' ORDER BY uid) AS uids,
           min(uid) FILTER (WHERE flags & 1 = 0) AS first_unseen,
           (SELECT array_agg(DISTINCT k) FROM messages k0, unnest(k0.keywords) AS k
            WHERE k0.account_id = m.account_id AND k0.mailbox_id = m.mailbox_id AND k0.keywords <> '{{}}') AS keywords
    FROM messages x WHERE x.account_id = m.account_id AND x.mailbox_id = m.mailbox_id
) AS v
WHERE m.account_id = $1 AND m.name = $2
"""  # noqa: S608 - constants only
_INHERIT = """
INSERT INTO mailbox_rights (account_id, mailbox_id, grantee, rights)
SELECT account_id, $2, grantee, rights FROM mailbox_rights WHERE account_id = $1 AND mailbox_id = (
    SELECT mailbox_id FROM mailboxes WHERE account_id = $1 AND name = ANY($3::text[]) ORDER BY length(name) DESC LIMIT 1
)
"""
_GET = f"SELECT {COLUMNS} FROM mailboxes WHERE account_id = $1 AND name = $2"  # noqa: S608 - constants only
_SUBSCRIBED = f"""
SELECT {COLUMNS}, EXISTS (SELECT FROM subscriptions s WHERE s.account_id = m.account_id AND s.name = m.name) AS subscribed
FROM mailboxes m WHERE account_id = $1"""  # noqa: S608 - constants only
_LIST = f"{_SUBSCRIBED} ORDER BY name"
_FIND = f"{_SUBSCRIBED} AND mailbox_id = $2"

_LOCK_TREE = """
SELECT mailbox_id, name FROM mailboxes WHERE account_id = $1 AND (name = $2 OR starts_with(name, $2 || '/'))
ORDER BY account_id, mailbox_id FOR UPDATE
"""
_RENAME = """
UPDATE mailboxes m SET name = d.name FROM unnest($2::bigint[], $3::text[]) AS d(mailbox_id, name)
WHERE m.account_id = $1 AND m.mailbox_id = d.mailbox_id
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """What SELECT needs, all of one moment: UIDs ascending as packed 32-bit numbers, keywords in use."""

    mailbox: Mailbox
    uids: "array[int]"
    first_unseen_uid: int | None
    keywords: tuple[str, ...]


class Mailboxes:
    """All names are as `check_name` gives them; it is applied to what is created, so that others are simply not found."""

    def __init__(self, database: Database, announce: Announce, actor: str = "imap") -> None:
        """`actor` is the service that tombstones name."""
        self._database = database
        self._announce = announce
        self._actor = actor

    async def list(self, account_id: int) -> "list[Mailbox]":
        """All of the account by name; `subscribed` is filled in."""
        return [Mailbox(*row) for row in await self._database.fetch("list mailboxes", _LIST, account_id)]

    async def get(self, account_id: int, name: str) -> Mailbox:
        """Raises Refused(NO_SUCH_MAILBOX)."""
        row = await self._database.fetchrow("get mailbox", _GET, account_id, name)
        if row is None:
            raise no_such_mailbox(name)
        return Mailbox(*row)

    async def find(self, account_id: int, mailbox_id: int) -> Mailbox:
        """By the number that it keeps when it is renamed; `subscribed` is filled in. Raises Refused(NO_SUCH_MAILBOX)."""
        row = await self._database.fetchrow("find mailbox", _FIND, account_id, mailbox_id)
        if row is None:
            raise no_such_mailbox(f"number {mailbox_id}")
        return Mailbox(*row)

    async def open(self, account_id: int, name: str) -> Opened:
        """The mailbox and the UIDs of its messages, in one snapshot. Raises Refused(NO_SUCH_MAILBOX)."""
        row = await self._database.fetchrow("open mailbox", _OPEN, account_id, name)
        if row is None:
            raise no_such_mailbox(name)
        *columns, packed, first_unseen, keywords = row
        uids = array("I", packed or b"")
        if sys.byteorder == "little":
            uids.byteswap()
        return Opened(Mailbox(*columns), uids, first_unseen, tuple(keywords or ()))

    async def create(self, account_id: int, name: str, special_use: str | None = None) -> Mailbox:
        """A new, empty mailbox whose UIDVALIDITY no earlier one of the account had. Raises Refused: MAILBOX_EXISTS, TOO_MANY,
        INVALID_NAME, NO_SUCH_ACCOUNT."""
        name = check_name(name)

        async def work(connection: Connection) -> Mailbox:
            mailbox = await create_mailbox(connection, account_id, name, special_use)
            if above := levels_above(name):
                # Who may use the nearest mailbox above may use this one (RFC 4314 §4).
                await connection.execute(_INHERIT, account_id, mailbox.mailbox_id, above)
            return mailbox

        mailbox = await self._database.transact("create mailbox", work)
        self._announce([MailboxesChanged(account_id)])
        return mailbox

    async def delete(self, account_id: int, name: str, *, mailbox_id: int | None = None) -> None:
        """Remove a mailbox; its messages become tombstones, kept as long as others. With `mailbox_id`, only if it is that one.

        Raises Refused: NO_SUCH_MAILBOX, NOT_PERMITTED for INBOX.
        """
        if name == INBOX:
            raise Refused(Failure.NOT_PERMITTED, "INBOX cannot be deleted")

        async def work(connection: Connection) -> MailboxChanged:
            mailbox = await lock_mailbox(connection, account_id, name)
            if mailbox_id not in (None, mailbox.mailbox_id):
                raise no_such_mailbox(name)
            modseq = mailbox.highest_modseq + 1
            await bury(connection, mailbox, None, modseq, actor=self._actor, reason=Reason.MAILBOX_DELETION)
            await connection.execute(
                "DELETE FROM mailboxes WHERE account_id = $1 AND mailbox_id = $2", account_id, mailbox.mailbox_id
            )
            return MailboxChanged(account_id, mailbox.mailbox_id, mailbox.highest_modseq, modseq)

        self._announce([await self._database.transact("delete mailbox", work), MailboxesChanged(account_id)])

    async def rename(self, account_id: int, old: str, new: str, *, mailbox_id: int | None = None) -> None:
        """Rename a mailbox and what is below it; renaming INBOX moves its messages to a new mailbox instead (RFC 9051 §6.3.6).

        `mailbox_id` as in `delete`. Raises Refused: NO_SUCH_MAILBOX, MAILBOX_EXISTS, INVALID_NAME, TOO_MANY.
        """
        new = check_name(new)
        if new == old or new.startswith(old + SEPARATOR):
            raise Refused(Failure.INVALID_NAME, "a mailbox cannot be renamed to itself or below itself")
        if old == INBOX:
            await self._rename_inbox(account_id, new)
            return

        async def work(connection: Connection) -> None:
            rows = await connection.fetch(_LOCK_TREE, account_id, old)
            names = {row["mailbox_id"]: row["name"] for row in rows}
            if old not in names.values() or (mailbox_id is not None and names.get(mailbox_id) != old):
                raise no_such_mailbox(old)
            renamed = [check_name(new + name[len(old) :]) for name in names.values()]
            try:
                # By way of names that no mailbox can have: a child's new name may be one that another still has.
                for names_now in ([f"\x01{mailbox_id}" for mailbox_id in names], renamed):
                    await connection.execute(_RENAME, account_id, list(names), names_now)
            except asyncpg.UniqueViolationError as error:
                raise Refused(Failure.MAILBOX_EXISTS, f"{new!r} or a mailbox below it exists") from error

        await self._database.transact("rename mailbox", work)
        self._announce([MailboxesChanged(account_id)])

    async def _rename_inbox(self, account_id: int, new: str) -> None:
        async def work(connection: Connection) -> Iterable[Event]:
            inbox = await lock_mailbox(connection, account_id, INBOX)
            target = await create_mailbox(connection, account_id, new, None)
            copied = await copy_rows(connection, inbox, target, None)
            gone = await bury(connection, inbox, None, inbox.highest_modseq + 1, actor=self._actor, reason=Reason.MOVE)
            await advance(connection, target, target.highest_modseq + 1, copied.counters, Counters(), len(copied.pairs))
            await advance(connection, inbox, inbox.highest_modseq + 1, Counters(), gone.counters)
            return [
                MailboxChanged(account_id, changed.mailbox_id, changed.highest_modseq, changed.highest_modseq + 1)
                for changed in (inbox, target)
            ]

        self._announce([*await self._database.transact("rename INBOX", work), MailboxesChanged(account_id)])

    async def subscribe(self, account_id: int, name: str, on: bool) -> None:
        """Names need not exist (RFC 9051 §6.3.7); there are at most MAX_MAILBOXES of them. Raises Refused(TOO_MANY)."""
        if not on:
            sql = "DELETE FROM subscriptions WHERE account_id = $1 AND name = $2"
            await self._database.execute("unsubscribe", sql, account_id, name)
            self._announce([MailboxesChanged(account_id)])
            return
        added = await self._database.execute(
            "subscribe",
            """INSERT INTO subscriptions (account_id, name) SELECT $1, $2
               WHERE (SELECT count(*) FROM subscriptions WHERE account_id = $1) < $3
               ON CONFLICT (account_id, name) DO UPDATE SET name = excluded.name""",
            account_id,
            check_name(name),
            MAX_MAILBOXES,
        )
        if not added:
            raise Refused(Failure.TOO_MANY, f"account {account_id} has {MAX_MAILBOXES} subscriptions")
        self._announce([MailboxesChanged(account_id)])

    async def subscriptions(self, account_id: int) -> Sequence[str]:
        """Subscribed names, those of mailboxes that are gone included."""
        sql = "SELECT name FROM subscriptions WHERE account_id = $1 ORDER BY name"
        return [row["name"] for row in await self._database.fetch("list subscriptions", sql, account_id)]
