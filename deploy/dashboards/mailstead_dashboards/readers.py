"""IMAP and POP3: who reads, how fast they are answered."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from mailstead_dashboards.panels import ONLY, Query, graph, page, per_second, quantile


def readers() -> Dashboard:
    return page(
        "readers",
        "IMAP and POP3",
        (
            "IMAP",
            [
                graph(
                    "Sessions",
                    "short",
                    Query(f'sum by (listener) (mailstead_connections_open{{{ONLY}, service="imap"}})', "{{listener}}"),
                    Query(f"sum(mailstead_imap_idling{{{ONLY}}})", "in IDLE"),
                    said="Open connections, and how many of them wait for news.",
                ),
                graph(
                    "Log-ins",
                    "reqps",
                    per_second("mailstead_imap_logins_total", by="outcome"),
                    said="Attempts by outcome.",
                ),
                graph(
                    "Commands",
                    "reqps",
                    per_second("mailstead_imap_command_seconds_count", by="command"),
                    said="Commands answered.",
                ),
                graph(
                    "Slowest commands",
                    "s",
                    quantile(0.99, "mailstead_imap_command_seconds", by="command"),
                    said="From the command to its tagged answer.",
                ),
                graph(
                    "Answers",
                    "reqps",
                    per_second("mailstead_imap_answers_total", by="outcome"),
                    said="What commands came to; unavailable means that the failure is ours.",
                    stacked=True,
                ),
                graph(
                    "Octets sent by FETCH",
                    "Bps",
                    per_second("mailstead_imap_fetched_octets_total", legend="octets"),
                    said="What readers download.",
                ),
                graph(
                    "Ends of sessions",
                    "reqps",
                    per_second("mailstead_imap_sessions_total", by="ending"),
                    said="Why sessions ended.",
                ),
            ],
        ),
        (
            "POP3",
            [
                graph(
                    "Sessions",
                    "short",
                    Query(f'sum by (listener) (mailstead_connections_open{{{ONLY}, service="pop3"}})', "{{listener}}"),
                    said="Open connections.",
                ),
                graph(
                    "Slowest commands",
                    "s",
                    quantile(0.99, "mailstead_pop3_command_seconds", by="command"),
                    said="From the command to its answer.",
                ),
                graph(
                    "Answers",
                    "reqps",
                    per_second("mailstead_pop3_answers_total", by="outcome"),
                    said="What commands came to; unavailable means that the failure is ours.",
                    stacked=True,
                ),
                graph(
                    "Messages",
                    "reqps",
                    per_second("mailstead_pop3_retrieved_total", legend="retrieved"),
                    per_second("mailstead_pop3_deleted_total", legend="deleted"),
                    said="Sent by RETR, and deleted after QUIT.",
                ),
                graph(
                    "Log-ins",
                    "reqps",
                    per_second("mailstead_pop3_logins_total", by="outcome"),
                    said="Attempts by outcome.",
                ),
            ],
        ),
    )
