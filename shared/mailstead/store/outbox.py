"""What the outside is to be told, written in the transaction that makes it true (D2), where anybody of the tenant listens.

Who listens is asked within that very statement: a webhook hears what commits from its creation on. The relay moves entries to
`outside_events`, one transaction after the other, so that positions become visible in their order and a reader may go on behind
the last one it saw; what is sent is put down for each webhook in the same transaction.
"""

from collections.abc import Callable, Iterable

from mailstead.events import Event, OutsideTold
from mailstead.events.outside import OfAccount, Outside
from mailstead.model.ids import new_id
from mailstead.store.engine import Connection, Database

RELAYED_AT_ONCE = 500
HOUSE = 0  # stands for the account of what is no account's

_RELAY_LOCK = 0x6D61696C_72656C79  # of transactions; no other advisory lock has this number

_RELAY = """
WITH next AS (
    SELECT account_id, event_id FROM outbox ORDER BY at, event_id LIMIT $1 FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM outbox o USING next n WHERE o.account_id = n.account_id AND o.event_id = n.event_id
    RETURNING o.event_id, o.tenant_id, o.type, o.data, o.webhook_id, o.at
), told AS (
    INSERT INTO outside_events (event_id, tenant_id, type, data, at)
    SELECT event_id, tenant_id, type, data, at FROM taken ORDER BY at, event_id
    RETURNING position, event_id
), meant AS (
    SELECT w.webhook_id, w.enabled, w.event_types, e.event_id, e.type FROM taken e JOIN webhooks w USING (tenant_id)
    WHERE e.webhook_id IS NULL
    UNION ALL
    SELECT w.webhook_id, w.enabled, w.event_types, e.event_id, e.type FROM taken e JOIN webhooks w ON w.tenant_id IS NULL
    WHERE e.webhook_id IS NULL
), sent AS (
    INSERT INTO webhook_deliveries (webhook_id, position)
    SELECT m.webhook_id, t.position FROM told t JOIN meant m USING (event_id)
    WHERE m.enabled AND (m.event_types = '{}' OR m.type = ANY(m.event_types))
    UNION ALL
    SELECT w.webhook_id, t.position FROM told t JOIN taken e USING (event_id) JOIN webhooks w ON w.webhook_id = e.webhook_id
)
SELECT (SELECT count(*) FROM taken) AS taken, (SELECT max(position) FROM told) AS last
"""


ANYBODY_LISTENS = """(EXISTS (SELECT FROM webhooks WHERE enabled)
                     OR EXISTS (SELECT FROM event_readers WHERE expires_at > now()))"""
"""SQL: whether any tenant wants any event. By this a hot statement is chosen that tells, or one that does not."""


def wanted(tenant: str, event_type: str) -> str:
    """SQL: whether anybody wants events of this type of this tenant, both given as SQL."""
    return f"""(EXISTS (SELECT FROM webhooks w WHERE w.enabled AND (w.tenant_id = {tenant} OR w.tenant_id IS NULL)
                        AND (w.event_types = '{{}}' OR {event_type} = ANY(w.event_types)))
                OR EXISTS (SELECT FROM event_readers r
                           WHERE (r.tenant_id = {tenant} OR r.tenant_id IS NULL) AND r.expires_at > now()))"""  # noqa: S608


_PUT = f"""
INSERT INTO outbox (account_id, event_id, tenant_id, type, data)
SELECT e.account_id, e.event_id, $3::bigint, e.type, e.data::jsonb
FROM unnest($1::bigint[], $2::uuid[], $4::text[], $5::text[]) AS e(account_id, event_id, type, data)
WHERE {wanted("$3::bigint", "e.type")}
"""  # noqa: S608 - constants only


async def put(connection: Connection, tenant_id: int, *events: Outside) -> None:
    """Within the caller's transaction. An event of an account lies with what else is the account's."""
    await connection.execute(
        _PUT,
        [event.account_id if isinstance(event, OfAccount) else HOUSE for event in events],
        [new_id() for _ in events],
        tenant_id,
        [event.type for event in events],
        [event.model_dump_json().replace("\\u0000", "\\ufffd") for event in events],  # PostgreSQL's JSON holds no NUL
    )


async def relay(database: Database, announce: Callable[[Iterable[Event]], None] = lambda _events: None) -> int:
    """Move what has been written to where it is read and sent from; how many events. Raises Refused(UNAVAILABLE).

    `announce` is told after each commit.
    """

    async def work(connection: Connection) -> tuple[int, int | None]:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _RELAY_LOCK)
        row = await connection.fetchrow(_RELAY, RELAYED_AT_ONCE)
        assert row is not None
        return row["taken"], row["last"]

    total = 0
    while True:
        moved, last = await database.transact("relay", work)
        total += moved
        if last is not None:
            announce([OutsideTold(last)])
        if moved < RELAYED_AT_ONCE:
            return total
