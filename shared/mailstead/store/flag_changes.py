"""Changing flags of many messages by one statement, with the mailbox counters and conditional STORE (RFC 7162 §3.1.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import EVERY_FLAG, MAX_KEYWORDS, FlagChange, FlagMask, Flags, SystemFlag
from mailstead.store.addressing import ADDRESSED, runs
from mailstead.store.engine import Connection
from mailstead.store.mailbox_row import Mailbox

# $6: system flags, $7: keywords; $9 and $10: which of them may be replaced, where not all may. Keywords compare without regard to
# case and keep the spelling they first came with.
_SYSTEM = {FlagChange.REPLACE: "$6::smallint", FlagChange.ADD: "flags | $6::smallint", FlagChange.REMOVE: "flags & ~$6::smallint"}
_KEYWORDS = {
    FlagChange.REPLACE: "$7::text[]",
    FlagChange.ADD: """keywords || coalesce((SELECT array_agg(k) FROM unnest($7::text[]) AS k
        WHERE lower(k) NOT IN (SELECT lower(have) FROM unnest(keywords) AS have)), '{}')""",
    FlagChange.REMOVE: """coalesce((SELECT array_agg(have) FROM unnest(keywords) AS have
        WHERE lower(have) NOT IN (SELECT lower(k) FROM unnest($7::text[]) AS k)), '{}')""",
}
# $5: the new modseq, $8: the highest modseq that a message may have (RFC 7162 §3.1.3). The counters of the mailbox move along.
_CHANGE = """
WITH decided AS MATERIALIZED (
    SELECT m.account_id, m.mailbox_id, place, uid, modseq, flags AS old_flags, {system} AS flags, {keywords} AS keywords,
           modseq <= $8::bigint AS allowed, ({system}, {keywords}) IS DISTINCT FROM (flags, keywords) AS differs
    FROM {addressed}
), changed AS (
    UPDATE messages t SET flags = d.flags, keywords = d.keywords, modseq = $5 FROM decided d
    WHERE t.account_id = d.account_id AND t.mailbox_id = d.mailbox_id AND t.ctid = d.place AND d.allowed AND d.differs
), counted AS (
    UPDATE mailboxes b SET highest_modseq = $5, unseen = b.unseen + s.unseen, deleted = b.deleted + s.deleted
    FROM (
        SELECT count(*) AS changed, coalesce(sum((old_flags & {seen}) / {seen} - (flags & {seen}) / {seen}), 0) AS unseen,
               coalesce(sum((flags & {deleted}) / {deleted} - (old_flags & {deleted}) / {deleted}), 0) AS deleted
        FROM decided WHERE allowed AND differs
    ) AS s
    WHERE b.account_id = $1 AND b.mailbox_id = $2 AND s.changed > 0
)
SELECT uid, modseq, flags, keywords, allowed, differs FROM decided ORDER BY uid
"""
_BITS = {"seen": int(SystemFlag.SEEN), "deleted": int(SystemFlag.DELETED)}
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
def _sql(change: FlagChange, masked: bool) -> str:
    if masked:
        return _CHANGE.format(
            system="(flags & ~$9::smallint) | ($6::smallint & $9::smallint)",
            keywords="CASE WHEN $10::boolean THEN $7::text[] ELSE keywords END",
            addressed=ADDRESSED,
            **_BITS,
        )
    # The common STORE names system flags only: then no row computes a set of keywords.
    untouched = "false" if change is FlagChange.REPLACE else "cardinality($7::text[]) = 0"
    keywords = f"CASE WHEN {untouched} THEN keywords ELSE {_KEYWORDS[change]} END"
    return _CHANGE.format(system=_SYSTEM[change], keywords=keywords, addressed=ADDRESSED, **_BITS)


async def change_flags(
    connection: Connection,
    mailbox: Mailbox,
    uids: Sequence[int],
    change: FlagChange,
    flags: Flags,
    unchanged_since: int | None,
    mask: FlagMask = EVERY_FLAG,
) -> StoreResult:
    """Within a transaction that holds `mailbox`: flags that `mask` does not hold stay as they are.

    Raises Refused(TOO_MANY) when a message would have too many keywords.
    """
    modseq = mailbox.highest_modseq + 1
    flags = flags.within(mask)
    masked = change is FlagChange.REPLACE and not mask.everything
    rows = await connection.fetch(
        _sql(change, masked),
        mailbox.account_id,
        mailbox.mailbox_id,
        *runs(uids),
        modseq,
        int(flags.system),
        list(flags.keywords),
        _ANY_MODSEQ if unchanged_since is None else unchanged_since,
        *((int(mask.system), mask.keywords) if masked else ()),
    )
    known: dict[tuple[int, tuple[str, ...]], Flags] = {}
    result: list[FlagRow] = []
    modified: list[int] = []
    changed = False
    for uid, old_modseq, system, keywords, allowed, differs in rows:
        if not allowed:
            modified.append(uid)
            continue
        if differs and len(keywords) > MAX_KEYWORDS:
            raise Refused(Failure.TOO_MANY, f"{len(keywords)} keywords on one message")
        changed = changed or differs
        key = (system, tuple(keywords))
        now = known.get(key) or known.setdefault(key, Flags(SystemFlag(system), key[1]))
        result.append(FlagRow(uid, modseq if differs else old_modseq, now))
    return StoreResult(modseq if changed else mailbox.highest_modseq, result, modified, changed)
