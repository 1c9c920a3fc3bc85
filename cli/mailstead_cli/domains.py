"""`mailstead domains`: the domains that mail is accepted for."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_fields, print_json, print_table
from mailstead_cli.prompts import Yes, require_typed

app = typer.Typer(no_args_is_help=True, help="The domains that mail is accepted for.")

RECORDS = {"State": "state", "For": "purpose", "Name": "name", "Type": "type", "Value": "value"}
COLUMNS = {"Domain": "name", "Active": "active", "Accounts": "account_count", "Since": "created_at"}
DELETED = {"Domain": "name", "Deleted": "deleted_at", "Erased at": "erase_at"}

Name = Annotated[str, typer.Argument(help="The domain, as example.com", show_default=False)]


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
def show(name: Name, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """All settings of a domain, deleted or not."""
    print_fields(Api(url, token).get(f"/v1/domains/{name}"), as_json)


@app.command()
def create(
    name: Name,
    token: Token,
    alias_of: Annotated[str | None, typer.Option(help="The domain whose addresses it has, each under its own name too")] = None,
    tenant: Annotated[int | None, typer.Option(help="Whose it is, by the id of the tenant")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Accept mail for a domain."""
    made = Api(url, token).post("/v1/domains", {"name": name, "alias_of": alias_of, "tenant_id": tenant})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['name']} is a domain of this server")


@app.command()
def change(
    name: Name,
    token: Token,
    active: Annotated[
        bool | None, typer.Option("--active/--suspended", help="Whether mail for it is accepted and its accounts log in")
    ] = None,
    scram: Annotated[
        bool | None, typer.Option("--scram/--no-scram", help="Whether SCRAM keys are kept beside each password that is set")
    ] = None,
    junk_score: Annotated[
        float | None, typer.Option(help="Spam score from which mail is filed in Junk; 0: as configured")
    ] = None,
    reject_score: Annotated[float | None, typer.Option(help="Spam score from which mail is refused; 0: as configured")] = None,
    max_accounts: Annotated[int | None, typer.Option(help="Accounts that it may have; 0: no limit")] = None,
    retention_days: Annotated[
        int | None, typer.Option(help="Days for which deleted messages can be given back; 0: as configured")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Change what is given: state, spam thresholds, limits."""
    asked = {
        "active": active,
        "scram": scram,
        "junk_score": junk_score,
        "reject_score": reject_score,
        "max_accounts": max_accounts,
        "retention_days": retention_days,
    }
    body = {field: value for field, value in asked.items() if value is not None}
    print_fields(Api(url, token).patch(f"/v1/domains/{name}", body), as_json)


@app.command()
def verify(name: Name, token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Look for the record that shows whose a domain is; where it is missing, say what to publish."""
    verified = Api(url, token).put(f"/v1/domains/{name}/dns/verification", {})
    if as_json:
        print_json(verified)
    else:
        typer.echo(f"{verified['name']} is verified")


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
    if erase:
        require_typed(name, f"The domain {name} is erased for good, with its deleted accounts and their mail.", yes)
    elif not yes:
        typer.confirm(f"Delete the domain {name}?", abort=True)
    Api(url, token).delete(f"/v1/domains/{name}?erase=true" if erase else f"/v1/domains/{name}")
    typer.echo(f"{name} is {'erased' if erase else 'deleted'}")


@app.command()
def restore(name: Name, token: Token, url: Url = DEFAULT_URL) -> None:
    """Give a domain back that was deleted."""
    Api(url, token).post(f"/v1/domains/{name}/restore")
    typer.echo(f"{name} is restored")
