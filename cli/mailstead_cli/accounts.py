"""`mailstead accounts`: who has mail here."""

import sys
from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Token, Url
from mailstead_cli.output import octets_of, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Who has mail here.")

COLUMNS = {
    "Id": "id",
    "Address": "address",
    "Active": "active",
    "Messages": "message_count",
    "Used": "used_bytes",
    "Quota": "quota_bytes",
    "Since": "created_at",
}

Address = Annotated[str, typer.Argument(help="The address, as alice@example.com", show_default=False)]
Quota = Annotated[str, typer.Option("--quota", help="Octets it may hold, as 5G; 0 for no limit")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking")]


@app.command("list")
def list_accounts(
    token: Token,
    domain: Annotated[str | None, typer.Option(help="Only accounts of this domain")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """All accounts, in the order of their creation."""
    items = Api(url, token).every("/v1/accounts", **({"domain": domain} if domain else {}))
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, items)


@app.command()
def create(
    address: Address,
    token: Token,
    quota: Quota = "0",
    password_stdin: FromStdin = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make an account with its standard mailboxes."""
    try:
        quota_bytes = octets_of(quota)
    except ValueError as error:
        raise ApiFailure(f"--quota: {quota!r} is no size; write it as 500M or 5G") from error
    password = (
        sys.stdin.readline().rstrip("\r\n")
        if password_stdin
        else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    made = Api(url, token).post("/v1/accounts", {"address": address, "password": password, "quota_bytes": quota_bytes})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['address']} is account {made['id']}")


@app.command()
def delete(
    address: Address, token: Token, url: Url = DEFAULT_URL, yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False
) -> None:
    """Remove an account and all its mail, for good."""
    api = Api(url, token)
    wanted = address.lower()
    found = next(
        (item for item in api.every("/v1/accounts", domain=wanted.rpartition("@")[2]) if item["address"] == wanted), None
    )
    if found is None:
        raise ApiFailure(f"there is no account {address}")
    if not yes:
        typer.confirm(f"Delete {wanted} and its {found['message_count']} messages for good?", abort=True)
    api.delete(f"/v1/accounts/{found['id']}")
    typer.echo(f"{wanted} is deleted")
