"""`mailstead mailboxes` and `mailstead messages`: what an account holds, and what is done to it."""

from typing import Annotated

import typer

from mailstead_cli.accounts import Address, found_account
from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Json, Token, Url
from mailstead_cli.output import print_json, print_table

mailboxes = typer.Typer(no_args_is_help=True, help="The mailboxes of an account.")
messages = typer.Typer(no_args_is_help=True, help="The messages in a mailbox.")

MAILBOXES = {"Id": "id", "Name": "name", "For": "special_use", "Messages": "message_count", "Unread": "unseen_count"}
MESSAGES = {"UID": "uid", "Received": "received_at", "From": "sender", "Subject": "subject", "Flags": "flags", "Octets": "size"}

Name = Annotated[str, typer.Argument(help="The mailbox, as Lists/python", show_default=False)]
Uids = Annotated[list[int], typer.Argument(help="UIDs, as `messages list` shows them", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]


@mailboxes.command("list")
def list_mailboxes(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """By their names."""
    api = Api(url, token)
    items = list(api.every(f"{_path(api, address)}/mailboxes"))
    if as_json:
        print_json(items)
    else:
        print_table(MAILBOXES, items)


@mailboxes.command()
def create(address: Address, name: Name, token: Token, url: Url = DEFAULT_URL) -> None:
    """An empty mailbox."""
    api = Api(url, token)
    made = api.post(f"{_path(api, address)}/mailboxes", {"name": name})
    typer.echo(f"{made['name']} is mailbox {made['id']}")


@mailboxes.command()
def rename(address: Address, name: Name, new: Annotated[str, typer.Argument()], token: Token, url: Url = DEFAULT_URL) -> None:
    """A mailbox and what is below it."""
    api = Api(url, token)
    typer.echo(f"{name} is {api.patch(_mailbox(api, address, name), {'name': new})['name']} now")


@mailboxes.command("delete")
def delete_mailbox(address: Address, name: Name, token: Token, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """With its messages, which can be given back for a while."""
    api = Api(url, token)
    path = _mailbox(api, address, name)
    if not yes:
        typer.confirm(f"Delete {name} of {address}?", abort=True)
    api.delete(path)
    typer.echo(f"{name} is deleted")


@messages.command("list")
def list_messages(
    address: Address,
    token: Token,
    mailbox: Annotated[str, typer.Option(help="Where they are")] = "INBOX",
    text: Annotated[str | None, typer.Option(help="Only those with this in a header field or their text")] = None,
    unread: Annotated[bool, typer.Option("--unread", help="Only those that were not read")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Newest first. Who reads another's mail is in the audit log."""
    api = Api(url, token)
    filters = ({"text": text} if text else {}) | ({"seen": "false"} if unread else {})
    items = api.every(f"{_mailbox(api, address, mailbox)}/messages", **filters)
    if as_json:
        print_json(list(items))
    else:
        print_table(MESSAGES, ({**item, "flags": " ".join(item["flags"])} for item in items))


@messages.command()
def flag(
    address: Address,
    uids: Uids,
    token: Token,
    add: Annotated[list[str] | None, typer.Option(help=r"A flag to set, as \Seen")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A flag to take away")] = None,
    mailbox: Annotated[str, typer.Option(help="Where they are")] = "INBOX",
    url: Url = DEFAULT_URL,
) -> None:
    """Set flags, or take them away."""
    _act(Api(url, token), address, mailbox, {"action": "flag", "uids": uids, "add": add or [], "remove": remove or []})


@messages.command()
def move(
    address: Address,
    uids: Uids,
    into: Annotated[str, typer.Option(help="The mailbox that they go to")],
    token: Token,
    mailbox: Annotated[str, typer.Option(help="Where they are")] = "INBOX",
    copy: Annotated[bool, typer.Option("--copy", help="Leave them where they are, too")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """To another mailbox of the account."""
    api = Api(url, token)
    target = int(_mailbox(api, address, into).rpartition("/")[2])
    _act(api, address, mailbox, {"action": "copy" if copy else "move", "uids": uids, "into": target})


@messages.command()
def delete(
    address: Address,
    uids: Uids,
    token: Token,
    mailbox: Annotated[str, typer.Option(help="Where they are")] = "INBOX",
    url: Url = DEFAULT_URL,
    yes: Yes = False,
) -> None:
    """Not into the trash; they can be given back for a while."""
    if not yes:
        typer.confirm(f"Delete {len(uids)} messages of {address}?", abort=True)
    _act(Api(url, token), address, mailbox, {"action": "delete", "uids": uids})


@messages.command()
def restore(
    address: Address,
    since: Annotated[str, typer.Option(help="All that was deleted since then, as 2026-01-31T00:00:00Z")],
    token: Token,
    into: Annotated[str | None, typer.Option(help="The mailbox to put it in; else where it was")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Give back what was deleted, under new UIDs."""
    api = Api(url, token)
    total = 0
    while True:
        done = api.post(f"{_path(api, address)}/restorations", {"since": since, "into": into})
        total += done["count"]
        if done["complete"]:
            typer.echo(f"{total} messages given back")
            return


def _act(api: Api, address: str, mailbox: str, asked: Json) -> None:
    done = api.post(f"{_mailbox(api, address, mailbox)}/message-actions", asked)
    typer.echo(f"{done['action']}: {done['count']} messages")
    if done["missing"]:
        raise ApiFailure(f"there is no message {', '.join(map(str, done['missing']))} in {mailbox}")


def _path(api: Api, address: str) -> str:
    return f"/v1/accounts/{found_account(api, address)['id']}"


def _mailbox(api: Api, address: str, name: str) -> str:
    """The path of a mailbox. Raises ApiFailure where there is none of this name."""
    path = f"{_path(api, address)}/mailboxes"
    found = next((box for box in api.every(path) if box["name"] == name), None)
    if found is None:
        raise ApiFailure(f"{address} has no mailbox {name}")
    return f"{path}/{found['id']}"
