"""`mailstead suppressions`: addresses that are not written to again."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Token, Url
from mailstead_cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Addresses that are not written to again.")

COLUMNS = {
    "Address": "address",
    "Tenant": "tenant_id",
    "Reason": "reason",
    "Since": "created_at",
    "Until": "expires_at",
    "Detail": "detail",
}

Address = Annotated[str, typer.Argument(help="The address, as bob@example.net", show_default=False)]
Tenant = Annotated[int | None, typer.Option(help="Of this tenant, by its id")]


@app.command("list")
def list_suppressions(
    token: Token,
    tenant: Tenant = None,
    reason: Annotated[str | None, typer.Option(help="bounce, complaint or manual")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """All of them, in the order in which they came on the list."""
    query = {"tenant_id": str(tenant) if tenant else None, "reason": reason}
    given = {name: value for name, value in query.items() if value is not None}
    items = Api(url, token).every("/v1/suppressions", **given)
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, items)


@app.command()
def add(
    address: Address,
    token: Token,
    tenant: Tenant = None,
    detail: Annotated[str, typer.Option(help="Why, for who reads the list and for senders")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Do not write to an address any more."""
    made = Api(url, token).post("/v1/suppressions", {"address": address, "tenant_id": tenant, "detail": detail})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['address']} is not written to")


@app.command()
def remove(address: Address, token: Token, tenant: Tenant = None, url: Url = DEFAULT_URL) -> None:
    """Write to an address again."""
    api = Api(url, token)
    query = {"address": address} | ({"tenant_id": str(tenant)} if tenant else {})
    found = list(api.every("/v1/suppressions", **query))
    if not found:
        raise ApiFailure(f"{address} is not on the list")
    for entry in found:
        api.delete(f"/v1/suppressions/{entry['id']}")
    typer.echo(f"{address} is written to again")
