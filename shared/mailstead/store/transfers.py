"""COPY and MOVE: new rows for the same mail, all of them in one statement (RFC 9051 §6.4.7, §6.4.8)."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailstead.store.addressing import ADDRESSED, ALL, runs
from mailstead.store.engine import Connection
from mailstead.store.mailbox_row import Counters, Mailbox

_COPY = f"""
WITH source AS MATERIALIZED (
    SELECT uid, flags, keywords, size, internal_date, email_id, $6 + row_number() OVER (ORDER BY uid) - 1 AS new_uid
    FROM {ADDRESSED}
), copied AS (
    INSERT INTO messages (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, saved_at, email_id)
    SELECT $1, $5, new_uid, $7, flags, keywords, size, internal_date, now(), email_id FROM source
)
SELECT uid, new_uid, flags, size FROM source ORDER BY uid
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Transferred:
    """(source UID, new UID) ascending, and what the target's counters gain."""

    pairs: list[tuple[int, int]]
    counters: Counters


async def copy_rows(connection: Connection, source: Mailbox, target: Mailbox, uids: Sequence[int] | None) -> Transferred:
    """Within a transaction that holds both: copy these messages, or all for None. The caller moves the counters."""
    rows = await connection.fetch(
        _COPY,
        source.account_id,
        source.mailbox_id,
        *(ALL if uids is None else runs(uids)),
        target.mailbox_id,
        target.uidnext,
        target.highest_modseq + 1,
    )
    counters = Counters()
    for row in rows:
        counters.add(row["flags"], row["size"])
    return Transferred([(row["uid"], row["new_uid"]) for row in rows], counters)
