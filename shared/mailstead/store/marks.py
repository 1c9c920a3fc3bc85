"""Marks: what an account does once in so many seconds, set in the transaction that does it (promise P3).

They decide, not a look before: of two deliveries that would do the same at the same moment one finds the other's mark, whichever
replica it came by. What stood before it in its transaction waits for that one's end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailstead.store.delivery import Mark
from mailstead.store.engine import Connection, Database

_SET = """
INSERT INTO sieve_marks AS s (account_id, mark, expires_at)
SELECT account_id, mark, now() + seconds * interval '1 second'
FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS m(account_id, mark, seconds) ORDER BY account_id, mark
ON CONFLICT (account_id, mark) DO UPDATE SET expires_at = excluded.expires_at WHERE s.expires_at <= now()
RETURNING account_id, mark
"""

_RENEW = """
UPDATE sieve_marks s SET expires_at = greatest(s.expires_at, now() + m.seconds * interval '1 second')
FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS m(account_id, mark, seconds)
WHERE s.account_id = m.account_id AND s.mark = m.mark
"""

_TAKE_BACK = """
DELETE FROM sieve_marks s USING unnest($1::bigint[], $2::bytea[]) AS m(account_id, mark)
WHERE s.account_id = m.account_id AND s.mark = m.mark
"""

_EXPIRE = """
DELETE FROM sieve_marks WHERE (account_id, mark) IN (
    SELECT account_id, mark FROM sieve_marks WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""
EXPIRED_AT_ONCE = 5_000  # marks in one transaction

Key = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Found:
    """By the number of the delivery: marks that were there before; deliveries that wait for another one of the same batch."""

    old: dict[int, frozenset[Key]]
    waiting: frozenset[int]


async def set_marks(connection: Connection, wanted: Mapping[int, Sequence[Mark]]) -> Found:
    """Within a transaction: set the marks of each delivery, by its number, all of them or none."""
    owners: dict[Key, int] = {}
    seconds: dict[Key, int] = {}
    waiting: set[int] = set()
    for n, marks in wanted.items():
        keys = [(mark.account_id, mark.digest) for mark in marks if not mark.renew]
        if any(key in owners for key in keys):
            waiting.add(n)
            continue
        owners |= dict.fromkeys(keys, n)
        seconds |= {(mark.account_id, mark.digest): mark.seconds for mark in marks if not mark.renew}
    if not owners:
        await _renew(connection, wanted, skipped=waiting)
        return Found({}, frozenset(waiting))
    ordered = sorted(owners)
    rows = await connection.fetch(_SET, *_columns(ordered), [seconds[key] for key in ordered])
    fresh = {(row["account_id"], row["mark"]) for row in rows}
    old: dict[int, frozenset[Key]] = {}
    for key in ordered:
        if key not in fresh:
            old[owners[key]] = old.get(owners[key], frozenset()) | {key}
    taken_back = [key for key in ordered if key in fresh and owners[key] in old]
    if taken_back:
        await connection.execute(_TAKE_BACK, *_columns(taken_back))
    await _renew(connection, wanted, skipped=waiting | old.keys())
    return Found(old, frozenset(waiting))


async def expire_marks(database: Database) -> int:
    """Remove marks whose time is over, in short transactions; how many."""
    total = 0
    while True:
        removed = await database.execute("expire marks", _EXPIRE, EXPIRED_AT_ONCE)
        total += removed
        if removed < EXPIRED_AT_ONCE:
            return total


async def _renew(connection: Connection, wanted: Mapping[int, Sequence[Mark]], *, skipped: set[int]) -> None:
    renewed = {
        (mark.account_id, mark.digest): mark.seconds
        for n, marks in wanted.items()
        if n not in skipped
        for mark in marks
        if mark.renew
    }
    if renewed:
        ordered = sorted(renewed)
        await connection.execute(_RENEW, *_columns(ordered), [renewed[key] for key in ordered])


def _columns(keys: Sequence[Key]) -> tuple[list[int], list[bytes]]:
    return [account_id for account_id, _ in keys], [digest for _, digest in keys]
