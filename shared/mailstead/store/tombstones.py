"""Expunging: a message row becomes a tombstone that keeps uid, modseq, who, when and why (promise D4).

VANISHED (RFC 7162), undelete and retention read this one table; `reclaim.py` purges it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mailstead.model.flags import SystemFlag
from mailstead.store.engine import Connection
from mailstead.store.mailbox_row import Counters, Mailbox

_BURY = """
WITH gone AS (
    DELETE FROM messages WHERE account_id = $1 AND mailbox_id = $2 {}
    RETURNING uid, flags, keywords, size, internal_date, email_id
), buried AS (
    INSERT INTO expunged (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, email_id, actor, reason)
    SELECT $1, $2, uid, $3, flags, keywords, size, internal_date, email_id, $4, $5 FROM gone
)
SELECT uid, flags, size FROM gone ORDER BY uid
"""
_BURY_ALL = _BURY.format("")
_BURY_THESE = _BURY.format("AND uid = ANY($6::bigint[])")
_BURY_DELETED = _BURY.format(f"AND uid = ANY($6::bigint[]) AND flags & {int(SystemFlag.DELETED)} <> 0")


class Reason(Enum):
    """Why a message left its mailbox."""

    EXPUNGE = "expunge"
    MOVE = "move"
    POP3 = "pop3"
    REPLACE = "replace"
    MAILBOX_DELETION = "mailbox deletion"


@dataclass(frozen=True, slots=True)
class Buried:
    """UIDs that are gone, ascending, and what to take off the mailbox's counters."""

    uids: list[int]
    counters: Counters


async def bury(
    connection: Connection,
    mailbox: Mailbox,
    uids: Sequence[int] | None,
    modseq: int,
    *,
    actor: str,
    reason: Reason,
    only_deleted: bool = False,
) -> Buried:
    """Within a transaction that holds `mailbox`: expunge these messages, or all for None. The caller moves the counters.

    With `only_deleted` those of `uids` stay that are not flagged \\Deleted by now.
    """
    key = (mailbox.account_id, mailbox.mailbox_id, modseq, actor, reason.value)
    if uids is None:
        rows = await connection.fetch(_BURY_ALL, *key)
    else:
        rows = await connection.fetch(_BURY_DELETED if only_deleted else _BURY_THESE, *key, list(uids))
    counters = Counters()
    for row in rows:
        counters.add(row["flags"], row["size"])
    return Buried([row["uid"] for row in rows], counters)
