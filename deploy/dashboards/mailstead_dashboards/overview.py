"""What an operator looks at first: does mail come in, go out, and get read, and is anything in trouble."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from mailstead_dashboards.panels import ONLY, THIRD, Query, count, figure, graph, page, per_second, quantile


def overview() -> Dashboard:
    return page(
        "overview",
        "Overview",
        (
            "Now",
            [
                figure(
                    "Mail taken in",
                    "reqps",
                    per_second("mailstead_smtp_messages_total", where='outcome="2xx"'),
                    said="Messages that were acknowledged with a 250, a second.",
                ),
                figure(
                    "Oldest due message",
                    "s",
                    Query(f"max(mailstead_queue_oldest_due_seconds{{{ONLY}}})"),
                    said="For how long the message that waits longest could have been sent.",
                    warn=600,
                ),
                figure(
                    "Sessions of readers",
                    "short",
                    Query(f'sum(mailstead_connections_open{{{ONLY}, listener=~"imap.*|pop3.*"}})'),
                    said="Open IMAP and POP3 connections.",
                ),
                figure(
                    "Broken invariants",
                    "short",
                    Query(f"sum(mailstead_invariant_violations{{{ONLY}}})"),
                    said="Rows of the store that contradict each other. Anything but 0 is a defect.",
                    warn=1,
                ),
            ],
        ),
        (
            "Flow",
            [
                graph(
                    "Messages after their final dot",
                    "reqps",
                    per_second("mailstead_smtp_messages_total", by="outcome"),
                    said="By class of reply: 4xx are tried again by their senders, 5xx are refused for good.",
                    stacked=True,
                ),
                graph(
                    "Recipients elsewhere",
                    "reqps",
                    per_second("mailstead_delivery_recipients_total", by="outcome"),
                    said="Outcomes of attempts to deliver to other hosts.",
                    stacked=True,
                ),
                graph(
                    "IMAP commands",
                    "reqps",
                    per_second("mailstead_imap_command_seconds_count", by="command"),
                    said="Commands answered.",
                ),
                graph(
                    "Time to acknowledge a message",
                    "s",
                    quantile(0.5, "mailstead_smtp_accept_seconds"),
                    quantile(0.99, "mailstead_smtp_accept_seconds"),
                    said="From the final dot to its reply, the commit included.",
                ),
                graph(
                    "Canary",
                    "s",
                    quantile(0.5, "mailstead_canary_seconds", by="path"),
                    said="From its acknowledgement until it is in its mailbox; `remote` by way of another host.",
                ),
                graph(
                    "Runs of the canary",
                    "short",
                    count("mailstead_canary_runs_total", by="outcome"),
                    said="Mail that arrived, was late, or was refused on its way.",
                    stacked=True,
                ),
            ],
        ),
        (
            "Health",
            [
                graph(
                    "Loop lag",
                    "s",
                    quantile(0.99, "mailstead_loop_lag_seconds", by="service"),
                    said="How late timers fire. Above 0.1 s a replica is short of CPU, or something blocks its loop.",
                    span=THIRD,
                ),
                graph(
                    "Errors that nothing had foreseen",
                    "short",
                    count("mailstead_unhandled_errors_total", by="service"),
                    said="Each has a line in the log.",
                    span=THIRD,
                ),
                graph(
                    "Memory",
                    "bytes",
                    Query(f"sum by (service) (process_resident_memory_bytes{{{ONLY}}})", "{{service}}"),
                    said="Resident memory of all replicas of a service.",
                    span=THIRD,
                ),
                graph(
                    "CPU",
                    "short",
                    per_second("process_cpu_seconds_total", by="service"),
                    said="Cores in use.",
                    span=THIRD,
                ),
                graph(
                    "Connections turned away",
                    "reqps",
                    per_second("mailstead_connections_refused_total", by="listener"),
                    said="At the limit of a replica: more replicas are needed.",
                    span=THIRD,
                ),
                graph(
                    "Jobs since their last success",
                    "s",
                    Query(f"time() - max by (job) (mailstead_job_last_success_timestamp_seconds{{{ONLY}}})", "{{job}}"),
                    said="How long ago each background job was done.",
                    span=THIRD,
                ),
            ],
        ),
    )
