"""The metrics that every process has. What is special to a service stands in that service's `metrics.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def new_registry() -> CollectorRegistry:
    """A registry of its own for each process (and each test), with memory, CPU, file and garbage-collector figures."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def from_zero(counter: Counter, *labels: str | Sequence[str]) -> Counter:
    """The counter with these label values there from the start: one that begins at 1 shows no increase to Prometheus."""
    for values in labels:
        counter.labels(*([values] if isinstance(values, str) else values))
    return counter


@dataclass(frozen=True, slots=True)
class RuntimeMetrics:
    """How the process itself fares."""

    loop_lag: Histogram
    unhandled: Counter
    certificate_reloads: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "RuntimeMetrics":
        return cls(
            loop_lag=Histogram(
                "mailstead_loop_lag_seconds", "How late a timer of the event loop fires", buckets=SECONDS, registry=registry
            ),
            unhandled=Counter("mailstead_unhandled_errors", "Errors that nothing had foreseen", registry=registry),
            certificate_reloads=from_zero(
                Counter("mailstead_certificate_reloads", "New certificate files, by outcome", ["outcome"], registry=registry),
                "loaded",
                "broken",
            ),
        )


@dataclass(frozen=True, slots=True)
class ConnectionMetrics:
    """How connections come and go. `listener` is the name given to `listener.serve`; `reason` is one of a closed list."""

    open: Gauge
    accepted: Counter
    refused: Counter
    ended: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "ConnectionMetrics":
        return cls(
            open=Gauge("mailstead_connections_open", "Connections now open", ["listener"], registry=registry),
            accepted=Counter("mailstead_connections_accepted", "Connections accepted", ["listener"], registry=registry),
            refused=Counter(
                "mailstead_connections_refused", "Connections turned away at the limit", ["listener"], registry=registry
            ),
            ended=Counter(
                "mailstead_connections_ended",
                "Connections ended: closed, disconnected, idle, slow_reader, tls_failed, drained or error",
                ["listener", "reason"],
                registry=registry,
            ),
        )


@dataclass(frozen=True, slots=True)
class EventMetrics:
    """How events travel: an observer of the bus. Hints that are lost cost time, so lag and loss are worth a look."""

    events: Counter
    lag: Histogram
    connected: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "EventMetrics":
        return cls(
            events=Counter(
                "mailstead_events",
                "Events published, received, unknown, or dropped while NATS was away; connections to it lost and made again",
                ["what"],
                registry=registry,
            ),
            lag=Histogram(
                "mailstead_event_lag_seconds",
                "From the sending of an event on one host to its arrival here, by the clocks of both",
                buckets=SECONDS,
                registry=registry,
            ),
            connected=Gauge("mailstead_events_connected", "1 while there is a connection to NATS", registry=registry),
        )

    def happened(self, what: str) -> None:
        self.events.labels(what).inc()

    def lagged(self, seconds: float) -> None:
        self.lag.observe(seconds)


def count_pool(registry: CollectorRegistry, connections: Callable[[], tuple[int, int]]) -> None:
    """Metrics of a database pool, of which `connections` tells how many are at work and how many idle."""
    gauge = Gauge("mailstead_database_connections", "Connections to PostgreSQL, busy or idle", ["state"], registry=registry)
    gauge.labels("busy").set_function(lambda: connections()[0])
    gauge.labels("idle").set_function(lambda: connections()[1])


def operation_timer(registry: CollectorRegistry, floor: str) -> Callable[[str, float], None]:
    """An `observe(operation, seconds)` for a floor that knows no metrics: `mailstead_<floor>_seconds{operation}`."""
    seconds = Histogram(
        f"mailstead_{floor}_seconds",
        f"Time taken by operations of the {floor}",
        ["operation"],
        buckets=SECONDS,
        registry=registry,
    )

    def observe(operation: str, elapsed: float) -> None:
        seconds.labels(operation).observe(elapsed)

    return observe
