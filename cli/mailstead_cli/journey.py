"""`mailstead journey`: one message's whole life."""

from typing import Annotated

import typer

from mailstead_cli.api_client import DEFAULT_URL, Api, AsJson, Token, Url
from mailstead_cli.output import print_json, print_table

COLUMNS = {"At": "at", "What": "kind", "Whom": "recipient", "Where": "where", "Detail": "detail"}


def journey(
    trace: Annotated[str, typer.Argument(help="The trace id, as in Received, in the queue, and in all logs")],
    token: Token,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """When a message was received, where it was filed, each attempt at other hosts, and the reports on it."""
    found = Api(url, token).get(f"/v1/messages/{trace}/journey")
    if as_json:
        print_json(found)
        return
    for event in found["events"]:
        uid = f" (uid {event['uid']})" if event["uid"] else ""
        event["where"] = event["host"] or (event["mailbox"] or "") + uid
        event["recipient"] = event["recipient"] or event["sender"]
    print_table(COLUMNS, found["events"])
