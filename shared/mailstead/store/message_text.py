"""Reading what SEARCH looks into of stored messages: their text parts, never their attachments, in bounded memory."""

from collections.abc import AsyncIterator, Sequence

from mailstead.store.content import Source, read, read_many
from mailstead.store.engine import Database
from mailstead.wire.mime import Part
from mailstead.wire.text import Piece, text_pieces

WHOLE = 1024 * 1024  # octets; of a larger message only the stretches with text are read

Pieces = list[tuple[Piece, bytes]]
"""Each piece of a message's text with its octets, still encoded."""


def text_octets(part: Part) -> int:
    """How many octets a message's text has, encoded."""
    return sum(piece.span.end - piece.span.start for piece in text_pieces(part))


async def read_pieces(database: Database, messages: Sequence[tuple[Source, Part]]) -> AsyncIterator[tuple[int, Pieces]]:
    """(index, pieces) of each message in order. Raises Refused(UNAVAILABLE)."""
    small = [source for source, _ in messages if source.size <= WHOLE]
    bodies = read_many(database, small)
    for n, (source, part) in enumerate(messages):
        at = len(source.prefix)  # spans count from the start of the content
        if source.size <= WHOLE:
            whole = (await anext(bodies))[1]
            yield n, [(piece, whole[at + piece.span.start : at + piece.span.end]) for piece in text_pieces(part)]
        else:
            yield n, [(piece, await _range(database, source, at, piece)) for piece in text_pieces(part)]


async def _range(database: Database, source: Source, at: int, piece: Piece) -> bytes:
    start, end = piece.span
    return b"".join([octets async for octets in read(database, source, at + start, end - start)])
