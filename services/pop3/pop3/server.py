"""One POP3 session on one connection, from its greeting to its end: each line goes to what answers it in this state."""

import asyncio
import time
from collections.abc import Awaitable

from mailstead.model.failure import Refused
from mailstead.ops.connection import Connection, IdleTimeout, SlowReader
from mailstead.ops.logging import bind, get_logger
from pop3.authorization import answer_response, authorize
from pop3.capabilities import capabilities
from pop3.errors import UNEXPECTED, reply_to
from pop3.languages import language
from pop3.protocol import BadCommand, Capa, Command, Lang, Quit, Reply
from pop3.retrieval import BrokenOff
from pop3.session import Backend, Session
from pop3.state import ALLOWED, Authorization, Challenged, Closed, Ending, Event, Transaction
from pop3.transaction import transact
from pop3.update import update

FULL = Reply(False, "too many connections, try again later", UNEXPECTED.code).render()  # what one too many hears

GREETING = Reply(True, "Mailstead POP3 ready")
FAREWELL = Reply(True, "bye")

log = get_logger()


async def serve_session(connection: Connection, backend: Backend) -> None:
    """From the greeting to the end of the connection."""
    with bind(peer=connection.peer_host):
        await _run(Session(connection, backend))


async def _run(session: Session) -> None:
    ending = Ending.DISCONNECTED
    try:
        await session.send(GREETING.render())
        while not isinstance(session.state, Closed):
            await _step(session)
        ending = session.state.ending
        await session.flush()
    except IdleTimeout:
        ending = Ending.TIMED_OUT  # RFC 1939 §3: closed without UPDATE and without an answer
        raise
    except asyncio.CancelledError:
        ending = Ending.DRAINED
        raise
    except (ConnectionError, SlowReader):
        raise
    except BrokenOff as error:
        ending = Ending.FAILED
        log.warning("message broken off", reason=str(error))
        session.connection.abort()
    except BaseException:
        ending = Ending.FAILED
        raise
    finally:
        await session.release()
        session.backend.metrics.sessions.labels(ending.value).inc()


async def _step(session: Session) -> None:
    """One line, and its answer."""
    if isinstance(session.state, Challenged):
        challenged = session.state
        line: bytes | BadCommand | None = await session.next(session.decoder.next_response)
        if line is not None:
            await _answer(session, "auth", answer_response(session, challenged, line))
        return
    command: Command | None = await session.next(session.decoder.next_command)
    if command is not None:
        await _answer(session, type(command).__name__.lower(), _dispatch(session, command))


async def _answer(session: Session, name: str, work: Awaitable[None]) -> None:
    """Whatever goes wrong is this command's answer; what nobody had foreseen says nothing of the inside (promise D5)."""
    started, ours = time.perf_counter(), False
    session.positive = None
    try:
        await work
    except Refused as refused:
        reply = reply_to(refused.failure)
        ours = reply is UNEXPECTED
        if ours:
            log.warning("command failed", command=name, failure=refused.failure.value, reason=refused.detail)
        await session.send(reply.render())
    except (OSError, TimeoutError, BrokenOff):
        raise
    except Exception:
        ours = True
        log.exception("command failed unexpectedly", command=name)
        await session.send(UNEXPECTED.render())
    outcome = "unavailable" if ours else "ok" if session.positive else "err"
    session.backend.metrics.answers.labels(name, outcome).inc()
    session.backend.metrics.commands.labels(name).observe(time.perf_counter() - started)


async def _dispatch(session: Session, command: Command) -> None:
    if type(command) not in ALLOWED[type(session.state)]:
        command = BadCommand("not in this state")
    match command, session.state:
        case Capa(), _:
            await session.send(capabilities(session))
        case Lang(wanted), _:
            await session.send(language(wanted))
        case Quit(), Transaction() as state:
            await update(session, state, FAREWELL)
        case Quit(), _:
            await session.send(FAREWELL.render())
            session.move(Event.QUIT, Closed(Ending.QUIT))
        case BadCommand(reason), _:
            await session.bad(reason)
        case _, Authorization() as state:
            await authorize(session, command, state)
        case _, Transaction() as state:
            await transact(session, command, state)
