"""What an operator does to the queue: hold, release, try now, cancel; of one message or of all that a filter finds.

What waits is changed at once. What a worker has is not taken from it, since a message may be on its way: the wish is noted beside
the lease, and whatever ends that lease (an outcome, a worker that leaves, a worker that dies) carries it out, unless the
recipient has been reached or refused meanwhile. So nothing is sent twice, and nothing is told as cancelled that was sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, and_, or_, select, tuple_

from mailstead.store.engine import Connection, Database
from mailstead.store.queue_filter import QueueFilter
from mailstead.store.queue_settle import TELL_CANCELLED
from mailstead.store.schema import queue_messages, queue_recipients
from mailstead.store.statements import run

CHUNK = 500  # recipients that one transaction changes: each is short, whatever the filter finds

Position = tuple[UUID, int]
"""Queue id and recipient's number: whatever is done to many is done in this order."""


class Action(Enum):
    """What is done to a recipient that is still open."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    CANCEL = "cancel"
    RETURN = "return"  # cancel, and report to the sender


_R = queue_recipients.c
_WAITING = and_(_R.state == "waiting", _R.asked.is_(None))
_HELD_BY_HAND = and_(_R.state == "held", _R.pause_id.is_(None))
_TO_BE_HELD = and_(_R.state == "leased", _R.asked == "hold")
_OPEN = _R.settled_at.is_(None)

# Whom each action is for; what it changes. A recipient that a worker has stays leased.
_ACTIONS: dict[Action, tuple[ColumnElement[bool], str]] = {
    Action.HOLD: (
        or_(_WAITING, and_(_R.state == "leased", _R.asked.is_(None)), and_(_R.state == "held", _R.pause_id.is_not(None))),
        """state = CASE state WHEN 'leased' THEN 'leased' ELSE 'held' END, pause_id = NULL,
           asked = CASE state WHEN 'leased' THEN 'hold' END""",
    ),
    Action.RELEASE: (
        or_(_HELD_BY_HAND, _TO_BE_HELD),
        "state = CASE state WHEN 'leased' THEN 'leased' ELSE 'waiting' END, asked = NULL",
    ),
    Action.RETRY: (
        or_(_WAITING, _HELD_BY_HAND, _TO_BE_HELD),
        """state = CASE state WHEN 'leased' THEN 'leased' ELSE 'waiting' END, asked = NULL,
           due_at = CASE state WHEN 'leased' THEN due_at ELSE now() END""",
    ),
    Action.CANCEL: (
        and_(_OPEN, _R.asked.is_distinct_from("cancel")),
        """state = CASE state WHEN 'leased' THEN 'leased' ELSE 'cancelled' END, pause_id = NULL,
           asked = CASE state WHEN 'leased' THEN 'cancel' END, settled_at = CASE state WHEN 'leased' THEN NULL ELSE now() END""",
    ),
    Action.RETURN: (
        and_(_OPEN, _R.asked.is_distinct_from("return")),
        """state = CASE state WHEN 'leased' THEN 'leased' ELSE 'waiting' END, pause_id = NULL, asked = 'return',
           due_at = CASE state WHEN 'leased' THEN due_at ELSE now() END""",
    ),
}
_WAKES = frozenset({Action.RELEASE, Action.RETRY, Action.RETURN})


@dataclass(frozen=True, slots=True)
class Done:
    """How many recipients were changed, of which `under_way` are being tried now and change when that attempt ends.

    `due` are those that a worker may take at once. `last` is where to go on, None at the end.
    """

    changed: int = 0
    under_way: int = 0
    due: int = 0
    last: Position | None = None


class QueueControl:
    """Each chunk is a transaction of its own, so a long run may be cut anywhere; repeating it changes nothing twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def act(self, action: Action, wanted: QueueFilter, limit: int, after: Position | None = None) -> Done:
        """Do it to the first `limit` or so of those that `wanted` finds behind `after`. Raises Refused(UNAVAILABLE)."""
        changed = under_way = 0
        due: set[UUID] = set()
        while changed < limit:
            size = min(CHUNK, limit - changed)
            rows = await self._chunk(action, wanted, size, after)
            changed += len(rows)
            under_way += sum(row["state"] == "leased" for row in rows)
            due |= {row["queue_id"] for row in rows if row["state"] != "leased"}
            if len(rows) < size:
                return Done(changed, under_way, len(due) if action in _WAKES else 0)
            after = (rows[-1]["queue_id"], rows[-1]["number"])
        return Done(changed, under_way, len(due) if action in _WAKES else 0, after)

    async def _chunk(self, action: Action, wanted: QueueFilter, size: int, after: Position | None) -> Sequence[asyncpg.Record]:
        eligible, changes = _ACTIONS[action]
        statement = (
            select(_R.queue_id, _R.number, _R.state)
            .join(queue_messages, queue_messages.c.queue_id == _R.queue_id)
            .where(eligible, _OPEN, *wanted.of_message(), *wanted.of_recipient())
            .order_by(_R.queue_id, _R.number)
            .limit(size)
            .with_for_update(of=queue_recipients)
        )
        if after is not None:
            statement = statement.where(tuple_(_R.queue_id, _R.number) > tuple_(*after))

        async def work(connection: Connection) -> Sequence[asyncpg.Record]:
            rows = await run(connection, statement)
            await connection.execute(
                f"""WITH changed AS (
                        UPDATE queue_recipients r SET {changes} FROM unnest($1::uuid[], $2::int[]) AS k(queue_id, number)
                        WHERE r.queue_id = k.queue_id AND r.number = k.number RETURNING r.queue_id, r.address, r.state
                    ) {TELL_CANCELLED}""",  # noqa: S608 - constants only
                [row["queue_id"] for row in rows],
                [row["number"] for row in rows],
            )
            return rows

        return await self._database.transact(f"queue {action.value}", work)
