"""`mailstead accounts`: who has mail here."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Json, Token, Url
from mailstead_cli.output import octets_of, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Who has mail here.")

SENT_AT_ONCE = 5_000  # rows of one request
SESSIONS = {"Protocol": "protocol", "From": "peer", "Since": "since", "By": "by", "Replica": "replica"}
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
Quota = Annotated[str, typer.Option("--quota", help="Octets it may hold, as 5G; 0 for no limit")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking")]


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
    address: Address,
    token: Token,
    erase: Annotated[bool, typer.Option("--erase", help="At once and for good, deleted before or not")] = False,
    url: Url = DEFAULT_URL,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Close an account. It can be restored for some days, then it is erased with all its mail."""
    api = Api(url, token)
    found = found_account(api, address, or_deleted=erase)
    path = f"/v1/accounts/{found['id']}"
    if not yes:
        what = f"Erase {found['address']} and its {found['message_count']} messages for good?"
        typer.confirm(what if erase else f"Delete {found['address']}?", abort=True)
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
    path = f"/v1/accounts/{found_account(api, address)['id']}/sessions"
    if end:
        api.delete(path)
        typer.echo("all sessions end")
        return
    items = list(api.every(path))
    if as_json:
        print_json(items)
    else:
        print_table(SESSIONS, items)


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
