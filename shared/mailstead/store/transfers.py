"""COPY and MOVE: new rows for the same mail, all of them in one statement (RFC 9051 §6.4.7, §6.4.8); across accounts, in two."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailstead.model.flags import EVERY_FLAG, FlagMask
from mailstead.model.ids import new_id
from mailstead.store.addressing import ADDRESSED, ALL, runs
from mailstead.store.engine import Connection
from mailstead.store.mailbox_row import Counters, Mailbox
from mailstead.store.schema import emails

_COPY = f"""
WITH source AS MATERIALIZED (
    SELECT uid, flags & $8::smallint AS flags, CASE WHEN $9::boolean THEN keywords ELSE '{{}}' END AS keywords, size,
           internal_date, email_id, $6 + row_number() OVER (ORDER BY uid) - 1 AS new_uid
    FROM {ADDRESSED}
), copied AS (
    INSERT INTO messages (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, saved_at, email_id)
    SELECT $1, $5, new_uid, $7, flags, keywords, size, internal_date, now(), email_id FROM source
)
SELECT uid, new_uid, flags, size FROM source ORDER BY uid
"""  # noqa: S608 - constants only
_EMAILS = f"SELECT DISTINCT email_id FROM {ADDRESSED} ORDER BY email_id"  # noqa: S608 - constants only
# $10: the account of the target, $11 and $12: ids of emails in the one account and in the other.
_KEPT = ", ".join(column.name for column in emails.c if column.name not in ("account_id", "email_id"))
_COPY_ACROSS = f"""
WITH source AS MATERIALIZED (
    SELECT uid, flags & $8::smallint AS flags, CASE WHEN $9::boolean THEN keywords ELSE '{{}}' END AS keywords, size,
           internal_date, email_id, $6 + row_number() OVER (ORDER BY uid) - 1 AS new_uid
    FROM {ADDRESSED}
), ids AS (
    SELECT * FROM unnest($11::uuid[], $12::uuid[]) AS i(email_id, new_id)
), described AS (
    INSERT INTO emails (account_id, email_id, {_KEPT})
    SELECT $10, new_id, {_KEPT} FROM ids JOIN emails e ON e.account_id = $1 AND e.email_id = ids.email_id
), pending AS (
    INSERT INTO search_pending (account_id, email_id) SELECT $10, new_id FROM ids
), copied AS (
    INSERT INTO messages (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, saved_at, email_id)
    SELECT $10, $5, new_uid, $7, flags, keywords, size, internal_date, now(), new_id FROM source JOIN ids USING (email_id)
)
SELECT uid, new_uid, flags, size FROM source ORDER BY uid
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Transferred:
    """(source UID, new UID) ascending, and what the target's counters gain."""

    pairs: list[tuple[int, int]]
    counters: Counters


async def copy_rows(
    connection: Connection, source: Mailbox, target: Mailbox, uids: Sequence[int] | None, mask: FlagMask = EVERY_FLAG
) -> Transferred:
    """Within a transaction that holds both: copy these messages, or all for None. The caller moves the counters.

    The copies have those of their flags that `mask` holds. Mail that comes to another account, of the same tenant, is described
    there anew, under an id of its own: so whether anything refers to a description is a question of one account (reclaim.py).
    """
    addressed = ALL if uids is None else runs(uids)
    described: tuple[object, ...] = ()
    if source.account_id != target.account_id:
        found = await connection.fetch(_EMAILS, source.account_id, source.mailbox_id, *addressed)
        described = (target.account_id, [row["email_id"] for row in found], [new_id() for _ in found])
    rows = await connection.fetch(
        _COPY_ACROSS if described else _COPY,
        source.account_id,
        source.mailbox_id,
        *addressed,
        target.mailbox_id,
        target.uidnext,
        target.highest_modseq + 1,
        int(mask.system),
        mask.keywords,
        *described,
    )
    counters = Counters()
    for row in rows:
        counters.add(row["flags"], row["size"])
    return Transferred([(row["uid"], row["new_uid"]) for row in rows], counters)
