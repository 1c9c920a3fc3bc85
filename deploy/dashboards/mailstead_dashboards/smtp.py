"""SMTP ingress: what comes in, what is refused, how fast it is committed."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from mailstead_dashboards.panels import ONLY, Query, graph, page, per_second, quantile


def smtp() -> Dashboard:
    return page(
        "smtp",
        "SMTP ingress",
        (
            "Traffic",
            [
                graph(
                    "Messages by listener",
                    "reqps",
                    per_second("mailstead_smtp_messages_total", by="listener, outcome"),
                    said="Messages after their final dot.",
                    stacked=True,
                ),
                graph(
                    "Octets",
                    "Bps",
                    per_second("mailstead_smtp_message_octets_total", by="listener"),
                    said="Octets of messages taken.",
                ),
                graph(
                    "Commands",
                    "reqps",
                    per_second("mailstead_smtp_commands_total", by="verb, outcome"),
                    said="By class of reply. Many 5xx to RCPT: somebody guesses addresses.",
                ),
                graph(
                    "Connections",
                    "short",
                    Query(f'sum by (listener) (mailstead_connections_open{{{ONLY}, service="smtp-in"}})', "{{listener}}"),
                    said="Open connections.",
                ),
            ],
        ),
        (
            "Latency and batches",
            [
                graph(
                    "From the final dot to its reply",
                    "s",
                    quantile(0.5, "mailstead_smtp_accept_seconds"),
                    quantile(0.9, "mailstead_smtp_accept_seconds"),
                    quantile(0.99, "mailstead_smtp_accept_seconds"),
                    said="The commit included.",
                ),
                graph(
                    "Messages that shared a transaction",
                    "short",
                    quantile(0.5, "mailstead_smtp_batch_messages"),
                    quantile(0.99, "mailstead_smtp_batch_messages"),
                    said="Under load many do; that is how throughput grows.",
                ),
                graph(
                    "Time of such a transaction",
                    "s",
                    quantile(0.5, "mailstead_smtp_batch_seconds"),
                    quantile(0.99, "mailstead_smtp_batch_seconds"),
                    said="Of which most is PostgreSQL.",
                ),
                graph(
                    "Octets of messages in memory",
                    "bytes",
                    Query(f"sum(mailstead_smtp_content_octets{{{ONLY}}})", "octets"),
                    said="Against MAILSTEAD_SMTP_CONTENT_BUDGET of each replica; beyond it senders hear 452.",
                ),
            ],
        ),
        (
            "Log-ins",
            [
                graph(
                    "AUTH",
                    "reqps",
                    per_second("mailstead_smtp_logins_total", by="outcome"),
                    said="Exchanges by class of reply.",
                ),
                graph(
                    "Ends of connections",
                    "reqps",
                    per_second("mailstead_connections_ended_total", by="reason", where='service="smtp-in"'),
                    said="Why connections ended.",
                ),
            ],
        ),
    )
