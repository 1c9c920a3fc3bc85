"""What an API key may be allowed to do. Each route declares exactly one of these, or that it is public."""

from enum import StrEnum


class Scope(StrEnum):
    """Stored with a key as text. `ADMIN` includes all the others, also those that later releases add."""

    ADMIN = "admin"
    TENANTS_READ = "tenants:read"
    TENANTS_WRITE = "tenants:write"
    KEYS_READ = "api-keys:read"
    KEYS_WRITE = "api-keys:write"
    DOMAINS_READ = "domains:read"
    DOMAINS_WRITE = "domains:write"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    ALIASES_READ = "aliases:read"
    ALIASES_WRITE = "aliases:write"
    AUDIT_READ = "audit:read"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    QUEUE_READ = "queue:read"
    DELIVERY_RULES_READ = "delivery-rules:read"
    DELIVERY_RULES_WRITE = "delivery-rules:write"
    QUEUE_WRITE = "queue:write"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    SERVER_READ = "server:read"
    CANARY_WRITE = "canary:write"


OF_OPERATORS = frozenset({Scope.TENANTS_WRITE, Scope.CANARY_WRITE, Scope.DELIVERY_RULES_READ, Scope.DELIVERY_RULES_WRITE})
"""What is about the house as a whole: a caller who reaches one tenant only may not do it, whatever scopes they hold."""


def grants(held: frozenset[str], needed: Scope) -> bool:
    """Whether a key with the scopes `held` may use a route that declares `needed`."""
    return needed in held or Scope.ADMIN in held
