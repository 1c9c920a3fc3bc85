"""What must always be true of the store; checked after every database test, by `mailstead check` and by a background job.

Each check is one statement that finds what breaks it; its name says what should hold. Counters and rows are read in one snapshot.
"""

from dataclasses import dataclass

from mailstead.store.engine import Database

SHOWN = 5  # examples of one violation

CHECKS: dict[str, str] = {
    "every uid is below its mailbox's uidnext": """
        SELECT m.account_id, m.mailbox_id, m.uid FROM messages m JOIN mailboxes b USING (account_id, mailbox_id)
        WHERE m.uid >= b.uidnext
        UNION ALL SELECT x.account_id, x.mailbox_id, x.uid FROM expunged x JOIN mailboxes b USING (account_id, mailbox_id)
        WHERE x.uid >= b.uidnext""",
    "no modseq is above its mailbox's highest": """
        SELECT m.account_id, m.mailbox_id, m.uid, m.modseq FROM messages m JOIN mailboxes b USING (account_id, mailbox_id)
        WHERE m.modseq > b.highest_modseq OR m.modseq < 1
        UNION ALL SELECT x.account_id, x.mailbox_id, x.uid, x.modseq
        FROM expunged x JOIN mailboxes b USING (account_id, mailbox_id) WHERE x.modseq > b.highest_modseq
        UNION ALL SELECT account_id, mailbox_id, NULL, floor_modseq FROM mailboxes WHERE floor_modseq > highest_modseq""",
    "a uid is a message or a tombstone, not both": """
        SELECT account_id, mailbox_id, uid FROM messages JOIN expunged USING (account_id, mailbox_id, uid)""",
    "mailbox counters equal what they count": """
        SELECT b.account_id, b.mailbox_id, b.messages, b.unseen, b.deleted, b.size, c.messages, c.unseen, c.deleted, c.size
        FROM mailboxes b LEFT JOIN (
            SELECT account_id, mailbox_id, count(*) AS messages, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
                   count(*) FILTER (WHERE flags & 8 <> 0) AS deleted, sum(size) AS size
            FROM messages GROUP BY account_id, mailbox_id
        ) AS c USING (account_id, mailbox_id)
        WHERE (b.messages, b.unseen, b.deleted, b.size)
            <> (coalesce(c.messages, 0), coalesce(c.unseen, 0), coalesce(c.deleted, 0), coalesce(c.size, 0))""",
    "every message and tombstone has its email": """
        SELECT account_id, mailbox_id, uid FROM messages m
        WHERE NOT EXISTS (SELECT FROM emails e WHERE e.account_id = m.account_id AND e.email_id = m.email_id)
        UNION ALL SELECT account_id, mailbox_id, uid FROM expunged x
        WHERE NOT EXISTS (SELECT FROM emails e WHERE e.account_id = x.account_id AND e.email_id = x.email_id)""",
    "the text of every email is indexed or is yet to be, of no other": """
        SELECT account_id, email_id FROM emails e
        WHERE NOT EXISTS (SELECT FROM search_texts t WHERE t.account_id = e.account_id AND t.email_id = e.email_id)
          AND NOT EXISTS (SELECT FROM search_pending p WHERE p.account_id = e.account_id AND p.email_id = e.email_id)
        UNION ALL SELECT account_id, email_id FROM search_texts t
        WHERE NOT EXISTS (SELECT FROM emails e WHERE e.account_id = t.account_id AND e.email_id = t.email_id)""",
    "a message is as large as its email": """
        SELECT account_id, mailbox_id, uid FROM messages m JOIN emails e USING (account_id, email_id) WHERE m.size <> e.size""",
    "an email is as long as its prefix and its content": """
        SELECT e.account_id, e.email_id, e.size, e.header_size FROM emails e JOIN contents c USING (tenant_id, blob_id)
        WHERE e.size <> length(e.prefix) + c.size OR e.header_size <> length(c.header)
        UNION ALL SELECT q.account_id, q.queue_id, q.size, q.header_size
        FROM queue_messages q JOIN contents c USING (tenant_id, blob_id)
        WHERE q.size <> length(q.prefix) + c.size OR q.header_size <> length(c.header)""",
    "every email and queued message has its content": """
        SELECT tenant_id, blob_id FROM emails e
        WHERE NOT EXISTS (SELECT FROM contents c WHERE c.tenant_id = e.tenant_id AND c.blob_id = e.blob_id)
        UNION ALL SELECT tenant_id, blob_id FROM queue_messages q
        WHERE NOT EXISTS (SELECT FROM contents c WHERE c.tenant_id = q.tenant_id AND c.blob_id = q.blob_id)""",
    "content is as long as it says": """
        SELECT c.tenant_id, c.blob_id, c.size FROM contents c
        WHERE c.size <> length(c.header) + coalesce(
            (SELECT sum(length(k.data)) FROM chunks k WHERE k.tenant_id = c.tenant_id AND k.blob_id = c.blob_id), 0)""",
    "chunks are numbered without gaps": """
        SELECT tenant_id, blob_id FROM chunks
        GROUP BY tenant_id, blob_id HAVING max(number) <> count(*) - 1 OR min(number) <> 0""",
    "UIDVALIDITY is not above what the account gave out": """
        SELECT b.account_id, b.mailbox_id FROM mailboxes b JOIN accounts a USING (account_id)
        WHERE b.uidvalidity > a.last_uidvalidity""",
    "every account has an INBOX and its own address": """
        SELECT account_id FROM accounts a
        WHERE NOT EXISTS (SELECT FROM mailboxes b WHERE b.account_id = a.account_id AND b.name = 'INBOX')
           OR NOT EXISTS (SELECT FROM addresses x WHERE x.account_id = a.account_id AND x.address = a.address)""",
    "an address is of the domain that it names, and of its tenant": """
        SELECT x.address FROM addresses x JOIN domains d USING (domain_id)
        WHERE x.tenant_id <> d.tenant_id OR right(x.address, length(d.name) + 1) <> '@' || d.name""",
    "a domain is held while its tenant is suspended": """
        SELECT d.name FROM domains d JOIN tenants t USING (tenant_id) WHERE d.held = t.active""",
    "an alias domain is of one tenant with its own, which is none, and has no addresses": """
        SELECT d.name, o.name FROM domains d JOIN domains o ON o.domain_id = d.alias_of
        WHERE d.tenant_id <> o.tenant_id OR o.alias_of IS NOT NULL
           OR EXISTS (SELECT FROM addresses x WHERE x.domain_id = d.domain_id)""",
    "no mail is left of accounts that are gone": """
        SELECT account_id FROM emails e WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.account_id = e.account_id)
        UNION ALL SELECT account_id FROM expunged x
        WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.account_id = x.account_id)""",
    "rights are given within a tenant, and found by whom they are given": """
        SELECT r.account_id, r.mailbox_id, r.grantee FROM mailbox_rights r JOIN accounts o USING (account_id)
        WHERE EXISTS (SELECT FROM accounts g WHERE g.account_id = r.grantee AND g.tenant_id <> o.tenant_id)
           OR NOT EXISTS (SELECT FROM shares s WHERE s.tenant_id = o.tenant_id AND s.grantee = r.grantee
                          AND s.account_id = r.account_id)""",
    "every queued message has a recipient": """
        SELECT queue_id FROM queue_messages q WHERE NOT EXISTS (SELECT FROM queue_recipients r WHERE r.queue_id = q.queue_id)""",
    "a queued recipient is of the tenant of its message": """
        SELECT queue_id, number FROM queue_recipients r JOIN queue_messages m USING (queue_id)
        WHERE r.tenant_id <> m.tenant_id""",
    "no lease is orphaned": """
        SELECT queue_id, number FROM queue_recipients WHERE state = 'leased' AND due_at < now() - interval '1 day'""",
    "what a pause holds has its pause": """
        SELECT queue_id, number, pause_id FROM queue_recipients r
        WHERE pause_id IS NOT NULL AND NOT EXISTS (SELECT FROM queue_pauses p WHERE p.pause_id = r.pause_id)""",
    "a settled recipient has a time, an open one has none": """
        SELECT queue_id, number FROM queue_recipients
        WHERE (state IN ('delivered', 'failed', 'cancelled')) <> (settled_at IS NOT NULL)""",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold: how many rows break it, and the first of them."""

    invariant: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.invariant}: broken by {self.count}, such as {'; '.join(self.examples)}"


async def check_invariants(database: Database) -> list[Violation]:
    """All violations, each check in a snapshot of its own; an empty list is health."""
    violations = []
    for invariant, sql in CHECKS.items():
        # However much is broken, little of it is read.
        rows = await database.fetch(
            "check invariants",
            f"SELECT count(*) OVER (), broken.* FROM ({sql}) AS broken LIMIT {SHOWN}",  # noqa: S608 - constants only
        )
        if rows:
            violations.append(Violation(invariant, rows[0][0], tuple(str(tuple(row)[1:]) for row in rows)))
    return violations
