"""One database role for each service, with the least it needs (promise S5), as a table that `migrate` applies.

The roles cannot log in until a deployer gives them LOGIN and a password; migrations and grants run as the owner.
"""

from dataclasses import dataclass, field

ROLE_PREFIX = "mailstead_"

_TELLING = {  # what telling the outside takes, without being able to read what it was told, or whom
    "outbox": "INSERT",
    "webhooks": "SELECT (tenant_id, event_types, enabled)",
    "event_readers": "SELECT (tenant_id, expires_at)",
}
_FILING = {  # what filing a message into a mailbox takes, without being able to read any
    "tenants": "SELECT (tenant_id, content_key)",
    "mailboxes": "SELECT, UPDATE (uidnext, highest_modseq, messages, unseen, deleted, size)",
    "contents": "INSERT, SELECT (tenant_id, hash, blob_id), UPDATE (referred_at)",
    "chunks": "INSERT",
    "emails": "INSERT, SELECT (account_id, email_id, message_id, thread_id)",
    "messages": "INSERT",
    "search_pending": "INSERT",
    **_TELLING,
}
_QUEUEING = {"queue_messages": "INSERT", "queue_recipients": "INSERT"}
_READING = {"contents": "SELECT", "chunks": "SELECT", "emails": "SELECT", "messages": "SELECT", "mailboxes": "SELECT"}
_SCRIPTS = {"sieve_scripts": "SELECT, INSERT, UPDATE, DELETE"}
_LOGIN = {
    "accounts": "SELECT",
    "addresses": "SELECT",
    "domains": "SELECT",
    "app_passwords": "SELECT, UPDATE (last_used_at)",
    "scram_keys": "SELECT",
    "login_keys": "SELECT",
    "login_failures": "SELECT, INSERT, UPDATE, DELETE",
    "last_logins": "SELECT, INSERT, UPDATE",
}


@dataclass(frozen=True)
class Role:
    """`grants`: table name -> what PostgreSQL's GRANT takes before ON, several entries for a table separated by `; `.

    `planned_once`: a statement is planned when it is prepared, whatever its arguments. Planning anew took a third of PostgreSQL's
    time for a message, and what these services say often is written so that one plan fits all.
    """

    name: str
    grants: dict[str, tuple[str, ...]] = field(default_factory=dict)
    planned_once: bool = False


def _role(name: str, *parts: dict[str, str], planned_once: bool = False) -> Role:
    grants: dict[str, tuple[str, ...]] = {}
    for part in parts:
        for table, rights in part.items():
            grants[table] = (*grants.get(table, ()), rights)
    return Role(ROLE_PREFIX + name, grants, planned_once)


# A table that is small when a statement is planned may be large when the plan is used: plans go by indexes.
_PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}


