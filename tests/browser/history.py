"""A past for the site: months of mail and a busy day, written straight into its tables, for pictures and nothing else.

The numbers are made up and the store is not sound afterwards: no message has the sizes that the mailboxes count.
"""

import asyncpg
from asyncpg import Connection

from browser.site import OWNER, PASSWORD, Site

_PAST = """
SELECT setseed(0.42);
DELETE FROM audit_entries WHERE actor LIKE 'key %' AND action NOT IN ('create_account', 'create_domain');
UPDATE audit_entries SET actor = 'account olive@fernhill.example';
UPDATE domains SET created_at = now() - interval '400 days' * (0.2 + random());
UPDATE accounts SET created_at = now() - interval '300 days' * (0.1 + random());
UPDATE app_passwords SET created_at = now() - interval '90 days', last_used_at = now() - interval '3 hours' * app_password_id;
UPDATE mailboxes b SET messages = (400 + 9000 * random()), unseen = 12 * random(), size = a.quota_bytes * s.share
FROM accounts a,
     (VALUES ('hanna%', 0.34), ('ines%', 0.12), ('jonas%', 0.61), ('office%', 0.47), ('orders%', 0.94),
             ('marit%', 0.28), ('tomas%', 0.07), ('press%', 0.91), ('shop%', 0.38), ('olive%', 0.19)) AS s(who, share)
WHERE a.account_id = b.account_id AND b.name = 'INBOX' AND a.address LIKE s.who;
UPDATE mailboxes SET messages = 900 * random(), size = 30000000 * random() WHERE name IN ('Archive', 'Sent');
"""
# How much mail there is by the hour of the day, of sixteen.
_DAY = "(ARRAY[2,1,1,1,2,3,5,9,14,16,15,13,11,13,15,14,12,9,7,6,5,4,3,2])[1 + extract(hour FROM hour)::int]"
_FILED = f"""
INSERT INTO emails SELECT (jsonb_populate_record(one.e, jsonb_build_object('email_id', gen_random_uuid(),
    'created_at', least(hour + interval '1 hour' * random(), now())))).*
FROM (SELECT e FROM emails e LIMIT 1) AS one,
     generate_series(date_trunc('hour', now() - interval '23 hours'), now(), '1 hour') AS hour,
     generate_series(1, ({_DAY} * (7 + 4 * random()))::int)
"""
_QUEUED = f"""
WITH hours AS (SELECT * FROM generate_series(date_trunc('hour', now() - interval '23 hours'), now(), '1 hour') AS hour),
made AS (
    INSERT INTO queue_messages SELECT (jsonb_populate_record(one.m, jsonb_build_object('queue_id', gen_random_uuid(),
        'queued_at', least(hour + interval '1 hour' * random(), now() - interval '9 minutes')))).*
    FROM (SELECT m FROM queue_messages m LIMIT 1) AS one, hours, generate_series(1, ({_DAY} * (3 + 2 * random()))::int)
    RETURNING queue_id, queued_at, tenant_id
)
INSERT INTO queue_recipients (queue_id, number, address, domain, tenant_id, notify, state, due_at, settled_at, status, reply)
SELECT queue_id, 0, 'someone@orchard.example', 'orchard.example', tenant_id, '{{}}',
       CASE WHEN random() < 0.985 THEN 'delivered' ELSE 'failed' END, queued_at, queued_at + interval '2 seconds', '2.0.0', 'ok'
FROM made
"""
_SENDERS = """
UPDATE queue_messages m SET account_id = a.account_id, sender = a.address, size = 2000 + 90000 * random() * random()
FROM (SELECT account_id, address, row_number() OVER (ORDER BY account_id) AS n FROM accounts WHERE address LIKE '%.example') AS a
WHERE a.n = 1 + abs(hashtext(m.queue_id::text)) % 10 AND m.queue_id <> $1
"""
_ATTEMPT = """
INSERT INTO queue_attempts
VALUES ($1, $2, $3, now() - $4::text::interval, $5, $6, $7, '198.51.100.25', 'TLSv1.3 TLS_AES_256_GCM_SHA384', $8, $9)
"""
_LEFT_THEN = "UPDATE queue_messages SET queued_at = now() - interval '94 minutes' WHERE queue_id = $1"
_FILED_THEN = """
UPDATE emails SET created_at = now() - interval '94 minutes'
WHERE trace_id = (SELECT trace_id FROM queue_messages WHERE queue_id = $1)
"""
_REACHED = """
UPDATE queue_recipients SET state = 'delivered', settled_at = now(), attempts = number + 1 WHERE queue_id = $1 AND number < 2
"""
_NOT_REACHED = """
UPDATE queue_recipients SET attempts = 2, due_at = now() + interval '26 minutes' WHERE queue_id = $1 AND number = 2
"""
_TOLD = """
WITH told AS (
    INSERT INTO outside_events (event_id, tenant_id, type, data, at)
    SELECT gen_random_uuid(), 1, type, '{}', now() - ago::interval
    FROM (VALUES ('domain.verified', '9 days'), ('account.created', '26 hours'), ('message.bounced', '5 hours'),
                 ('message.delivered', '3 hours'), ('message.delivered', '92 minutes'), ('message.deferred', '93 minutes'),
                 ('message.received', '11 minutes'), ('message.delivered', '2 minutes')) AS e(type, ago)
    RETURNING position, type, at
), delivered AS (
    INSERT INTO webhook_deliveries (webhook_id, position, state, attempts, due_at, begun_at, settled_at)
    SELECT $1::bigint, position, CASE WHEN late THEN 'pending' ELSE 'delivered' END, 1, now() + interval '40 seconds', at,
           CASE WHEN late THEN NULL ELSE at END
    FROM told, LATERAL (SELECT at > now() - interval '5 minutes' AS late)
    RETURNING position, begun_at, state
)
INSERT INTO webhook_attempts (webhook_id, position, attempt, started_at, duration, status, error)
SELECT $1::bigint, position, 1, begun_at, 0.2 * random(), CASE state WHEN 'pending' THEN 503 ELSE 204 END,
       CASE state WHEN 'pending' THEN 'it answered 503' END
FROM delivered
"""
TRIES = (  # recipient, attempt, how long ago, seconds, outcome, host, status, reply
    (0, 1, "93 minutes", 0.8, "delivered", "mx.granary.example", "2.0.0", "250 2.0.0 Ok: queued as 4XyTq81vGz"),
    (1, 1, "93 minutes", 1.4, "deferred", "in1.lantern-press.example", "4.7.1", "451 4.7.1 Greylisted, try again later"),
    (1, 2, "78 minutes", 0.9, "delivered", "in1.lantern-press.example", "2.6.0", "250 2.6.0 Accepted for delivery"),
    (2, 1, "93 minutes", 30.0, "deferred", "mx.orchard.example", "4.4.1", "no answer within 30 s"),
    (2, 2, "61 minutes", 0.6, "deferred", "mx.orchard.example", "4.3.2", "452 4.3.2 Too busy, come back later"),
)


