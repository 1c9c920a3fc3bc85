"""`mailstead totp`: one-time passwords that are asked for when somebody signs in for an account."""

from typing import Annotated

import typer

from mailstead_cli.accounts import Address, account_path
from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_fields, print_json
from mailstead_cli.prompts import Yes

app = typer.Typer(no_args_is_help=True, help="One-time passwords that are asked for when somebody signs in for an account.")


@app.command()
def show(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Whether they are on, and how many recovery codes are left."""
    api = Api(url, token)
    print_fields(api.get(_path(api, address)), as_json)


@app.command()
def create(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """A secret for a program, shown now and never again. They are on once a code of it was confirmed."""
    api = Api(url, token)
    print_fields(api.put(_path(api, address), {}), as_json)


@app.command()
def confirm(
    address: Address,
    token: Token,
    code: Annotated[str, typer.Option(prompt=True, help="What the program shows now; asked for when left out")],
    url: Url = DEFAULT_URL,
) -> None:
    """The program has the secret: from now on codes are asked for."""
    api = Api(url, token)
    api.put(f"{_path(api, address)}/confirmation", {"code": code})
    typer.echo(f"one-time passwords of {address} are on")


@app.command()
def recovery_codes(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ten new ones, shown now and never again; those before are good no more."""
    api = Api(url, token)
    made = api.put(f"{_path(api, address)}/recovery-codes", {})
    if as_json:
        print_json(made)
    else:
        typer.echo("\n".join(made["codes"]))


@app.command()
def off(address: Address, token: Token, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """Ask for codes no more, as when somebody has lost the program."""
    api = Api(url, token)
    path = _path(api, address)
    if not yes:
        typer.confirm(f"Let the password alone be enough for {address}?", abort=True)
    api.delete(path)
    typer.echo(f"one-time passwords of {address} are off")


def _path(api: Api, address: str) -> str:
    return f"{account_path(api, address)}/totp"
