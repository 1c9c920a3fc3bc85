"""The store and PostgreSQL: time of operations, connections, sizes, jobs."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from mailstead_dashboards.panels import ONLY, Query, count, graph, page, per_second, quantile


def storage() -> Dashboard:
    return page(
        "storage",
        "Storage and PostgreSQL",
        (
            "Operations",
            [
                graph(
                    "Operations of the store",
                    "reqps",
                    per_second("mailstead_store_seconds_count", by="operation"),
                    said="Each is one statement or one short transaction.",
                ),
                graph(
                    "Slowest operations",
                    "s",
                    quantile(0.99, "mailstead_store_seconds", by="operation"),
                    said="Waiting for a connection of the pool included.",
                ),
                graph(
                    "Connections to PostgreSQL",
                    "short",
                    Query(f"sum by (service, state) (mailstead_database_connections{{{ONLY}}})", "{{service}} {{state}}"),
                    said="All busy for long: the pool is too small, or PostgreSQL too slow.",
                    stacked=True,
                ),
                graph(
                    "Oldest transaction",
                    "s",
                    Query(f"max(mailstead_oldest_transaction_seconds{{{ONLY}}})", "age"),
                    said="A transaction that stays open keeps VACUUM from its work.",
                ),
            ],
        ),
        (
            "Size",
            [
                graph(
                    "Size of the tables",
                    "bytes",
                    Query(f"max by (table) (mailstead_table_octets{{{ONLY}}})", "{{table}}"),
                    said="With their indexes.",
                    stacked=True,
                ),
                graph(
                    "Dead rows",
                    "short",
                    Query(f'max by (table) (mailstead_table_rows{{{ONLY}, state="dead"}})', "{{table}}"),
                    said="What VACUUM has still to take away.",
                ),
            ],
        ),
        (
            "Jobs",
            [
                graph(
                    "Runs",
                    "short",
                    count("mailstead_job_runs_total", by="job, outcome"),
                    said="Each job runs on one replica at a time.",
                ),
                graph(
                    "Rows removed",
                    "short",
                    count("mailstead_removed_rows_total", by="kind"),
                    said="By retention and by reclaiming what nothing refers to.",
                ),
                graph(
                    "Broken invariants",
                    "short",
                    Query(f"max by (invariant) (mailstead_invariant_violations{{{ONLY}}})", "{{invariant}}"),
                    said="Anything but 0 is a defect.",
                ),
            ],
        ),
    )
