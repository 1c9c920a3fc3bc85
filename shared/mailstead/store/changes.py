"""The modseq delta: what changed in a mailbox since a moment that a session knows (promise P6).

IMAP's NOOP and IDLE, and whatever else keeps a session up to date, read this one query. A POP3 maildrop is a snapshot for as long
as its session lasts, and needs none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailstead.store.engine import Database
from mailstead.store.flag_changes import FlagRow
from mailstead.store.mailbox_row import no_such_mailbox
from mailstead.store.messages import flags_of

# One statement, one snapshot: the head and the rows belong together.
_SINCE = """
SELECT 0 AS kind, highest_modseq AS modseq, uidnext AS uid, 0::smallint AS flags, NULL::text[] AS keywords, floor_modseq AS floor
FROM mailboxes WHERE account_id = $1 AND mailbox_id = $2
UNION ALL
SELECT 1, modseq, uid, flags, keywords, 0 FROM messages WHERE account_id = $1 AND mailbox_id = $2 AND modseq > $3
UNION ALL
SELECT 2, modseq, uid, 0::smallint, NULL, 0 FROM expunged WHERE account_id = $1 AND mailbox_id = $2 AND modseq > $3
ORDER BY kind, uid
"""

_HIGHEST = """
SELECT m.account_id, m.mailbox_id, m.highest_modseq
FROM unnest($1::bigint[], $2::bigint[]) AS w(account_id, mailbox_id) JOIN mailboxes m USING (account_id, mailbox_id)
"""

# All that `MailboxChanged` and `MailboxesChanged` tell of.
_ACCOUNTS = """
SELECT w.account_id, hashtextextended(concat_ws(E'\\n',
    (SELECT string_agg(concat_ws(' ', mailbox_id, uidvalidity, highest_modseq, name), E'\\n' ORDER BY mailbox_id)
     FROM mailboxes m WHERE m.account_id = w.account_id),
    (SELECT string_agg(name, E'\\n' ORDER BY name) FROM subscriptions s WHERE s.account_id = w.account_id),
    (SELECT string_agg(entry || sha256(value)::text, E'\\n' ORDER BY entry)
     FROM account_metadata a WHERE a.account_id = w.account_id),
    (SELECT string_agg(mailbox_id || entry || sha256(value)::text, E'\\n' ORDER BY mailbox_id, entry)
     FROM mailbox_metadata x WHERE x.account_id = w.account_id),
    (SELECT string_agg(concat_ws(' ', mailbox_id, grantee, rights), E'\\n' ORDER BY mailbox_id, grantee)
     FROM mailbox_rights r WHERE r.account_id = w.account_id),
    (SELECT string_agg(concat_ws(' ', s.grantee, s.account_id), E'\\n' ORDER BY s.grantee, s.account_id)
     FROM accounts a JOIN shares s ON s.tenant_id = a.tenant_id AND s.grantee IN (0, a.account_id)
     WHERE a.account_id = w.account_id)
), 0)
FROM unnest($1::bigint[]) AS w(account_id)
"""


@dataclass(frozen=True, slots=True)
class Delta:
    """All since a modseq, each list ascending by UID.

    `arrived` are UIDs from `known_uidnext` on, `changed` older messages with new flags, `vanished` those expunged. When
    `complete` is False the tombstones reach less far back than asked, and `vanished` may lack some (RFC 7162 §3.2.5.1).
    """

    highest_modseq: int
    uidnext: int
    arrived: list[FlagRow]
    changed: list[FlagRow]
    vanished: list[int]
    complete: bool


class Changes:
    """Reads deltas; each method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, account_id: int, mailbox_id: int, modseq: int, *, known_uidnext: int) -> Delta:
        """Raises Refused(NO_SUCH_MAILBOX) when the mailbox is gone."""
        rows = await self._database.fetch("changes since", _SINCE, account_id, mailbox_id, modseq)
        if not rows or rows[0]["kind"] != 0:
            raise no_such_mailbox(f"number {mailbox_id}")
        head = rows[0]
        arrived: list[FlagRow] = []
        changed: list[FlagRow] = []
        vanished: list[int] = []
        for kind, row_modseq, uid, flags, keywords, _ in rows[1:]:
            if kind == 2:
                vanished.append(uid)
            else:
                (arrived if uid >= known_uidnext else changed).append(FlagRow(uid, row_modseq, flags_of(flags, keywords)))
        return Delta(head["modseq"], head["uid"], arrived, changed, vanished, modseq >= head["floor"])

    async def highest(self, mailboxes: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """The highest modseq of each (account_id, mailbox_id) that is still there: the look that makes up for lost events."""
        rows = await self._database.fetch("highest modseqs", _HIGHEST, [a for a, _ in mailboxes], [m for _, m in mailboxes])
        return {(account_id, mailbox_id): modseq for account_id, mailbox_id, modseq in rows}

    async def account_digests(self, account_ids: Sequence[int]) -> dict[int, int]:
        """A number for each account that is another one once anything changed in it: the same look, for who watches accounts."""
        rows = await self._database.fetch("digests of accounts", _ACCOUNTS, account_ids)
        return {row[0]: row[1] for row in rows}
