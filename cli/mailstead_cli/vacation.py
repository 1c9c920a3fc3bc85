"""`mailstead vacation`: an answer to who writes to an account, for who does not write Sieve."""

from typing import Annotated

import typer

from mailstead_cli.accounts import Address, account_path
from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Json, Token, Url
from mailstead_cli.output import print_fields

app = typer.Typer(no_args_is_help=True, help="An answer to who writes to an account.")


@app.command()
def show(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """What is answered, and when."""
    api = Api(url, token)
    print_fields(api.get(_path(api, address)), as_json)


@app.command("set")
def set_vacation(
    address: Address,
    text: Annotated[
        typer.FileText, typer.Argument(help="The file of what is answered; - for standard input", show_default=False)
    ],
    token: Token,
    subject: Annotated[str | None, typer.Option(help="Of the answers; else made of what is answered")] = None,
    days: Annotated[int, typer.Option(help="How long each sender is not answered again")] = 7,
    first_day: Annotated[str | None, typer.Option(help="As 2026-07-01, in UTC; else from now on")] = None,
    last_day: Annotated[str | None, typer.Option(help="As 2026-07-14, in UTC; else until it is turned off")] = None,
    enabled: Annotated[bool, typer.Option("--on/--off", help="Whether it answers")] = True,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Set all of it anew."""
    body: Json = {
        "text": text.read(),
        "subject": subject,
        "days": days,
        "first_day": first_day,
        "last_day": last_day,
        "enabled": enabled,
    }
    api = Api(url, token)
    print_fields(api.put(_path(api, address), body), as_json)


@app.command()
def delete(address: Address, token: Token, url: Url = DEFAULT_URL) -> None:
    """Answer nobody any more."""
    api = Api(url, token)
    api.delete(_path(api, address))
    typer.echo(f"nobody is answered for {address} any more")


def _path(api: Api, address: str) -> str:
    return f"{account_path(api, address)}/vacation"
