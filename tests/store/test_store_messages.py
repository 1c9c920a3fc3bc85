"""Flags, COPY, MOVE and EXPUNGE: what each does, all of it or nothing, and in chunks where it may be large (promise D7)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from kit.waiting import eventually
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import MAX_KEYWORDS, FlagChange, Flags, SystemFlag
from mailstead.store.changes import Changes
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import CHUNK, Messages
from store.builders import Account, Announced, Town, delivery, fill, parsed, verbs

SEEN, DELETED = Flags(SystemFlag.SEEN), Flags(SystemFlag.DELETED)

_GROW = """
WITH first AS (SELECT * FROM messages WHERE mailbox_id = $1 AND uid = 1), grown AS (
    INSERT INTO messages (account_id, mailbox_id, uid, modseq, flags, keywords, size, internal_date, saved_at, email_id)
    SELECT account_id, mailbox_id, n, modseq, flags, keywords, size, internal_date, saved_at, email_id
    FROM first, generate_series(2, $2::int) AS n
)
UPDATE mailboxes m SET uidnext = $2 + 1, messages = $2, size = f.size * $2,
    unseen = (1 - f.flags & 1) * $2, deleted = (f.flags >> 3 & 1) * $2
FROM first f WHERE m.account_id = f.account_id AND m.mailbox_id = f.mailbox_id
"""


@pytest.fixture
async def inbox(mailboxes: Mailboxes, alice: Account) -> int:
    return (await mailboxes.get(alice.account_id, "INBOX")).mailbox_id


@pytest.fixture
async def archive(mailboxes: Mailboxes, alice: Account) -> int:
    return (await mailboxes.get(alice.account_id, "Archive")).mailbox_id


async def grow(owner_db: Database, ingest: Ingest, account: Account, messages: int, flags: Flags = Flags()) -> list[int]:
    """An INBOX of so many copies of one message; their UIDs."""
    (stored,) = await fill(ingest, account, 1, flags=flags)
    await owner_db.execute("grow", _GROW, stored.mailbox_id, messages)
    await owner_db.execute("arrange", "ANALYZE messages")
    return list(range(1, messages + 1))


# flags before, change, flags given, flags after
CHANGES = [
    ("\\Seen a", FlagChange.ADD, "\\Flagged b", "\\Seen \\Flagged a b"),
    ("\\Seen a", FlagChange.ADD, "\\Seen A", "\\Seen a"),
    ("\\Seen a b", FlagChange.REMOVE, "\\Seen B c", "a"),
    ("\\Seen a", FlagChange.REMOVE, "\\Deleted", "\\Seen a"),
    ("\\Seen a", FlagChange.REPLACE, "\\Draft b", "\\Draft b"),
    ("\\Seen a", FlagChange.REPLACE, "", ""),
    ("", FlagChange.ADD, "", ""),
]


async def test_changes_of_flags(messages: Messages, ingest: Ingest, alice: Account) -> None:
    """Keywords compare without regard to case and keep their first spelling; what does not change keeps its modseq."""
    for before, change, flags, after in CHANGES:
        (stored,) = await fill(ingest, alice, 1, flags=Flags.of(before.split()))
        key = alice.account_id, stored.mailbox_id, [stored.uid]
        result = await messages.store_flags(*key, change, Flags.of(flags.split()))
        (row,) = result.rows
        assert row.flags == Flags.of(after.split())
        assert (row,) == tuple(await messages.flags(*key))
        assert result.changed == (before != after)
        assert row.modseq == result.modseq == stored.modseq + result.changed


async def test_a_conditional_store(messages: Messages, ingest: Ingest, alice: Account, inbox: int) -> None:
    """RFC 7162 §3.1.3: what has changed since is left alone and told; UIDs that are not there are passed over."""
    stored = await fill(ingest, alice, 4)
    known = stored[-1].modseq
    await messages.store_flags(alice.account_id, inbox, [2], FlagChange.ADD, SEEN)
    result = await messages.store_flags(alice.account_id, inbox, [1, 2, 3, 99], FlagChange.ADD, DELETED, unchanged_since=known)
    assert result.modified == [2]
    assert [(row.uid, row.flags, row.modseq) for row in result.rows] == [(1, DELETED, known + 2), (3, DELETED, known + 2)]
    assert (await messages.flags(alice.account_id, inbox, [2]))[0].flags == SEEN


async def test_a_message_has_a_bounded_number_of_keywords(messages: Messages, ingest: Ingest, alice: Account, inbox: int) -> None:
    await fill(ingest, alice, 2)
    await messages.store_flags(
        alice.account_id, inbox, [1], FlagChange.ADD, Flags(keywords=tuple(f"k{n}" for n in range(MAX_KEYWORDS)))
    )
    with pytest.raises(Refused) as refused:
        await messages.store_flags(alice.account_id, inbox, [1, 2], FlagChange.ADD, Flags(keywords=("one more",)))
    assert refused.value.failure is Failure.TOO_MANY
    assert (await messages.flags(alice.account_id, inbox, [2]))[0].flags == Flags()


async def test_flags_of_ten_thousand_in_one_chunk_and_of_more_in_several(
    messages: Messages,
    ingest: Ingest,
    alice: Account,
    inbox: int,
    owner_db: Database,
    statements: list[str],
    announced: Announced,
) -> None:
    """One modseq for each chunk; the statements grow with the chunks, not with the messages."""
    uids = await grow(owner_db, ingest, alice, 2 * CHUNK + 1)
    for some, chunks in ((uids[:CHUNK], 1), (uids, 3)):
        statements.clear()
        announced.clear()
        result = await messages.store_flags(
            alice.account_id, inbox, some, FlagChange.REPLACE, Flags(keywords=(f"{chunks} chunks",))
        )
        assert [row.uid for row in result.rows] == some and result.changed
        assert len({row.modseq for row in result.rows}) == len(announced) == chunks
        assert Counter(verbs(statements)) == {
            "BEGIN": chunks,
            "SELECT": chunks,
            "WITH": chunks,
            "COMMIT": chunks,
        }


async def test_a_large_expunge_goes_in_chunks(
    messages: Messages,
    ingest: Ingest,
    alice: Account,
    inbox: int,
    owner_db: Database,
    statements: list[str],
    mailboxes: Mailboxes,
    changes: Changes,
) -> None:
    uids = await grow(owner_db, ingest, alice, 2 * CHUNK + 1, DELETED)
    before = await mailboxes.get(alice.account_id, "INBOX")
    statements.clear()
    assert await messages.expunge(alice.account_id, inbox, None, actor="test") == uids
    assert Counter(verbs(statements)) == {"SELECT": 1 + 3, "BEGIN": 3, "WITH": 3, "UPDATE": 3, "COMMIT": 3}
    delta = await changes.since(alice.account_id, inbox, before.highest_modseq, known_uidnext=before.uidnext)
    assert (delta.vanished, delta.arrived, delta.changed) == (uids, [], [])
    assert delta.highest_modseq == before.highest_modseq + 3


async def test_expunge_takes_only_what_is_asked_for(messages: Messages, ingest: Ingest, alice: Account, inbox: int) -> None:
    await fill(ingest, alice, 5)
    await messages.store_flags(alice.account_id, inbox, [2, 3, 4], FlagChange.ADD, DELETED)
    assert await messages.expunge(alice.account_id, inbox, [1, 2, 99], actor="test") == [2]
    assert await messages.expunge(alice.account_id, inbox, [1], actor="test", only_deleted=False) == [1]
    assert await messages.expunge(alice.account_id, inbox, [], actor="test") == []
    assert await messages.expunge(alice.account_id, inbox, None, actor="test") == [3, 4]
    assert [row.uid for row in await messages.flags(alice.account_id, inbox, range(1, 10))] == [5]


async def test_who_takes_deleted_back_in_time_keeps_the_message(
    messages: Messages, ingest: Ingest, alice: Account, inbox: int, owner_db: Database
) -> None:
    """Another client removes \\Deleted after EXPUNGE has looked and before it holds the mailbox."""
    await fill(ingest, alice, 3, flags=DELETED)
    async with owner_db.transaction("another client") as connection:
        await connection.execute("SELECT FROM mailboxes WHERE mailbox_id = $1 FOR UPDATE", inbox)
        expunging = asyncio.create_task(messages.expunge(alice.account_id, inbox, None, actor="test"))
        await eventually(lambda: waits_for_lock(owner_db))
        await connection.execute("UPDATE messages SET flags = 0, modseq = modseq + 1 WHERE uid = 2")
        await connection.execute(
            "UPDATE mailboxes SET deleted = deleted - 1, highest_modseq = highest_modseq + 1 WHERE mailbox_id = $1", inbox
        )
    assert await expunging == [1, 3]
    assert [row.uid for row in await messages.flags(alice.account_id, inbox, [1, 2, 3])] == [2]


async def waits_for_lock(owner_db: Database) -> bool:
    row = await owner_db.fetchrow(
        "look",
        "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database() LIMIT 1",
    )
    return row is not None


async def test_a_copy_keeps_flags_and_date_and_shares_its_octets(
    messages: Messages, ingest: Ingest, alice: Account, inbox: int, archive: int, owner_db: Database
) -> None:
    """RFC 9051 §6.4.7; the copy has UIDs of its own in the order of the originals."""
    await fill(ingest, alice, 3, flags=Flags(SystemFlag.FLAGGED, ("$Label",)))
    copied = await messages.copy(alice.account_id, inbox, [3, 1, 99], archive)
    assert copied.pairs == [(1, 1), (3, 2)]
    originals = await messages.summaries(alice.account_id, inbox, [1, 3])
    copies = await messages.summaries(alice.account_id, archive, [1, 2])
    for original, copy in zip(originals, copies, strict=True):
        assert (copy.flags, copy.internal_date, copy.email_id) == (original.flags, original.internal_date, original.email_id)
    row = await owner_db.fetchrow("look", "SELECT count(*) AS n FROM emails")
    assert row is not None and row["n"] == 3


async def test_a_move_is_one_moment(
    messages: Messages, ingest: Ingest, alice: Account, inbox: int, archive: int, changes: Changes, announced: Announced
) -> None:
    """RFC 6851: whoever looks sees each message in one of the two mailboxes; both deltas tell of it."""
    stored = await fill(ingest, alice, 100)
    known = stored[-1].modseq
    announced.clear()
    moved = await messages.move(alice.account_id, inbox, [each.uid for each in stored], archive)
    assert moved.pairs == [(n, n) for n in range(1, 101)]
    assert {event.mailbox_id for event in announced if hasattr(event, "mailbox_id")} == {inbox, archive}
    gone = await changes.since(alice.account_id, inbox, known, known_uidnext=101)
    come = await changes.since(alice.account_id, archive, 1, known_uidnext=1)
    assert len(gone.vanished) == len(come.arrived) == 100
    assert (await messages.move(alice.account_id, inbox, [1, 2], archive)).pairs == []


async def test_copy_and_move_within_one_mailbox(messages: Messages, ingest: Ingest, alice: Account, inbox: int) -> None:
    await fill(ingest, alice, 2)
    assert (await messages.copy(alice.account_id, inbox, [1], inbox)).pairs == [(1, 3)]
    assert (await messages.move(alice.account_id, inbox, [1, 2], inbox)).pairs == [(1, 4), (2, 5)]
    assert [row.uid for row in await messages.flags(alice.account_id, inbox, range(10))] == [3, 4, 5]


@pytest.mark.parametrize("move", [False, True])
async def test_what_cannot_be_copied_whole_is_not_copied(
    messages: Messages,
    ingest: Ingest,
    alice: Account,
    inbox: int,
    archive: int,
    owner_db: Database,
    mailboxes: Mailboxes,
    move: bool,
) -> None:
    """The target runs out of UIDs in the midst of it: neither mailbox changes."""
    await fill(ingest, alice, 10)
    await owner_db.execute("arrange", "UPDATE mailboxes SET uidnext = 4294967290 WHERE mailbox_id = $1", archive)
    with pytest.raises(Refused) as refused:
        await (messages.move if move else messages.copy)(alice.account_id, inbox, range(1, 11), archive)
    assert refused.value.failure is Failure.UNAVAILABLE
    counts = [(await mailboxes.get(alice.account_id, name)).messages for name in ("INBOX", "Archive")]
    assert counts == [10, 0]


async def test_a_copy_is_held_to_the_quota_and_a_move_is_not(
    messages: Messages, ingest: Ingest, town: Town, mailboxes: Mailboxes
) -> None:
    account = await town.account(quota=100_000)
    await ingest.deliver(delivery(account.copy(), content=parsed(size=60_000)))
    inbox = (await mailboxes.get(account.account_id, "INBOX")).mailbox_id
    archive = (await mailboxes.get(account.account_id, "Archive")).mailbox_id
    with pytest.raises(Refused) as refused:
        await messages.copy(account.account_id, inbox, [1], archive)
    assert refused.value.failure is Failure.OVER_QUOTA
    assert (await mailboxes.get(account.account_id, "Archive")).messages == 0
    assert (await messages.move(account.account_id, inbox, [1], archive)).pairs == [(1, 1)]


async def test_opposite_moves_do_not_deadlock(
    messages: Messages, ingest: Ingest, alice: Account, inbox: int, archive: int, owner_db: Database
) -> None:
    """Two clients move between the same two mailboxes, each the other way round."""
    await fill(ingest, alice, 20)
    await fill(ingest, alice, 20, "Archive")

    async def shuttle(source: int, target: int) -> None:
        for _ in range(25):
            rows = await messages.flags(alice.account_id, source, range(1, 2000))
            await messages.move(alice.account_id, source, [row.uid for row in rows[:10]], target)

    await asyncio.gather(*(shuttle(*way) for way in ((inbox, archive), (archive, inbox)) * 2))
    row = await owner_db.fetchrow("look", "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert row is not None and row["deadlocks"] == 0


HOLDING: dict[str, Callable[[Messages, int, int], Awaitable[object]]] = {
    "STORE": lambda messages, account, mailbox: messages.store_flags(account, mailbox, [1], FlagChange.ADD, SEEN),
    "COPY": lambda messages, account, mailbox: messages.copy(account, mailbox, [1], mailbox),
    "MOVE": lambda messages, account, mailbox: messages.move(account, mailbox, [1], mailbox),
    "EXPUNGE": lambda messages, account, mailbox: messages.expunge(account, mailbox, [1], actor="test", only_deleted=False),
}


async def test_a_mailbox_that_is_held_too_long_is_a_temporary_failure(
    messages: Messages, ingest: Ingest, alice: Account, inbox: int, owner_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailstead.store.engine._BEGIN", "BEGIN; SET LOCAL lock_timeout = '50ms'")
    await fill(ingest, alice, 1)
    async with owner_db.transaction("hold") as connection:
        await connection.execute("SELECT FROM mailboxes WHERE mailbox_id = $1 FOR UPDATE", inbox)
        for name, operation in HOLDING.items():
            with pytest.raises(Refused) as refused:
                await operation(messages, alice.account_id, inbox)
            assert refused.value.failure is Failure.UNAVAILABLE, name
    assert [row.flags for row in await messages.flags(alice.account_id, inbox, [1])] == [Flags()]
