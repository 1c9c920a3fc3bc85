"""Searching: every query finds what a look at each message finds, text in messages of any size included."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from mailstead.model.flags import Flags, SystemFlag
from mailstead.model.sequence_set import SequenceSet
from mailstead.store import search as search_module
from mailstead.store.delivery import LocalCopy
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
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
    Uids,
)
from mailstead.store.search import Search
from store.builders import Account, delivery, parsed

MESSAGES, QUERIES = 60, 150
WORDS = ("apple", "Birne", "Köln", "straße", "date%", "under_score", "back\\slash")
OURS = b"X-Ours: Birne apple\r\n"  # the prefix: part of the header, not of the content
DAY_ONE = date(2026, 11, 1)


@dataclass(frozen=True)
class Known:
    """What the test knows of a message."""

    uid: int
    modseq: int
    flags: Flags
    size: int
    arrived: date
    sent: date | None
    subject: str
    body: str = field(repr=False)


def holds(known: Known, query: Query) -> bool:
    """What the query means (RFC 9051 §6.4.4)."""
    match query:
        case All():
            return True
        case Not(inner):
            return not holds(known, inner)
        case And(queries):
            return all(holds(known, each) for each in queries)
        case Or(left, right):
            return holds(known, left) or holds(known, right)
        case Uids(uids):
            return known.uid in uids
        case HasFlag(flag):
            return bool(known.flags.system & flag)
        case HasKeyword(keyword):
            return keyword.lower() in {each.lower() for each in known.flags.keywords}
        case Larger(octets):
            return known.size > octets
        case Smaller(octets):
            return known.size < octets
        case Before(day):
            return known.arrived < day
        case Since(day):
            return known.arrived >= day
        case SentBefore(day):
            return known.sent is not None and known.sent < day
        case SentSince(day):
            return known.sent is not None and known.sent >= day
        case ModseqAtLeast(modseq):
            return known.modseq >= modseq
        case Header(name, text):
            return name.lower() == "subject" and text.casefold() in known.subject.casefold()
        case Body(text):
            return text.casefold() in known.body.casefold()
        case Text(text):
            return text.casefold() in f"{known.subject}\n{OURS.decode()}\n{known.body}".casefold()


def any_query(chance: random.Random, depth: int) -> Query:
    leaves: tuple[Callable[[], Query], ...] = (
        All,
        lambda: Uids(SequenceSet.of(chance.sample(range(1, MESSAGES + 5), 7))),
        lambda: HasFlag(chance.choice(list(SystemFlag))),
        lambda: HasKeyword(chance.choice(["$Label", "$LABEL", "none"])),
        lambda: Larger(chance.randint(0, 4_000)),
        lambda: Smaller(chance.randint(0, 4_000)),
        lambda: Before(DAY_ONE + timedelta(chance.randint(0, 20))),
        lambda: Since(DAY_ONE + timedelta(chance.randint(0, 20))),
        lambda: SentBefore(DAY_ONE + timedelta(chance.randint(0, 20))),
        lambda: SentSince(DAY_ONE + timedelta(chance.randint(0, 20))),
        lambda: ModseqAtLeast(chance.randint(1, MESSAGES)),
        lambda: Header("Subject", chance.choice(WORDS).upper()),
        lambda: Body(chance.choice(WORDS)),
        lambda: Text(chance.choice(WORDS).upper()),
    )
    branches: tuple[Callable[[], Query], ...] = (
        lambda: Not(any_query(chance, depth - 1)),
        lambda: And(tuple(any_query(chance, depth - 1) for _ in range(chance.randint(0, 3)))),
        lambda: Or(any_query(chance, depth - 1), any_query(chance, depth - 1)),
    )
    return chance.choice(leaves if depth == 0 or chance.random() < 0.3 else branches)()


async def arrive(ingest: Ingest, account: Account, chance: random.Random) -> Known:
    subject = " ".join(chance.sample(WORDS, 2))
    body = " ".join(chance.sample(WORDS, 2)) + "\r\n" + "filler\r\n" * chance.randint(0, 400)
    sent = None if chance.random() < 0.2 else DAY_ONE + timedelta(chance.randint(0, 20))
    headers = ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
    if sent:
        headers.append(f"Date: {sent.day} Nov 2026 23:30:00 -0800")  # the day as written, its zone disregarded
    arrived = DAY_ONE + timedelta(chance.randint(0, 20))
    flags = Flags(chance.choice(list(SystemFlag)), chance.choice([(), ("$Label",)]))
    copy = LocalCopy(
        account.account_id, account.tenant_id, "INBOX", OURS, flags,
        datetime(arrived.year, arrived.month, arrived.day, 12, tzinfo=UTC),
    )  # fmt: skip
    content = parsed(body, subject=subject, headers=headers)
    (stored,) = (await ingest.deliver(delivery(copy, content=content))).copies
    size = len(copy.prefix) + len(content.header) + len(content.body)
    return Known(stored.uid, stored.modseq, flags, size, arrived, sent, subject, body)


@pytest.mark.parametrize("octets", [5_000, 4 * 1024 * 1024])
async def test_queries_of_all_kinds(
    ingest: Ingest, alice: Account, imap_db: Database, monkeypatch: pytest.MonkeyPatch, octets: int
) -> None:
    """However few octets are held at once, the answer is the same."""
    monkeypatch.setattr(search_module, "BATCH_OCTETS", octets)
    chance = random.Random(octets)
    known = [await arrive(ingest, alice, chance) for _ in range(MESSAGES)]
    inbox = await imap_db.fetchrow(
        "look", "SELECT mailbox_id FROM mailboxes WHERE account_id = $1 AND name = 'INBOX'", alice.account_id
    )
    assert inbox is not None
    search = Search(imap_db)
    found = 0
    for _ in range(QUERIES):
        query = any_query(chance, 3)
        uids = await search.matching(alice.account_id, inbox["mailbox_id"], query)
        assert uids == [each.uid for each in known if holds(each, query)], query
        found += 0 < len(uids) < MESSAGES
    assert found > QUERIES / 4, "the queries tell messages apart"


async def test_a_search_of_text_takes_few_statements(
    ingest: Ingest, alice: Account, imap_db: Database, statements: list[str]
) -> None:
    """Candidates, their rows, their octets, and the answer; one statement where no text is asked for (promise P7)."""
    chance = random.Random(1)
    known = [await arrive(ingest, alice, chance) for _ in range(MESSAGES)]
    inbox = await imap_db.fetchrow(
        "look", "SELECT mailbox_id FROM mailboxes WHERE account_id = $1 AND name = 'INBOX'", alice.account_id
    )
    assert inbox is not None
    for query, count in (
        (And((HasFlag(SystemFlag.SEEN), SentSince(DAY_ONE))), 1),
        (Header("Subject", "x"), 3),
        (Body("apple"), 4),
    ):
        statements.clear()
        uids = await Search(imap_db).matching(alice.account_id, inbox["mailbox_id"], query)
        assert len(statements) == count, statements
        assert uids == [each.uid for each in known if holds(each, query)]
