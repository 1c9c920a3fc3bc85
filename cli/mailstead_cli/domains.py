"""`mailstead domains`: the domains that mail is accepted for."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="The domains that mail is accepted for.")

RECORDS = {"State": "state", "For": "purpose", "Name": "name", "Type": "type", "Value": "value"}
COLUMNS = {"Domain": "name", "Active": "active", "Accounts": "account_count", "Since": "created_at"}
DELETED = {"Domain": "name", "Deleted": "deleted_at", "Erased at": "erase_at"}

Name = Annotated[str, typer.Argument(help="The domain, as example.com", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]


@app.command("list")
def list_domains(
    token: Token,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that are deleted and can be restored, instead")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """All domains, in the order of names."""
    items = Api(url, token).every("/v1/domains", **({"deleted": "true"} if deleted else {}))
    if as_json:
        print_json(list(items))
    else:
        print_table(DELETED if deleted else COLUMNS, items)


@app.command()
def create(name: Name, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Accept mail for a domain."""
    made = Api(url, token).post("/v1/domains", {"name": name})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['name']} is a domain of this server")


@app.command()
def dns(name: Name, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """The records to publish for a domain, each looked for now. Exit status 1 when one that is required is not right."""
    page = Api(url, token).get(f"/v1/domains/{name}/dns")
    if as_json:
        print_json(page)
    else:
        print_table(RECORDS, page["records"])
    raise typer.Exit(any(record["required"] and record["state"] != "ok" for record in page["records"]))


@app.command()
def delete(
    name: Name,
    token: Token,
    erase: Annotated[bool, typer.Option("--erase", help="At once and for good, deleted before or not")] = False,
    url: Url = DEFAULT_URL,
    yes: Yes = False,
) -> None:
    """Accept mail for a domain no longer. It must have no accounts, but deleted ones. It can be restored for some days."""
    if not yes:
        typer.confirm(f"Erase the domain {name} for good?" if erase else f"Delete the domain {name}?", abort=True)
    Api(url, token).delete(f"/v1/domains/{name}?erase=true" if erase else f"/v1/domains/{name}")
    typer.echo(f"{name} is {'erased' if erase else 'deleted'}")


@app.command()
def restore(name: Name, token: Token, url: Url = DEFAULT_URL) -> None:
    """Give a domain back that was deleted."""
    Api(url, token).post(f"/v1/domains/{name}/restore")
    typer.echo(f"{name} is restored")
