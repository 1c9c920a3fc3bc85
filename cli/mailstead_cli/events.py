"""`mailstead events`: what happens, as it happens."""

import json
from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Json, Token, Url
from mailstead_cli.output import print_json, print_table, printable

app = typer.Typer(no_args_is_help=True, help="What happens.")

COLUMNS = {"Position": "position", "At": "timestamp", "Tenant": "tenant_id", "Type": "type", "What": "data"}

Types = Annotated[
    list[str] | None, typer.Option("--event", help="Only this type of event, as message.bounced; several times for several")
]
Tenant = Annotated[int | None, typer.Option(help="Of this tenant, by its id")]
After = Annotated[int | None, typer.Option(help="Only what came behind this position")]


@app.command("list")
def list_events(
    token: Token, event: Types = None, tenant: Tenant = None, after: After = None, url: Url = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Those that are kept, oldest first. They are written where somebody wants them: from a first look on, for a week."""
    items = Api(url, token).every("/v1/events", **_query(event, tenant, after))
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, ({**item, "data": _line(item)} for item in items))


@app.command()
def follow(
    token: Token, event: Types = None, tenant: Tenant = None, after: After = None, url: Url = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Print each event as it comes, one a line, until interrupted. After a break it goes on where it was."""
    for item in Api(url, token).follow("/v1/events/stream", **_query(event, tenant, after)):
        if as_json:
            typer.echo(json.dumps(item, ensure_ascii=False))
        else:
            typer.echo(f"{item['timestamp']} {item['type']} {_line(item)}")


def _query(event: list[str] | None, tenant: int | None, after: int | None) -> dict[str, str | list[str]]:
    given: dict[str, str | list[str]] = {"type": event} if event else {}
    given |= {name: str(value) for name, value in {"tenant_id": tenant, "after": after}.items() if value is not None}
    return given


def _line(item: Json) -> str:
    return printable(" ".join(f"{name}={value}" for name, value in item["data"].items() if value not in (None, "")))
