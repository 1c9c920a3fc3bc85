"""Outbound delivery: the queue, the attempts, and what other hosts say."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from mailstead_dashboards.panels import ONLY, Query, count, graph, page, per_second, quantile


def delivery() -> Dashboard:
    return page(
        "delivery",
        "Delivery",
        (
            "Queue",
            [
                graph(
                    "Recipients in the queue",
                    "short",
                    Query(f"max by (state) (mailstead_queue_recipients{{{ONLY}}})", "{{state}}"),
                    said="All replicas count the same queue. Waiting ones are due later, held ones when somebody lets them go.",
                ),
                graph(
                    "Oldest due recipient",
                    "s",
                    Query(f"max(mailstead_queue_oldest_due_seconds{{{ONLY}}})", "oldest"),
                    said="It grows when workers cannot keep up.",
                ),
            ],
        ),
        (
            "Attempts",
            [
                graph(
                    "Outcomes",
                    "reqps",
                    per_second("mailstead_delivery_recipients_total", by="outcome"),
                    said="Recipients tried, or taken out of the queue untried.",
                    stacked=True,
                ),
                graph(
                    "What refusals are about",
                    "reqps",
                    per_second("mailstead_delivery_bounces_total", by="bounce_class"),
                    said="Deferred and failed. Reputation and rate limits: look at who sends what before it gets worse.",
                    stacked=True,
                ),
                graph(
                    "Time of an attempt",
                    "s",
                    quantile(0.5, "mailstead_delivery_attempt_seconds"),
                    quantile(0.99, "mailstead_delivery_attempt_seconds"),
                    said="From looking up the hosts to the last reply.",
                ),
                graph(
                    "Under way",
                    "short",
                    Query(f"sum(mailstead_delivery_in_flight{{{ONLY}}})", "attempts"),
                    said="Against MAILSTEAD_DELIVERY_IN_FLIGHT of each replica.",
                ),
                graph(
                    "Leases lost, attempts in doubt",
                    "short",
                    count("mailstead_delivery_leases_lost_total", by="", legend="leases lost"),
                    count("mailstead_delivery_in_doubt_total", by="", legend="in doubt"),
                    said="In doubt: the other host went away between the final dot and its reply; it may get the message twice.",
                ),
                graph(
                    "Reports to senders",
                    "reqps",
                    per_second("mailstead_delivery_reports_total", by="to"),
                    said="Delivery status notifications, by where they went.",
                ),
            ],
        ),
        (
            "Webhooks",
            [
                graph(
                    "Attempts to tell webhooks",
                    "reqps",
                    per_second("mailstead_webhook_attempts_total", by="outcome"),
                    said="Deferred ones are tried again for days.",
                    stacked=True,
                ),
                graph(
                    "Time until webhooks answer",
                    "s",
                    quantile(0.5, "mailstead_webhook_seconds"),
                    quantile(0.99, "mailstead_webhook_seconds"),
                    said="Beyond MAILSTEAD_JOBS_WEBHOOK_SECONDS an attempt has failed.",
                ),
                graph(
                    "Oldest due event",
                    "s",
                    Query(f"max(mailstead_webhook_oldest_due_seconds{{{ONLY}}})", "oldest"),
                    said="It grows when senders cannot keep up, or one receiver cannot.",
                ),
            ],
        ),
    )
