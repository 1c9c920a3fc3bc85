"""What delivery counts and times. Labels come from closed lists: no domain, host or address is ever one."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from mailstead.ops.metrics import from_zero
from mailstead.store.queued import Outcome, QueueCounts

_ATTEMPT_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Made once for each process."""

    recipients: Counter
    bounces: Counter
    attempt_seconds: Histogram
    in_flight: Gauge
    lingering: Gauge
    in_doubt: Counter
    leases_lost: Counter
    reports: Counter
    signed: Counter
    tls_sessions: Counter
    policy_fetches: Counter
    queued: Gauge
    oldest_due: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "Metrics":
        return cls(
            recipients=from_zero(
                Counter(
                    "mailstead_delivery_recipients",
                    "Recipients taken from the queue, by what came of it: delivered, deferred, failed, cancelled, suppressed",
                    ["outcome"],
                    registry=registry,
                ),
                *(outcome.value for outcome in Outcome),
            ),
            bounces=Counter(
                "mailstead_delivery_bounces",
                "Recipients deferred or failed, by what the refusal is about (unknown-mailbox, reputation, …) and outcome",
                ["bounce_class", "outcome"],
                registry=registry,
            ),
            attempt_seconds=Histogram(
                "mailstead_delivery_attempt_seconds",
                "Time taken by attempts, from looking up the hosts to the last reply",
                buckets=_ATTEMPT_SECONDS,
                registry=registry,
            ),
            in_flight=Gauge("mailstead_delivery_in_flight", "Attempts now under way in this replica", registry=registry),
            lingering=Gauge(
                "mailstead_delivery_lingering", "Of those, attempts that wait for a host that does not answer", registry=registry
            ),
            in_doubt=Counter(
                "mailstead_delivery_in_doubt",
                "Attempts that ended between the final dot and its reply: the message may be delivered twice",
                registry=registry,
            ),
            leases_lost=Counter(
                "mailstead_delivery_leases_lost", "Leases that ran out or were taken while work was under way", registry=registry
            ),
            reports=Counter(
                "mailstead_delivery_reports",
                "Reports to senders, by where they went: local, remote, nobody",
                ["to"],
                registry=registry,
            ),
            signed=Counter(
                "mailstead_delivery_signed",
                "Signatures made, by algorithm; an attempt with two keys makes two",
                ["algorithm"],
                registry=registry,
            ),
            tls_sessions=Counter(
                "mailstead_delivery_tls_sessions",
                "Sessions under a policy (dane, sts-enforce, sts-testing, requiretls, rule), by result as RFC 8460 names it",
                ["demand", "result"],
                registry=registry,
            ),
            policy_fetches=Counter(
                "mailstead_delivery_mta_sts_fetches",
                "MTA-STS policies asked for, by result as RFC 8460 names it",
                ["result"],
                registry=registry,
            ),
            queued=Gauge(
                "mailstead_queue_recipients", "Recipients in the queue: waiting, due, leased, held", ["state"], registry=registry
            ),
            oldest_due=Gauge(
                "mailstead_queue_oldest_due_seconds",
                "For how long the recipient that waits longest has been due",
                registry=registry,
            ),
        )

    def tell(self, counts: QueueCounts) -> None:
        """Set the figures of the queue as a whole."""
        self.queued.labels("waiting").set(counts.waiting)
        self.queued.labels("due").set(counts.due)
        self.queued.labels("leased").set(counts.leased)
        self.queued.labels("held").set(counts.held)
        self.oldest_due.set(counts.oldest_due_age)
