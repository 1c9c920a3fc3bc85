"""By which column each table would be spread over many PostgreSQL servers (docs/scaling.md says why)."""

EVERYWHERE = "everywhere"  # a copy on each server: small, and rarely written
ONE_PLACE = "one place"  # on one server: short-lived, and read across all accounts

BY_ACCOUNT = (
    "accounts", "account_metadata", "app_passwords", "emails", "expunged", "mailbox_metadata", "mailbox_rights", "mailboxes",
    "messages", "outbox", "last_logins", "scram_keys", "search_pending", "search_texts", "sieve_marks", "sieve_scripts",
    "subscriptions", "totp_secrets",
)  # fmt: skip

SHARDS: dict[str, str] = {
    **dict.fromkeys(BY_ACCOUNT, "account_id"),
    **dict.fromkeys(("contents", "chunks", "shares"), "tenant_id"),
    "addresses": "address",
    "sign_ins": "token_hash",
    "greylist": "network",
    "idempotency_keys": "caller",
    **dict.fromkeys(("audit_entries", "audit_outcomes"), "entry_id"),
    **dict.fromkeys(("limits", "login_failures", "session_counts"), "subject"),
    **dict.fromkeys(("tenants", "domains", "signing_keys", "api_keys", "login_keys", "srs_keys", "delivery_rules"), EVERYWHERE),
    **dict.fromkeys(
        ("queue_messages", "queue_recipients", "queue_attempts", "queue_pauses", "suppressions", "leases"), ONE_PLACE
    ),
    **dict.fromkeys(("webhooks", "webhook_secrets", "event_readers"), EVERYWHERE),
    **dict.fromkeys(("outside_events", "webhook_deliveries", "webhook_attempts"), ONE_PLACE),
}


def column_of(table: str) -> str | None:
    """None where the table is not spread."""
    where = SHARDS[table]
    return None if where in (EVERYWHERE, ONE_PLACE) else where
