"""The tables, as SQLAlchemy sees them; `migrations/` brings a database to this state and a test compares the two.

Invariants that hold the shape together:
- every account-owned table leads its primary key with `account_id`, and every hot statement carries it (promise S1);
- no foreign key makes a delivery lock a row that others of its tenant need: only `messages` points at a parent, and that row is
  locked by the same transaction anyway;
- content belongs to a tenant and is referred to by `(tenant_id, blob_id)` without a foreign key: `reclaim.py` and
  `invariants.py` stand in for it;
- a mailbox row holds the counters of its messages, changed in the transaction that changes the messages; the usage of an
  account is the sum over its mailboxes, so there is no second place that could drift.
"""

from mailstead.store.schema.annotations import account_metadata, mailbox_metadata
from mailstead.store.schema.audit import audit_entries, audit_outcomes
from mailstead.store.schema.base import metadata
from mailstead.store.schema.coordination import greylist, idempotency_keys, leases, limits, session_counts
from mailstead.store.schema.directory import accounts, addresses, api_keys, domains, srs_keys, tenants
from mailstead.store.schema.login import (
    app_passwords,
    last_logins,
    login_failures,
    login_keys,
    scram_keys,
    sign_ins,
    totp_secrets,
)
from mailstead.store.schema.mail import CHUNK_SIZE, chunks, contents, emails, expunged, mailboxes, messages, subscriptions
from mailstead.store.schema.outside import (
    event_readers,
    outbox,
    outside_events,
    webhook_attempts,
    webhook_deliveries,
    webhook_secrets,
    webhooks,
)
from mailstead.store.schema.queue import (
    delivery_rules,
    queue_attempts,
    queue_messages,
    queue_pauses,
    queue_recipients,
    suppressions,
)
from mailstead.store.schema.search import search_pending, search_texts
from mailstead.store.schema.sharing import mailbox_rights, shares
from mailstead.store.schema.sieve import sieve_marks, sieve_scripts
from mailstead.store.schema.signing import signing_keys

__all__ = [
    "CHUNK_SIZE",
    "account_metadata",
    "accounts",
    "addresses",
    "api_keys",
    "app_passwords",
    "audit_entries",
    "audit_outcomes",
    "chunks",
    "contents",
    "delivery_rules",
    "domains",
    "emails",
    "event_readers",
    "expunged",
    "greylist",
    "idempotency_keys",
    "last_logins",
    "leases",
    "limits",
    "login_failures",
    "login_keys",
    "mailbox_metadata",
    "mailbox_rights",
    "mailboxes",
    "messages",
    "metadata",
    "outbox",
    "outside_events",
    "queue_attempts",
    "queue_messages",
    "queue_pauses",
    "queue_recipients",
    "scram_keys",
    "search_pending",
    "search_texts",
    "session_counts",
    "shares",
    "sieve_marks",
    "sieve_scripts",
    "sign_ins",
    "signing_keys",
    "srs_keys",
    "subscriptions",
    "suppressions",
    "tenants",
    "totp_secrets",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_secrets",
    "webhooks",
]
