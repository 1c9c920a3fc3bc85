"""One accepted connection as a session sees it: read, write, start TLS, close.

Invariants: at most `MAX_UNREAD` octets plus one socket read wait unread, then the peer is made to wait; `write` returns only when
the peer has taken enough, or gives up on a peer that takes nothing; an idle connection holds no task, stream or buffer of ours
beyond this object, one timer and the session's own coroutine.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from mailstead.ops.deflate import Deflate
from mailstead.ops.tls import ServerContext, TlsFiles

MAX_UNREAD = 64 * 1024  # octets
HIGH_WATER = 128 * 1024  # octets the transport may hold before `write` waits
LOW_WATER = 32 * 1024
HANDSHAKE_SECONDS = 30.0
SHUTDOWN_SECONDS = 5.0  # for a TLS close-notify to be answered


class Disconnected(ConnectionError):
    """The peer is gone; nothing more can be written."""


class IdleTimeout(TimeoutError):
    """Nothing came for `idle_timeout` seconds. The connection is still open: a last word may be written."""


class SlowReader(TimeoutError):
    """The peer took nothing for `write_timeout` seconds. The connection has been aborted."""


class PlaintextBeforeTls(ConnectionError):
    """Octets came in the clear behind the command that starts TLS: somebody may have injected them (RFC 3207 §6)."""


class Connection(asyncio.Protocol):
    """See the head of this module. A session is the only reader and the only writer of its connection."""

    __slots__ = (
        "_closed",
        "_deflate",
        "_eof",
        "_files",
        "_gone",
        "_idle_since",
        "_idle_timer",
        "_made",
        "_paused_reading",
        "_reader",
        "_source",
        "_stalled_at",
        "_transport",
        "_unread",
        "_unread_size",
        "_waking",
        "_write_timer",
        "_writer",
        "draining",
        "idle_timeout",
        "local_port",
        "peer_host",
        "peer_port",
        "tls",
        "write_timeout",
    )

    def __init__(
        self,
        made: Callable[["Connection"], None],
        files: TlsFiles | None,
        draining: asyncio.Event,
        source: tuple[str, int] | None = None,
    ) -> None:
        self._source = source  # address and port of the client, where a load balancer speaks for it
        self.draining = draining  # set when the process wants to stop; sessions end at the next fitting moment
        self.idle_timeout = 300.0  # seconds; the session changes it as its state does
        self.write_timeout = 60.0  # seconds without the peer taking anything
        self.tls = False
        self.peer_host = ""
        self.peer_port = 0
        self.local_port = 0
        self._made = made
        self._files = files
        self._closed: asyncio.Future[None] | None = None
        self._deflate: Deflate | None = None
        self._transport: asyncio.Transport
        self._unread: list[bytes] = []
        self._unread_size = 0
        self._eof = False
        self._gone = False
        self._paused_reading = False
        self._waking = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None  # exists while the transport is above its high-water mark
        self._idle_timer: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._stalled_at = 0

    # ---- for the session

    async def read(self) -> bytes:
        """What came since the last read, at least one octet; b"" when the peer will send no more.

        Raises IdleTimeout after `idle_timeout` seconds of silence.
        """
        while True:
            while not self._readable:
                await self._wait_readable()
            if (data := self._take()) or self._eof:
                return data

    async def read_or_wake(self) -> bytes | None:
        """As `read`; or None, as soon as nothing is unread and `wake()` was called or draining began since the last None."""
        while True:
            while not self._readable and not self._waking:
                await self._wait_readable()
            if not self._readable:
                self._waking = False
                return None
            if (data := self._take()) or self._eof:
                return data

    def wake(self) -> None:
        """Make `read_or_wake` return: something other than input wants the session's attention. Calls are not counted."""
        self._waking = True
        self._notify_reader()

    async def write(self, data: bytes) -> None:
        """Send, and wait while the peer is behind. Raises Disconnected, or SlowReader (see there)."""
        if self._gone:
            raise Disconnected
        self._transport.write(data if self._deflate is None else self._deflate.deflate(data))
        if self._writer is not None:
            self._watch_writing()
            await self._writer

    @property
    def tls_offered(self) -> bool:
        """Whether `start_tls` can be called: there is a certificate, and TLS has not begun."""
        return self._files is not None and not self.tls

    async def start_tls(self) -> None:
        """Go on in TLS. Call it where `tls_offered`, after the reply that grants it was written.

        Raises PlaintextBeforeTls, or OSError (ssl.SSLError among them) when the handshake fails. The session makes sure that no
        octets are left in its own parser; those that wait here are refused.
        """
        assert self._files is not None and not self.tls
        if self._unread or self._eof:
            raise PlaintextBeforeTls
        self._transport.pause_reading()
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(
            self._transport,
            self,
            self._files.context,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=SHUTDOWN_SECONDS,
        )
        if secured is None or self._gone:
            raise Disconnected
        self._transport = secured
        self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self.tls = True

    @property
    def compressed(self) -> bool:
        return self._deflate is not None

    def compress(self) -> None:
        """From here on both sides speak DEFLATE (RFC 4978). Call it after the reply that grants it was written."""
        self._deflate = Deflate()

    def cipher(self) -> tuple[str, str] | None:
        """TLS version and cipher suite, for trace fields and logs; None in the clear."""
        found: tuple[str, str, int] | None = self._transport.get_extra_info("cipher")
        version = self._transport.get_extra_info("ssl_object").version() if self.tls else None
        return (version, found[0]) if found and version else None

    @property
    def channel_binding(self) -> bytes | None:
        """The tls-server-end-point data of this connection; None in the clear, or where its certificate has none."""
        context = self._transport.get_extra_info("ssl_object").context if self.tls else None
        return context.end_point if isinstance(context, ServerContext) else None

    async def close(self) -> None:
        """Send what is buffered and hang up; a peer that does not take it within `write_timeout` is cut."""
        if self._gone:
            return
        self._closed = asyncio.get_running_loop().create_future()  # from now on input is dropped
        self._unread.clear()
        if self._paused_reading:
            self._transport.resume_reading()
        self._transport.close()
        try:
            async with asyncio.timeout(self.write_timeout):
                await self._closed
        except TimeoutError:
            self.abort()

    def hang_up(self, last_words: bytes) -> None:
        """Say this, in the clear, and close without waiting: for a connection that gets no session."""
        self._transport.write(last_words)
        self._transport.close()

    def abort(self) -> None:
        """Hang up at once; what is buffered is lost."""
        if not self._gone:
            self._transport.abort()

    # ---- for the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but descent
        self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self.tls = transport.get_extra_info("ssl_object") is not None
        peer = self._source or transport.get_extra_info("peername") or ("", 0)
        self.peer_host = peer[0].removeprefix("::ffff:")  # an IPv4 peer of a socket that listens on both families
        self.peer_port = peer[1]
        self.local_port = (transport.get_extra_info("sockname") or ("", 0))[1]
        self._made(self)

    def data_received(self, data: bytes) -> None:
        if self._closed is not None:
            return
        self._unread.append(data)
        self._unread_size += len(data)
        if self._unread_size > MAX_UNREAD and not self._paused_reading:
            self._paused_reading = True
            self._transport.pause_reading()
        self._notify_reader()

    def eof_received(self) -> bool:
        self._eof = True
        self._notify_reader()
        return not self.tls  # in the clear, replies may still follow a half-close; TLS knows no half-close here

    def pause_writing(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        self._end_writing(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = self._eof = True
        self._stop_idle_timer()
        self._notify_reader()
        self._end_writing(Disconnected())
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    # ---- reading

    @property
    def _readable(self) -> bool:
        return bool(self._unread) or self._eof or (self._deflate is not None and self._deflate.has_more)

    def _take(self) -> bytes:
        """What is unread; of what is compressed, a bounded part, which may be nothing. Raises deflate.Broken."""
        if self._deflate is not None and self._deflate.has_more:
            return self._deflate.inflate(b"")
        data = self._unread[0] if len(self._unread) == 1 else b"".join(self._unread)
        self._unread.clear()
        self._unread_size = 0
        if self._paused_reading and not self._gone:
            self._paused_reading = False
            self._transport.resume_reading()
        return data if self._deflate is None else self._deflate.inflate(data)

    async def _wait_readable(self) -> None:
        """Until something may have come. One timer serves many reads: it is not moved at each, but looks when it fires."""
        loop = asyncio.get_running_loop()
        self._reader = loop.create_future()
        self._idle_since = loop.time()
        due = self._idle_since + self.idle_timeout
        if self._idle_timer is None or self._idle_timer.when() > due:
            self._stop_idle_timer()
            self._idle_timer = loop.call_later(self.idle_timeout, self._look_idle)
        try:
            await self._reader
        finally:
            self._reader = self._idle_since = None

    def _look_idle(self) -> None:
        self._idle_timer = None
        if self._reader is None or self._idle_since is None:
            return
        loop = asyncio.get_running_loop()
        left = self._idle_since + self.idle_timeout - loop.time()
        if left > 0.001:
            self._idle_timer = loop.call_later(left, self._look_idle)
        elif not self._reader.done():
            self._reader.set_exception(IdleTimeout())

    def _notify_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    # ---- writing

    def _watch_writing(self) -> None:
        self._stalled_at = self._transport.get_write_buffer_size()
        if self._write_timer is None:
            self._write_timer = asyncio.get_running_loop().call_later(self.write_timeout, self._look_writing)

    def _look_writing(self) -> None:
        """A peer that took anything since the last look gets as long again."""
        self._write_timer = None
        if self._writer is None:
            return
        waiting = self._transport.get_write_buffer_size()
        if waiting < self._stalled_at:
            self._watch_writing()
        else:
            self._end_writing(SlowReader())
            self.abort()

    def _end_writing(self, error: Exception | None) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        writer, self._writer = self._writer, None
        if writer is None or writer.done():
            return
        if error is None:
            writer.set_result(None)
        else:
            writer.set_exception(error)
            writer.exception()  # nobody may be waiting; then it is no unhandled error
