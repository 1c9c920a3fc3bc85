"""The jobs: what each does, and how often."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from jobs.metrics import JobsMetrics
from jobs.settings import JobsSettings
from mailstead.events import Event
from mailstead.ops.logging import get_logger
from mailstead.store.audit import purge_audit
from mailstead.store.deletion import Deletion
from mailstead.store.engine import Database
from mailstead.store.event_log import forget_event_readers
from mailstead.store.greylist import purge_greylist
from mailstead.store.idempotency import purge_idempotency_keys
from mailstead.store.invariants import CHECKS, check_invariants
from mailstead.store.limits import forget_full
from mailstead.store.logins import forget_failures
from mailstead.store.marks import expire_marks
from mailstead.store.outbox import relay
from mailstead.store.queue_pauses import QueuePauses
from mailstead.store.reclaim import Reclaim
from mailstead.store.search_index import SearchIndex
from mailstead.store.sign_ins import purge_sign_ins
from mailstead.store.sizes import Sizes
from mailstead.store.srs_keys import SrsKeys
from mailstead.store.suppressions import purge_suppressions
from mailstead.store.webhook_sending import WebhookSending, purge_outside_events

LIMITS_FULL = timedelta(days=1)  # after which every bucket is full again
LOGIN_FAILURES_KEPT = timedelta(days=7)  # no service counts older ones

log = get_logger()


@dataclass(frozen=True, slots=True)
class Job:
    """`run` is done every `every` seconds, counted from the end of one run; `lapse` is called when this replica leads no more."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]
    lapse: Callable[[], None] = lambda: None


def catalogue(
    db: Database, announce: Callable[[Iterable[Event]], None], settings: JobsSettings, metrics: JobsMetrics
) -> tuple[Job, ...]:
    """All jobs of this release."""
    reclaim, sizes, srs_keys, pauses = Reclaim(db), Sizes(db), SrsKeys(db), QueuePauses(db)
    sending, deletion = WebhookSending(db), Deletion(db)
    index = SearchIndex(
        db,
        lambda seconds: asyncio.sleep(seconds * (1 / settings.jobs_search_share - 1)),
        settings.jobs_search_settle_seconds,
        settings.jobs_search_recent,
    )

    def removed(kind: str, count: int) -> None:
        metrics.removed.labels(kind).inc(count)
        if count:
            log.info("removed", kind=kind, count=count)

    async def free_content() -> None:
        grace = timedelta(hours=settings.jobs_content_grace_hours)
        removed("email", await reclaim.emails(grace))
        removed("content", await reclaim.contents(grace))
        removed("staged", await reclaim.staged(grace))

    async def keep_retention() -> None:
        removed("tombstone", await reclaim.tombstones(timedelta(days=settings.jobs_expunged_days)))
        removed("queue", await reclaim.settled_queue(timedelta(days=settings.jobs_queue_history_days)))
        removed("suppression", await purge_suppressions(db))
        removed("mark", await expire_marks(db))
        removed("audit", await purge_audit(db, timedelta(days=settings.jobs_audit_days)))
        removed("sign_in", await purge_sign_ins(db))
        removed("idempotency_key", await purge_idempotency_keys(db))
        removed("limit", await forget_full(db, LIMITS_FULL))
        removed("event", await purge_outside_events(db, timedelta(days=settings.jobs_event_days)))
        removed("event_reader", await forget_event_readers(db))
        removed("greylist", await purge_greylist(db))
        removed("login_failure", await forget_failures(db, LOGIN_FAILURES_KEPT))

    async def erase_deleted() -> None:
        accounts, domains = await deletion.erase_due()
        removed("account", accounts)
        removed("domain", domains)

    async def relay_events() -> None:
        metrics.relayed.inc(await relay(db, announce))

    async def end_pauses() -> None:
        if count := await pauses.sweep():
            log.info("let go after a pause", count=count)

    async def rotate_keys() -> None:
        removed("srs_key", await srs_keys.rotate(timedelta(days=settings.jobs_srs_key_days)))

    async def prove_invariants() -> None:
        found = {violation.invariant: violation for violation in await check_invariants(db)}
        for invariant in CHECKS:
            metrics.violations.labels(invariant).set(found[invariant].count if invariant in found else 0)
        for violation in found.values():
            log.error("invariant violated", invariant=violation.invariant, count=violation.count, examples=violation.examples)

    async def measure() -> None:
        for size in await sizes.tables():
            metrics.table_octets.labels(size.table).set(size.octets)
            metrics.table_rows.labels(size.table, "live").set(size.rows)
            metrics.table_rows.labels(size.table, "dead").set(size.dead_rows)
        metrics.oldest_transaction.set(await sizes.oldest_transaction())
        backlog, oldest = await sending.backlog()
        metrics.webhook_backlog.set(backlog)
        metrics.webhook_oldest.set(oldest)

    def forget_measures() -> None:
        metrics.table_octets.clear()
        metrics.table_rows.clear()
        for gauge in (metrics.oldest_transaction, metrics.webhook_backlog, metrics.webhook_oldest):
            gauge.set(0)

    async def index_text() -> None:
        try:
            indexed = await index.fill()
            metrics.indexed.inc(indexed)
            if indexed:
                log.info("text indexed", emails=indexed)
        finally:
            metrics.search_backlog.set(await index.backlog())

    return (
        Job("search", settings.jobs_search_seconds, index_text, lambda: metrics.search_backlog.set(0)),
        Job("events", settings.jobs_events_seconds, relay_events),
        Job("queue_pauses", settings.jobs_queue_seconds, end_pauses),
        Job("measure", settings.jobs_measure_seconds, measure, forget_measures),
        Job("srs_keys", settings.jobs_retention_seconds, rotate_keys),
        Job("reclaim", settings.jobs_reclaim_seconds, free_content),
        Job("deleted", settings.jobs_deleted_seconds, erase_deleted),
        Job("retention", settings.jobs_retention_seconds, keep_retention),
        Job("invariants", settings.jobs_invariants_seconds, prove_invariants, metrics.violations.clear),
    )
