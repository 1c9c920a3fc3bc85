"""`mailstead check`: whether what must always be true of the store is true."""

import asyncio
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from mailstead.model.failure import Refused
from mailstead.store.engine import open_database
from mailstead.store.invariants import CHECKS, Violation, check_invariants
from mailstead_cli.api_client import AsJson
from mailstead_cli.output import print_json

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="MAILSTEAD_MIGRATION_DATABASE_URL",
        help="PostgreSQL as the owner of the schema; without it, the data folder of `mailstead up`",
        show_default=False,
    ),
]
DataPath = Annotated[Path, typer.Option(envvar="MAILSTEAD_DATA", help="The data folder of a running `mailstead up`")]


def check(database_url: DatabaseUrl = None, data: DataPath = Path(".mailstead"), as_json: AsJson = False) -> None:
    """Prove the store's invariants. Exit status 0 when all hold, 1 when one does not, 2 when that cannot be known."""
    url = database_url or _local_url(data)
    try:
        violations = asyncio.run(_find(url))
    except Refused as refused:
        typer.secho(f"mailstead: {refused.detail}", fg="red", err=True)
        raise typer.Exit(2) from refused
    if as_json:
        print_json([_as_json(violation) for violation in violations])
    else:
        for violation in violations:
            typer.secho(str(violation), fg="red")
        typer.echo(f"{len(CHECKS) - len(violations)} of {len(CHECKS)} invariants hold")
    raise typer.Exit(1 if violations else 0)


async def _find(url: str) -> list[Violation]:
    async with open_database(url, pool_size=1) as db:
        return await check_invariants(db)


def _as_json(violation: Violation) -> dict[str, object]:
    return {"invariant": violation.invariant, "count": violation.count, "examples": list(violation.examples)}


def _local_url(data: Path) -> str:
    """The database of a copy that `mailstead up` runs here. Exits with status 2, saying what is missing."""
    try:
        from mailstead_local.database import OWNER
        from mailstead_local.folder import DataFolder
        from mailstead_local.postgres import PORT
        from mailstead_local.system import DATABASE
    except ImportError as error:
        raise _unknown("give --database-url: the package mailstead-local, which could find it, is not installed") from error
    if not (data / "secrets.json").is_file():
        raise _unknown(f"{data} is no data folder of `mailstead up`; name it by --data, or give --database-url")
    folder = DataFolder(data)
    if not folder.socket_link.exists():
        raise _unknown(f"PostgreSQL of {data} does not run: start it with `mailstead up`")
    sockets = folder.socket_link.resolve()
    return f"postgresql://{OWNER}:{quote(folder.secret(OWNER), safe='')}@/{DATABASE}?host={sockets}&port={PORT}"


def _unknown(line: str) -> typer.Exit:
    typer.secho(f"mailstead: {line}", fg="red", err=True)
    return typer.Exit(2)
