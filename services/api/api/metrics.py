"""What this service counts."""

from dataclasses import dataclass
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from api.schemas.canary_runs import CanaryOutcome, CanaryPath
from mailstead.ops.metrics import SECONDS, from_zero

TRIP_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class ApiMetrics:
    """`route` is the template of the path, never the path; one that matches none is `none`."""

    requests: Histogram
    event_streams: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "ApiMetrics":
        return cls(
            requests=Histogram(
                "mailstead_api_request_seconds",
                "Time from the head of a request to the end of its answer; of streams, to its beginning",
                ["method", "route", "status"],
                buckets=SECONDS,
                registry=registry,
            ),
            event_streams=Gauge("mailstead_api_event_streams", "Streams of events that are open", registry=registry),
        )


@dataclass(frozen=True, slots=True)
class CanaryMetrics:
    """How the canary's mail fared."""

    runs: Counter
    seconds: Histogram

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "CanaryMetrics":
        metrics = cls(
            runs=from_zero(
                Counter(
                    "mailstead_canary_runs",
                    "Round trips of the canary's mail: arrived, late or refused, in a mailbox here or by way of another host",
                    ["path", "outcome"],
                    registry=registry,
                ),
                *product(get_args(CanaryPath), get_args(CanaryOutcome)),
            ),
            seconds=Histogram(
                "mailstead_canary_seconds",
                "Time from the acknowledgement of the canary's mail until it was there",
                ["path"],
                buckets=TRIP_SECONDS,
                registry=registry,
            ),
        )
        for path in get_args(CanaryPath):
            metrics.seconds.labels(path)
        return metrics
