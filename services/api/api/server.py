"""uvicorn inside our own process life: no signal handlers of its own, our socket, our certificate, our deadline."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from api.settings import ApiSettings
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.logging import get_logger
from mailstead.ops.sockets import StartFailed, listen
from mailstead.ops.tls import TlsFiles

MAX_HEAD = 16 * 1024  # octets of request line and header

log = get_logger()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the runtime's."""
        yield


@asynccontextmanager
async def serve_http(app: ASGIApp, settings: ApiSettings, runtime: Runtime) -> AsyncIterator[int]:
    """Answer HTTP until left, then let running requests end within the drain deadline. Yields the port. Raises StartFailed."""
    door: Callable[..., ssl.SSLContext] | None = None
    if settings.api_tls:
        files = runtime.tls
        if files is None:
            raise StartFailed("api: TLS needs MAILSTEAD_TLS_CERTIFICATE and MAILSTEAD_TLS_KEY")
        door = lambda *_: _door(files)  # noqa: E731 - a closure over the narrowed value
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_context_factory=door,
        h11_max_incomplete_event_size=MAX_HEAD,
        limit_concurrency=settings.api_max_requests,
        timeout_keep_alive=settings.api_idle_seconds,
        timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
    )
    await asyncio.to_thread(config.load)  # imports modules
    sock = listen("api", settings.listen_host, settings.api_port)
    port: int = sock.getsockname()[1]
    server = _Server(config)
    serving = runtime.spawn(server.serve(sockets=[sock]), "http")
    try:
        await server.accepting.wait()
        log.info("listening", listener="api", host=settings.listen_host, port=port, tls=settings.api_tls)
        yield port
    finally:
        server.should_exit = True
        await asyncio.wait([serving])
        sock.close()


def _door(files: TlsFiles) -> ssl.SSLContext:
    """A context that holds no certificate: each handshake is handed to the newest one as it begins, with SNI or without."""
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def switch(connection: ssl.SSLObject, _name: str | None, _door: ssl.SSLContext) -> None:
        connection.context = files.context

    door.sni_callback = switch
    return door
