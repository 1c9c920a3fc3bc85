"""`mailstead sieve`: the scripts that file, answer and forward mail of an account."""

from typing import Annotated
from urllib.parse import quote

import typer

from mailstead_cli.accounts import Address, found_account
from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Scripts that file, answer and forward the mail of an account (Sieve, RFC 5228).")

COLUMNS = {"Name": "name", "Active": "active", "Octets": "octets", "Changed": "changed_at"}

Name = Annotated[str, typer.Argument(help="Of the script", show_default=False)]


@app.command("list")
def list_scripts(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Those of an account, by name."""
    api = Api(url, token)
    items = api.every(_place(api, address))
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, items)


@app.command()
def show(address: Address, name: Name, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """The text of one."""
    api = Api(url, token)
    found = api.get(_script(api, address, name))
    if as_json:
        print_json(found)
    else:
        typer.echo(found["text"], nl=False)


@app.command()
def put(
    address: Address,
    name: Name,
    file: Annotated[typer.FileText, typer.Argument(help="The script; - for standard input", show_default=False)],
    token: Token,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it is the one that runs")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make or replace one; it is checked first. Remarks are about what is allowed and probably not meant."""
    api = Api(url, token)
    stored = api.put(_script(api, address, name), {"text": file.read(), "active": active})
    if as_json:
        print_json(stored)
        return
    for remark in stored["remarks"]:
        typer.secho(remark, fg="yellow", err=True)
    typer.echo(f"{stored['name']} is stored{' and runs' if stored['active'] else ''}")


@app.command()
def delete(address: Address, name: Name, token: Token, url: Url = DEFAULT_URL) -> None:
    """Remove one that does not run."""
    api = Api(url, token)
    api.delete(_script(api, address, name))
    typer.echo(f"{name} is deleted")


def _place(api: Api, address: str) -> str:
    return f"/v1/accounts/{found_account(api, address)['id']}/sieve-scripts"


def _script(api: Api, address: str, name: str) -> str:
    return f"{_place(api, address)}/{quote(name, safe='')}"
