"""Erasing an account: in bounded transactions, each of which leaves the store sound, by whoever finds it begun."""

from contextlib import suppress
from datetime import timedelta
from itertools import count, pairwise

import pytest

from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store import deletion as deletion_module
from mailstead.store import erasure as erasure_module
from mailstead.store.deletion import Deletion
from mailstead.store.engine import Connection, Database
from mailstead.store.erasure import erase_some_mail
from mailstead.store.ingest import Ingest
from mailstead.store.invariants import check_invariants
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.provisioning import Provisioning
from mailstead.store.reclaim import Reclaim
from store.builders import Account, Town, delivery, fill, outgoing, parsed

STEP = 7
TABLES = ("messages", "expunged", "emails", "search_pending", "queue_messages", "mailboxes", "accounts")
SENT_BY_ALICE = 9
DAY = timedelta(days=1)


class Killed(Exception):
    """The process is gone."""


@pytest.fixture
async def large(
    ingest: Ingest,
    alice: Account,
    mailboxes: Mailboxes,
    messages: Messages,
    owner_db: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> Account:
    """Alice has more of everything than one step erases."""
    monkeypatch.setattr(erasure_module, "STEP", STEP)
    await fill(ingest, alice, 30)
    inbox = await mailboxes.get(alice.account_id, "INBOX")
    await messages.expunge(alice.account_id, inbox.mailbox_id, range(1, 11), actor="test", only_deleted=False)
    await fill(ingest, alice, 10, "Archive")
    for _ in range(SENT_BY_ALICE):
        await ingest.deliver(delivery(queued=(outgoing(alice, "bob@far.test"),)))
    await owner_db.execute("settle", "UPDATE queue_recipients SET state = 'delivered', settled_at = now()")
    return alice


async def left(owner_db: Database, account: Account) -> dict[str, int]:
    found = {}
    for table in TABLES:
        rows = await owner_db.fetch("look", f"SELECT FROM {table} WHERE account_id = $1", account.account_id)
        found[table] = len(rows)
    return found


async def test_who_is_killed_in_between_leaves_a_sound_store_and_others_go_on(
    large: Account, deletion: Deletion, jobs_db: Database, owner_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = count()

    async def killed_at_every_second(connection: Connection, account_id: int) -> bool:
        more = await erase_some_mail(connection, account_id)
        if next(steps) % 2:
            raise Killed
        return more

    monkeypatch.setattr(deletion_module, "erase_some_mail", killed_at_every_second)
    stages = [await left(owner_db, large)]
    assert stages[0]["messages"] == 30 and stages[0]["expunged"] == 10 and stages[0]["queue_messages"] == SENT_BY_ALICE
    with pytest.raises(Killed):
        await deletion.erase_account(large.account_id)
    with pytest.raises(Refused) as refused:
        await deletion.restore_account(large.account_id)
    assert refused.value.failure is Failure.CONFLICT
    while stages[-1]["accounts"]:
        stages.append(await left(owner_db, large))
        assert await check_invariants(owner_db) == []
        with suppress(Killed):
            await Deletion(jobs_db).erase_due()
    for before, after in pairwise(stages):
        assert all(before[table] - after[table] <= STEP for table in TABLES[:5])
    assert await left(owner_db, large) == dict.fromkeys(TABLES, 0)


async def test_what_another_account_has_too_stays(
    large: Account, town: Town, ingest: Ingest, deletion: Deletion, owner_db: Database, reclaim: Reclaim
) -> None:
    bob, shared = await town.account("bob"), parsed()
    for account in (large, bob):
        await ingest.deliver(delivery(account.copy(), content=shared))
    before = await left(owner_db, bob)
    await deletion.erase_account(large.account_id)
    await reclaim.contents(timedelta(0))
    assert await left(owner_db, bob) == before
    assert len(await owner_db.fetch("look", "SELECT FROM contents")) == 1


async def test_who_could_not_be_restored_any_more_is_erased(large: Account, deletion: Deletion, owner_db: Database) -> None:
    """What was to be restored until tomorrow is not, once it is to be erased at once."""
    await deletion.delete_account(large.account_id, DAY)
    await deletion.erase_account(large.account_id)
    assert await left(owner_db, large) == dict.fromkeys(TABLES, 0)


async def test_no_more_accounts_are_restored_than_a_domain_may_have(
    alice: Account, town: Town, deletion: Deletion, provisioning: Provisioning
) -> None:
    await deletion.delete_account(alice.account_id, DAY)
    await town.account("bob")
    domain = Address.parse(alice.address).domain
    await provisioning.update_domain(domain, settings={"max_accounts": 1})
    with pytest.raises(Refused) as refused:
        await deletion.restore_account(alice.account_id)
    assert refused.value.failure is Failure.OVER_QUOTA
    await provisioning.update_domain(domain, settings={"max_accounts": 2})
    assert (await deletion.restore_account(alice.account_id)).deleted_at is None
