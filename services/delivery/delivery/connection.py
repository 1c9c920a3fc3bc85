"""One outgoing TCP connection: bounded reading, writing that waits for the other side, an upgrade to TLS in place."""

import asyncio
import ssl
from ipaddress import ip_address
from typing import cast

HIGH_WATER = 256 * 1024  # octets waiting to be written before `write` waits
MAX_UNREAD = 64 * 1024  # octets received and not yet taken; the other side is then made to wait


class Connection(asyncio.Protocol):
    """Made by `connect`. Every wait has its time-out (TimeoutError); a dead connection raises OSError."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reading_paused = False
        self._stirred = asyncio.Event()  # something came, or the end
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def tls(self) -> str | None:
        """Version and cipher, as `TLSv1.3 TLS_AES_256_GCM_SHA384`."""
        encrypted = self._transport.get_extra_info("ssl_object") if self._transport else None
        return f"{encrypted.version()} {encrypted.cipher()[0]}" if encrypted else None

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The chain that the other side sent, unverified: DER, its own first; empty without TLS."""
        encrypted = self._transport.get_extra_info("ssl_object") if self._transport else None
        if encrypted is None:
            return ()
        chain = encrypted._sslobj.get_unverified_chain() or ()
        return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain)

    async def read(self, timeout: float) -> bytes:
        """What has come, at least one octet; b"" when the other side has ended."""
        async with asyncio.timeout(timeout):
            while not self._received and not self._ended:
                self._stirred.clear()
                await self._stirred.wait()
        if not self._received:
            if self._error:
                raise ConnectionError(f"connection lost: {self._error}") from self._error
            return b""
        data = bytes(self._received)
        self._received.clear()
        if self._reading_paused and self._transport:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    @property
    def has_input(self) -> bool:
        """Whether `read` would return at once."""
        return bool(self._received) or self._ended

    async def write(self, data: bytes, timeout: float) -> None:
        """Returns when the other side has taken enough of it that more may be written.

        On a connection that has ended it does nothing: `read` tells of the end, after the last words of the other side.
        """
        if self._ended or not self._transport:
            return
        self._transport.write(data)
        async with asyncio.timeout(timeout):
            await self._writable.wait()

    async def start_tls(self, context: ssl.SSLContext, host: str | None, timeout: float) -> None:
        """Shake hands; `host` is the name to ask for (SNI).

        Raises ssl.SSLError, OSError or TimeoutError; what came in plain text before is an error too.
        """
        if self._received or not self._transport:
            raise ConnectionError("octets before the TLS handshake")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            transport = await loop.start_tls(self._transport, self, context, server_hostname=host, ssl_handshake_timeout=timeout)
        if transport is None:
            raise ConnectionError("connection lost in the TLS handshake")
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)

    def abort(self) -> None:
        """End it now."""
        if self._transport:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > MAX_UNREAD and not self._reading_paused and self._transport:
            self._reading_paused = True
            self._transport.pause_reading()
        self._stirred.set()

    def eof_received(self) -> bool:
        self._ended = True
        self._stirred.set()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._ended = True
        self._error = error
        self._stirred.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()


async def connect(address: str, port: int, timeout: float, source: str | None = None) -> Connection:
    """To a literal address, from `source` where that is one of the same family. Raises OSError or TimeoutError."""
    loop = asyncio.get_running_loop()
    local = (source, 0) if source is not None and ip_address(source).version == ip_address(address).version else None
    async with asyncio.timeout(timeout):
        _, connection = await loop.create_connection(Connection, address, port, local_addr=local)
    return connection
