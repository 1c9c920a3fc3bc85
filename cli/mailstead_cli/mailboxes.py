"""`mailstead mailboxes`: what an account files its mail in."""

from typing import Annotated

import typer

from mailstead_cli.accounts import Address, account_path
from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Token, Url
from mailstead_cli.output import print_json, print_table
from mailstead_cli.prompts import Yes

app = typer.Typer(no_args_is_help=True, help="The mailboxes of an account.")

COLUMNS = {
    "Id": "id",
    "Name": "name",
    "For": "special_use",
    "Subscribed": "subscribed",
    "Messages": "message_count",
    "Unread": "unseen_count",
}

Name = Annotated[str, typer.Argument(help="The mailbox, as Lists/python", show_default=False)]


@app.command("list")
def list_mailboxes(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """By their names."""
    api = Api(url, token)
    items = list(api.every(f"{account_path(api, address)}/mailboxes"))
    if as_json:
        print_json(items)
    else:
        print_table(COLUMNS, items)


@app.command()
def create(address: Address, name: Name, token: Token, url: Url = DEFAULT_URL) -> None:
    """An empty mailbox."""
    api = Api(url, token)
    made = api.post(f"{account_path(api, address)}/mailboxes", {"name": name})
    typer.echo(f"{made['name']} is mailbox {made['id']}")


@app.command()
def rename(address: Address, name: Name, new: Annotated[str, typer.Argument()], token: Token, url: Url = DEFAULT_URL) -> None:
    """A mailbox and what is below it."""
    api = Api(url, token)
    typer.echo(f"{name} is {api.patch(mailbox_path(api, address, name), {'name': new})['name']} now")


@app.command()
def subscribe(
    address: Address,
    name: Name,
    token: Token,
    off: Annotated[bool, typer.Option("--off", help="Hide it instead")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Let mail clients show a mailbox unasked."""
    api = Api(url, token)
    changed = api.patch(mailbox_path(api, address, name), {"subscribed": not off})
    typer.echo(f"{name} is {'subscribed' if changed['subscribed'] else 'not subscribed'}")


@app.command()
def delete(address: Address, name: Name, token: Token, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """With its messages, which can be given back for a while."""
    api = Api(url, token)
    path = mailbox_path(api, address, name)
    if not yes:
        typer.confirm(f"Delete {name} of {address}?", abort=True)
    api.delete(path)
    typer.echo(f"{name} is deleted")


def mailbox_path(api: Api, address: str, name: str) -> str:
    """The path of a mailbox. Raises ApiFailure where there is none of this name."""
    path = f"{account_path(api, address)}/mailboxes"
    found = next((box for box in api.every(path) if box["name"] == name), None)
    if found is None:
        raise ApiFailure(f"{address} has no mailbox {name}")
    return f"{path}/{found['id']}"
