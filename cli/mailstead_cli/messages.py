"""`mailstead messages`: what is in a mailbox, what is done to it, and what was deleted."""

import sys
from typing import Annotated
from urllib.parse import urlencode

import typer

from mailstead_cli.accounts import Address, account_path
from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Json, Token, Url
from mailstead_cli.mailboxes import mailbox_path
from mailstead_cli.output import print_fields, print_json, print_table
from mailstead_cli.prompts import Yes

app = typer.Typer(no_args_is_help=True, help="The messages in a mailbox.")

COLUMNS = {"UID": "uid", "Received": "received_at", "From": "sender", "Subject": "subject", "Flags": "flags", "Octets": "size"}
DELETED = {"Mailbox": "mailbox", "UID": "uid", "Deleted": "deleted_at", "By": "by", "From": "sender", "Subject": "subject"}

Uid = Annotated[int, typer.Argument(help="Its UID, as `messages list` shows it", show_default=False)]
Uids = Annotated[list[int], typer.Argument(help="UIDs, as `messages list` shows them", show_default=False)]
Mailbox = Annotated[str, typer.Option(help="Where they are")]


@app.command("list")
def list_messages(
    address: Address,
    token: Token,
    mailbox: Mailbox = "INBOX",
    text: Annotated[str | None, typer.Option(help="Only those with this in a header field or their text")] = None,
    unread: Annotated[bool, typer.Option("--unread", help="Only those that were not read")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Newest first. Who reads another's mail is in the audit log."""
    api = Api(url, token)
    filters = ({"text": text} if text else {}) | ({"seen": "false"} if unread else {})
    items = api.every(f"{mailbox_path(api, address, mailbox)}/messages", **filters)
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, ({**item, "flags": " ".join(item["flags"])} for item in items))


@app.command()
def show(
    address: Address, uid: Uid, token: Token, mailbox: Mailbox = "INBOX", url: Url = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """What there is to know of one, without its content."""
    api = Api(url, token)
    print_fields(api.get(f"{mailbox_path(api, address, mailbox)}/messages/{uid}"), as_json)


@app.command()
def content(address: Address, uid: Uid, token: Token, mailbox: Mailbox = "INBOX", url: Url = DEFAULT_URL) -> None:
    """One byte for byte, to standard output."""
    api = Api(url, token)
    for piece in api.fetch(f"{mailbox_path(api, address, mailbox)}/messages/{uid}/content"):
        sys.stdout.buffer.write(piece)


@app.command()
def upload(
    address: Address,
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="A message (RFC 5322); - for standard input", show_default=False)],
    token: Token,
    flags: Annotated[list[str] | None, typer.Option("--flag", help=r"A flag that it is to have, as \Seen")] = None,
    received: Annotated[str | None, typer.Option(help="When it came, as 2026-01-31T00:00:00Z; else now")] = None,
    mailbox: Mailbox = "INBOX",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Put a message into a mailbox, byte for byte."""
    api = Api(url, token)
    query = urlencode([("flag", flag) for flag in flags or []] + ([("received_at", received)] if received else []))
    filed = api.send(f"{mailbox_path(api, address, mailbox)}/messages?{query}", file.read(), "message/rfc822")
    if as_json:
        print_json(filed)
    else:
        typer.echo(f"message {filed['uid']} is in {mailbox}")


@app.command()
def flag(
    address: Address,
    uids: Uids,
    token: Token,
    add: Annotated[list[str] | None, typer.Option(help=r"A flag to set, as \Seen")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A flag to take away")] = None,
    mailbox: Mailbox = "INBOX",
    url: Url = DEFAULT_URL,
) -> None:
    """Set flags, or take them away."""
    _act(Api(url, token), address, mailbox, {"action": "flag", "uids": uids, "add": add or [], "remove": remove or []})


@app.command()
def move(
    address: Address,
    uids: Uids,
    into: Annotated[str, typer.Option(help="The mailbox that they go to")],
    token: Token,
    mailbox: Mailbox = "INBOX",
    copy: Annotated[bool, typer.Option("--copy", help="Leave them where they are, too")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """To another mailbox of the account."""
    api = Api(url, token)
    target = int(mailbox_path(api, address, into).rpartition("/")[2])
    _act(api, address, mailbox, {"action": "copy" if copy else "move", "uids": uids, "into": target})


@app.command()
def delete(
    address: Address,
    uids: Uids,
    token: Token,
    mailbox: Mailbox = "INBOX",
    url: Url = DEFAULT_URL,
    yes: Yes = False,
) -> None:
    """Not into the trash; they can be given back for a while."""
    if not yes:
        typer.confirm(f"Delete {len(uids)} messages of {address}?", abort=True)
    _act(Api(url, token), address, mailbox, {"action": "delete", "uids": uids})


@app.command()
def deleted(
    address: Address,
    token: Token,
    since: Annotated[str | None, typer.Option(help="Only what was deleted since then, as 2026-01-31T00:00:00Z")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """What can be given back, last deleted first."""
    api = Api(url, token)
    items = api.every(f"{account_path(api, address)}/deleted-messages", **({"since": since} if since else {}))
    if as_json:
        print_json(list(items))
    else:
        print_table(DELETED, items)


@app.command()
def restore(
    address: Address,
    token: Token,
    uids: Annotated[list[int] | None, typer.Argument(help="UIDs, as `messages deleted` shows them", show_default=False)] = None,
    mailbox: Annotated[str, typer.Option(help="Where these UIDs were")] = "INBOX",
    since: Annotated[str | None, typer.Option(help="All that was deleted since then, as 2026-01-31T00:00:00Z")] = None,
    into: Annotated[str | None, typer.Option(help="The mailbox to put it in; else where it was")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Give back what was deleted, under new UIDs."""
    api = Api(url, token)
    asked: Json = {"since": since, "into": into}
    if uids:
        mailbox_id = int(mailbox_path(api, address, mailbox).rpartition("/")[2])
        asked["messages"] = [{"mailbox_id": mailbox_id, "uid": uid} for uid in uids]
    total = 0
    while True:
        done = api.post(f"{account_path(api, address)}/restorations", asked)
        total += done["count"]
        if done["complete"]:
            typer.echo(f"{total} messages given back")
            return


def _act(api: Api, address: str, mailbox: str, asked: Json) -> None:
    done = api.post(f"{mailbox_path(api, address, mailbox)}/message-actions", asked)
    typer.echo(f"{done['action']}: {done['count']} messages")
    if done["missing"]:
        raise ApiFailure(f"there is no message {', '.join(map(str, done['missing']))} in {mailbox}")
