"""Which database a command works on that needs no API."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

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


def url_of(database_url: str | None, data: Path) -> str:
    """What was given, or the database of a copy that `mailstead up` runs here. Exits with status 2, saying what is missing."""
    return database_url or _local_url(data)


def _local_url(data: Path) -> str:
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
