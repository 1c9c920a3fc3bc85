"""`mailstead tenants`: whose domains are whose."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_fields, print_json, print_table
from mailstead_cli.prompts import Yes, require_typed

app = typer.Typer(no_args_is_help=True, help="Whose domains are whose.")

COLUMNS = {
    "Id": "id",
    "Name": "name",
    "Active": "active",
    "Domains": "domain_count",
    "Accounts": "account_count",
    "Since": "created_at",
}

TenantId = Annotated[int, typer.Argument(help="The id of the tenant", show_default=False)]


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
def show(tenant_id: TenantId, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """One tenant."""
    print_fields(Api(url, token).get(f"/v1/tenants/{tenant_id}"), as_json)


@app.command()
def rename(tenant_id: TenantId, name: str, token: Token, url: Url = DEFAULT_URL) -> None:
    """Call a tenant something else."""
    renamed = Api(url, token).patch(f"/v1/tenants/{tenant_id}", {"name": name})
    typer.echo(f"tenant {tenant_id} is {renamed['name']}")


@app.command()
def suspend(tenant_id: TenantId, token: Token, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """Take no mail for its domains, let nobody log in, and refuse its API keys, until it is resumed."""
    api = Api(url, token)
    found = api.get(f"/v1/tenants/{tenant_id}")
    if not yes:
        typer.confirm(f"Suspend {found['name']} with {found['account_count']} accounts?", abort=True)
    api.patch(f"/v1/tenants/{tenant_id}", {"active": False})
    typer.echo(f"{found['name']} is suspended")


@app.command()
def resume(tenant_id: TenantId, token: Token, url: Url = DEFAULT_URL) -> None:
    """Let a tenant work again that was suspended; its domains are as they were."""
    resumed = Api(url, token).patch(f"/v1/tenants/{tenant_id}", {"active": True})
    typer.echo(f"{resumed['name']} works again")


@app.command()
def delete(tenant_id: TenantId, token: Token, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """Remove a tenant that has no domains, and the keys that reach no further."""
    api = Api(url, token)
    name = api.get(f"/v1/tenants/{tenant_id}")["name"]
    require_typed(name, f"The tenant {name} is removed for good, with its API keys.", yes)
    api.delete(f"/v1/tenants/{tenant_id}")
    typer.echo(f"tenant {tenant_id} is deleted")
