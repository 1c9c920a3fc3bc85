"""`mailstead accounts`: who has mail here."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Json, Token, Url
from mailstead_cli.output import octets_of, print_fields, print_json, print_table
from mailstead_cli.prompts import PasswordStdin, Yes, given_password, require_typed

app = typer.Typer(no_args_is_help=True, help="Who has mail here.")

SENT_AT_ONCE = 5_000  # rows of one request
COLUMNS = {
    "Id": "id",
    "Address": "address",
    "Active": "active",
    "Messages": "message_count",
    "Used": "used_bytes",
    "Quota": "quota_bytes",
    "Since": "created_at",
}
DELETED = {"Id": "id", "Address": "address", "Messages": "message_count", "Deleted": "deleted_at", "Erased at": "erase_at"}

Address = Annotated[str, typer.Argument(help="The address, as alice@example.com", show_default=False)]
Quota = Annotated[str | None, typer.Option("--quota", help="Octets it may hold, as 5G; 0 for no limit")]
QuotaMessages = Annotated[int | None, typer.Option(help="Messages it may hold; 0 for no limit", min=0)]


@app.command("list")
def list_accounts(
    token: Token,
    domain: Annotated[str | None, typer.Option(help="Only accounts of this domain")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that are deleted and can be restored, instead")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """All accounts, in the order of their creation."""
    asked = {"domain": domain} if domain else {}
    items = Api(url, token).every("/v1/accounts", **asked, **({"deleted": "true"} if deleted else {}))
    if as_json:
        print_json(list(items))
    else:
        print_table(DELETED if deleted else COLUMNS, items)


@app.command()
def show(address: Address, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """All settings of an account, deleted or not."""
    api = Api(url, token)
    print_fields(api.get(account_path(api, address, or_deleted=True)), as_json)


@app.command()
def create(
    address: Address,
    token: Token,
    quota: Quota = None,
    quota_messages: QuotaMessages = None,
    password_stdin: PasswordStdin = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make an account with its standard mailboxes."""
    quotas = _given(quota_bytes=_quota(quota), quota_messages=quota_messages)
    password = given_password(password_stdin, twice=True)
    made = Api(url, token).post("/v1/accounts", {"address": address, "password": password, **quotas})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['address']} is account {made['id']}")


@app.command()
def change(
    address: Address,
    token: Token,
    quota: Quota = None,
    quota_messages: QuotaMessages = None,
    active: Annotated[bool | None, typer.Option("--active/--suspended", help="Whether it logs in and receives mail")] = None,
    forward: Annotated[list[str] | None, typer.Option(help="Who gets what comes here; all of them anew")] = None,
    no_forwards: Annotated[bool, typer.Option("--no-forwards", help="Forward nothing, and keep what comes")] = False,
    keeps_copy: Annotated[
        bool | None, typer.Option("--keep-copy/--forward-only", help="Whether what is forwarded is kept here too")
    ] = None,
    files_tags: Annotated[
        bool | None,
        typer.Option("--file-tags/--ignore-tags", help="Whether user+tag goes into the mailbox `tag` where there is one"),
    ] = None,
    send_as: Annotated[
        list[str] | None, typer.Option(help="What it may write as, as an address or @example.com; all of them anew")
    ] = None,
    no_send_as: Annotated[bool, typer.Option("--no-send-as", help="Write as its own addresses and aliases only")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Change what is given: quotas, state, where its mail goes, what it may write as."""
    body = _given(
        quota_bytes=_quota(quota),
        quota_messages=quota_messages,
        active=active,
        forwards=[] if no_forwards else forward or None,
        keeps_copy=True if no_forwards else keeps_copy,
        files_tags=files_tags,
        send_as=[] if no_send_as else send_as or None,
    )
    api = Api(url, token)
    print_fields(api.patch(account_path(api, address), body), as_json)


@app.command()
def delete(
    address: Address,
    token: Token,
    erase: Annotated[bool, typer.Option("--erase", help="At once and for good, deleted before or not")] = False,
    url: Url = DEFAULT_URL,
    yes: Yes = False,
) -> None:
    """Close an account. It can be restored for some days, then it is erased with all its mail."""
    api = Api(url, token)
    found = found_account(api, address, or_deleted=erase)
    path = f"/v1/accounts/{found['id']}"
    if erase:
        what = f"{found['address']} and its {found['message_count']} messages are erased for good."
        require_typed(found["address"], what, yes)
    elif not yes:
        typer.confirm(f"Delete {found['address']}?", abort=True)
    api.delete(f"{path}?erase=true" if erase else path)
    typer.echo(f"{found['address']} is {'erased' if erase else 'deleted'}")


@app.command()
def restore(address: Address, token: Token, url: Url = DEFAULT_URL) -> None:
    """Give an account back that was deleted, with all it had."""
    api = Api(url, token)
    found = found_account(api, address, or_deleted=True)
    api.post(f"/v1/accounts/{found['id']}/restore")
    typer.echo(f"{found['address']} is restored")


@app.command("import")
def import_accounts(
    file: Annotated[Path, typer.Argument(help="CSV with a head line, or NDJSON, by its name", exists=True, dir_okay=False)],
    token: Token,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make many accounts, with passwords or their hashes. What is refused is listed; then the exit status is 1."""
    media_type = "text/csv" if file.suffix.lower() == ".csv" else "application/x-ndjson"
    lines = [line for line in file.read_bytes().splitlines(keepends=True) if line.strip()]
    head = lines[:1] if media_type == "text/csv" else []
    rows = lines[len(head) :]
    api, results = Api(url, token), list[Json]()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("accounts", total=len(rows))
        for start in range(0, len(rows), SENT_AT_ONCE):
            part = rows[start : start + SENT_AT_ONCE]
            done = api.send("/v1/account-imports", b"".join(head + part), media_type)
            results += [{**row, "row": row["row"] + start} for row in done["rows"]]
            progress.update(task, advance=len(part))
    refused = [row for row in results if row["id"] is None]
    if as_json:
        print_json(results)
    else:
        for row in refused:
            field = f"{row['field']}: " if row["field"] else ""
            typer.secho(f"row {row['row']} {row['address'] or ''}: {field}{row['detail']}", fg="red", err=True)
        typer.echo(f"{len(results) - len(refused)} accounts made, {len(refused)} refused")
    raise typer.Exit(bool(refused))


def found_account(api: Api, address: str, *, or_deleted: bool = False) -> Json:
    """Raises ApiFailure where there is no such account."""
    wanted = address.lower()
    asked = [{}, {"deleted": "true"}] if or_deleted else [{}]
    items = (
        item for more in asked for item in api.every("/v1/accounts", domain=wanted.rpartition("@")[2], address=wanted, **more)
    )
    found = next((item for item in items if item["address"] == wanted), None)
    if found is None:
        raise ApiFailure(f"there is no account {address}")
    return found


def account_path(api: Api, address: str, *, or_deleted: bool = False) -> str:
    """Raises ApiFailure where there is no such account."""
    return f"/v1/accounts/{found_account(api, address, or_deleted=or_deleted)['id']}"


def _quota(text: str | None) -> int | None:
    try:
        return None if text is None else octets_of(text)
    except ValueError as error:
        raise ApiFailure(f"--quota: {text!r} is no size; write it as 500M or 5G") from error


def _given(**values: object) -> Json:
    return {name: value for name, value in values.items() if value is not None}
