"""Searching: every query finds what a look at each message finds, text in messages of any size included."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import Flags, SystemFlag
from mailstead.model.sequence_set import SequenceSet
from mailstead.store import search_condition, search_index, search_scan, search_trigrams
from mailstead.store.delivery import LocalCopy
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.messages import Messages
from mailstead.store.query import (
    All,
    And,
    Before,
    Body,
    EmailIs,
    HasFlag,
    HasKeyword,
    Header,
    Larger,
    ModseqAtLeast,
    Not,
    Or,
    Order,
    Query,
    SavedBefore,
    SavedSince,
    SentBefore,
    SentSince,
    Since,
    Smaller,
    SortKey,
    Text,
    ThreadIs,
    Uids,
    Younger,
)
from mailstead.store.reclaim import Reclaim
from mailstead.store.search import Effort, Search, Threadable
from mailstead.store.search_index import SearchIndex
from mailstead.wire.message import Parsed, parse_message
from store.builders import Account, Town, delivery, fill, parsed, verbs

MESSAGES, QUERIES = 60, 60
WORDS = ("apple", "Birne", "Köln", "straße", "date%", "under_score", "back\\slash", "ß", "ne k", "日本語")
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
        case ThreadIs() | EmailIs() | Younger() | SavedBefore() | SavedSince():
            raise AssertionError(query)
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
    body = " ".join(chance.sample(WORDS, 2)) + "\r\n" + "filler\r\n" * chance.randint(0, 600)
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


async def inbox_of(database: Database, account: Account) -> int:
    row = await database.fetchrow(
        "look", "SELECT mailbox_id FROM mailboxes WHERE account_id = $1 AND name = 'INBOX'", account.account_id
    )
    assert row is not None
    return int(row["mailbox_id"])


@pytest.mark.parametrize(
    ("octets", "few", "recent"), [(5_000, 0, 1_000), (5_000, 0, 7), (4 * 1024 * 1024, 10, 0), (4 * 1024 * 1024, 1_000, 0)]
)
async def test_queries_of_all_kinds(
    ingest: Ingest,
    alice: Account,
    imap_db: Database,
    jobs_db: Database,
    monkeypatch: pytest.MonkeyPatch,
    octets: int,
    few: int,
    recent: int,
) -> None:
    """However few octets are held at once, and whatever of the mailbox is kept or indexed, the answer is the same."""
    monkeypatch.setattr(search_scan, "BATCH_OCTETS", octets)
    monkeypatch.setattr(search_condition, "FEW", few)
    monkeypatch.setattr(search_index, "LOOKED_AT", 1)
    monkeypatch.setattr(search_index, "MAX_TEXT", 3_000)  # so that some mail is never indexed
    chance = random.Random(octets + few)
    known: list[Known] = []
    search, index, found = Search(imap_db), SearchIndex(jobs_db, recent=recent), 0
    for indexed in (False, True, False, True):
        if indexed:
            await index.fill()
        else:
            known += [await arrive(ingest, alice, chance) for _ in range(MESSAGES // 2)]
        inbox = await inbox_of(imap_db, alice)
        for _ in range(QUERIES):
            query = any_query(chance, 3)
            uids = await search.matching(alice.account_id, inbox, query)
            assert uids == [each.uid for each in known if holds(each, query)], query
            found += 0 < len(uids) < len(known)
    assert found > QUERIES, "the queries tell messages apart"


async def test_a_search_takes_few_statements(
    ingest: Ingest, alice: Account, imap_db: Database, jobs_db: Database, statements: list[str]
) -> None:
    """One where no text is asked for, two where it is: what is not indexed, and the answer. Reading takes two a page."""
    chance = random.Random(1)
    known = [await arrive(ingest, alice, chance) for _ in range(MESSAGES)]
    inbox = await inbox_of(imap_db, alice)
    for indexed in (False, True):
        for query, count in (
            (And((HasFlag(SystemFlag.SEEN), SentSince(DAY_ONE))), 1),
            (Header("Subject", "x"), 2),
            (Header("Date", "Nov"), 2 if indexed else 3),
            (Body("apple"), 2 if indexed else 4),
        ):
            statements.clear()
            uids = await Search(imap_db).matching(alice.account_id, inbox, query)
            assert verbs(statements).count("SELECT") == count, statements
            if not isinstance(query, Header) or query.name != "Date":
                assert uids == [each.uid for each in known if holds(each, query)]
        await SearchIndex(jobs_db).fill()


async def test_fields_of_the_header(ingest: Ingest, alice: Account, imap_db: Database, jobs_db: Database) -> None:
    """Encoded, folded, repeated, empty and over-long fields, before they are indexed and after."""
    headers = [
        "From: =?utf-8?q?J=C3=B6rg_STRASSE?= <joerg@example.net>",
        "X-Folded: one\r\n two\r\n\tthree",
        "X-Empty:",
        "To: first@example.org",
        "To: second@example.org",
        "Cc: " + ", ".join(f"person{n}@example.org" for n in range(200)),
        "X-Control: =?utf-8?q?a=00b=0Ac=01d?=",
    ]
    await ingest.deliver(delivery(alice.copy(), content=parsed("x", subject="a: b", headers=headers)))
    inbox = await inbox_of(imap_db, alice)
    wanted = {
        ("From", "JÖRG straße"): True,
        ("From", "sender"): True,  # the builder's own From stands before
        ("X-Folded", "one two\tthree"): True,
        ("x-folded", "two"): True,
        ("X-Folded", "onetwo"): False,
        ("X-Empty", ""): True,
        ("X-Empty", "x"): False,
        ("X-Missing", ""): False,
        ("To", "second"): True,
        ("Cc", "person199@"): True,
        ("Bcc", ""): False,
        ("Subject", "a:"): True,
        ("Subject: a", "b"): False,
        ("Subject", "t: a"): False,
        ("X-Control", "b\nc"): True,
        ("X-Control", "c\x01d"): True,
        ("X-Control", "b\x01c"): False,  # which stands for the line end in what is indexed
        ("", ""): False,
    }
    for _ in range(2):
        for (name, text), expected in wanted.items():
            found = await Search(imap_db).matching(alice.account_id, inbox, Header(name, text))
            assert bool(found) is expected, (name, text)
        await SearchIndex(jobs_db).fill()


async def test_a_search_that_reads_too_much_is_refused(ingest: Ingest, alice: Account, imap_db: Database) -> None:
    """And says so before it has read more; each page is told as it is done."""
    chance = random.Random(3)
    for _ in range(5):
        await arrive(ingest, alice, chance)
    inbox = await inbox_of(imap_db, alice)
    told: list[tuple[int, int]] = []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    with pytest.raises(Refused) as refused:
        await Search(imap_db).matching(alice.account_id, inbox, Body("apple"), Effort(100, progress))
    assert refused.value.failure is Failure.TOO_LARGE
    await Search(imap_db).matching(alice.account_id, inbox, Body("apple"), Effort(10**6, progress))
    assert told == [(5, 5)]


async def test_large_mail_is_searched_without_its_attachments(
    ingest: Ingest, alice: Account, imap_db: Database, jobs_db: Database, statements: list[str]
) -> None:
    attachment = "attached\r\n" * 200_000
    body = (
        "--b\r\nContent-Type: text/plain\r\n\r\nA needle.\r\n"
        f"--b\r\nContent-Type: application/x\r\n\r\n{attachment}--b--\r\n"
    )  # fmt: skip
    content = parsed(body, headers=["MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"'])
    (stored,) = (await ingest.deliver(delivery(alice.copy(), content=content))).copies
    for _ in range(2):
        statements.clear()
        for key, uids in (("needle", [stored.uid]), ("attached", [])):
            assert await Search(imap_db).matching(alice.account_id, stored.mailbox_id, Body(key)) == uids
        assert not [text for text in statements if "string_agg" in text], "no message is read whole"
        await SearchIndex(jobs_db).fill()


async def test_many_fill_the_index_and_some_die(
    ingest: Ingest, alice: Account, town: Town, jobs_db: Database, owner_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each email is indexed once, whoever works at the same time; a large account keeps no other waiting."""
    monkeypatch.setattr(search_index, "CLAIM", 7)
    monkeypatch.setattr(search_index, "CLAIM_OCTETS", 3_000)
    bob = await town.account("bob")
    await fill(ingest, alice, 40)
    await fill(ingest, bob, 5)
    index = SearchIndex(jobs_db)
    assert await index.backlog() == 45
    victim = asyncio.create_task(index.fill())
    await asyncio.sleep(0)
    victim.cancel()
    await asyncio.gather(index.fill(), index.fill(), victim, return_exceptions=True)
    await index.fill()
    assert await index.backlog() == 0
    row = await owner_db.fetchrow("look", "SELECT count(*) FROM search_texts")
    assert row is not None
    assert row["count"] == 45


