"""`mailstead status`, `mailstead overview` and `mailstead limits`: how the mail host fares, and what it takes."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_fields, print_json, print_table

HOURS = {
    "Hour": "start",
    "Filed": "filed_count",
    "Delivered": "delivered_count",
    "Waiting": "waiting_count",
    "Failed": "failed_count",
}
FULL = {"Id": "id", "Address": "address", "Used": "used_bytes", "Quota": "quota_bytes"}


def status(token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Which release answers, and whether it can work."""
    api = Api(url, token)
    print_fields({**api.get("/v1/version"), **api.get("/v1/health")}, as_json)


def limits(token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """What the API takes at most."""
    print_fields(Api(url, token).get("/v1/limits"), as_json)


def overview(
    token: Token,
    tenant: Annotated[int | None, typer.Option(help="Of this tenant, by its id")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """The mail of the last hours, the queue, and what is held."""
    found = Api(url, token).get(f"/v1/overview?tenant_id={tenant}" if tenant else "/v1/overview")
    if as_json:
        print_json(found)
        return
    print_table(HOURS, found["hours"])
    storage, domains = found["storage"], found["domains"]
    held = {name: value for name, value in storage.items() if name != "full_accounts"}
    for heading, part in {"The queue": found["queue"], "What is held": held, "Domains": domains}.items():
        typer.secho(f"\n{heading}", bold=True)
        print_fields(part, as_json=False)
    if storage["full_accounts"]:
        typer.secho("\nNearly full", bold=True)
        print_table(FULL, storage["full_accounts"])
