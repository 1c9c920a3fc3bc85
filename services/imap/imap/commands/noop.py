"""NOOP and CHECK (RFC 9051 §6.1.2, RFC 3501 §6.4.1): what changed is told after them, as after any command."""

from imap.grammar.requests import Check, Noop
from imap.response import Reply, ok
from imap.session import Session


async def noop(_session: Session, _request: Noop) -> Reply:
    return ok("done")


async def check(_session: Session, _request: Check) -> Reply:
    return ok("all is stored already")
