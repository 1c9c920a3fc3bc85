"""Reading the octets of stored messages by range, in bounded pieces that are each a short read of their own (promise D6)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database
from mailstead.store.schema import CHUNK_SIZE
from mailstead.store.together import Together

CHUNKS_PER_READ = 4  # 1 MiB
BATCH_OCTETS = 4 * 1024 * 1024  # of whole messages read by one statement
BATCH_MESSAGES = 256
WHOLE_TOGETHER = 32  # whole messages of different callers, read by one statement

_HEADER = "SELECT header FROM contents WHERE tenant_id = $1 AND blob_id = $2"
_CHUNKS = """
SELECT number, CASE WHEN number = $3 THEN substr(data, $5 + 1) ELSE data END AS data
FROM chunks WHERE tenant_id = $1 AND blob_id = $2 AND number BETWEEN $3 AND $4 ORDER BY number
"""
_RANGE = "SELECT substr(data, $4 + 1, $5) AS data FROM chunks WHERE tenant_id = $1 AND blob_id = $2 AND number = $3"
_WHOLE = """
SELECT w.n, c.header, b.body
FROM unnest($1::int[], $2::bigint[], $3::uuid[]) AS w(n, tenant_id, blob_id)
JOIN contents c USING (tenant_id, blob_id)
CROSS JOIN LATERAL (
    SELECT string_agg(data, ''::bytea ORDER BY number) AS body FROM chunks k
    WHERE k.tenant_id = w.tenant_id AND k.blob_id = w.blob_id
) AS b
ORDER BY w.n
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the octets of BODY[] are: our `prefix`, the content's header (`header_size` octets), then its body in chunks.

    `size` counts all three. Offsets of a stored structure count from the start of the content: add `len(prefix)`.
    """

    tenant_id: int
    blob_id: UUID
    prefix: bytes
    header_size: int
    size: int

    @property
    def body_start(self) -> int:
        """The offset of the body within BODY[]."""
        return len(self.prefix) + self.header_size


async def read(database: Database, source: Source, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
    """The octets [start, start + length) of BODY[], clipped to what there is, in pieces of at most 1 MiB.

    Raises Refused(UNAVAILABLE) when the content is not there: it never should be missing.
    """
    stop = source.size if length is None else min(source.size, start + length)
    if start < len(source.prefix) and start < stop:
        yield source.prefix[start:stop]
    if start < source.body_start and stop > len(source.prefix):
        row = await database.fetchrow("read header", _HEADER, source.tenant_id, source.blob_id)
        if row is None:
            raise _missing(source)
        yield row["header"][max(0, start - len(source.prefix)) : stop - len(source.prefix)]
    at, end = max(0, start - source.body_start), stop - source.body_start
    while at < end:
        number, offset = divmod(at, CHUNK_SIZE)
        last = min(number + CHUNKS_PER_READ - 1, (end - 1) // CHUNK_SIZE)
        key = (source.tenant_id, source.blob_id, number)
        rows = await (
            database.fetch("read range", _RANGE, *key, offset, end - at)
            if last == number
            else database.fetch("read chunks", _CHUNKS, *key, last, offset)
        )
        piece = b"".join([row["data"] for row in rows])[: end - at]
        if len(rows) != last - number + 1 or not piece:
            raise _missing(source)
        yield piece
        at += len(piece)


async def read_many(database: Database, sources: Sequence[Source]) -> AsyncIterator[tuple[int, bytes]]:
    """(index, whole BODY[]) of each source in order, many small messages by one statement.

    Memory is bounded by BATCH_OCTETS or the largest single message; those above BATCH_OCTETS should be read by `read` instead.
    """
    at = 0
    while at < len(sources):
        batch: list[int] = []
        octets = 0
        while at < len(sources) and len(batch) < BATCH_MESSAGES and (not batch or octets + sources[at].size <= BATCH_OCTETS):
            octets += sources[at].size
            batch.append(at)
            at += 1
        rows = await database.fetch(
            "read messages", _WHOLE, batch, [sources[n].tenant_id for n in batch], [sources[n].blob_id for n in batch]
        )
        if len(rows) != len(batch):
            raise _missing(sources[batch[0]])
        for n, header, body in rows:
            yield n, b"".join((sources[n].prefix, header, body or b""))


class WholeMessages:
    """Small messages, each as a whole; those that are wanted at the same time are read together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(self._read, at_most=WHOLE_TOGETHER)

    async def read(self, source: Source) -> bytes:
        """All of BODY[]. Raises Refused(UNAVAILABLE)."""
        return await self._together.ask(source)

    async def _read(self, sources: Sequence[Source]) -> list[bytes | Refused]:
        return [octets async for _, octets in read_many(self._database, sources)]


def _missing(source: Source) -> Refused:
    return Refused(Failure.UNAVAILABLE, f"content {source.blob_id} of tenant {source.tenant_id} is missing")
