"""`mailstead check`: whether what must always be true of the store is true."""

import asyncio
from pathlib import Path

import typer

from mailstead.model.failure import Refused
from mailstead.store.engine import open_database
from mailstead.store.invariants import CHECKS, Violation, check_invariants
from mailstead_cli.api_client import AsJson
from mailstead_cli.database import DatabaseUrl, DataPath, url_of
from mailstead_cli.output import print_json


def check(database_url: DatabaseUrl = None, data: DataPath = Path(".mailstead"), as_json: AsJson = False) -> None:
    """Prove the store's invariants. Exit status 0 when all hold, 1 when one does not, 2 when that cannot be known."""
    url = url_of(database_url, data)
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
