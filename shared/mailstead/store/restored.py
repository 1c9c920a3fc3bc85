"""After the database went back in time: every mailbox gets a new UIDVALIDITY.

Mail clients have seen UIDs that the restored database is going to give to other messages. A new UIDVALIDITY, greater than any
that was ever given, makes them forget what they kept (RFC 9051 §2.3.1.1).
"""

from collections.abc import AsyncIterator

from mailstead.store.engine import Database

BATCH = 500  # accounts of one transaction

# Values are the time in seconds unless an account made more mailboxes than seconds passed: what was given after the point of
# the restore is less than now, and each mailbox gets its own.
_RAISE = """
WITH chosen AS (
    SELECT account_id, greatest(last_uidvalidity, extract(epoch FROM now())::bigint) AS floor
    FROM accounts WHERE account_id > $1 ORDER BY account_id LIMIT $2 FOR UPDATE
), numbered AS (
    SELECT account_id, mailbox_id, floor + row_number() OVER (PARTITION BY account_id ORDER BY mailbox_id) AS uidvalidity
    FROM mailboxes JOIN chosen USING (account_id)
), raised AS (
    UPDATE mailboxes m SET uidvalidity = n.uidvalidity
    FROM numbered n WHERE m.account_id = n.account_id AND m.mailbox_id = n.mailbox_id RETURNING m.account_id, m.uidvalidity
), kept AS (
    UPDATE accounts a SET last_uidvalidity = r.last FROM (SELECT account_id, max(uidvalidity) AS last FROM raised GROUP BY 1) r
    WHERE a.account_id = r.account_id
)
SELECT max(account_id) AS last, count(*) AS accounts, (SELECT count(*) FROM raised) AS mailboxes FROM chosen
"""


async def raise_uidvalidities(db: Database) -> AsyncIterator[tuple[int, int]]:
    """(accounts, mailboxes) of each batch, as it is done. As the owner of the schema, while no service runs.

    Raises Refused(UNAVAILABLE); the batches before are done then, and doing all again does no harm.
    """
    after = 0
    while True:
        async with db.transaction("raise uidvalidity") as connection:
            row = await connection.fetchrow(_RAISE, after, BATCH)
        if row is None or row["last"] is None:
            return
        after = row["last"]
        yield row["accounts"], row["mailboxes"]
