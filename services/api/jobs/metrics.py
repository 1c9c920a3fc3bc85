"""What this service counts."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from mailstead.ops.metrics import from_zero

JOB_SECONDS = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
WEBHOOK_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)


@dataclass(frozen=True, slots=True)
class JobsMetrics:
    """Label values come from the closed lists of jobs, of kinds of rows, of invariants and of tables."""

    runs: Counter
    seconds: Histogram
    last_success: Gauge
    leading: Gauge
    removed: Counter
    indexed: Counter
    search_backlog: Gauge
    relayed: Counter
    webhook_attempts: Counter
    webhook_seconds: Histogram
    webhook_backlog: Gauge
    webhook_oldest: Gauge
    violations: Gauge
    table_octets: Gauge
    table_rows: Gauge
    oldest_transaction: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "JobsMetrics":
        return cls(
            runs=Counter("mailstead_job_runs", "Runs of a job: done or failed", ["job", "outcome"], registry=registry),
            seconds=Histogram("mailstead_job_seconds", "How long a run took", ["job"], buckets=JOB_SECONDS, registry=registry),
            last_success=Gauge(
                "mailstead_job_last_success_timestamp_seconds",
                "When a job was done last, in Unix time",
                ["job"],
                registry=registry,
            ),
            leading=Gauge("mailstead_job_leading", "1 on the replica that runs this job", ["job"], registry=registry),
            removed=Counter("mailstead_removed_rows", "Rows that retention and reclaiming removed", ["kind"], registry=registry),
            indexed=Counter("mailstead_search_indexed", "Mail whose text was indexed for SEARCH", registry=registry),
            search_backlog=Gauge(
                "mailstead_search_backlog",
                "Mail whose text is not indexed yet, so that searches read it; at most 100,000 are counted",
                registry=registry,
            ),
            relayed=Counter("mailstead_outside_events", "Events that the outside is told", registry=registry),
            webhook_attempts=from_zero(
                Counter(
                    "mailstead_webhook_attempts",
                    "Attempts to tell a webhook an event: delivered, deferred or failed (given up)",
                    ["outcome"],
                    registry=registry,
                ),
                *("delivered", "deferred", "failed"),
            ),
            webhook_seconds=Histogram(
                "mailstead_webhook_seconds", "How long webhooks took to answer", buckets=WEBHOOK_SECONDS, registry=registry
            ),
            webhook_backlog=Gauge(
                "mailstead_webhook_backlog",
                "Deliveries to webhooks that wait; at most 100,000 are counted; only on the replica that measures",
                registry=registry,
            ),
            webhook_oldest=Gauge(
                "mailstead_webhook_oldest_due_seconds",
                "For how long the oldest of them has been due; only on the replica that measures",
                registry=registry,
            ),
            violations=Gauge(
                "mailstead_invariant_violations",
                "Rows that break an invariant of the store; only on the replica that checks",
                ["invariant"],
                registry=registry,
            ),
            table_octets=Gauge(
                "mailstead_table_octets",
                "Size of a table with its indexes; only on the replica that measures",
                ["table"],
                registry=registry,
            ),
            table_rows=Gauge(
                "mailstead_table_rows",
                "Rows of a table, live as of its last ANALYZE and dead; only on the replica that measures",
                ["table", "state"],
                registry=registry,
            ),
            oldest_transaction=Gauge(
                "mailstead_oldest_transaction_seconds",
                "Age of the oldest open transaction; only on the replica that measures",
                registry=registry,
            ),
        )