ROLES: tuple[Role, ...] = (
    _role(
        "smtp_in",
        _LOGIN,
        _FILING,
        _QUEUEING,
        _SCRIPTS,  # which it manages too (RFC 5804)
        {
            "srs_keys": "SELECT (key_id, secret)",
            # whether a complaint is about something that was sent
            "queue_messages": "SELECT (queue_id, tenant_id, trace_id, sender)",
            "queue_recipients": "SELECT (queue_id, address)",
            "suppressions": "SELECT, INSERT, UPDATE (reason, detail, trace_id, created_at, expires_at)",
            "limits": "SELECT, INSERT, UPDATE (tokens, granted, refilled_at)",
            "greylist": "SELECT, INSERT, UPDATE (first_at, known, expires_at)",
            "sieve_marks": "SELECT, INSERT, UPDATE (expires_at), DELETE",
            "accounts": "UPDATE (last_uidvalidity)",  # a mailbox that a script makes
            "mailboxes": "INSERT",
            "mailbox_rights": "SELECT, INSERT",  # it is open to whom the one above it is
        },
        planned_once=True,
    ),
    _role(
        "delivery",
        _FILING,
        _QUEUEING,
        {
            "accounts": "SELECT (account_id, tenant_id, domain_id, address, active, quota_bytes, quota_messages, forwards,"
            " keeps_copy, files_tags)",
            "sieve_scripts": "SELECT (account_id, revision, active)",  # a recipient's look-up names it
            "addresses": "SELECT",
            "domains": "SELECT",
            "contents": "SELECT",
            "chunks": "SELECT",
            "queue_messages": "SELECT",
            "queue_recipients": "SELECT, UPDATE",
            "queue_attempts": "SELECT, INSERT",
            "queue_pauses": "SELECT",
            "suppressions": "SELECT, INSERT, UPDATE (reason, detail, trace_id, created_at, expires_at)",
            "signing_keys": "SELECT",
            "delivery_rules": "SELECT",
            "limits": "SELECT, INSERT, UPDATE (tokens, granted, refilled_at)",
        },
    ),
    _role(
        "imap",
        _LOGIN,
        _FILING,
        _READING,
        {
            "accounts": "UPDATE (last_uidvalidity)",
            "mailboxes": "INSERT, UPDATE, DELETE",
            "messages": "UPDATE, DELETE",
            "expunged": "SELECT, INSERT",
            "search_texts": "SELECT",
            "search_pending": "SELECT",
            "subscriptions": "SELECT, INSERT, UPDATE, DELETE",
            "account_metadata": "SELECT, INSERT, UPDATE, DELETE",
            "mailbox_metadata": "SELECT, INSERT, UPDATE, DELETE",
            "session_counts": "SELECT, INSERT, UPDATE (sessions, expires_at), DELETE",
            "mailbox_rights": "SELECT, INSERT, UPDATE (rights), DELETE",
            "shares": "SELECT, INSERT, DELETE",
        },
        planned_once=True,
    ),
    _role(
        "pop3",
        _LOGIN,
        _READING,
        {
            "mailboxes": "UPDATE (uidnext, highest_modseq, messages, unseen, deleted, size)",
            "messages": "DELETE",
            "expunged": "INSERT",
            "leases": "SELECT, INSERT, UPDATE, DELETE",
            "limits": "SELECT, INSERT, UPDATE",
        },
        planned_once=True,
    ),
    _role(
        "api",
        _LOGIN,  # people sign in
        _SCRIPTS,
        _FILING,  # messages are uploaded
        {
            "tenants": "SELECT (tenant_id, name, active, created_at), INSERT, UPDATE (name, active), DELETE",
            "domains": "SELECT, INSERT, UPDATE, DELETE",
            "accounts": "SELECT, INSERT, UPDATE, DELETE",
            "addresses": "SELECT, INSERT, UPDATE, DELETE",
            "api_keys": "SELECT, INSERT, DELETE",
            "limits": "SELECT, INSERT, UPDATE",
            "idempotency_keys": "SELECT, INSERT, UPDATE, DELETE",
            "sign_ins": "SELECT, INSERT, DELETE",
            "totp_secrets": "SELECT, INSERT, UPDATE, DELETE",
            "audit_entries": "SELECT, INSERT",  # what was done cannot be undone by who did it
            "audit_outcomes": "SELECT, INSERT",
            "app_passwords": "SELECT (account_id, app_password_id, name, scopes, created_at, expires_at, last_used_at),"
            " INSERT, DELETE",
            "scram_keys": "SELECT (account_id), INSERT, DELETE",
            "last_logins": "SELECT",
            "login_keys": "SELECT",
            "mailboxes": "SELECT, INSERT, UPDATE, DELETE",
            "subscriptions": "SELECT, INSERT, UPDATE, DELETE",
            "mailbox_rights": "SELECT, INSERT, DELETE",
            "shares": "SELECT, DELETE",
            # its owner reads mail here, sorts it, and has it given back
            "messages": "SELECT, INSERT, UPDATE (modseq, flags, keywords), DELETE",
            "expunged": "SELECT, INSERT, UPDATE (restored_at), DELETE",
            "emails": "SELECT, DELETE",
            "contents": "SELECT, UPDATE (referred_at)",  # what is erased does not wait
            "chunks": "SELECT",
            "search_texts": "SELECT, DELETE",
            "search_pending": "SELECT, DELETE",
            "queue_messages": "SELECT, DELETE",
            "queue_recipients": "SELECT, UPDATE (state, asked, pause_id, due_at, settled_at)",
            "queue_attempts": "SELECT",
            "delivery_rules": "SELECT (rule_id, tenant_id, domain, host, port, protocol, tls, username, source, hello,"
            " messages_per_minute, created_at), INSERT, UPDATE, DELETE",
            "queue_pauses": "SELECT, INSERT, UPDATE (ended_at)",
            "suppressions": "SELECT, INSERT, UPDATE (reason, detail, trace_id, created_at, expires_at), DELETE",
            "outbox": "INSERT",
            "outside_events": "SELECT",
            "event_readers": "SELECT, INSERT, UPDATE (expires_at)",
            "webhooks": "SELECT, INSERT, UPDATE (url, event_types, description, enabled, disabled_reason, failing_since), DELETE",
            "webhook_secrets": "SELECT (secret_id, webhook_id, expires_at), INSERT, UPDATE (expires_at), DELETE",
            "webhook_deliveries": "SELECT, UPDATE (state, tries, begun_at, due_at, settled_at)",
            "webhook_attempts": "SELECT",
            # Who manages keys need not know them.
            "signing_keys": "SELECT (domain_id, selector, algorithm, record, state, created_at, activated_at, retired_at),"
            " INSERT, UPDATE (state, activated_at, retired_at), DELETE",
        },
    ),
    _role(
        "jobs",
        {
            "limits": "SELECT (refilled_at), DELETE",
            "tenants": "SELECT (tenant_id, name, active)",
            "domains": "SELECT, UPDATE (erase_at), DELETE",  # what was deleted goes when nobody restores it
            "accounts": "SELECT (account_id, tenant_id, domain_id, address, active, quota_bytes, quota_messages,"
            " last_uidvalidity, deleted_at, erase_at), UPDATE (erase_at), DELETE",
            "addresses": "SELECT",
            "mailboxes": "SELECT, UPDATE (floor_modseq, messages, unseen, deleted, size), DELETE",
            "mailbox_rights": "SELECT, DELETE",
            "shares": "SELECT, DELETE",
            "messages": "SELECT, DELETE",
            "expunged": "SELECT, DELETE",
            # a row lock takes the right to change a column
            "emails": "SELECT, UPDATE (created_at), DELETE",
            "contents": "SELECT, UPDATE (referred_at), DELETE",
            "chunks": "SELECT, DELETE",  # their text is indexed, and the invariants measure them
            "search_texts": "SELECT, INSERT, UPDATE (indexed), DELETE",
            "search_pending": "SELECT, UPDATE (email_id), DELETE",
            "queue_messages": "SELECT, UPDATE (queued_at), DELETE",
            "queue_recipients": "SELECT, UPDATE (state, pause_id), DELETE",
            "queue_pauses": "SELECT, DELETE",
            "suppressions": "SELECT (tenant_id, address, expires_at), UPDATE (expires_at), DELETE",
            "queue_attempts": "SELECT, DELETE",
            "srs_keys": "SELECT (key_id, created_at), INSERT (secret), DELETE",
            "leases": "SELECT, INSERT, UPDATE, DELETE",
            "sieve_marks": "SELECT (account_id, mark, expires_at), UPDATE (expires_at), DELETE",
            "login_failures": "SELECT, UPDATE (last_at), DELETE",
            "idempotency_keys": "SELECT (caller, key, expires_at), UPDATE (expires_at), DELETE",
            "audit_entries": "SELECT (entry_id, at), DELETE",
            "sign_ins": "SELECT (token_hash, expires_at), DELETE",
            "greylist": "SELECT (network, sender, expires_at), UPDATE (expires_at), DELETE",
            "outbox": "SELECT, INSERT, UPDATE (at), DELETE",
            "outside_events": "SELECT, INSERT, DELETE",
            "event_readers": "SELECT, UPDATE (expires_at), DELETE",
            "webhooks": "SELECT, UPDATE (enabled, disabled_reason, failing_since)",
            "webhook_secrets": "SELECT",
            "webhook_deliveries": "SELECT, INSERT, UPDATE (state, attempts, tries, fence, due_at, settled_at)",
            "webhook_attempts": "INSERT",
        },
    ),
)


def grant_statements(schema: str = "public") -> list[str]:
    """SQL that creates missing roles and makes the rights of each exactly those of this table."""
    statements = []
    for role in ROLES:
        statements += [
            f"DO $$ BEGIN CREATE ROLE {role.name} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
            f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role.name}",
            f"GRANT USAGE ON SCHEMA {schema} TO {role.name}",
            f"GRANT SELECT ON alembic_version TO {role.name}",
        ]
        if role.planned_once:
            statements.append(_set(role.name, _PLANNED_ONCE))
        statements += [
            f"GRANT {rights} ON {schema}.{table} TO {role.name}" for table, several in role.grants.items() for rights in several
        ]
    return statements


def _set(role: str, settings: dict[str, str]) -> str:
    """Who owns the schema may not own roles that a deployer has made: then theirs stay as they are."""
    wanted = ", ".join(f"'{name}={value}'" for name, value in settings.items())
    changes = "; ".join(f"ALTER ROLE {role} SET {name} = {value}" for name, value in settings.items())
    return f"""DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}' AND rolconfig @> ARRAY[{wanted}]) THEN {changes}; END IF;
    EXCEPTION WHEN insufficient_privilege OR unique_violation THEN NULL;
    END $$"""
