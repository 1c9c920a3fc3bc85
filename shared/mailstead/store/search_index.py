"""Filling in the text of mail after its delivery, so that SEARCH need not read and decode it (`search.py`).

Ingest leaves a row in `search_pending` for each email; here such rows are claimed, the text of their emails is decoded and kept,
and the rows removed, in one transaction. Whoever dies meanwhile has done nothing. The email's row is held while its text is
written: reclaiming it waits, and removes the text as well.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from mailstead.model.ids import id_after
from mailstead.store.content import Source
from mailstead.store.engine import Connection, Database
from mailstead.store.message_text import Pieces, read_pieces, text_octets
from mailstead.store.search_trigrams import AT_ONCE, RECENT, index_oldest
from mailstead.wire.folded import fold_field, fold_lines
from mailstead.wire.headers import fields
from mailstead.wire.mime import Part
from mailstead.wire.structure import unpack
from mailstead.wire.text import piece_text

CLAIM = 200  # emails of one transaction
CLAIM_OCTETS = 8 * 1024 * 1024  # of text, encoded, that one transaction reads
MAX_TEXT = 512 * 1024  # octets of one email's text, encoded, that is kept; mail with more is read by each search
MAX_HEADER = 64 * 1024  # octets of its header section
COUNTED = 100_000  # pending emails that are counted at most
LOOKED_AT = AT_ONCE // 2  # one email in so many has it looked whether its account is large: the index keeps up with what comes

_CLAIM = """
SELECT account_id, email_id FROM search_pending
WHERE (account_id, email_id) > ($1::bigint, $2::uuid) AND email_id < $3
ORDER BY account_id, email_id LIMIT $4 FOR UPDATE SKIP LOCKED
"""
_HOLD = """
SELECT e.account_id, e.email_id, e.tenant_id, e.blob_id, e.prefix, e.header_size, e.size, c.header, c.structure
FROM unnest($1::bigint[], $2::uuid[]) AS o(account_id, email_id)
JOIN emails e USING (account_id, email_id) JOIN contents c USING (tenant_id, blob_id)
ORDER BY e.account_id, e.email_id FOR KEY SHARE OF e
"""
_KEEP = """
WITH kept AS (
    INSERT INTO search_texts (account_id, email_id, header_length, complete, text)
    SELECT * FROM unnest($3::bigint[], $4::uuid[], $5::int[], $6::bool[], $7::text[]) ON CONFLICT DO NOTHING
)
DELETE FROM search_pending p USING unnest($1::bigint[], $2::uuid[]) AS o(account_id, email_id)
WHERE p.account_id = o.account_id AND p.email_id = o.email_id
"""
_BACKLOG = "SELECT count(*) FROM (SELECT FROM search_pending LIMIT $1) AS pending"

_Key = tuple[int, UUID]
_FIRST: _Key = (0, UUID(int=0))
_Row = tuple[int, UUID, int, bool, str]


@dataclass(frozen=True, slots=True)
class _Email:
    account_id: int
    email_id: UUID
    source: Source
    header: bytes
    part: Part


async def _no_rest(_seconds: float) -> None:
    return


class SearchIndex:
    """Raises Refused(UNAVAILABLE) only."""

    def __init__(
        self,
        database: Database,
        rest: Callable[[float], Awaitable[None]] = _no_rest,
        settle_seconds: float = 0,
        recent: int = RECENT,
    ) -> None:
        """`rest` is awaited after each transaction, with the seconds that it took: time that is left to others.

        An email is left alone for `settle_seconds`: its readers, and the deliveries that came with it, go first. Of an account
        with more than `recent` texts the older ones are indexed by trigrams.
        """
        self._database = database
        self._rest = rest
        self._settle_seconds = settle_seconds
        self._recent = recent

    async def fill(self) -> int:
        """Keep the text of what is pending and settled, until a look at all accounts finds nothing; how many emails that were.

        After each transaction that one account has filled it is the next one's turn: none waits for a large import of another.
        """
        total, in_round, after = 0, 0, _FIRST
        while True:

            async def step(connection: Connection, start: _Key = after) -> tuple[list[_Key], _Key]:
                return await self._step(connection, start)

            started = time.monotonic()
            done, after = await self._database.transact("index text", step)
            for account_id in {account_id for account_id, email_id in done if email_id.int % LOOKED_AT == 0}:
                await index_oldest(self._database, account_id, self._recent)
            if done:
                await self._rest(time.monotonic() - started)
            total, in_round = total + len(done), in_round + len(done)
            if after == _FIRST:
                if not in_round:
                    return total
                in_round = 0

    async def backlog(self) -> int:
        """Emails whose text is not indexed yet; counted up to COUNTED."""
        row = await self._database.fetchrow("search backlog", _BACKLOG, COUNTED)
        return int(row["count"]) if row else 0

    async def _step(self, connection: Connection, after: _Key) -> tuple[list[_Key], _Key]:
        """Which emails are pending no more, and behind which key to go on; the first key when the end is reached."""
        rows = await connection.fetch(_CLAIM, *after, id_after(time.time() - self._settle_seconds), CLAIM)
        if not rows:
            return [], _FIRST
        claimed: list[_Key] = [(row["account_id"], row["email_id"]) for row in rows]
        emails, skipped = _bounded([_email(row) for row in await connection.fetch(_HOLD, *_columns(claimed))])
        kept = await self._texts(emails)
        left = {(email.account_id, email.email_id) for email in skipped}
        settled = [key for key in claimed if key not in left]  # those without an email, too
        await connection.execute(_KEEP, *_columns(settled), *([row[n] for row in kept] for n in range(5)))
        crowded = (len(claimed) == CLAIM or skipped) and claimed[0][0] == claimed[-1][0]
        return settled, (claimed[-1][0] + 1, _FIRST[1]) if crowded else max(settled)

    async def _texts(self, emails: Sequence[_Email]) -> list[_Row]:
        fitting = [email for email in emails if _fits(email)]
        pieces: list[Pieces] = [[] for _ in fitting]
        async for n, found in read_pieces(self._database, [(email.source, email.part) for email in fitting]):
            pieces[n] = found
        rows = await asyncio.to_thread(lambda: list(map(_row, fitting, pieces)))  # decoding is computing
        return rows + [(email.account_id, email.email_id, 0, False, "") for email in emails if not _fits(email)]


def _email(row: "asyncpg.Record") -> _Email:
    account_id, email_id, tenant_id, blob_id, prefix, header_size, size, header, structure = row
    return _Email(account_id, email_id, Source(tenant_id, blob_id, prefix, header_size, size), header, unpack(structure))


def _fits(email: _Email) -> bool:
    return len(email.header) <= MAX_HEADER and text_octets(email.part) <= MAX_TEXT


def _bounded(emails: Sequence[_Email]) -> tuple[Sequence[_Email], Sequence[_Email]]:
    """Those whose text is read by this transaction, and the others."""
    octets = 0
    for n, email in enumerate(emails):
        octets += min(email.source.size, MAX_TEXT)
        if n and octets > CLAIM_OCTETS:
            return emails[:n], emails[n:]
    return emails, ()


def _row(email: _Email, pieces: Pieces) -> _Row:
    header = "".join(f"{fold_field(field)}\n" for field in fields(email.source.prefix + email.header))
    body = fold_lines("\n".join(piece_text(octets, piece) for piece, octets in pieces))
    return email.account_id, email.email_id, len(header), True, header + body


def _columns(keys: Sequence[_Key]) -> tuple[list[int], list[UUID]]:
    return [account_id for account_id, _ in keys], [email_id for _, email_id in keys]
