"""`mailstead aliases`: addresses that stand for others."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Json, Token, Url
from mailstead_cli.output import print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Addresses that stand for others: aliases, groups, catch-alls.")

COLUMNS = {"Address": "address", "Kind": "kind", "Goes to": "goes_to", "Members only": "members_only", "Active": "active"}

Address = Annotated[
    str, typer.Argument(help="The address, as sales@example.com, or @example.com for the rest", show_default=False)
]
Targets = Annotated[list[str], typer.Argument(help="Who gets what comes here, here or elsewhere", show_default=False)]


@app.command("list")
def list_aliases(
    token: Token,
    domain: Annotated[str | None, typer.Option(help="Only those of this domain")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """All of them, in the order of addresses."""
    items = Api(url, token).every("/v1/aliases", **({"domain": domain} if domain else {}))
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, map(_shown, items))


@app.command()
def show(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """One of them."""
    print_fields(Api(url, token).get(f"/v1/aliases/{address}"), as_json)


@app.command()
def create(
    address: Address,
    targets: Targets,
    token: Token,
    group: Annotated[bool, typer.Option("--group", help="A list of members: their failures are kept from who writes")] = False,
    members_only: Annotated[bool, typer.Option("--members-only", help="Of a group: only its members may write to it")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Give mail for an address to others."""
    kind = "group" if group else "alias"
    body = {"address": address, "kind": kind, "targets": targets, "members_only": members_only}
    made = Api(url, token).post("/v1/aliases", body)
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['address']} goes to {', '.join(made['targets'])}")


@app.command()
def change(
    address: Address,
    token: Token,
    to: Annotated[list[str] | None, typer.Option("--to", help="All targets anew; may be given more than once")] = None,
    active: Annotated[bool | None, typer.Option("--active/--suspended", help="Whether mail for it is accepted")] = None,
    members_only: Annotated[bool | None, typer.Option("--members-only/--anybody", help="Who may write to a group")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Change what is given."""
    asked = {"targets": to or None, "active": active, "members_only": members_only}
    body = {name: value for name, value in asked.items() if value is not None}
    changed = Api(url, token).patch(f"/v1/aliases/{address}", body)
    if as_json:
        print_json(changed)
    else:
        print_table(COLUMNS, [_shown(changed)])


@app.command()
def delete(address: Address, token: Token, url: Url = DEFAULT_URL) -> None:
    """Take no mail for an address any more."""
    Api(url, token).delete(f"/v1/aliases/{address}")
    typer.echo(f"{address} is deleted")


def _shown(alias: Json) -> Json:
    return {**alias, "goes_to": ", ".join(alias["targets"])}
