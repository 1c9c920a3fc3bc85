"""How many statements the hot operations take, however many messages they are about (promise P7)."""

from math import ceil

import pytest

from mailstead.model.flags import FlagChange, Flags, SystemFlag
from mailstead.store.changes import Changes
from mailstead.store.content import BATCH_MESSAGES
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages, Want
from store.builders import Account, fill, verbs

MANY = 1_000
FRAME = ["BEGIN", "SELECT"]  # a transaction begins, and holds its mailboxes


@pytest.fixture
async def inbox(ingest: Ingest, mailboxes: Mailboxes, alice: Account, statements: list[str]) -> tuple[int, list[int]]:
    """Mailbox and UIDs of MANY messages."""
    stored = await fill(ingest, alice, MANY)
    statements.clear()
    return stored[0].mailbox_id, [each.uid for each in stored]


async def test_select_is_one_statement(mailboxes: Mailboxes, alice: Account, inbox: object, statements: list[str]) -> None:
    opened = await mailboxes.open(alice.account_id, "INBOX")
    assert len(opened.uids) == MANY and len(statements) == 1


@pytest.mark.parametrize("want", [Want.NOTHING, Want.ENVELOPE | Want.BODYSTRUCTURE, Want.ENVELOPE | Want.STRUCTURE | Want.HEADER])
async def test_fetch_of_metadata_is_one_statement(
    messages: Messages, alice: Account, inbox: tuple[int, list[int]], statements: list[str], want: Want
) -> None:
    assert len(await messages.summaries(alice.account_id, *inbox, want)) == MANY
    assert len(statements) == 1


async def test_fetch_of_bodies_takes_one_more_for_each_batch(
    messages: Messages, alice: Account, inbox: tuple[int, list[int]], statements: list[str]
) -> None:
    rows = await messages.summaries(alice.account_id, *inbox)
    bodies = [octets async for _, octets in messages.read_many([row.source for row in rows])]
    assert [len(octets) for octets in bodies] == [row.size for row in rows]
    assert len(statements) == 1 + ceil(MANY / BATCH_MESSAGES)


async def test_the_delta_is_one_statement(
    changes: Changes, alice: Account, inbox: tuple[int, list[int]], statements: list[str]
) -> None:
    delta = await changes.since(alice.account_id, inbox[0], 0, known_uidnext=1)
    assert len(delta.arrived) == MANY and len(statements) == 1


@pytest.mark.parametrize("move", [False, True])
async def test_copy_of_a_thousand_is_one_statement(
    messages: Messages, mailboxes: Mailboxes, alice: Account, inbox: tuple[int, list[int]], statements: list[str], move: bool
) -> None:
    archive = await mailboxes.get(alice.account_id, "Archive")
    statements.clear()
    copied = await (messages.move if move else messages.copy)(alice.account_id, *inbox, archive.mailbox_id)
    assert len(copied.pairs) == MANY
    assert sum("INSERT INTO messages" in statement for statement in statements) == 1
    assert len(statements) <= 8, verbs(statements)


async def test_flags_of_a_thousand_are_one_statement(
    messages: Messages, alice: Account, inbox: tuple[int, list[int]], statements: list[str]
) -> None:
    await messages.store_flags(alice.account_id, *inbox, FlagChange.ADD, Flags(SystemFlag.SEEN))
    assert verbs(statements)[:2] == FRAME and len(statements) <= 6, verbs(statements)


async def test_expunge_of_a_thousand(
    messages: Messages, alice: Account, inbox: tuple[int, list[int]], statements: list[str]
) -> None:
    assert len(await messages.expunge(alice.account_id, *inbox, actor="test", only_deleted=False)) == MANY
    assert len(statements) <= 6, verbs(statements)
