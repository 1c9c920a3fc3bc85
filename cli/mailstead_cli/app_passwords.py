"""`mailstead app-passwords`: passwords that single programs of an account log in with."""

from typing import Annotated

import typer

from mailstead_cli.accounts import Address, found_account
from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Json, Token, Url
from mailstead_cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Passwords that single programs of an account log in with.")

COLUMNS = {"Id": "id", "Name": "name", "For": "for", "Since": "created_at", "Until": "expires_at", "Last used": "last_used_at"}


@app.command("list")
def list_app_passwords(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Those of an account, without their secrets, which are nowhere."""
    api = Api(url, token)
    items = api.every(_place(api, address))
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, ({**item, "for": ", ".join(item["scopes"])} for item in items))


@app.command()
def create(
    address: Address,
    name: Annotated[str, typer.Argument(help="What its owner calls it, as Phone", show_default=False)],
    token: Token,
    scope: Annotated[
        list[str] | None, typer.Option("--for", help="imap, pop3, smtp or sieve; may be given more than once")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="When it is refused from, as 2030-01-31T00:00:00Z")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make one. It is shown now and never again."""
    api = Api(url, token)
    body: Json = {"name": name, "expires_at": expires} | ({"scopes": scope} if scope else {})
    made = api.post(_place(api, address), body)
    if as_json:
        print_json(made)
    else:
        typer.echo(made["password"])


@app.command()
def revoke(
    address: Address,
    app_password_id: Annotated[int, typer.Argument(help="Its id, as `list` shows it", show_default=False)],
    token: Token,
    url: Url = DEFAULT_URL,
) -> None:
    """It is refused from now on, and its sessions end."""
    api = Api(url, token)
    api.delete(f"{_place(api, address)}/{app_password_id}")
    typer.echo(f"app password {app_password_id} of {address} is revoked")


def _place(api: Api, address: str) -> str:
    return f"/v1/accounts/{found_account(api, address)['id']}/app-passwords"
