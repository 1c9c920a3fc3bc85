"""More of `mailstead accounts`: its password, and what who signs in for it may do."""

from typing import Annotated

import typer

from mailstead_cli.accounts import Address, account_path
from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_fields
from mailstead_cli.prompts import PasswordStdin, given_password

app = typer.Typer()


@app.command()
def password(
    address: Address,
    token: Token,
    with_present: Annotated[
        bool,
        typer.Option("--with-present", help="Ask for the present one first, as who signed in for it has to give it"),
    ] = False,
    password_stdin: PasswordStdin = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Set a new password. The old one is refused from then on, and its sessions end."""
    api = Api(url, token)
    path = account_path(api, address)
    if with_present:
        present = given_password(password_stdin, what="Present password")
        new = given_password(password_stdin, what="New password", twice=True)
        api.put(f"{path}/password", {"current_password": present, "password": new})
    else:
        api.patch(path, {"password": given_password(password_stdin, what="New password", twice=True)})
    typer.echo(f"{address} has a new password")


@app.command()
def role(
    address: Address,
    token: Token,
    new: Annotated[
        str | None, typer.Argument(help="owner, tenant_admin or operator; left out: show it", show_default=False)
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """What who signs in for an account may do: their own account, all of the tenant, or everything."""
    api = Api(url, token)
    path = f"{account_path(api, address)}/role"
    print_fields(api.put(path, {"role": new}) if new else api.get(path), as_json)
