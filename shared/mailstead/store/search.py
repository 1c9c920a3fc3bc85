"""Searching a mailbox: what ingest stored as columns is one SQL condition; text is scanned, so the answer is always exact.

Text leaves are answered first, each candidate message being read once for all of them, and stand in the SQL as the set of UIDs
that match. Candidates are what the other conditions leave over.
"""

import asyncio
from collections.abc import Sequence

from mailstead.model.flags import SystemFlag
from mailstead.store.content import BATCH_MESSAGES, BATCH_OCTETS, read_many
from mailstead.store.engine import Database
from mailstead.store.messages import Messages, Summary, Want
from mailstead.store.query import (
    All,
    And,
    Before,
    Body,
    HasFlag,
    HasKeyword,
    Header,
    Larger,
    ModseqAtLeast,
    Not,
    Or,
    Query,
    SentBefore,
    SentSince,
    Since,
    Smaller,
    Text,
    TextQuery,
    Uids,
)
from mailstead.wire.structure import unpack
from mailstead.wire.text import header_holds, searchable_text

# Row by row from the primary key, whatever PostgreSQL believes of this account (see `_ADDRESSED` of messages.py).
_SENT = """CROSS JOIN LATERAL (
    SELECT sent_on FROM emails WHERE account_id = m.account_id AND email_id = m.email_id OFFSET 0
) AS e"""

Hits = dict[TextQuery, list[int]]


class Search:
    """UIDs that match, ascending. Raises Refused(UNAVAILABLE) only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._messages = Messages(database, lambda _events: None)

    async def matching(self, account_id: int, mailbox_id: int, query: Query) -> list[int]:
        """One statement, or where text is asked for: one for the candidates, one or two for each page of them, and one more."""
        leaves = set(_text_leaves(query))
        hits: Hits = {leaf: [] for leaf in leaves}
        if leaves:
            candidates = await self._select(account_id, mailbox_id, _widened(query), {})
            for at in range(0, len(candidates), BATCH_MESSAGES):
                await self._scan(account_id, mailbox_id, candidates[at : at + BATCH_MESSAGES], hits)
        return await self._select(account_id, mailbox_id, query, hits)

    async def _select(self, account_id: int, mailbox_id: int, query: Query, hits: Hits) -> list[int]:
        condition = _Condition([account_id, mailbox_id], hits)
        matches = condition.of(query)
        sql = f"""SELECT m.uid FROM messages m {_SENT if condition.asks_sent else ""}
                  WHERE m.account_id = $1 AND m.mailbox_id = $2 AND {matches} ORDER BY m.uid"""  # noqa: S608
        return [row["uid"] for row in await self._database.fetch("search", sql, *condition.arguments)]

    async def _scan(self, account_id: int, mailbox_id: int, uids: Sequence[int], hits: Hits) -> None:
        summaries = await self._messages.summaries(account_id, mailbox_id, uids, Want.HEADER | Want.STRUCTURE)
        # Decoding is computing: the loop serves other sessions meanwhile.
        if all(isinstance(leaf, Header) for leaf in hits):
            await asyncio.to_thread(_match_page, [(summary, b"") for summary in summaries], hits)
            return
        page: list[tuple[Summary, bytes]] = []
        octets = 0
        async for n, message in read_many(self._database, [summary.source for summary in summaries]):
            page.append((summaries[n], message[len(summaries[n].prefix) :]))
            octets += len(message)
            if octets >= BATCH_OCTETS:  # no more than that is held at once (promise S3)
                await asyncio.to_thread(_match_page, page, hits)
                page, octets = [], 0
        await asyncio.to_thread(_match_page, page, hits)


def _match_page(page: Sequence[tuple[Summary, bytes]], hits: Hits) -> None:
    """Each message with its content, which is empty where only header fields are asked for."""
    for summary, content in page:
        header = summary.header or b""
        text = searchable_text(content, unpack(summary.structure or b"")).casefold() if content else ""
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


def _text_leaves(query: Query) -> list[TextQuery]:
    match query:
        case Header() | Body() | Text():
            return [query]
        case Not(inner):
            return _text_leaves(inner)
        case And(queries):
            return [leaf for inner in queries for leaf in _text_leaves(inner)]
        case Or(left, right):
            return _text_leaves(left) + _text_leaves(right)
        case _:
            return []


def _widened(query: Query) -> Query:
    """A query without text that matches at least what `query` matches."""
    match query:
        case Header() | Body() | Text():
            return All()
        case And(queries):
            return And(tuple(map(_widened, queries)))
        case Or(left, right):
            return Or(_widened(left), _widened(right))
        case Not(inner) if _text_leaves(inner):
            return All()
        case _:
            return query


class _Condition:
    """SQL for a query; every value travels as an argument."""

    def __init__(self, arguments: list[object], hits: Hits) -> None:
        self.arguments = arguments
        self.asks_sent = False  # for the date of the Date field, which stands with the mail
        self._hits = hits

    def _add(self, value: object) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def of(self, query: Query) -> str:
        match query:
            case All():
                return "true"
            case Not(inner):
                return f"NOT coalesce({self.of(inner)}, false)"
            case And(queries):
                return "(" + " AND ".join(map(self.of, queries)) + ")" if queries else "true"
            case Or(left, right):
                return f"({self.of(left)} OR {self.of(right)})"
            case Uids(uids):
                ranges = [f"m.uid BETWEEN {self._add(a)}::bigint AND {self._add(b)}::bigint" for a, b in uids.ranges]
                return "(" + " OR ".join(ranges) + ")" if ranges else "false"
            case HasFlag(flag):
                return f"m.flags & {int(SystemFlag(flag))} <> 0"
            case HasKeyword(keyword):
                wanted = self._add(keyword)
                return f"EXISTS (SELECT FROM unnest(m.keywords) AS k WHERE lower(k) = lower({wanted}::text))"
            case Larger(octets):
                return f"m.size > {self._add(octets)}::bigint"
            case Smaller(octets):
                return f"m.size < {self._add(octets)}::bigint"
            case Before(day):
                return f"(m.internal_date AT TIME ZONE 'UTC')::date < {self._add(day)}::date"
            case Since(day):
                return f"(m.internal_date AT TIME ZONE 'UTC')::date >= {self._add(day)}::date"
            case SentBefore(day):
                self.asks_sent = True
                return f"e.sent_on < {self._add(day)}::date"
            case SentSince(day):
                self.asks_sent = True
                return f"e.sent_on >= {self._add(day)}::date"
            case ModseqAtLeast(modseq):
                return f"m.modseq >= {self._add(modseq)}::bigint"
            case Header() | Body() | Text():
                return f"m.uid = ANY({self._add(self._hits[query])}::bigint[])"
