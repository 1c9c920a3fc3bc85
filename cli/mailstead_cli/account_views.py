"""More of `mailstead accounts`: what there is to know of an account beside its settings, and who is logged in to it."""

from pathlib import Path
from typing import Annotated

import typer

from mailstead_cli.accounts import Address, account_path
from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Token, Url
from mailstead_cli.output import print_fields, print_json, print_table

app = typer.Typer()

SESSIONS = {"Protocol": "protocol", "From": "peer", "Since": "since", "By": "by", "Replica": "replica"}
LOGINS = {"Protocol": "protocol", "At": "at", "From": "peer"}
IDENTITIES = {"Address": "address", "By": "source"}
MAILBOXES = {"Mailbox": "name", "Messages": "message_count", "Unread": "unseen_count", "Used": "used_bytes"}


@app.command()
def usage(
    address: Address,
    token: Token,
    mailboxes: Annotated[bool, typer.Option("--mailboxes", help="Of each mailbox instead")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """What an account holds, and what it may hold."""
    api = Api(url, token)
    path = f"{account_path(api, address)}/usage"
    if not mailboxes:
        print_fields(api.get(path), as_json)
        return
    items = api.every(f"{path}/mailboxes")
    if as_json:
        print_json(list(items))
    else:
        print_table(MAILBOXES, items)


@app.command()
def identities(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """What an account may write as, and why."""
    api = Api(url, token)
    items = api.every(f"{account_path(api, address)}/identities")
    if as_json:
        print_json(list(items))
    else:
        print_table(IDENTITIES, items)


@app.command()
def sessions(
    address: Address,
    token: Token,
    end: Annotated[bool, typer.Option("--end", help="End all of them, on every replica")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Who is logged in to an account now."""
    api = Api(url, token)
    path = f"{account_path(api, address)}/sessions"
    if end:
        api.delete(path)
        typer.echo("all sessions end")
        return
    items = list(api.every(path))
    if as_json:
        print_json(items)
    else:
        print_table(SESSIONS, items)


@app.command()
def last_logins(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """When an account was last logged in to, by each protocol."""
    api = Api(url, token)
    items = api.every(f"{account_path(api, address)}/last-logins")
    if as_json:
        print_json(list(items))
    else:
        print_table(LOGINS, items)


@app.command()
def mobileconfig(
    address: Address,
    file: Annotated[Path, typer.Argument(help="The file to write, as alice.mobileconfig", dir_okay=False)],
    token: Token,
    url: Url = DEFAULT_URL,
) -> None:
    """A profile that sets up devices of Apple for an account, without a password."""
    api = Api(url, token)
    profile = b"".join(api.fetch(f"{account_path(api, address)}/mobileconfig"))
    try:
        file.write_bytes(profile)
    except OSError as error:
        raise ApiFailure(f"cannot write {file}: {error.strerror}") from error
    typer.echo(f"{file} is written")
