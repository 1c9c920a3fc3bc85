"""A connection's octets in DEFLATE, both ways (RFC 1951, RFC 4978 §4). No socket here.

Inflating is bounded: however small the input, no more than INFLATED octets come out at once, and the rest waits until they are
dealt with. A session that is compressed costs about 110 KiB more.
"""

import zlib

INFLATED = 64 * 1024  # octets
_LEVEL = 6
_WINDOW = -13  # 8 KiB, raw: a larger one costs four times the memory for a few per cent (RFC 4978 §4 allows any)
_MEMORY = 6


class Broken(ConnectionError):
    """The peer sends what is no DEFLATE stream."""


class Deflate:
    """One connection's two streams."""

    __slots__ = ("_in", "_more", "_out")

    def __init__(self) -> None:
        self._in = zlib.decompressobj(-15)
        self._out = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)
        self._more = False

    @property
    def has_more(self) -> bool:
        """`inflate(b"")` may bring something."""
        return self._more

    def inflate(self, data: bytes) -> bytes:
        """What can be read now, which may be nothing. Raises Broken."""
        try:
            octets = self._in.decompress(self._in.unconsumed_tail + data, INFLATED)
        except zlib.error as error:
            raise Broken(str(error)) from error
        if self._in.eof:
            raise Broken("the stream was ended")
        self._more = len(octets) == INFLATED
        return octets

    def deflate(self, data: bytes) -> bytes:
        """So that the peer can read all of it at once."""
        return self._out.compress(data) + self._out.flush(zlib.Z_SYNC_FLUSH)