async def write_past(site: Site) -> None:
    """A day of mail, accounts that fill up, and one message whose life has turns."""
    for path in ("/accounts", "/domains"):
        for item in site.api.get(path).raise_for_status().json()["items"]:
            name = item.get("address") or item["name"]
            if name.endswith("demo.test"):
                site.api.delete(f"{path}/{item.get('id') or name}").raise_for_status()
    for name in ("Phone", "Laptop"):
        site.api.post(f"/accounts/{site.ids[OWNER]}/app-passwords", json={"name": name}).raise_for_status()
    site.submit(OWNER, PASSWORD, "orders@granary.example", "hello@lantern-press.example", "stock@orchard.example")
    connection = await asyncpg.connect(site.stack.system.owner_url())
    try:
        await connection.execute(_PAST)
        featured = await connection.fetchval("SELECT queue_id FROM queue_messages ORDER BY queued_at DESC LIMIT 1")
        await connection.execute(_FILED)
        await connection.execute(_QUEUED)
        await connection.execute(_SENDERS, featured)
        await _life(connection, featured)
        await connection.execute(_TOLD, int(site.webhook))
        site.queued = str(featured)
    finally:
        await connection.close()


async def _life(connection: Connection, queue_id: str) -> None:
    """Reached at once, reached at the second attempt, and not reached yet."""
    await connection.execute(_LEFT_THEN, queue_id)
    await connection.execute(_FILED_THEN, queue_id)
    for number, attempt, since, seconds, outcome, host, status, reply in TRIES:
        await connection.execute(_ATTEMPT, queue_id, number, attempt, since, seconds, outcome, host, status, reply)
    await connection.execute(_REACHED, queue_id)
    await connection.execute(_NOT_REACHED, queue_id)
