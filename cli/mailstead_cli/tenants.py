"""`mailstead tenants`: whose domains are whose."""

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Whose domains are whose.")

COLUMNS = {"Id": "id", "Name": "name", "Domains": "domain_count", "Accounts": "account_count", "Since": "created_at"}


@app.command("list")
def list_tenants(token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """All tenants."""
    items = Api(url, token).every("/v1/tenants")
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, items)


@app.command()
def create(name: str, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Make a tenant."""
    made = Api(url, token).post("/v1/tenants", {"name": name})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['name']} is tenant {made['id']}")


@app.command()
def delete(tenant_id: int, token: Token, url: Url = DEFAULT_URL) -> None:
    """Remove a tenant that has no domains, and the keys that reach no further."""
    Api(url, token).delete(f"/v1/tenants/{tenant_id}")
    typer.echo(f"tenant {tenant_id} is deleted")
