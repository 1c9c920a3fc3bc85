"""`mailstead restored`: what is to be done once after the database went back to a point in time."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from mailstead.model.failure import Refused
from mailstead.store.engine import open_database
from mailstead.store.restored import raise_uidvalidities
from mailstead_cli.database import DatabaseUrl, DataPath, url_of

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]


def restored(database_url: DatabaseUrl = None, data: DataPath = Path(".mailstead"), yes: Yes = False) -> None:
    """Give every mailbox a new UIDVALIDITY, before any service starts: mail clients then fetch again what they kept."""
    url = url_of(database_url, data)
    if not yes:
        typer.confirm("All mail clients will fetch all their mail again. Go on?", abort=True)
    try:
        accounts, mailboxes = asyncio.run(_raise(url))
    except Refused as refused:
        typer.secho(f"mailstead: {refused.detail}; run it again, which does no harm", fg="red", err=True)
        raise typer.Exit(2) from refused
    typer.echo(f"{mailboxes} mailboxes of {accounts} accounts have a new UIDVALIDITY")


async def _raise(url: str) -> tuple[int, int]:
    accounts = mailboxes = 0
    progress = Progress(SpinnerColumn(), TextColumn("{task.completed} accounts"), transient=True)
    async with open_database(url, pool_size=1) as db:
        with progress:
            task = progress.add_task("", total=None)
            async for some_accounts, some_mailboxes in raise_uidvalidities(db):
                accounts, mailboxes = accounts + some_accounts, mailboxes + some_mailboxes
                progress.update(task, completed=accounts)
    return accounts, mailboxes
