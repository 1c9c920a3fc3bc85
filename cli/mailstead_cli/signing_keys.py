"""`mailstead signing-keys`: what messages of a domain are signed with (DKIM)."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Json, Token, Url
from mailstead_cli.domains import Name
from mailstead_cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="What messages of a domain are signed with (DKIM).")

COLUMNS = {
    "Selector": "selector",
    "Algorithm": "algorithm",
    "State": "state",
    "Since": "created_at",
    "Active": "activated_at",
    "Retired": "retired_at",
}
RECORD = {"Name": "record_name", "TXT": "record"}

Selector = Annotated[str, typer.Argument(help="The name of the key, as s2026a", show_default=False)]


@app.command("list")
def list_keys(
    name: Name,
    token: Token,
    records: Annotated[bool, typer.Option("--records", help="The records to publish instead")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Those of a domain, oldest first."""
    items = Api(url, token).every(_path(name))
    if as_json:
        print_json(list(items))
    else:
        print_table(RECORD if records else COLUMNS, items)


@app.command()
def create(
    name: Name,
    selector: Selector,
    token: Token,
    algorithm: Annotated[str, typer.Option(help="rsa-sha256 or ed25519-sha256; have one of each")] = "rsa-sha256",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make a key that does not sign yet. Publish the record that is printed, then activate the key."""
    made = Api(url, token).post(_path(name), {"selector": selector, "algorithm": algorithm})
    if as_json:
        print_json(made)
    else:
        print_table(RECORD, [made])


@app.command()
def activate(name: Name, selector: Selector, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Let it sign; the other of its algorithm is retired. Delivery notices within a minute."""
    _become("active", Api(url, token), name, selector, as_json)


@app.command()
def retire(name: Name, selector: Selector, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Let it sign no more. Keep its record for some days."""
    _become("retired", Api(url, token), name, selector, as_json)


@app.command()
def delete(name: Name, selector: Selector, token: Token, url: Url = DEFAULT_URL) -> None:
    """Forget one that does not sign."""
    Api(url, token).delete(f"{_path(name)}/{selector}")
    typer.echo(f"{selector} of {name} is deleted")


def _become(state: str, api: Api, name: str, selector: str, as_json: bool) -> None:
    changed: Json = api.patch(f"{_path(name)}/{selector}", {"state": state})
    if as_json:
        print_json(changed)
    else:
        typer.echo(f"{changed['selector']} of {name} is {changed['state']}")


def _path(name: str) -> str:
    return f"/v1/domains/{name}/signing-keys"
