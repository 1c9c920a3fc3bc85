"""The commands of `mailstead`, gathered."""

import typer

from mailstead_cli import (
    account_access,
    account_views,
    accounts,
    aliases,
    app_passwords,
    delivery_rules,
    domains,
    events,
    keys,
    mail,
    mailboxes,
    messages,
    queue,
    sieve,
    signing_keys,
    suppressions,
    tenants,
    totp,
    vacation,
    webhooks,
)
from mailstead_cli.audit import audit
from mailstead_cli.check import check
from mailstead_cli.doctor import doctor
from mailstead_cli.journey import journey
from mailstead_cli.restored import restored
from mailstead_cli.server import limits, overview, status
from mailstead_cli.up import up

app = typer.Typer(name="mailstead", no_args_is_help=True, help="Mail hosting: run it, and look after it.")


@app.callback()
def mailstead() -> None:
    """Mail hosting: run it, and look after it."""


app.command()(up)
app.command()(check)
app.command()(doctor)
app.command()(audit)
app.command()(journey)
app.command()(limits)
app.command()(overview)
app.command()(restored)
app.command()(status)
app.add_typer(domains.app, name="domains")
app.add_typer(signing_keys.app, name="signing-keys")
accounts.app.add_typer(account_views.app)
accounts.app.add_typer(account_access.app)
app.add_typer(accounts.app, name="accounts")
app.add_typer(mail.app, name="mail")
app.add_typer(mailboxes.app, name="mailboxes")
app.add_typer(messages.app, name="messages")
app.add_typer(aliases.app, name="aliases")
app.add_typer(app_passwords.app, name="app-passwords")
app.add_typer(totp.app, name="totp")
app.add_typer(vacation.app, name="vacation")
app.add_typer(sieve.app, name="sieve")
app.add_typer(queue.app, name="queue")
app.add_typer(delivery_rules.app, name="delivery-rules")
app.add_typer(suppressions.app, name="suppressions")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(events.app, name="events")
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.app, name="keys")
