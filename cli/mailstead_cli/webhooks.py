"""`mailstead webhooks`: where events are sent to."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Json, Token, Url
from mailstead_cli.output import print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Where events are sent to.")

COLUMNS = {
    "Id": "id",
    "Tenant": "tenant_id",
    "URL": "url",
    "Events": "event_types",
    "On": "enabled",
    "Off for": "disabled_reason",
    "Failing since": "failing_since",
    "Description": "description",
}
DELIVERIES = {
    "Event": "event_id",
    "Type": "event_type",
    "At": "event_at",
    "State": "state",
    "Attempts": "attempts",
    "Next": "due_at",
    "Status": "status",
    "Error": "error",
}
ATTEMPTS = {"Attempt": "attempt", "At": "started_at", "Seconds": "seconds", "Status": "status", "Error": "error"}

WebhookId = Annotated[int, typer.Argument(help="The id of the webhook", show_default=False)]
EventId = Annotated[str, typer.Argument(help="The id of the event", show_default=False)]
Types = Annotated[
    list[str] | None, typer.Option("--event", help="Only this type of event, as message.bounced; several times for several")
]
Tenant = Annotated[int | None, typer.Option(help="Of this tenant, by its id; left out: of all that you reach")]


@app.command("list")
def list_webhooks(token: Token, tenant: Tenant = None, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """All of them, without their secrets."""
    items = Api(url, token).every("/v1/webhooks", **({"tenant_id": str(tenant)} if tenant else {}))
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, ({**item, "event_types": " ".join(item["event_types"]) or "all"} for item in items))


@app.command()
def create(
    to: Annotated[str, typer.Argument(help="The URL that events are sent to", show_default=False)],
    token: Token,
    event: Types = None,
    tenant: Tenant = None,
    description: Annotated[str, typer.Option(help="For people")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Send events to a URL from now on. Prints the secret that they are signed with, now and never again."""
    asked: Json = {"url": to, "event_types": event or [], "tenant_id": tenant, "description": description}
    made = Api(url, token).post("/v1/webhooks", asked)
    if as_json:
        print_json(made)
    else:
        typer.echo(f"webhook {made['id']}, signed with {made['secret']}")


@app.command()
def show(webhook_id: WebhookId, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """One of them, without its secret."""
    print_fields(Api(url, token).get(f"/v1/webhooks/{webhook_id}"), as_json)


@app.command()
def change(
    webhook_id: WebhookId,
    token: Token,
    to: Annotated[str | None, typer.Option(help="The URL that events are sent to from now on, those that wait too")] = None,
    event: Types = None,
    all_events: Annotated[bool, typer.Option("--all-events", help="All types of events")] = False,
    description: Annotated[str | None, typer.Option(help="For people")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Change what is given."""
    asked = {"url": to, "event_types": [] if all_events else event or None, "description": description}
    body = {name: value for name, value in asked.items() if value is not None}
    print_fields(Api(url, token).patch(f"/v1/webhooks/{webhook_id}", body), as_json)


@app.command()
def delete(webhook_id: WebhookId, token: Token, url: Url = DEFAULT_URL) -> None:
    """Send nothing to it any more, and forget what was sent."""
    Api(url, token).delete(f"/v1/webhooks/{webhook_id}")
    typer.echo(f"webhook {webhook_id} is deleted")


@app.command()
def enable(webhook_id: WebhookId, token: Token, url: Url = DEFAULT_URL) -> None:
    """Send to it again, also what has waited."""
    Api(url, token).patch(f"/v1/webhooks/{webhook_id}", {"enabled": True})
    typer.echo(f"webhook {webhook_id} is on")


@app.command()
def disable(webhook_id: WebhookId, token: Token, url: Url = DEFAULT_URL) -> None:
    """Send nothing to it until it is turned on again."""
    Api(url, token).patch(f"/v1/webhooks/{webhook_id}", {"enabled": False})
    typer.echo(f"webhook {webhook_id} is off")


@app.command()
def secret(webhook_id: WebhookId, token: Token, url: Url = DEFAULT_URL) -> None:
    """A new secret; for a day events are signed with the one before too."""
    typer.echo(Api(url, token).post(f"/v1/webhooks/{webhook_id}/secret", {})["secret"])


@app.command()
def test(webhook_id: WebhookId, token: Token, url: Url = DEFAULT_URL) -> None:
    """Send it a trial event, and print the event's id."""
    typer.echo(Api(url, token).post(f"/v1/webhooks/{webhook_id}/test", {})["event_id"])


@app.command()
def deliveries(
    webhook_id: WebhookId,
    token: Token,
    event: Annotated[str | None, typer.Option(help="The attempts to deliver this event, by its id")] = None,
    state: Annotated[str | None, typer.Option(help="pending, delivered or failed")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """What was sent to it, newest first, and what came of it."""
    api, path = Api(url, token), f"/v1/webhooks/{webhook_id}/deliveries"
    if event:
        found = api.get(f"{path}/{event}")
        if as_json:
            print_json(found)
        else:
            print_table(ATTEMPTS, found["log"])
        return
    items = api.every(path, **({"state": state} if state else {}))
    if as_json:
        print_json(list(items))
    else:
        print_table(DELIVERIES, items)


@app.command()
def recover(
    webhook_id: WebhookId,
    token: Token,
    since: Annotated[datetime, typer.Option(help="What came true since then (in UTC)", show_default=False)],
    url: Url = DEFAULT_URL,
) -> None:
    """Send it again what was given up, as after it was away for long."""
    api, body = Api(url, token), {"since": since.replace(tzinfo=UTC).isoformat()}
    total = 0
    while count := api.post(f"/v1/webhooks/{webhook_id}/deliveries/recovery", body)["event_count"]:
        total += count
    typer.echo(f"{total} events are sent again")


@app.command()
def redeliver(webhook_id: WebhookId, event_id: EventId, token: Token, url: Url = DEFAULT_URL) -> None:
    """Send it an event once more."""
    Api(url, token).post(f"/v1/webhooks/{webhook_id}/deliveries/{event_id}/redelivery", {})
    typer.echo(f"event {event_id} is sent again")
