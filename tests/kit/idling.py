"""A mail client that waits in IDLE, and what it is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kit.stack import Stack
from mailstead_local.demo import Person
from mailstead_local.ports import HOST

LOGIN_SECONDS = 10


class Idler:
    """One connection in IDLE on INBOX."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def line(self, end: bytes) -> bytes:
        """The next line that ends so. Raises EOFError when the server goes away instead."""
        while not (line := await self._reader.readuntil(b"\n")).endswith(end):
            pass
        return line

    async def exists(self) -> int:
        """How many messages there are, when the server tells next. Raises as `line` does."""
        return int((await self.line(b" EXISTS\r\n")).split()[1])


@asynccontextmanager
async def idling(stack: Stack, person: Person) -> AsyncIterator[Idler]:
    """In IDLE when entered."""
    reader, writer = await asyncio.open_connection(HOST, stack.ports.imap_tls, ssl=stack.client_context())
    try:
        writer.write(b'a LOGIN "%s" "%s"\r\nb SELECT INBOX\r\nc IDLE\r\n' % (person.user.encode(), person.password.encode()))
        async with asyncio.timeout(LOGIN_SECONDS):
            while not (await reader.readuntil(b"\n")).startswith(b"+ "):
                pass
        yield Idler(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
