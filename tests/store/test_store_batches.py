"""A batch never lets strangers hurt each other (promise P1): what cannot be filed is refused alone, what is locked waits."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from kit.postgres import DatabaseUrls
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import LocalCopy, Receipt
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from store.builders import Account, Announced, Town, deliver_each, delivery, parsed, verbs

STRANGERS = 40


@pytest.fixture
async def batches() -> list[int]:
    """How many deliveries each committed transaction held."""
    return []


@pytest.fixture
async def ingest(smtp_db: Database, announced: Announced, batches: list[int]) -> AsyncIterator[Ingest]:
    async with Ingest(smtp_db, announce=announced, observe=lambda messages, _: batches.append(messages)) as committer:
        yield committer


@pytest.fixture
async def strangers(town: Town) -> list[Account]:
    return [await town.account() for _ in range(STRANGERS)]


async def test_what_arrives_together_shares_a_transaction(
    ingest: Ingest, strangers: list[Account], batches: list[int], statements: list[str]
) -> None:
    await ingest.deliver(delivery(strangers[0].copy()))  # the tenant's key is known from now on
    statements.clear()
    await deliver_each(ingest, [delivery(account.copy()) for account in strangers])
    assert batches == [1, STRANGERS]
    assert verbs(statements) == ["BEGIN", "SELECT", "WITH", "WITH", "COMMIT"]


async def _neighbours(outcomes: list[Receipt | BaseException], bad: int) -> None:
    """All but the bad one are filed, each exactly once."""
    assert [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Receipt)] == [bad]


async def test_one_that_breaks_a_constraint(
    ingest: Ingest, strangers: list[Account], owner_db: Database, mailboxes: Mailboxes
) -> None:
    full = strangers[7]
    await owner_db.execute("arrange", "UPDATE mailboxes SET uidnext = 4294967295 WHERE account_id = $1", full.account_id)
    outcomes = await deliver_each(ingest, [delivery(account.copy()) for account in strangers])
    await _neighbours(outcomes, 7)
    assert isinstance(outcomes[7], Refused) and outcomes[7].failure is Failure.UNAVAILABLE
    counts = [(await mailboxes.get(account.account_id, "INBOX")).messages for account in strangers]
    assert counts == [int(account is not full) for account in strangers]


async def test_one_whose_mailbox_has_vanished(ingest: Ingest, strangers: list[Account], batches: list[int]) -> None:
    deliveries = [delivery(account.copy()) for account in strangers]
    deliveries[3] = delivery(strangers[3].copy("Gone"))
    outcomes = await deliver_each(ingest, deliveries)
    await _neighbours(outcomes, 3)
    assert isinstance(outcomes[3], Refused) and outcomes[3].failure is Failure.NO_SUCH_MAILBOX
    assert batches == [STRANGERS], "one that is known to be refused costs the others no second transaction"


async def test_one_of_an_unknown_account(ingest: Ingest, strangers: list[Account]) -> None:
    deliveries = [delivery(account.copy()) for account in strangers]
    deliveries[9] = delivery(LocalCopy(10**9, strangers[9].tenant_id, "INBOX"))
    await _neighbours(await deliver_each(ingest, deliveries), 9)


async def test_one_of_an_unknown_tenant(ingest: Ingest, strangers: list[Account]) -> None:
    deliveries = [delivery(account.copy()) for account in strangers]
    deliveries[5] = delivery(replace(strangers[5].copy(), tenant_id=10**9))
    await _neighbours(await deliver_each(ingest, deliveries), 5)


async def test_one_whose_text_a_database_cannot_hold(ingest: Ingest, strangers: list[Account], messages: Messages) -> None:
    """NUL and lone surrogates are no PostgreSQL text: such a message is filed all the same, octet by octet."""
    deliveries = [delivery(account.copy()) for account in strangers]
    odd = replace(parsed(), subject="a\0b\ud800", sender="\udcff", message_id="<\0@x>")
    deliveries[11] = delivery(strangers[11].copy(), content=odd)
    outcomes = await deliver_each(ingest, deliveries)
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)


async def test_one_whose_mailbox_is_locked_rides_later(
    ingest: Ingest, strangers: list[Account], database_urls: DatabaseUrls
) -> None:
    """The others do not wait for it, nor do messages to the same account that come for another mailbox."""
    held = strangers[20]
    deliveries = [delivery(account.copy()) for account in strangers]
    async with open_database(database_urls.imap) as other, other.transaction("hold") as connection:
        await connection.execute("SELECT 1 FROM mailboxes WHERE account_id = $1 AND name = 'INBOX' FOR UPDATE", held.account_id)
        tasks = [asyncio.create_task(ingest.deliver(each)) for each in deliveries]
        aside = await asyncio.wait_for(ingest.deliver(delivery(held.copy("Archive"))), 10)
        done, waiting = await asyncio.wait(tasks, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < STRANGERS - 1:
            more, waiting = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            assert more, "the others wait for a lock that is not theirs"
            done |= more
        assert waiting == {tasks[20]}
        assert aside.copies[0].account_id == held.account_id
    assert isinstance(await tasks[20], Receipt)


async def test_a_batch_of_copies_of_one_message(ingest: Ingest, strangers: list[Account], owner_db: Database) -> None:
    """One content, many copies: kept once in each tenant."""
    content = parsed(size=5_000)
    await deliver_each(ingest, [delivery(account.copy(), content=content) for account in strangers])
    rows = await owner_db.fetch("look", "SELECT count(*) AS contents FROM contents")
    assert rows[0]["contents"] == 1


async def test_a_report_stands_or_falls_with_what_it_tells_of(
    ingest: Ingest, strangers: list[Account], mailboxes: Mailboxes, statements: list[str]
) -> None:
    sender, recipient, *_ = strangers
    told = replace(delivery(recipient.copy()), companions=(delivery(sender.copy()),))
    for wrong in (replace(told, companions=(delivery(sender.copy("Gone")),)), replace(told, copies=(recipient.copy("Gone"),))):
        with pytest.raises(Refused):
            await ingest.deliver(wrong)
    statements.clear()
    receipt = await ingest.deliver(told)
    assert len(receipt.copies) == 1, "the receipt tells of the message, not of its report"
    assert sum("INSERT INTO messages" in statement for statement in statements) == 1
    counts = [(await mailboxes.get(account.account_id, "INBOX")).messages for account in (sender, recipient)]
    assert counts == [1, 1]
