"""LOGOUT (RFC 9051 §6.1.3)."""

from imap.grammar.requests import Logout
from imap.response import Reply, bye, ok
from imap.session import Session
from imap.state import Ending, Event, LoggedOut, advance


async def logout(session: Session, _request: Logout) -> Reply:
    session.stop_watching()
    await session.send(bye("logging out"))
    session.state = advance(session.state, Event.ENDED, LoggedOut(Ending.LOGOUT))
    return ok("bye")