async def test_indexing_rests_between_its_transactions(
    ingest: Ingest, alice: Account, jobs_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For as long as each took, or a share of it: who delivers meanwhile has the processors."""
    monkeypatch.setattr(search_index, "CLAIM", 7)
    await fill(ingest, alice, 20)
    took: list[float] = []

    async def rest(seconds: float) -> None:
        took.append(seconds)

    assert await SearchIndex(jobs_db, rest).fill() == 20
    assert len(took) == 3 and min(took) > 0


async def test_new_mail_is_left_to_its_readers_for_a_while(ingest: Ingest, alice: Account, jobs_db: Database) -> None:
    await fill(ingest, alice, 3)
    patient = SearchIndex(jobs_db, settle_seconds=3600)
    assert await patient.fill() == 0
    assert await patient.backlog() == 3
    assert await SearchIndex(jobs_db).fill() == 3


async def test_older_texts_of_large_accounts_are_indexed_by_trigrams(
    ingest: Ingest, alice: Account, town: Town, jobs_db: Database, owner_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the newest, so many at a time; of a small account none."""
    monkeypatch.setattr(search_index, "LOOKED_AT", 1)
    monkeypatch.setattr(search_trigrams, "AT_ONCE", 15)
    bob = await town.account("bob")
    index = SearchIndex(jobs_db, recent=10)

    async def indexed(account: Account) -> list[bool]:
        rows = await owner_db.fetch(
            "look", "SELECT indexed FROM search_texts WHERE account_id = $1 ORDER BY email_id", account.account_id
        )
        return [row["indexed"] for row in rows]

    await fill(ingest, bob, 10)
    await fill(ingest, alice, 35)
    await index.fill()
    assert await indexed(bob) == [False] * 10
    assert await indexed(alice) == [True] * 15 + [False] * 20
    await fill(ingest, alice, 1)
    await index.fill()
    assert await indexed(alice) == [True] * 26 + [False] * 10


async def test_mail_that_is_reclaimed_takes_its_text_along(
    ingest: Ingest, alice: Account, messages: Messages, jobs_db: Database, reclaim: Reclaim, owner_db: Database
) -> None:
    """Whether it was indexed or not; the invariants say that none is left."""
    (first, *_) = await fill(ingest, alice, 3)
    await SearchIndex(jobs_db).fill()
    await fill(ingest, alice, 2)
    await messages.expunge(alice.account_id, first.mailbox_id, None, actor="test", only_deleted=False)
    await owner_db.execute("time passes", "DELETE FROM expunged")
    await reclaim.emails(timedelta(0))
    row = await owner_db.fetchrow(
        "look", "SELECT (SELECT count(*) FROM search_texts) AS texts, (SELECT count(*) FROM search_pending) AS pending"
    )
    assert row is not None
    assert tuple(row) == (0, 0)


async def test_sorting(ingest: Ingest, alice: Account, imap_db: Database, statements: list[str]) -> None:
    """By any criteria as sorting a list does, by one statement."""
    chance = random.Random(7)
    known: list[tuple[int, datetime, Parsed, int]] = []
    for n in range(40):
        who = chance.choice(["Zoé <anna@a.test>", "anna <b@a.test>", "c@a.test, d@a.test", "Team: x@y.test;", ""])
        headers = [f"From: {who}", f"To: {who[::-1]}", f"Cc: {who}", f"Subject: {chance.choice(['Ä', 're: ä', 'b', 'B', ''])}"]
        if chance.random() < 0.8:
            headers.append(f"Date: {chance.randint(1, 20)} Nov 2026 {chance.randint(0, 23)}:00:00 -0800")
        content = parse_message(
            ("\r\n".join([*headers, f"Message-ID: <{n}@x>"]) + "\r\n\r\n" + "x" * chance.randint(0, 3)).encode()
        )
        arrived = datetime(2026, 11, chance.randint(1, 20), tzinfo=UTC)
        copy = LocalCopy(alice.account_id, alice.tenant_id, "INBOX", received_at=arrived)
        (stored,) = (await ingest.deliver(delivery(copy, content=content))).copies
        known.append((stored.uid, arrived, content, len(content.header) + len(content.body)))
    keys: dict[SortKey, Callable[[tuple[int, datetime, Parsed, int]], Any]] = {
        SortKey.ARRIVAL: lambda row: row[1],
        SortKey.DATE: lambda row: row[2].sent_at or row[1],
        SortKey.SIZE: lambda row: row[3],
        SortKey.SUBJECT: lambda row: row[2].sort_keys.base_subject,
        SortKey.FROM: lambda row: row[2].sort_keys.from_,
        SortKey.TO: lambda row: row[2].sort_keys.to,
        SortKey.CC: lambda row: row[2].sort_keys.cc,
        SortKey.DISPLAYFROM: lambda row: row[2].sort_keys.display_from,
        SortKey.DISPLAYTO: lambda row: row[2].sort_keys.display_to,
    }
    inbox = await inbox_of(imap_db, alice)
    for _ in range(40):
        order = [Order(chance.choice(list(SortKey)), chance.random() < 0.5) for _ in range(chance.randint(1, 3))]
        expected = list(known)
        for criterion in reversed(order):
            expected.sort(key=keys[criterion.key], reverse=criterion.backwards)  # which keeps the order of equals
        statements.clear()
        assert await Search(imap_db).sorted(alice.account_id, inbox, All(), order) == [row[0] for row in expected], order
        assert len(statements) == 1


async def test_what_threads_are_made_of(ingest: Ingest, alice: Account, imap_db: Database) -> None:
    content = parse_message(
        b"Message-ID: <b@x>\r\nReferences: <a@x>\r\nSubject: Re: Gr\xc3\xbc\xc3\x9fe\r\nDate: 1 Nov 2026 10:00:00 +0100\r\n\r\n"
    )
    await ingest.deliver(delivery(alice.copy(), content=content))
    await fill(ingest, alice, 2)
    inbox = await inbox_of(imap_db, alice)
    first, second, _ = await Search(imap_db).threadable(alice.account_id, inbox, All(), 3)
    sent = datetime(2026, 11, 1, 9, tzinfo=UTC)
    assert first == Threadable(1, "<b@x>", ["<a@x>"], content.sort_keys.base_subject, True, sent)
    assert (second.message_id, second.ancestors, second.is_reply) == ("", [], False)
    with pytest.raises(Refused) as refused:
        await Search(imap_db).threadable(alice.account_id, inbox, All(), 2)
    assert refused.value.failure is Failure.TOO_MANY
