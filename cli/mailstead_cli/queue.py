"""`mailstead queue`: what leaves for other hosts."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, ApiFailure, AsJson, Json, Token, Url
from mailstead_cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="What leaves for other hosts.")

COLUMNS = {
    "Id": "id",
    "Queued": "queued_at",
    "From": "sender",
    "Recipients": "recipient_count",
    "Open": "open_count",
    "Held": "held_count",
    "Next": "due_at",
}
RECIPIENTS = {"No": "number", "Recipient": "address", "State": "state", "Due": "due_at", "Status": "status", "Reply": "reply"}
ATTEMPTS = {
    "No": "number",
    "At": "started_at",
    "Host": "host",
    "Address": "address",
    "TLS": "tls",
    "Seconds": "duration",
    "Outcome": "outcome",
    "About": "bounce_class",
    "Reply": "reply",
}
PAUSES = {"Id": "id", "Domain": "domain", "Tenant": "tenant_id", "Held": "held_count", "Since": "created_at", "Reason": "reason"}
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

Message = Annotated[str | None, typer.Argument(metavar="[ID]", help="A message; left out: all that the options find")]
Numbers = Annotated[list[int] | None, typer.Option("--number", help="Of the message: this recipient only, by its number")]
State = Annotated[str | None, typer.Option(help="Recipients in this state: waiting, held, leased")]
Domain = Annotated[str | None, typer.Option(help="Recipients at this domain")]
Sender = Annotated[str | None, typer.Option(help="Messages from this reverse-path")]
Recipient = Annotated[str | None, typer.Option(help="This recipient")]
Tenant = Annotated[int | None, typer.Option(help="Messages of this tenant, by its id")]
Trace = Annotated[str | None, typer.Option(help="The message with this trace id")]
Older = Annotated[str | None, typer.Option("--older-than", help="Queued longer ago than this, as 30m, 4h or 2d")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]


@app.command("list")
def list_queue(
    token: Token,
    state: Annotated[
        str | None, typer.Option(help="With a recipient in this state: waiting, held, leased, delivered, failed, cancelled")
    ] = None,
    domain: Domain = None,
    sender: Sender = None,
    recipient: Recipient = None,
    tenant: Tenant = None,
    trace: Trace = None,
    older_than: Older = None,
    last: Annotated[int, typer.Option(help="How many", min=1)] = 50,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """The newest messages."""
    query = _selection(state, domain, sender, recipient, tenant, trace, older_than)
    items = islice(Api(url, token).every("/v1/queue", **{name: str(value) for name, value in query.items()}), last)
    if as_json:
        print_json(list(items))
    else:
        print_table(COLUMNS, items)


@app.command()
def show(
    message: Annotated[str, typer.Argument(metavar="ID")], token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """One message, its recipients, and each attempt."""
    found = Api(url, token).get(f"/v1/queue/{message}")
    if as_json:
        print_json(found)
        return
    typer.echo(f"From <{found['sender']}>, queued {found['queued_at']}, trace {found['trace_id']}")
    print_table(RECIPIENTS, found["recipients"])
    attempts = [
        {**attempt, "number": recipient["number"], "duration": f"{attempt['duration']:.2f}"}
        for recipient in found["recipients"]
        for attempt in recipient["attempts"]
    ]
    print_table(ATTEMPTS, attempts)


@app.command()
def hold(
    token: Token,
    message: Message = None,
    number: Numbers = None,
    state: State = None,
    domain: Domain = None,
    sender: Sender = None,
    recipient: Recipient = None,
    tenant: Tenant = None,
    trace: Trace = None,
    older_than: Older = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Do not try them until they are released."""
    selection = _selection(state, domain, sender, recipient, tenant, trace, older_than)
    _act(Api(url, token), "hold", message, number, selection, as_json)


