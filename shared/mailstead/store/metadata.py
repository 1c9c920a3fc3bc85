"""Annotations of an account and of its mailboxes (RFC 5464): small, bounded, and nobody's business but their owner's."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from mailstead.events import MailboxesChanged
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Announce
from mailstead.store.engine import Connection, Database
from mailstead.store.mailbox_row import lock_by_id

MAX_ENTRIES = 100  # of one mailbox, and of the account itself

Annotations = dict[str, bytes]
"""By entry, as `/private/comment`, in lower case."""

THE_ACCOUNT = 0  # stands for the account itself among the numbers of its mailboxes; no mailbox has it

Digests = dict[tuple[int, str], bytes]
"""(mailbox_id or THE_ACCOUNT, entry) -> `digest` of its value."""

_DIGESTS = """
SELECT 0::bigint, entry, substr(sha256(value), 1, 8) FROM account_metadata WHERE account_id = $1
UNION ALL SELECT mailbox_id, entry, substr(sha256(value), 1, 8) FROM mailbox_metadata WHERE account_id = $1
"""
_SHARED_DIGESTS = """
SELECT x.mailbox_id, x.entry, substr(sha256(x.value), 1, 8)
FROM unnest($1::bigint[], $2::bigint[]) AS w(account_id, mailbox_id) JOIN mailbox_metadata x USING (account_id, mailbox_id)
WHERE starts_with(x.entry, '/shared/')
"""
_READ_ACCOUNT = "SELECT entry, value FROM account_metadata WHERE account_id = $1"
_READ_MAILBOX = "SELECT entry, value FROM mailbox_metadata WHERE account_id = $1 AND mailbox_id = $2"
_SET_ACCOUNT = """
INSERT INTO account_metadata (account_id, entry, value) SELECT $1, * FROM unnest($2::text[], $3::bytea[])
ON CONFLICT (account_id, entry) DO UPDATE SET value = excluded.value
"""
_SET_MAILBOX = """
INSERT INTO mailbox_metadata (account_id, mailbox_id, entry, value) SELECT $1, $4, * FROM unnest($2::text[], $3::bytea[])
ON CONFLICT (account_id, mailbox_id, entry) DO UPDATE SET value = excluded.value
"""


class Metadata:
    """A `mailbox_id` of None means the account itself, which IMAP calls the server's annotations."""

    def __init__(self, database: Database, announce: Announce) -> None:
        self._database = database
        self._announce = announce

    async def read(self, account_id: int, mailbox_id: int | None) -> Annotations:
        """All of them, by one statement: they are few."""
        if mailbox_id is None:
            rows = await self._database.fetch("read metadata", _READ_ACCOUNT, account_id)
        else:
            rows = await self._database.fetch("read metadata", _READ_MAILBOX, account_id, mailbox_id)
        return {row["entry"]: row["value"] for row in rows}

    async def digests(self, account_id: int) -> Digests:
        """Of all annotations of the account and its mailboxes, by one statement: enough to see which have changed."""
        rows = await self._database.fetch("digests of metadata", _DIGESTS, account_id)
        return {(mailbox_id, entry): found for mailbox_id, entry, found in rows}

    async def shared_digests(self, mailboxes: Sequence[tuple[int, int]]) -> Digests:
        """Of the shared annotations of mailboxes of any accounts, each given as (account_id, mailbox_id), by one statement."""
        accounts, ids = [account_id for account_id, _ in mailboxes], [mailbox_id for _, mailbox_id in mailboxes]
        rows = await self._database.fetch("digests of shared metadata", _SHARED_DIGESTS, accounts, ids)
        return {(mailbox_id, entry): found for mailbox_id, entry, found in rows}

    async def write(self, account_id: int, mailbox_id: int | None, changes: Mapping[str, bytes | None]) -> None:
        """All or none; None removes an entry. Raises Refused: TOO_MANY, NO_SUCH_MAILBOX."""
        removed = [entry for entry, value in changes.items() if value is None]
        kept = {entry: value for entry, value in changes.items() if value is not None}

        async def work(connection: Connection) -> None:
            if mailbox_id is None:
                await connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR KEY SHARE", account_id)
                await _write_account(connection, account_id, removed, kept)
            else:
                await lock_by_id(connection, account_id, mailbox_id)
                await _write_mailbox(connection, account_id, mailbox_id, removed, kept)

        await self._database.transact("write metadata", work)
        self._announce([MailboxesChanged(account_id)])


def digest(value: bytes) -> bytes:
    """As `Metadata.digests` has it."""
    return sha256(value).digest()[:8]


async def _write_account(connection: Connection, account_id: int, removed: Sequence[str], kept: Mapping[str, bytes]) -> None:
    await connection.execute(
        "DELETE FROM account_metadata WHERE account_id = $1 AND entry = ANY($2::text[])", account_id, removed
    )
    await connection.execute(_SET_ACCOUNT, account_id, list(kept), list(kept.values()))
    _bound(await connection.fetchval("SELECT count(*) FROM account_metadata WHERE account_id = $1", account_id))


async def _write_mailbox(
    connection: Connection, account_id: int, mailbox_id: int, removed: Sequence[str], kept: Mapping[str, bytes]
) -> None:
    await connection.execute(
        "DELETE FROM mailbox_metadata WHERE account_id = $1 AND mailbox_id = $2 AND entry = ANY($3)",
        account_id,
        mailbox_id,
        removed,
    )
    await connection.execute(_SET_MAILBOX, account_id, list(kept), list(kept.values()), mailbox_id)
    _bound(
        await connection.fetchval(
            "SELECT count(*) FROM mailbox_metadata WHERE account_id = $1 AND mailbox_id = $2", account_id, mailbox_id
        )
    )


def _bound(count: int) -> None:
    if count > MAX_ENTRIES:
        raise Refused(Failure.TOO_MANY, f"{count} annotations")
