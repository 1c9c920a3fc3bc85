"""The set-wise statements that file many deliveries in one transaction (promise P1).

Used by the group committer and by whoever files inside a transaction of its own (a bounce with what it reports, promise D3).
Per batch, whatever its size: lock the mailboxes, set marks if there are any, keep contents, move counters and file messages, fill
the queue.

Lock order (promise D7): mailboxes by (account_id, mailbox_id), then marks by (account_id, mark), then contents by (tenant_id,
hash).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import pairwise
from uuid import UUID

from mailstead.events import Event, MailboxChanged, QueueFilled
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import SystemFlag
from mailstead.model.ids import new_id
from mailstead.model.urgency import Urgency
from mailstead.store.delivery import AlreadyMarked, Delivery, NoSuchMailboxes, Outgoing, Receipt, Stored
from mailstead.store.engine import Connection
from mailstead.store.marks import set_marks
from mailstead.store.outbox import ANYBODY_LISTENS, wanted
from mailstead.store.schema import CHUNK_SIZE
from mailstead.store.tenant_keys import TenantKeys
from mailstead.store.usage import usages
from mailstead.wire.tls_required import is_tls_optional
from mailstead.wire.urgency import urgency_of

MAX_TEXT = 1000  # characters of a stored subject, sender or Message-ID
MAX_IDENTIFIER = 1000  # octets of a stored Message-ID; an index row holds at most 2,704
MAX_REFERENCES = 50  # Message-IDs followed to find a message's thread
ABSENT = "\x02"  # stands for a field that a message lacks; no folded text has it

_LOCK = f"""
SELECT m.account_id, m.name, m.mailbox_id, m.uidvalidity, m.uidnext, m.highest_modseq, (SELECT {ANYBODY_LISTENS}) AS listens
FROM mailboxes m JOIN unnest($1::bigint[], $2::text[]) AS d(account_id, name) USING (account_id, name)
ORDER BY m.account_id, m.mailbox_id FOR UPDATE OF m {{}}
"""  # noqa: S608 - constants only
_LOCK_FREE = _LOCK.format("SKIP LOCKED")
_LOCK_WAITING = _LOCK.format("")

_EXISTING = """
SELECT m.account_id, m.name FROM mailboxes m JOIN unnest($1::bigint[], $2::text[]) AS d(account_id, name) USING (account_id, name)
"""

# A conflict returns the blob that is already kept; its chunks then do not join, and ours are not stored a second time.
_KEEP = """
WITH kept AS (
    INSERT INTO contents (tenant_id, hash, blob_id, size, header, structure)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::uuid[], $4::bigint[], $5::bytea[], $6::bytea[])
    ON CONFLICT (tenant_id, hash) DO UPDATE SET referred_at = now()
    RETURNING tenant_id, hash, blob_id
), stored AS (
    INSERT INTO chunks (tenant_id, blob_id, number, data)
    SELECT c.tenant_id, c.blob_id, c.number, c.data
    FROM unnest($7::bigint[], $8::uuid[], $9::int[], $10::bytea[]) AS c(tenant_id, blob_id, number, data)
    JOIN kept USING (tenant_id, blob_id)
)
SELECT tenant_id, hash, blob_id FROM kept
"""

_STAGE = "INSERT INTO chunks (tenant_id, blob_id, number, data) SELECT $1, $2, * FROM unnest($3::int[], $4::bytea[])"

_FILING = f"""
WITH counted AS (
    UPDATE mailboxes m
    SET uidnext = m.uidnext + c.messages, highest_modseq = c.modseq, messages = m.messages + c.messages,
        unseen = m.unseen + c.unseen, deleted = m.deleted + c.deleted, size = m.size + c.size
    FROM unnest($28::bigint[], $29::bigint[], $30::bigint[], $31::int[], $32::int[], $33::int[], $34::bigint[])
        AS c(account_id, mailbox_id, modseq, messages, unseen, deleted, size)
    WHERE m.account_id = c.account_id AND m.mailbox_id = c.mailbox_id
), d AS (
    SELECT * FROM unnest(
        $1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::text[], $7::bigint[], $8::timestamptz[],
        $9::uuid[], $10::bigint[], $11::uuid[], $12::text[], $13::bytea[], $14::int[], $15::bytea[], $16::bytea[],
        $17::text[], $18::text[], $19::text[], $20::text[], $21::timestamptz[], $22::date[], $23::text[],
        $24::text[], $25::text[], $26::bool[], $27::text[]
    ) AS d(account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date,
           email_id, tenant_id, blob_id, trace_id, prefix, header_size, envelope, bodystructure,
           message_id, reference_ids, subject, sender, sent_at, sent_on, preview,
           folded, sort_keys, is_reply, ancestors)
), filed AS (
    INSERT INTO emails (account_id, email_id, thread_id, tenant_id, blob_id, trace_id, prefix, header_size, size,
                        envelope, bodystructure, message_id, subject, sender, sent_at, sent_on, preview,
                        folded, sort_keys, is_reply, ancestors)
    SELECT account_id, email_id,
           CASE WHEN reference_ids = '' THEN email_id ELSE coalesce(
               (SELECT e.thread_id FROM emails e WHERE e.account_id = d.account_id
                AND e.message_id = ANY(string_to_array(d.reference_ids, E'\\n')) ORDER BY e.email_id LIMIT 1), email_id) END,
           tenant_id, blob_id, trace_id, prefix, header_size, size,
           envelope, bodystructure, message_id, subject, sender, sent_at, sent_on, preview,
           string_to_array(folded, E'\\n', '{ABSENT}'), string_to_array(sort_keys, E'\\n'), is_reply,
           string_to_array(ancestors, E'\\n')
    FROM d
), pending AS (
    INSERT INTO search_pending (account_id, email_id) SELECT account_id, email_id FROM d
){{told}}
INSERT INTO messages (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, saved_at, email_id)
SELECT account_id, mailbox_id, uid, modseq, flags, string_to_array(keywords, ' '), size, internal_date, now(), email_id FROM d
"""  # noqa: S608 - constants only

# What arrives has a prefix of ours; what its owner appends has none.
_TOLD = f"""
, told AS (
    INSERT INTO outbox (account_id, event_id, tenant_id, type, data)
    SELECT account_id, gen_random_uuid(), tenant_id, 'message.received', jsonb_build_object(
        'account_id', account_id, 'address', (SELECT a.address FROM accounts a WHERE a.account_id = d.account_id),
        'mailbox_id', mailbox_id, 'uid', uid, 'trace_id', trace_id, 'size', size, 'message_id', message_id, 'sender', sender,
        'subject', subject)
    FROM d WHERE prefix <> '' AND {wanted("d.tenant_id", "'message.received'")}
)"""  # noqa: S608 - constants only
_FILE = _FILING.format(told="")
_FILE_AND_TELL = _FILING.format(told=_TOLD)

_QUEUE = """
WITH queued AS (
    INSERT INTO queue_messages (queue_id, tenant_id, account_id, trace_id, sender, envelope_id, return_full, report_to,
                                require_tls, blob_id, prefix, header_size, size, expires_at, tls_optional)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::text[],
                         $9::bool[], $10::uuid[], $11::bytea[], $12::int[], $13::bigint[], $14::timestamptz[], $15::bool[])
)
INSERT INTO queue_recipients (queue_id, number, address, domain, notify, original, due_at, tenant_id, urgency)
SELECT queue_id, number, address, domain, string_to_array(notify, ' '), original, due_at, tenant_id, urgency
FROM unnest($16::uuid[], $17::int[], $18::text[], $19::text[], $20::text[], $21::text[], $22::timestamptz[], $23::bigint[],
            $24::smallint[]) AS r(queue_id, number, address, domain, notify, original, due_at, tenant_id, urgency)
