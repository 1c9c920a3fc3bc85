"""One mailbox row: its value, its name's form, locking and making it. Every change of a mailbox's messages starts here."""

from dataclasses import dataclass

import asyncpg

from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import SystemFlag
from mailstead.store.engine import Connection

SEPARATOR = "/"
INBOX = "INBOX"
MAX_NAME = 1000  # octets of a whole name
MAX_DEPTH = 50  # levels of hierarchy
MAX_MAILBOXES = 10_000  # of one account

COLUMNS = """account_id, mailbox_id, name, uidvalidity, uidnext, highest_modseq, floor_modseq, messages, unseen, deleted, size,
special_use"""

_NEXT_UIDVALIDITY = """
UPDATE accounts SET last_uidvalidity = greatest(last_uidvalidity + 1, extract(epoch FROM now())::bigint)
WHERE account_id = $1 RETURNING last_uidvalidity
"""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox row; sizes in octets. `special_use` is a RFC 6154 attribute such as `\\Sent`."""

    account_id: int
    mailbox_id: int
    name: str
    uidvalidity: int
    uidnext: int
    highest_modseq: int
    floor_modseq: int
    messages: int
    unseen: int
    deleted: int
    size: int
    special_use: str | None
    subscribed: bool = False


@dataclass(slots=True)
class Counters:
    """How the counters of a mailbox change: messages, and the octets, unseen and deleted ones among them."""

    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    size: int = 0

    def add(self, flags: int, size: int) -> None:
        """One message of these flags comes in."""
        self.messages += 1
        self.unseen += not flags & SystemFlag.SEEN
        self.deleted += bool(flags & SystemFlag.DELETED)
        self.size += size

    def join(self, other: "Counters") -> None:
        """Both together."""
        self.messages += other.messages
        self.unseen += other.unseen
        self.deleted += other.deleted
        self.size += other.size


def check_name(name: str) -> str:
    """The canonical form of a mailbox name (INBOX in capitals). Raises Refused(INVALID_NAME)."""
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 or c in "%*" for c in name):
        raise Refused(Failure.INVALID_NAME, "control character, lone surrogate or wildcard in a mailbox name")
    levels = name.split(SEPARATOR)
    if levels[0].upper() == INBOX:  # RFC 9051 §5.1: INBOX is case-insensitive
        levels[0] = INBOX
    if not all(levels) or len(name.encode()) > MAX_NAME or len(levels) > MAX_DEPTH:
        raise Refused(Failure.INVALID_NAME, "empty level, too long or too deep")
    return SEPARATOR.join(levels)


def levels_above(name: str) -> list[str]:
    """`a` and `a/b` for `a/b/c`."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]


async def create_mailbox(connection: Connection, account_id: int, name: str, special_use: str | None) -> Mailbox:
    """Within a transaction: the new row, locked by it. Raises Refused: MAILBOX_EXISTS, TOO_MANY, NO_SUCH_ACCOUNT."""
    uidvalidity = await connection.fetchval(_NEXT_UIDVALIDITY, account_id)
    if uidvalidity is None:
        raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")
    try:
        row = await connection.fetchrow(
            f"""INSERT INTO mailboxes (account_id, name, uidvalidity, special_use) SELECT $1, $2, $3, $4
                WHERE (SELECT count(*) FROM mailboxes WHERE account_id = $1) < $5 RETURNING {COLUMNS}""",  # noqa: S608
            account_id,
            name,
            uidvalidity,
            special_use,
            MAX_MAILBOXES,
        )
    except asyncpg.UniqueViolationError as error:
        raise Refused(Failure.MAILBOX_EXISTS, f"{name!r} exists") from error
    if row is None:
        raise Refused(Failure.TOO_MANY, f"account {account_id} has {MAX_MAILBOXES} mailboxes")
    return Mailbox(*row)


async def lock_mailbox(connection: Connection, account_id: int, name: str) -> Mailbox:
    """Within a transaction: hold the row until its end. Raises Refused(NO_SUCH_MAILBOX)."""
    sql = f"SELECT {COLUMNS} FROM mailboxes WHERE account_id = $1 AND name = $2 FOR UPDATE"  # noqa: S608 - constants only
    row = await connection.fetchrow(sql, account_id, name)
    if row is None:
        raise no_such_mailbox(name)
    return Mailbox(*row)


async def lock_by_id(connection: Connection, account_id: int, *mailbox_ids: int) -> list[Mailbox]:
    """Within a transaction: hold these rows, taken in the one order (promise D7), and give them in the order asked for.

    Raises Refused(NO_SUCH_MAILBOX) when one is gone.
    """
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM mailboxes WHERE account_id = $1 AND mailbox_id = ANY($2::bigint[]) "  # noqa: S608
        "ORDER BY account_id, mailbox_id FOR UPDATE",
        account_id,
        list(mailbox_ids),
    )
    found = {row["mailbox_id"]: Mailbox(*row) for row in rows}
    missing = [mailbox_id for mailbox_id in mailbox_ids if mailbox_id not in found]
    if missing:
        raise no_such_mailbox(f"number {missing[0]}")
    return [found[mailbox_id] for mailbox_id in mailbox_ids]


async def lock_across(connection: Connection, *keys: tuple[int, int]) -> list[Mailbox]:
    """As `lock_by_id`, of mailboxes of any accounts: each key is (account_id, mailbox_id)."""
    columns = ", ".join(f"m.{column.strip()}" for column in COLUMNS.split(","))
    rows = await connection.fetch(
        f"""SELECT {columns} FROM mailboxes m
            JOIN unnest($1::bigint[], $2::bigint[]) AS k(account_id, mailbox_id) USING (account_id, mailbox_id)
            ORDER BY m.account_id, m.mailbox_id FOR UPDATE OF m""",  # noqa: S608 - constants only
        [account_id for account_id, _ in keys],
        [mailbox_id for _, mailbox_id in keys],
    )
    found = {(row["account_id"], row["mailbox_id"]): Mailbox(*row) for row in rows}
    missing = [key for key in keys if key not in found]
    if missing:
        raise no_such_mailbox(f"number {missing[0][1]}")
    return [found[key] for key in keys]


async def advance(
    connection: Connection, mailbox: Mailbox, modseq: int, come: Counters, gone: Counters, new_uids: int = 0
) -> None:
    """Write what a transaction did to a locked mailbox: its new highest modseq and counters."""
    await connection.execute(
        """UPDATE mailboxes SET highest_modseq = $3, uidnext = uidnext + $4, messages = messages + $5, unseen = unseen + $6,
           deleted = deleted + $7, size = size + $8 WHERE account_id = $1 AND mailbox_id = $2""",
        mailbox.account_id,
        mailbox.mailbox_id,
        modseq,
        new_uids,
        come.messages - gone.messages,
        come.unseen - gone.unseen,
        come.deleted - gone.deleted,
        come.size - gone.size,
    )


def no_such_mailbox(name: str) -> Refused:
    return Refused(Failure.NO_SUCH_MAILBOX, f"no mailbox {name!r}")
