"""Changing flags of many messages by one statement, with the mailbox counters and conditional STORE (RFC 7162 §3.1.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import MAX_KEYWORDS, FlagChange, Flags, SystemFlag
from mailstead.store.engine import Connection
from mailstead.store.mailbox_row import Counters, Mailbox, advance

# $5: system flags, $6: keywords. Keywords compare without regard to case and keep the spelling they first came with.
_SYSTEM = {FlagChange.REPLACE: "$5::smallint", FlagChange.ADD: "flags | $5::smallint", FlagChange.REMOVE: "flags & ~$5::smallint"}
_KEYWORDS = {
    FlagChange.REPLACE: "$6::text[]",
    FlagChange.ADD: """keywords || coalesce((SELECT array_agg(k) FROM unnest($6::text[]) AS k
        WHERE lower(k) NOT IN (SELECT lower(have) FROM unnest(keywords) AS have)), '{}')""",
    FlagChange.REMOVE: """coalesce((SELECT array_agg(have) FROM unnest(keywords) AS have
        WHERE lower(have) NOT IN (SELECT lower(k) FROM unnest($6::text[]) AS k)), '{}')""",
}
# The same rows are addressed twice rather than joined: with a mailbox that PostgreSQL has no statistics of yet, a join of each
# addressed row with each is what it would choose. Both parts see the rows as they were; the mailbox is held, nobody else changes
# them meanwhile.
_CHANGE = """
WITH decided AS (
    SELECT uid, modseq, flags AS old_flags, {system} AS flags, {keywords} AS keywords, modseq <= $7::bigint AS allowed,
           ({system}, {keywords}) IS DISTINCT FROM (flags, keywords) AS differs
    FROM messages WHERE account_id = $1 AND mailbox_id = $2 AND uid = ANY($3::bigint[])
), changed AS (
    UPDATE messages SET flags = {system}, keywords = {keywords}, modseq = $4
    WHERE account_id = $1 AND mailbox_id = $2 AND uid = ANY($3::bigint[]) AND modseq <= $7::bigint
      AND ({system}, {keywords}) IS DISTINCT FROM (flags, keywords)
)
SELECT uid, modseq, old_flags, flags, keywords, allowed, differs FROM decided ORDER BY uid
"""
_ANY_MODSEQ = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FlagRow:
    """The flags of one message and the modseq of their last change."""

    uid: int
    modseq: int
    flags: Flags


@dataclass(frozen=True, slots=True)
class StoreResult:
    """The mailbox's modseq after the change, all addressed messages as they are now, and the UIDs that were refused.

    `changed`: whether anything did change, so that `modseq` was made by this; else it may be the work of others.
    """

    modseq: int
    rows: list[FlagRow]
    modified: list[int]
    changed: bool


@lru_cache
def _sql(change: FlagChange) -> str:
    # The common STORE names system flags only: then no row computes a set of keywords.
    untouched = "false" if change is FlagChange.REPLACE else "cardinality($6::text[]) = 0"
    keywords = f"CASE WHEN {untouched} THEN keywords ELSE {_KEYWORDS[change]} END"
    return _CHANGE.format(system=_SYSTEM[change], keywords=keywords)


async def change_flags(
    connection: Connection, mailbox: Mailbox, uids: Sequence[int], change: FlagChange, flags: Flags, unchanged_since: int | None
) -> StoreResult:
    """Within a transaction that holds `mailbox`. Raises Refused(TOO_MANY) when a message would have too many keywords."""
    modseq = mailbox.highest_modseq + 1
    rows = await connection.fetch(
        _sql(change),
        mailbox.account_id,
        mailbox.mailbox_id,
        uids,
        modseq,
        int(flags.system),
        list(flags.keywords),
        _ANY_MODSEQ if unchanged_since is None else unchanged_since,
    )
    known: dict[tuple[int, tuple[str, ...]], Flags] = {}
    result: list[FlagRow] = []
    modified: list[int] = []
    come, gone = Counters(), Counters()
    for uid, old_modseq, old_system, system, keywords, allowed, differs in rows:
        if not allowed:
            modified.append(uid)
            continue
        key = (system, tuple(keywords))
        now = known.get(key) or known.setdefault(key, Flags(SystemFlag(system), key[1]))
        result.append(FlagRow(uid, modseq if differs else old_modseq, now))
        if differs:
            if len(keywords) > MAX_KEYWORDS:
                raise Refused(Failure.TOO_MANY, f"{len(keywords)} keywords on one message")
            come.add(system, 0)
            gone.add(old_system, 0)
    if not come.messages:
        return StoreResult(mailbox.highest_modseq, result, modified, False)
    await advance(connection, mailbox, modseq, come, gone)
    return StoreResult(modseq, result, modified, True)