@app.command()
def release(
    token: Token,
    message: Message = None,
    number: Numbers = None,
    domain: Domain = None,
    sender: Sender = None,
    recipient: Recipient = None,
    tenant: Tenant = None,
    trace: Trace = None,
    older_than: Older = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Let go what was held."""
    selection = _selection(None, domain, sender, recipient, tenant, trace, older_than)
    _act(Api(url, token), "release", message, number, selection, as_json)


@app.command()
def retry(
    token: Token,
    message: Message = None,
    number: Numbers = None,
    state: State = None,
    domain: Domain = None,
    sender: Sender = None,
    recipient: Recipient = None,
    tenant: Tenant = None,
    trace: Trace = None,
    older_than: Older = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Try them now."""
    selection = _selection(state, domain, sender, recipient, tenant, trace, older_than)
    _act(Api(url, token), "retry", message, number, selection, as_json)


@app.command()
def cancel(
    token: Token,
    message: Message = None,
    number: Numbers = None,
    report: Annotated[bool, typer.Option("--report", help="Tell the sender")] = False,
    state: State = None,
    domain: Domain = None,
    sender: Sender = None,
    recipient: Recipient = None,
    tenant: Tenant = None,
    trace: Trace = None,
    older_than: Older = None,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Give them up for good, quietly or with a report to the sender."""
    selection = _selection(state, domain, sender, recipient, tenant, trace, older_than)
    if not yes:
        what = message or ", ".join(f"{name} {value}" for name, value in selection.items()) or "nothing"
        typer.confirm(f"Cancel what is open of {what}?", abort=True)
    _act(Api(url, token), "return" if report else "cancel", message, number, selection, as_json)


@app.command()
def pause(
    token: Token,
    domain: Annotated[str | None, typer.Option(help="Mail for this domain")] = None,
    tenant: Annotated[int | None, typer.Option(help="Mail of this tenant, by its id")] = None,
    reason: Annotated[str, typer.Option(help="For who reads the list")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Let mail for a domain, or of a tenant, wait: what is there and what comes."""
    made = Api(url, token).post("/v1/queue-pauses", {"domain": domain, "tenant_id": tenant, "reason": reason})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"pause {made['id']} holds {made['held_count']} recipients")


@app.command()
def pauses(token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """What is paused."""
    items = Api(url, token).every("/v1/queue-pauses")
    if as_json:
        print_json(list(items))
    else:
        print_table(PAUSES, items)


@app.command()
def resume(pause: Annotated[int, typer.Argument(help="The id of the pause")], token: Token, url: Url = DEFAULT_URL) -> None:
    """End a pause."""
    Api(url, token).delete(f"/v1/queue-pauses/{pause}")
    typer.echo(f"pause {pause} is over")


def _selection(
    state: str | None,
    domain: str | None,
    sender: str | None,
    recipient: str | None,
    tenant: int | None,
    trace: str | None,
    older_than: str | None,
) -> Json:
    """What the API calls a selection. Raises ApiFailure for a time that is none."""
    given = {
        "state": state,
        "domain": domain,
        "sender": sender,
        "recipient": recipient,
        "tenant_id": tenant,
        "trace_id": trace,
        "queued_before": _ago(older_than).isoformat() if older_than else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _ago(text: str) -> datetime:
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _UNITS or len(number) > 4:
        raise ApiFailure(f"--older-than: {text!r} is no time; write it as 30m, 4h or 2d")
    return datetime.now(UTC) - int(number) * _UNITS[unit]


def _act(api: Api, action: str, message: str | None, numbers: list[int] | None, selection: Json, as_json: bool) -> None:
    """Of one message, or of all that are selected, request by request until none is left."""
    if (message is None) == (not selection):
        raise ApiFailure("name a message, or say by options which recipients are meant")
    if message is not None:
        done = api.post(f"/v1/queue/{message}/actions", {"action": action, "recipients": numbers or []})
    else:
        done, cursor = {"action": action, "recipient_count": 0, "under_way_count": 0}, ""
        while True:
            part = api.post(f"/v1/queue-actions{cursor}", {"action": action, "of": selection})
            for name in ("recipient_count", "under_way_count"):
                done[name] += part[name]
            if part["next_cursor"] is None:
                break
            cursor = f"?cursor={part['next_cursor']}"
    if as_json:
        print_json(done)
    else:
        later = f", {done['under_way_count']} of them when the attempt that is under way ends" if done["under_way_count"] else ""
        typer.echo(f"{action}: {done['recipient_count']} recipients{later}")
