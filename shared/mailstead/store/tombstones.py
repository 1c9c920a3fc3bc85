"""Expunging: a message row becomes a tombstone that keeps uid, modseq, who, when and why (promise D4).

VANISHED (RFC 7162), undelete and retention read this one table; `reclaim.py` purges it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mailstead.model.flags import SystemFlag
from mailstead.store.addressing import ADDRESSED, ALL, runs
from mailstead.store.engine import Connection
from mailstead.store.mailbox_row import Counters, Mailbox

_BURY = """
WITH found AS MATERIALIZED (
    SELECT m.account_id, m.mailbox_id, place FROM {addressed} {condition}
), gone AS (
    DELETE FROM messages t USING found f
    WHERE t.account_id = f.account_id AND t.mailbox_id = f.mailbox_id AND t.ctid = f.place
    RETURNING t.uid, t.flags, t.keywords, t.size, t.internal_date, t.email_id
), buried AS (
    INSERT INTO expunged (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, email_id, actor, reason)
    SELECT $1, $2, uid, $5, flags, keywords, size, internal_date, email_id, $6, $7 FROM gone
)
SELECT uid, flags, size FROM gone ORDER BY uid
"""
_BURY_THESE = _BURY.format(addressed=ADDRESSED, condition="")
_BURY_DELETED = _BURY.format(addressed=ADDRESSED, condition=f"WHERE flags & {int(SystemFlag.DELETED)} <> 0")


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
    rows = await connection.fetch(
        _BURY_DELETED if only_deleted else _BURY_THESE,
        mailbox.account_id,
        mailbox.mailbox_id,
        *(ALL if uids is None else runs(uids)),
        modseq,
        actor,
        reason.value,
    )
    counters = Counters()
    for row in rows:
        counters.add(row["flags"], row["size"])
    return Buried([row["uid"] for row in rows], counters)
