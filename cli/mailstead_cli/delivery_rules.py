"""`mailstead delivery-rules`: how mail leaves."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Json, Token, Url
from mailstead_cli.output import print_json, print_table
from mailstead_cli.prompts import PasswordStdin, given_password

app = typer.Typer(no_args_is_help=True, help="How mail leaves: smart hosts, relays, the least TLS, source addresses.")

COLUMNS = {
    "Id": "id",
    "Tenant": "tenant_id",
    "Domain": "for",
    "Host": "host",
    "Port": "port",
    "By": "protocol",
    "TLS": "tls",
    "As": "username",
    "From": "source",
}

Domain = Annotated[
    str, typer.Argument(help="example.org, .example.org for all below it, or '' for any domain", show_default=False)
]
Rule = Annotated[str, typer.Argument(help="The id of the rule", show_default=False)]
Host = Annotated[str | None, typer.Option(help="Who takes the mail, by name or address; else whom MX records name")]
Port = Annotated[int | None, typer.Option(help="Of the host; else 25, 24 by LMTP, 587 with --username")]
Protocol = Annotated[str, typer.Option(help="smtp or lmtp")]
Tls = Annotated[str, typer.Option(help="The least: opportunistic, encrypted or verified")]
Username = Annotated[str | None, typer.Option(help="As whom to log in; the password is asked for")]
Source = Annotated[str | None, typer.Option(help="The address of ours that connects")]
Hello = Annotated[str | None, typer.Option(help="The name of that address")]
PerMinute = Annotated[int | None, typer.Option(help="Messages that leave for one domain at most, over all replicas")]
Tenant = Annotated[int | None, typer.Option(help="Only mail of this tenant, by its id")]


@app.command("list")
def list_rules(token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """All rules; the most particular one holds."""
    items = Api(url, token).every("/v1/delivery-rules")
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, map(_shown, items))


@app.command()
def create(
    domain: Domain,
    token: Token,
    host: Host = None,
    port: Port = None,
    protocol: Protocol = "smtp",
    tls: Tls = "opportunistic",
    username: Username = None,
    password_stdin: PasswordStdin = False,
    source: Source = None,
    hello: Hello = None,
    per_minute: PerMinute = None,
    tenant: Tenant = None,
    in_place_of: Annotated[str | None, typer.Option(help="This rule, by its id, is replaced whole, its password too")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Say how mail for a domain leaves."""
    password = None if username is None else given_password(password_stdin)
    body: Json = {
        "domain": domain,
        "tenant_id": tenant,
        "host": host,
        "port": port,
        "protocol": protocol,
        "tls": tls,
        "username": username,
        "password": password,
        "source": source,
        "hello": hello,
        "messages_per_minute": per_minute,
    }
    api = Api(url, token)
    made = api.put(f"/v1/delivery-rules/{in_place_of}", body) if in_place_of else api.post("/v1/delivery-rules", body)
    if as_json:
        print_json(made)
    else:
        typer.echo(f"rule {made['id']} is for mail to {_shown(made)['for']}")


@app.command()
def show(rule: Rule, token: Token, url: Url = DEFAULT_URL) -> None:
    """One rule, as JSON."""
    print_json(Api(url, token).get(f"/v1/delivery-rules/{rule}"))


@app.command()
def delete(rule: Rule, token: Token, url: Url = DEFAULT_URL) -> None:
    """Let its mail leave as the next rule, or none, says."""
    Api(url, token).delete(f"/v1/delivery-rules/{rule}")
    typer.echo(f"rule {rule} is deleted")


def _shown(rule: Json) -> Json:
    return {**rule, "for": rule["domain"] or "any domain"}
