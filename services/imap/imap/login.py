"""From whatever proves who it is to an authenticated session.

A log-in is taken only over TLS, or from a network that the deployer trusts. Every refused attempt waits before it is answered,
longer each time, and the last one allowed ends the connection.
"""

import asyncio
from collections.abc import Awaitable

from imap.capability import capabilities
from imap.errors import reply_to
from imap.protocol import Limits
from imap.response import Reply, bye, ok
from imap.session import Session
from imap.settings import ImapSettings
from imap.state import Account, Authenticated, Ending, Event, LoggedOut, NotAuthenticated, advance
from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import get_logger
from mailstead.ops.session_limits import Seat
from mailstead.store.passwords import AuthenticatedAccount

log = get_logger()

TOO_MANY_FAILURES = "too many refused log-ins"

_GUILTY = frozenset({Failure.BAD_CREDENTIALS, Failure.LOCKED_OUT, Failure.ACCOUNT_DISABLED, Failure.NO_SUCH_ACCOUNT})


def limits(settings: ImapSettings, *, logged_in: bool) -> Limits:
    """Before log-in nothing large is taken from a stranger."""
    if logged_in:
        return Limits(settings.imap_max_command, settings.imap_max_command, settings.imap_max_message)
    return Limits(settings.imap_max_command // 4, settings.imap_max_login_literal, 0)


async def log_in(session: Session, proof: Awaitable[AuthenticatedAccount]) -> Reply:
    """The tagged answer to LOGIN or AUTHENTICATE, once `proof` says who it is. The session is over after too many refusals."""
    backend = session.backend
    try:
        found = await proof
        session.seat = _seat(session, found)
    except Refused as refused:
        backend.metrics.logins.labels(refused.failure.name.lower()).inc()
        return await _refuse(session, refused)
    backend.metrics.logins.labels("accepted").inc()
    account = Account(found.account_id, found.tenant_id, found.address)
    session.live = backend.authenticator.live.add(found, session.revoke, "imap", session.connection.peer_host)
    session.state = advance(session.state, Event.LOGGED_IN, Authenticated(account))
    session.protocol.limits = limits(backend.settings, logged_in=True)
    session.connection.idle_timeout = backend.settings.imap_idle_seconds
    log.info("logged in", account=account.address, tls=session.connection.tls)
    return ok("logged in", f"CAPABILITY {capabilities(session)}")


def _seat(session: Session, found: AuthenticatedAccount) -> Seat:
    """Raises Refused(TOO_MANY_SESSIONS)."""
    seat = session.backend.limits.account(found.account_id)
    if seat is None:
        raise Refused(Failure.TOO_MANY_SESSIONS, f"account {found.address} has as many connections as it may")
    return seat


async def _refuse(session: Session, refused: Refused) -> Reply:
    """Only what the client did wrong counts, and waits, and ends the connection in the end."""
    assert isinstance(session.state, NotAuthenticated)
    guilty = refused.failure in _GUILTY
    failures = session.state.failures + guilty
    log.info("log-in refused", failure=refused.failure.value, reason=refused.detail, failures=failures)
    session.state = advance(session.state, Event.REFUSED, NotAuthenticated(failures))
    if guilty:
        await asyncio.sleep(session.backend.settings.imap_failure_delay * failures)
    if failures >= session.backend.settings.imap_max_failures:
        await session.send(bye(TOO_MANY_FAILURES))
        session.state = advance(session.state, Event.ENDED, LoggedOut(Ending.TOO_MANY_FAILURES))
    return reply_to(refused.failure)
