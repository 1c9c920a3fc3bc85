"""The routes, one module for each resource: each declares its scope, asks the store, and shapes the answer."""

from api.routers import (
    account_imports,
    account_views,
    accounts,
    aliases,
    api_keys,
    app_passwords,
    audit,
    canary_runs,
    domains,
    queue,
    server,
    sieve_scripts,
    signing_keys,
    tenants,
    vacations,
)

ROUTERS = (
    tenants.router,
    domains.router,
    signing_keys.router,
    accounts.router,
    account_imports.router,
    account_views.router,
    vacations.router,
    app_passwords.router,
    sieve_scripts.router,
    aliases.router,
    queue.router,
    api_keys.router,
    audit.router,
    canary_runs.router,
    server.router,
)
