"""NATS as our services see it: hints that come late or are lost cost time, never mail."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from mailstead_dashboards.panels import ONLY, Query, graph, page, quantile


def events() -> Dashboard:
    return page(
        "events",
        "NATS",
        (
            "Events",
            [
                graph(
                    "Events",
                    "reqps",
                    Query(f"sum by (what) (rate(mailstead_events_total{{{ONLY}}}[$__rate_interval]))", "{{what}}"),
                    said="Dropped ones were meant for a NATS that was away: others look for themselves within half a minute.",
                ),
                graph(
                    "Lag",
                    "s",
                    quantile(0.5, "mailstead_event_lag_seconds"),
                    quantile(0.99, "mailstead_event_lag_seconds"),
                    said="From sending to arrival, by the clocks of two hosts.",
                ),
                graph(
                    "Replicas that are connected",
                    "short",
                    Query(f"sum by (service) (mailstead_events_connected{{{ONLY}}})", "{{service}}"),
                    said="Should be all of them.",
                ),
            ],
        ),
    )
