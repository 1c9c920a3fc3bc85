"""`mailstead audit`: who changed what."""

from itertools import islice
from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_json, print_table

COLUMNS = {"At": "at", "Who": "actor", "What": "action", "Target": "target", "Status": "status"}


def audit(
    token: Token,
    actor: Annotated[str | None, typer.Option(help="Only by them, as 'key NAME' or 'account alice@example.com'")] = None,
    action: Annotated[str | None, typer.Option(help="Only this operation, as update_account")] = None,
    target: Annotated[str | None, typer.Option(help="Only of paths that begin with this")] = None,
    last: Annotated[int, typer.Option(help="How many", min=1)] = 50,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """The newest entries of the audit log."""
    wanted = {"actor": actor, "action": action, "target": target}
    query = {name: value for name, value in wanted.items() if value is not None}
    items = islice(Api(url, token).every("/v1/audit-log", **query), last)
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, items)
