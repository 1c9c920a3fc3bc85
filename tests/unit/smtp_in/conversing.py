"""What tests of a running SMTP service speak with: a client that sees codes, and a store behind a gate."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from mailstead.store.delivery import Delivery, Receipt
from mailstead.store.ingest import Ingest

Serve = Callable[..., Awaitable[Any]]
ENVELOPE = b"EHLO client.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@a.test>\r\nDATA\r\n"


class Client:
    """Octets out, replies in."""

    made: ClassVar[list["Client"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def dial(cls, port: int) -> "Client":
        """Connected, the greeting not read yet."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port, limit=1024 * 1024))
        cls.made.append(client)
        return client

    @classmethod
    async def connect(cls, port: int) -> "Client":
        client = await cls.dial(port)
        assert await client.reply() == b"220"
        return client

    async def send(self, octets: bytes) -> None:
        self._writer.write(octets)
        await self._writer.drain()

    async def reply(self) -> bytes:
        """The code of the next reply; b"" at the end."""
        async with asyncio.timeout(20):
            while (line := await self._reader.readline())[3:4] == b"-":
                pass
        return line[:3]

    async def line(self) -> bytes:
        async with asyncio.timeout(20):
            return await self._reader.readline()

    async def ask(self, octets: bytes, *codes: int) -> None:
        """Send, and expect these codes."""
        await self.send(octets)
        assert [await self.reply() for _ in codes] == [str(code).encode() for code in codes]

    def half_close(self) -> None:
        self._writer.write_eof()

    def vanish(self) -> None:
        self._writer.transport.abort()


class GatedCommitter:
    """The real one behind a gate, so that a test can look while a commit is under way."""

    def __init__(self, real: Ingest) -> None:
        self._real = real
        self.open = asyncio.Event()
        self.waiting = 0

    async def deliver(self, delivery: Delivery) -> Receipt:
        self.waiting += 1
        await self.open.wait()
        return await self._real.deliver(delivery)


class Gates(list[GatedCommitter]):
    """Called as a service makes its committer; keeps each for the test."""

    def __call__(self, real: Ingest) -> GatedCommitter:
        self.append(GatedCommitter(real))
        return self[-1]
