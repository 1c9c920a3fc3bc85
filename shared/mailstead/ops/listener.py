"""Listening sockets whose connections are sessions: accept, count, hand to the session, drain, cut.

When draining begins, no more are accepted and sessions are told (`connection.draining` is set, `read_or_wake` returns None). They
may go on until the drain deadline of the runtime. What is left then is cut.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from mailstead.ops.connection import (
    HANDSHAKE_SECONDS,
    SHUTDOWN_SECONDS,
    Connection,
    IdleTimeout,
    SlowReader,
)
from mailstead.ops.lifecycle import CUT_SECONDS, Runtime
from mailstead.ops.logging import get_logger
from mailstead.ops.proxied import read_source
from mailstead.ops.settings import Network, ServiceSettings, contains
from mailstead.ops.sockets import BACKLOG, StartFailed, listen
from mailstead.ops.tls import TlsFiles
from mailstead.wire.proxy_header import BadProxyHeader

ACCEPT_AT_ONCE = 64  # connections, before others have their turn in the loop
PROXIED_PORT = 1_000  # what is added to a port for its twin behind load balancers
ACCEPT_PAUSE = 0.1  # seconds after a failed accept

Session = Callable[[Connection], Awaitable[None]]

log = get_logger()


@dataclass(frozen=True, slots=True)
class Entrance:
    """How connections of a port begin: with a PROXY header where `proxied`, then with TLS where there are `files`."""

    files: TlsFiles | None
    proxied: bool


class Listener:
    """One open port, perhaps with its twin behind load balancers, and the connections that came through both."""

    def __init__(
        self, runtime: Runtime, *, name: str, session: Session, limit: int, full: bytes, proxies: tuple[Network, ...] = ()
    ) -> None:
        self.port = 0
        self.proxied_port = 0  # 0: there is none
        self._proxies = proxies
        self._runtime = runtime
        self._name = name
        self._session = session
        self._limit = limit
        self._full = full
        self._sessions: dict[Connection, asyncio.Task[None]] = {}
        self._handshakes: dict[asyncio.Task[bool], socket.socket] = {}
        self._open = runtime.connections.open.labels(name)
        self._accepted = runtime.connections.accepted.labels(name)
        self._refused = runtime.connections.refused.labels(name)

    @property
    def connections(self) -> int:
        """How many sessions are going on."""
        return len(self._sessions)

    def new_connection(self, source: tuple[str, int] | None = None) -> Connection:
        """The protocol factory for the event loop. `source` is who the client really is, where a load balancer told us."""
        return Connection(self._made, self._runtime.tls, self._runtime.draining, source)

    def accept(self, sock: socket.socket, entrance: Entrance) -> None:
        """Accept what waits at `sock`. A connection counts from here, while it begins, and becomes a session after."""
        for _ in range(ACCEPT_AT_ONCE):
            try:
                accepted, peer = sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # too many open files: look away for a moment, or the loop would do nothing else; the backlog keeps who waits
                log.warning("cannot accept", listener=self._name, reason=str(error))
                loop = asyncio.get_running_loop()
                loop.remove_reader(sock)
                loop.call_later(ACCEPT_PAUSE, self.watch, sock, entrance)
                return
            if len(self._sessions) + len(self._handshakes) >= self._limit:
                self._refused.inc()
                accepted.close()
                continue
            accepted.setblocking(False)
            task = asyncio.get_running_loop().create_task(self._begin(accepted, peer[0].removeprefix("::ffff:"), entrance))
            self._handshakes[task] = accepted
            task.add_done_callback(self._handshake_ended)

    def watch(self, sock: socket.socket, entrance: Entrance) -> None:
        """Accept from now on, unless the socket was closed meanwhile."""
        if sock.fileno() >= 0:
            asyncio.get_running_loop().add_reader(sock, self.accept, sock, entrance)

    async def _begin(self, accepted: socket.socket, peer: str, entrance: Entrance) -> bool:
        """Whether it became a connection, which then owns the socket."""
        source: tuple[str, int] | None = None
        if entrance.proxied:
            try:
                if not contains(self._proxies, peer):
                    raise BadProxyHeader("not a load balancer of ours")
                source = await read_source(accepted)
            except (BadProxyHeader, OSError) as error:  # a TimeoutError is one too
                self._runtime.connections.ended.labels(self._name, "bad_proxy_header").inc()
                log.info("connection without a PROXY header", listener=self._name, peer=peer, reason=str(error))
                return False
        seconds = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": SHUTDOWN_SECONDS}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                partial(self.new_connection, source),
                accepted,
                ssl=entrance.files.context if entrance.files else None,
                **(seconds if entrance.files else {}),
            )
        except OSError as error:  # a TimeoutError and an ssl.SSLError are too
            self._runtime.connections.ended.labels(self._name, "tls_failed").inc()
            log.debug("tls handshake failed", listener=self._name, peer=peer, reason=str(error))
            return False
        return True

    def _handshake_ended(self, task: asyncio.Task[bool]) -> None:
        accepted = self._handshakes.pop(task)
        if task.cancelled() or not task.result():
            accepted.close()

    def _made(self, connection: Connection) -> None:
        if len(self._sessions) >= self._limit:
            self._refused.inc()
            self._turn_away(connection)
            return
        self._accepted.inc()
        self._open.inc()
        task = asyncio.get_running_loop().create_task(self._converse(connection))
        self._sessions[connection] = task
        task.add_done_callback(lambda _: self._ended(connection))

    def _turn_away(self, connection: Connection) -> None:
        if self._full and not connection.tls:
            connection.hang_up(self._full)
        else:
            connection.abort()

    def _ended(self, connection: Connection) -> None:
        del self._sessions[connection]
        self._open.dec()

    async def _converse(self, connection: Connection) -> None:
        reason = "error"
        try:
            await self._session(connection)
            await connection.close()
            reason = "drained" if connection.draining.is_set() else "closed"
        except IdleTimeout:
            reason = "idle"
        except SlowReader:
            reason = "slow_reader"
        except (ConnectionError, ssl.SSLError):
            reason = "disconnected"
        except asyncio.CancelledError:
            reason = "drained"
            raise
        except Exception:
            self._runtime.metrics.unhandled.inc()
            log.exception("session failed", listener=self._name, peer=connection.peer_host)
        finally:
            connection.abort()
            self._runtime.connections.ended.labels(self._name, reason).inc()

    def wake(self) -> None:
        """Make every session look at what has changed."""
        for connection in self._sessions:
            connection.wake()

    async def drain(self, deadline: float) -> None:
        """Let sessions end until `deadline` (loop time), then cut them."""
        for handshake in self._handshakes:
            handshake.cancel()
        left = deadline - asyncio.get_running_loop().time()
        if self._sessions and left > 0:
            await asyncio.wait(self._sessions.values(), timeout=left)
        if self._sessions:
            log.warning("cutting sessions that did not end", listener=self._name, count=len(self._sessions))
            for task in self._sessions.values():
                task.cancel()
            await asyncio.wait(self._sessions.values(), timeout=CUT_SECONDS / 2)


@asynccontextmanager
async def serve(
    runtime: Runtime,
    settings: ServiceSettings,
    *,
    name: str,
    port: int,
    session: Session,
    implicit_tls: bool,
    max_connections: int,
    full: bytes = b"",
) -> AsyncIterator[Listener]:
    """Accept connections on `settings.listen_host` and run `session` on each until left; port 0 picks a free one.

    Where load balancers are named in `settings.proxy_networks`, they find a twin of the port at `port + PROXIED_PORT`, where each
    connection begins with a PROXY header; the port itself never looks for one, so that nobody can pretend to be somebody else.
    `full` is what one connection too many is told before it is closed (in the clear only). What a session raises is logged and
    closes its connection: IdleTimeout, SlowReader and lost connections are ordinary ends. Raises StartFailed.
    """
    files = runtime.tls
    if implicit_tls and files is None:
        raise StartFailed(f"{name}: TLS needs MAILSTEAD_TLS_CERTIFICATE and MAILSTEAD_TLS_KEY")
    listener = Listener(runtime, name=name, session=session, limit=max_connections, full=full, proxies=settings.proxy_networks)
    loop = asyncio.get_running_loop()
    sock = listen(name, settings.listen_host, port, shared=settings.share_ports)
    watched: list[socket.socket] = []
    listener.port = sock.getsockname()[1]
    if implicit_tls:
        listener.watch(sock, Entrance(files, proxied=False))
        watched.append(sock)
    else:
        server = await loop.create_server(listener.new_connection, sock=sock, backlog=BACKLOG)
    if settings.proxy_networks:
        twin = listen(name, settings.listen_host, port and port + PROXIED_PORT, shared=settings.share_ports)
        listener.proxied_port = twin.getsockname()[1]
        listener.watch(twin, Entrance(files if implicit_tls else None, proxied=True))
        watched.append(twin)

    def stop_accepting() -> None:
        for each in watched:
            loop.remove_reader(each)
            each.close()
        if not implicit_tls:
            server.close()
        listener.wake()

    runtime.when_draining(stop_accepting)
    log.info("listening", listener=name, host=settings.listen_host, port=listener.port, tls=implicit_tls)
    try:
        yield listener
    finally:
        runtime.drain()
        await listener.drain(runtime.drain_deadline)


@asynccontextmanager
async def serve_with_tls_twin(
    runtime: Runtime,
    settings: ServiceSettings,
    *,
    name: str,
    port: int,
    tls_port: int,
    session: Session,
    max_connections: int,
    full: bytes = b"",
) -> AsyncIterator[None]:
    """`serve` on `port`, and where there is a certificate also `<name>s` with TLS from the start on `tls_port`."""
    async with AsyncExitStack() as listeners:
        twins = [(name, port, False), *([(f"{name}s", tls_port, True)] if runtime.tls else [])]
        for listener, number, implicit_tls in twins:
            await listeners.enter_async_context(
                serve(
                    runtime,
                    settings,
                    name=listener,
                    port=number,
                    session=session,
                    implicit_tls=implicit_tls,
                    max_connections=max_connections,
                    full=full,
                )
            )
        yield
