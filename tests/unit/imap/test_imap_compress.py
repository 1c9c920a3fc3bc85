"""COMPRESS=DEFLATE (RFC 4978), with Python's zlib on the other side."""

import asyncio
import zlib

from unit.imap.serving import House, StartReplica, connected


class Wire:
    """A client's end of a compressed connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._out, self._in = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)

    async def command(self, tag: bytes, command: bytes) -> bytes:
        self._writer.write(self._out.compress(tag + b" " + command + b"\r\n") + self._out.flush(zlib.Z_SYNC_FLUSH))
        said = b""
        async with asyncio.timeout(20):
            while b"\r\n" + tag + b" " not in b"\r\n" + said or not said.endswith(b"\r\n"):
                said += self._in.decompress(await self._reader.read(1 << 16))
        return said


async def test_a_session_goes_on_compressed(house: House, replica: StartReplica) -> None:
    person = await house.person()
    body = b"Subject: x\r\n\r\n" + b"all work and no play\r\n" * 20_000
    await house.fill(person, [body])
    async with replica() as server, connected(server, person) as client:
        assert b" COMPRESS=DEFLATE " in await client.command(b"CAPABILITY")
        assert b" BAD " in await client.command(b"COMPRESS GZIP")
        # §3: what follows in the same breath would be neither fish nor flesh
        client.writer.write(b"x COMPRESS DEFLATE\r\ny NOOP\r\n")
        assert await client.reader.readline() == b"x BAD nothing may follow before the answer\r\n"
        assert await client.reader.readline() == b"y OK done\r\n"
    async with replica() as server, connected(server, person) as client:
        assert b" OK from here on compressed\r\n" in await client.command(b"COMPRESS DEFLATE")
        wire = Wire(client.reader, client.writer)
        assert b"NO [COMPRESSIONACTIVE]" in await wire.command(b"a", b"COMPRESS DEFLATE")
        assert b"COMPRESS" not in await wire.command(b"b", b"CAPABILITY")
        fetched = await wire.command(b"c", b"FETCH 1 BODY.PEEK[]")
        assert body in fetched
        assert b"c OK" in fetched
        assert b"e BAD" in await wire.command(b"e", b"NONSENSE " + b"x" * 3000)
        said = await wire.command(b"f", b"APPEND INBOX {%d+}\r\n%b" % (len(body), body))
        assert b"f OK [APPENDUID" in said
        assert b"* BYE" in await wire.command(b"g", b"LOGOUT")