"""


class Held(Enum):
    """A delivery that could not ride in this batch because a mailbox of it is locked elsewhere, or another of the batch sets
    its mark; nothing of it was filed."""

    LOCKED = "locked"


Outcome = Receipt | Refused | Held


@dataclass(slots=True)
class _Locked:
    """A mailbox whose row this transaction holds, and what the batch does to it."""

    account_id: int
    mailbox_id: int
    uidvalidity: int
    first_uid: int
    previous_modseq: int
    listens: bool  # somebody, to some events
    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    size: int = 0

    @property
    def modseq(self) -> int:
        return self.previous_modseq + 1

    def take(self, size: int, flags: SystemFlag) -> int:
        """Count one more message in; its UID."""
        uid = self.first_uid + self.messages
        self.messages += 1
        self.unseen += not flags & SystemFlag.SEEN
        self.deleted += bool(flags & SystemFlag.DELETED)
        self.size += size
        return uid


_Mailboxes = dict[tuple[int, str], _Locked]


async def stage(connection: Connection, tenant_id: int, blob_id: UUID, first_number: int, body: memoryview) -> int:
    """Keep a stretch of a large body ahead of its delivery; the number of the chunk after it (promise S3)."""
    pieces = [bytes(body[at : at + CHUNK_SIZE]) for at in range(0, len(body), CHUNK_SIZE)]
    await connection.execute(_STAGE, tenant_id, blob_id, [first_number + n for n in range(len(pieces))], pieces)
    return first_number + len(pieces)


async def file_batch(
    connection: Connection,
    deliveries: Sequence[Delivery],
    keys: TenantKeys,
    *,
    staged: dict[tuple[int, int], UUID] | None = None,
    wait_for_locks: bool = False,
) -> list[Outcome]:
    """File what can be filed of `deliveries` within the caller's transaction; an outcome for each, in order.

    `staged` names the blobs whose chunks are already there, by (index of the delivery, tenant). With `wait_for_locks` a locked
    mailbox is waited for; otherwise its deliveries are answered `Held.LOCKED`. Database errors come as asyncpg raises them:
    then the transaction must be rolled back and nothing is filed.
    """
    firsts, together = _with_companions(deliveries)
    blobs_staged = {(firsts[n], tenant_id): blob_id for (n, tenant_id), blob_id in (staged or {}).items()}
    outcomes = await _file(connection, together, firsts, keys, blobs_staged, wait_for_locks)
    return [outcomes[first] for first in firsts]


def _with_companions(deliveries: Sequence[Delivery]) -> tuple[list[int], list[Delivery]]:
    """Each delivery and, right behind it, its companions; and where each delivery is among them."""
    firsts: list[int] = []
    together: list[Delivery] = []
    for delivery in deliveries:
        firsts.append(len(together))
        together += [delivery, *delivery.companions]
    return firsts, together


async def _file(
    connection: Connection,
    deliveries: Sequence[Delivery],
    firsts: Sequence[int],
    keys: TenantKeys,
    staged: dict[tuple[int, int], UUID],
    wait_for_locks: bool,
) -> list[Outcome]:
    now = datetime.now(UTC)
    await keys.load(connection, {tenant_id for delivery in deliveries for tenant_id in delivery.tenants})
    mailboxes = await _lock(connection, deliveries, wait_for_locks)
    outcomes: list[Outcome] = [_admit(delivery, mailboxes) for delivery in deliveries]
    await _explain_missing(connection, deliveries, outcomes, mailboxes)
    await _hold_to_quota(connection, deliveries, outcomes)
    _stand_together(outcomes, firsts)
    await _mark(connection, deliveries, outcomes)
    _stand_together(outcomes, firsts)
    admitted = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Receipt)]
    if not admitted:
        return outcomes
    blobs = await _keep(connection, [(n, deliveries[n]) for n in admitted], keys, staged)
    copies = [_file_rows(deliveries[n], n, mailboxes, blobs, now) for n in admitted]
    touched = [mailbox for mailbox in mailboxes.values() if mailbox.messages]
    if touched:
        counts = [(m.account_id, m.mailbox_id, m.modseq, m.messages, m.unseen, m.deleted, m.size) for m in touched]
        statement = _FILE_AND_TELL if touched[0].listens else _FILE
        await connection.execute(statement, *_columns([row for rows, _ in copies for row in rows]), *_columns(counts))
    queue_ids = await _queue(connection, [(n, deliveries[n]) for n in admitted], blobs, now)
    events: list[Event] = [MailboxChanged(m.account_id, m.mailbox_id, m.previous_modseq, m.modseq) for m in touched]
    if queue_ids:
        events.append(QueueFilled(sum(map(len, queue_ids.values()))))
    for n, (_, stored) in zip(admitted, copies, strict=True):
        # The events of a batch ride on its first receipt: they are told once.
        outcomes[n] = Receipt(tuple(stored), tuple(queue_ids.get(n, ())), tuple(events) if n == admitted[0] else ())
    return outcomes


def _stand_together(outcomes: list[Outcome], firsts: Sequence[int]) -> None:
    """What cannot be filed takes with it what belongs to it: its companions, or whose companion it is."""
    for start, end in pairwise([*firsts, len(outcomes)]):
        failed = next((outcome for outcome in outcomes[start:end] if not isinstance(outcome, Receipt)), None)
        if failed is not None:
            outcomes[start:end] = [failed] * (end - start)


async def _lock(connection: Connection, deliveries: Sequence[Delivery], wait: bool) -> _Mailboxes:
    wanted = sorted({(copy.account_id, copy.mailbox) for delivery in deliveries for copy in delivery.copies})
    if not wanted:
        return {}
    rows = await connection.fetch(_LOCK_WAITING if wait else _LOCK_FREE, *_columns(wanted))
    return {
        (row["account_id"], row["name"]): _Locked(
            row["account_id"], row["mailbox_id"], row["uidvalidity"], row["uidnext"], row["highest_modseq"], row["listens"]
        )
        for row in rows
    }


def _admit(delivery: Delivery, mailboxes: _Mailboxes) -> Outcome:
    held = any((copy.account_id, copy.mailbox) not in mailboxes for copy in delivery.copies)
    return Held.LOCKED if held else Receipt()


async def _explain_missing(
    connection: Connection, deliveries: Sequence[Delivery], outcomes: list[Outcome], mailboxes: _Mailboxes
) -> None:
    """Tell mailboxes that do not exist from those that are locked."""
    held = [n for n, outcome in enumerate(outcomes) if outcome is Held.LOCKED]
    if not held:
        return
    unknown = sorted({(c.account_id, c.mailbox) for n in held for c in deliveries[n].copies} - mailboxes.keys())
    existing = {(row["account_id"], row["name"]) for row in await connection.fetch(_EXISTING, *_columns(unknown))}
    for n in held:
        gone = {(c.account_id, c.mailbox) for c in deliveries[n].copies} - mailboxes.keys() - existing
        if gone:
            outcomes[n] = NoSuchMailboxes(frozenset(gone))


async def _hold_to_quota(connection: Connection, deliveries: Sequence[Delivery], outcomes: list[Outcome]) -> None:
    strict = [n for n, d in enumerate(deliveries) if d.strict_quota and isinstance(outcomes[n], Receipt)]
    if not strict:
        return
    room = await usages(connection, {copy.account_id for n in strict for copy in deliveries[n].copies})
    for n in strict:
        later = dict(room)
        for copy in deliveries[n].copies:
            octets = deliveries[n].size + len(copy.prefix)
            usage = later.get(copy.account_id)
            if usage is not None and not usage.has_room_for(octets):
                outcomes[n] = Refused(Failure.OVER_QUOTA, f"account {copy.account_id} has no room for {octets} octets")
                break
            if usage is not None:
                later[copy.account_id] = usage.with_more(octets, 1)
        else:
            room = later


async def _mark(connection: Connection, deliveries: Sequence[Delivery], outcomes: list[Outcome]) -> None:
    """Set the marks of what would be filed: no statement where there are none, as nearly always."""
    marking = {n: d.marks for n, d in enumerate(deliveries) if d.marks and isinstance(outcomes[n], Receipt)}
    if not marking:
        return
    found = await set_marks(connection, marking)
    for n, marks in found.old.items():
        outcomes[n] = AlreadyMarked(marks)
    for n in found.waiting:
        outcomes[n] = Held.LOCKED


async def _keep(
    connection: Connection, admitted: Sequence[tuple[int, Delivery]], keys: TenantKeys, staged: dict[tuple[int, int], UUID]
) -> dict[tuple[int, int], UUID]:
    """Keep each content once for each tenant; the blob of each (index of the delivery, tenant)."""
    wanted: dict[tuple[int, bytes], tuple[int, Delivery]] = {}
    hashes: dict[tuple[int, int], tuple[int, bytes]] = {}
    for n, delivery in admitted:
        for tenant_id in delivery.tenants:
            key = (tenant_id, keys.hash(tenant_id, delivery))
            hashes[n, tenant_id] = key
            wanted.setdefault(key, (n, delivery))
    contents, chunks = [], []
    for (tenant_id, digest), (n, delivery) in sorted(wanted.items(), key=lambda item: item[0]):
        blob_id = staged.get((n, tenant_id))
        if blob_id is None:
            blob_id, body = new_id(), delivery.content.body
            chunks += [
                (tenant_id, blob_id, at // CHUNK_SIZE, body if len(body) <= CHUNK_SIZE else body[at : at + CHUNK_SIZE])
                for at in range(0, len(body), CHUNK_SIZE)
            ]
        contents.append((tenant_id, digest, blob_id, delivery.size, delivery.content.header, delivery.content.structure))
    rows = await connection.fetch(_KEEP, *_columns(contents, 6), *_columns(chunks, 4))
    kept = {(row["tenant_id"], row["hash"]): row["blob_id"] for row in rows}
    return {where: kept[key] for where, key in hashes.items()}


def _file_rows(
    delivery: Delivery, n: int, mailboxes: _Mailboxes, blobs: dict[tuple[int, int], UUID], now: datetime
) -> tuple[list[tuple[object, ...]], list[Stored]]:
    """Rows for `_FILE`, and where each copy will be."""
    content = delivery.content
    rows: list[tuple[object, ...]] = []
    stored: list[Stored] = []
    references, ancestors = (
        "\n".join(map(_identifier, chain[-MAX_REFERENCES:])) for chain in (content.references, content.ancestors)
    )
    message_id, subject, sender = _identifier(content.message_id), _clean(content.subject), _clean(content.sender)
    preview = _clean(content.preview)
    keys = content.sort_keys
    sorting = "\n".join((keys.base_subject, keys.from_, keys.to, keys.cc, keys.display_from, keys.display_to))
    folded = None if content.folded is None else "\n".join(ABSENT if text is None else text for text in content.folded)
    for copy in delivery.copies:
        mailbox = mailboxes[copy.account_id, copy.mailbox]
        size = delivery.size + len(copy.prefix)
        uid = mailbox.take(size, copy.flags.system)
        stored.append(Stored(copy.account_id, mailbox.mailbox_id, mailbox.uidvalidity, uid, mailbox.modseq))
        rows.append((
            copy.account_id, mailbox.mailbox_id, uid, mailbox.modseq, int(copy.flags.system), " ".join(copy.flags.keywords), size,
            copy.received_at or now, new_id(), copy.tenant_id, blobs[n, copy.tenant_id], delivery.trace_id, copy.prefix,
            len(content.header), content.envelope, content.bodystructure, message_id, references, subject, sender,
            _instant(content.sent_at), content.sent_at.date() if content.sent_at else None, preview,
            folded, sorting, keys.is_reply, ancestors,
        ))  # fmt: skip
    return rows, stored


async def _queue(
    connection: Connection, admitted: Sequence[tuple[int, Delivery]], blobs: dict[tuple[int, int], UUID], now: datetime
) -> dict[int, list[UUID]]:
    messages: list[tuple[object, ...]] = []
    recipients: list[tuple[object, ...]] = []
    made: dict[int, list[UUID]] = defaultdict(list)
    for n, delivery in admitted:
        for outgoing in delivery.queued:
            queue_id = new_id()
            made[n].append(queue_id)
            messages.append((
                queue_id, outgoing.tenant_id, outgoing.account_id, delivery.trace_id, outgoing.sender, outgoing.envelope_id,
                outgoing.return_full, outgoing.report_to, outgoing.require_tls, blobs[n, outgoing.tenant_id], outgoing.prefix,
                len(delivery.content.header), delivery.size + len(outgoing.prefix), now + outgoing.expires_after,
                is_tls_optional(delivery.content.header),
            ))  # fmt: skip
            urgency = urgency_of(delivery.content.header, outgoing.sender)
            recipients += _recipient_rows(queue_id, outgoing, outgoing.not_before or now, urgency)
    if messages:
        await connection.execute(_QUEUE, *_columns(messages), *_columns(recipients, 9))
    return made


def _recipient_rows(queue_id: UUID, outgoing: Outgoing, due_at: datetime, urgency: Urgency) -> list[tuple[object, ...]]:
    return [
        (
            queue_id,
            number,
            recipient.address,
            Address.parse(recipient.address).domain,
            " ".join(sorted(notify.value for notify in recipient.notify)),
            recipient.original,
            due_at,
            outgoing.tenant_id,
            urgency,
        )
        for number, recipient in enumerate(outgoing.recipients)
    ]


def _columns(rows: Sequence[tuple[object, ...]], width: int = 0) -> list[list[object]]:
    """Rows turned into the arrays that `unnest` takes; `width` empty ones for no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _clean(text: str) -> str:
    """What PostgreSQL's text can hold of a string from outside."""
    return text[:MAX_TEXT].replace("\0", "").encode(errors="replace").decode()


def _identifier(text: str) -> str:
    return _clean(text).encode()[:MAX_IDENTIFIER].decode(errors="ignore")


def _instant(sent_at: datetime | None) -> datetime | None:
    """None for a Date that its zone moves out of the calendar."""
    try:
        return sent_at.astimezone(UTC) if sent_at else None
    except OverflowError:
        return None
