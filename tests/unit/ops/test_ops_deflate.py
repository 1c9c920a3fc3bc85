"""Compressed connections: everything arrives, a little input never becomes much output at once."""

import asyncio
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.service import listening
from mailstead.ops.connection import Connection
from mailstead.ops.deflate import INFLATED, Broken, Deflate


@given(st.lists(st.binary(max_size=2000), max_size=6))
def test_what_one_side_says_the_other_reads(pieces: list[bytes]) -> None:
    ours, theirs = Deflate(), Deflate()
    for piece in pieces:
        read = theirs.inflate(ours.deflate(piece))
        while theirs.has_more:
            read += theirs.inflate(b"")
        assert read == piece


def test_a_bomb_comes_out_in_bounded_pieces() -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packed.compress(b"\0" * 20_000_000) + packed.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 21_000
    deflate = Deflate()
    piece = deflate.inflate(bomb)
    total = len(piece)
    while deflate.has_more:
        piece = deflate.inflate(b"")
        assert len(piece) <= INFLATED
        total += len(piece)
    assert total == 20_000_000


@pytest.mark.parametrize("octets", [b"\xff\xff\xff\xff", zlib.compress(b"with a header"), b"\x03\x00"])
def test_what_is_no_stream_is_refused(octets: bytes) -> None:
    with pytest.raises(Broken):
        Deflate().inflate(octets)


async def compressed_echo(connection: Connection) -> None:
    await connection.write(b"go\r\n")
    connection.compress()
    while data := await connection.read():
        await connection.write(data)


async def test_a_connection_speaks_deflate_both_ways() -> None:
    async with listening(compressed_echo) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await reader.readexactly(4) == b"go\r\n"
        ours, theirs = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)
        said = bytes(range(256)) * 2_000
        writer.write(ours.compress(said) + ours.flush(zlib.Z_SYNC_FLUSH))
        heard = b""
        async with asyncio.timeout(10):
            while len(heard) < len(said):
                heard += theirs.decompress(await reader.read(65536))
        assert heard == said
        writer.close()


async def test_a_stream_that_breaks_ends_the_connection() -> None:
    async with listening(compressed_echo) as (listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await reader.readexactly(4)
        writer.write(b"\xff" * 10)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
