"""Searching the text of messages by reading them: what the index cannot answer, or not yet. As `wire.text` compares it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from mailstead.model.failure import Failure, Refused
from mailstead.store.content import BATCH_MESSAGES, BATCH_OCTETS
from mailstead.store.engine import Database
from mailstead.store.message_text import Pieces, read_pieces, text_octets
from mailstead.store.messages import Messages, Summary, Want
from mailstead.store.query import Body, Header, Text
from mailstead.store.search_condition import Hits
from mailstead.wire.mime import Part
from mailstead.wire.structure import unpack
from mailstead.wire.text import header_holds, piece_text

Progress = Callable[[int, int], Awaitable[None]]
"""Hears from time to time how many messages of how many have been read."""


@dataclass(slots=True)
class Scan:
    """Reads the messages of one mailbox for one search. At most `budget` octets of them, None: however many."""

    database: Database
    account_id: int
    mailbox_id: int
    budget: int | None = None
    progress: Progress | None = None
    _read: int = field(default=0, init=False)

    async def run(self, uids: Sequence[int], hits: Hits) -> None:
        """Add the UIDs that hold each leaf, ascending. Raises Refused: TOO_LARGE beyond the budget, UNAVAILABLE."""
        for at in range(0, len(uids), BATCH_MESSAGES):
            await self._page(uids[at : at + BATCH_MESSAGES], hits)
            if self.progress:
                await self.progress(min(at + BATCH_MESSAGES, len(uids)), len(uids))

    async def _page(self, uids: Sequence[int], hits: Hits) -> None:
        messages = Messages(self.database, lambda _events: None)
        headers_only = all(isinstance(leaf, Header) for leaf in hits)
        want = Want.HEADER if headers_only else Want.HEADER | Want.STRUCTURE
        summaries = await messages.summaries(self.account_id, self.mailbox_id, uids, want)
        # Decoding is computing: the loop serves other sessions meanwhile.
        if headers_only:
            self._spend(sum(len(summary.header or b"") for summary in summaries))
            await asyncio.to_thread(_match, [(summary, []) for summary in summaries], hits)
            return
        parts = [unpack(summary.structure or b"") for summary in summaries]
        await self._bodies(summaries, parts, hits)

    async def _bodies(self, summaries: Sequence[Summary], parts: Sequence[Part], hits: Hits) -> None:
        self._spend(sum(map(text_octets, parts)))
        page: list[tuple[Summary, Pieces]] = []
        octets = 0
        async for n, pieces in read_pieces(
            self.database, [(row.source, part) for row, part in zip(summaries, parts, strict=True)]
        ):
            page.append((summaries[n], pieces))
            octets += sum(len(piece) for _, piece in pieces)
            if octets >= BATCH_OCTETS:  # no more than that is held at once (promise S3)
                await asyncio.to_thread(_match, page, hits)
                page, octets = [], 0
        await asyncio.to_thread(_match, page, hits)

    def _spend(self, octets: int) -> None:
        self._read += octets
        if self.budget is not None and self._read > self.budget:
            raise Refused(Failure.TOO_LARGE, f"a search would read more than {self.budget} octets")


def _match(page: Sequence[tuple[Summary, Pieces]], hits: Hits) -> None:
    for summary, pieces in page:
        header = summary.header or b""
        text = "\n".join(piece_text(octets, piece) for piece, octets in pieces).casefold()
        for leaf, uids in hits.items():
            match leaf:
                case Header(name, wanted):
                    holds = header_holds(header, name, wanted)
                case Body(wanted):
                    holds = wanted.casefold() in text
                case Text(wanted):
                    holds = wanted.casefold() in text or header_holds(header, None, wanted)
            if holds:
                uids.append(summary.uid)
