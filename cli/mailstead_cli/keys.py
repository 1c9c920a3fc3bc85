"""`mailstead keys`: who may use the API."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Keys for the API.")

COLUMNS = {"Id": "id", "Name": "name", "Scopes": "scopes", "Tenant": "tenant_id", "Expires": "expires_at", "Since": "created_at"}

Scopes = Annotated[list[str], typer.Option("--scope", help="What it may do, as accounts:read; several times for several")]
Tenant = Annotated[int | None, typer.Option("--tenant", help="The id of the tenant beyond which it reaches nothing")]
KeyId = Annotated[int, typer.Argument(help="The id of the key", show_default=False)]


@app.command("list")
def list_keys(token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """All keys, without their secrets."""
    items = Api(url, token).every("/v1/api-keys")
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, ({**item, "scopes": " ".join(item["scopes"])} for item in items))


@app.command()
def show(key_id: KeyId, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """One key, without its secret."""
    print_fields(Api(url, token).get(f"/v1/api-keys/{key_id}"), as_json)


@app.command()
def create(
    name: str,
    token: Token,
    scope: Scopes,
    tenant: Tenant = None,
    expires: Annotated[str | None, typer.Option(help="When it is refused from, as 2030-01-31T00:00:00Z")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make a key, which is shown now and never again."""
    body = {"name": name, "scopes": scope, "tenant_id": tenant, "expires_at": expires}
    made = Api(url, token).post("/v1/api-keys", body)
    if as_json:
        print_json(made)
    else:
        typer.echo(made["key"])


@app.command()
def delete(key_id: KeyId, token: Token, url: Url = DEFAULT_URL) -> None:
    """A key is refused from now on."""
    Api(url, token).delete(f"/v1/api-keys/{key_id}")
    typer.echo(f"key {key_id} is deleted")
