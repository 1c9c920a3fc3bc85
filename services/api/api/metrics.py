"""What this service counts."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram

from mailstead.ops.metrics import SECONDS


@dataclass(frozen=True, slots=True)
class ApiMetrics:
    """`route` is the template of the path, never the path; one that matches none is `none`."""

    requests: Histogram

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "ApiMetrics":
        return cls(
            requests=Histogram(
                "mailstead_api_request_seconds",
                "Time from the head of a request to the end of its answer",
                ["method", "route", "status"],
                buckets=SECONDS,
                registry=registry,
            )
        )
