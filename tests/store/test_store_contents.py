"""Content is kept once in a tenant, never shared with another, and freed only when nothing refers to it (promises D4, S5)."""

import asyncio
from datetime import timedelta

from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.reclaim import Reclaim
from store.builders import Account, Town, delivery, parsed

AT_ONCE = timedelta(0)


async def contents(owner_db: Database) -> int:
    rows = await owner_db.fetch("look", "SELECT count(*) AS contents FROM contents")
    return int(rows[0]["contents"])


async def purge(reclaim: Reclaim) -> None:
    """As the jobs do it after retention, without any grace."""
    await reclaim.tombstones(AT_ONCE)
    await reclaim.emails(AT_ONCE)
    await reclaim.contents(AT_ONCE)


async def octets_of(messages: Messages, mailboxes: Mailboxes, account: Account) -> list[bytes]:
    opened = await mailboxes.open(account.account_id, "INBOX")
    rows = await messages.summaries(account.account_id, opened.mailbox.mailbox_id, list(opened.uids))
    return [octets async for _, octets in messages.read_many([row.source for row in rows])]


async def test_a_tenant_keeps_a_content_once(ingest: Ingest, town: Town, owner_db: Database) -> None:
    content = parsed(size=600_000)
    for _ in range(3):
        await ingest.deliver(delivery((await town.account()).copy(), content=content))
    assert await contents(owner_db) == 1
    await ingest.deliver(delivery((await town.account(tenant="other")).copy(), content=content))
    assert await contents(owner_db) == 2


async def test_a_content_lives_as_long_as_one_refers_to_it(
    ingest: Ingest, town: Town, mailboxes: Mailboxes, messages: Messages, reclaim: Reclaim, owner_db: Database
) -> None:
    ann, bob = await town.account(), await town.account()
    content = parsed(size=300_000)
    for account in (ann, bob):
        await ingest.deliver(delivery(account.copy(), content=content))
    for account, left in ((ann, 1), (bob, 0)):
        inbox = await mailboxes.get(account.account_id, "INBOX")
        await messages.expunge(account.account_id, inbox.mailbox_id, None, actor="test", only_deleted=False)
        await purge(reclaim)
        assert await contents(owner_db) == left
        if left:
            assert [octets.endswith(content.body) for octets in await octets_of(messages, mailboxes, bob)] == [True]


async def test_reclaiming_beside_deliveries_of_the_same_content(
    ingest: Ingest, town: Town, mailboxes: Mailboxes, messages: Messages, reclaim: Reclaim
) -> None:
    """Each round refers again to a content at the moment it is being freed; every message must have its octets."""
    account = await town.account()
    inbox = await mailboxes.get(account.account_id, "INBOX")
    content = parsed(size=10_000)
    for _ in range(40):
        await ingest.deliver(delivery(account.copy(), content=content))
        await messages.expunge(account.account_id, inbox.mailbox_id, None, actor="test", only_deleted=False)
        await asyncio.gather(purge(reclaim), ingest.deliver(delivery(account.copy(), content=content)), purge(reclaim))
        assert [octets.endswith(content.body) for octets in await octets_of(messages, mailboxes, account)] == [True]
        await messages.expunge(account.account_id, inbox.mailbox_id, None, actor="test", only_deleted=False)


async def test_a_large_body_is_staged_and_adopted(
    ingest: Ingest, alice: Account, mailboxes: Mailboxes, messages: Messages, owner_db: Database, reclaim: Reclaim
) -> None:
    content = parsed(size=3_000_000)
    await asyncio.gather(*(ingest.deliver(delivery(alice.copy(), content=content)) for _ in range(3)))
    assert await contents(owner_db) == 1
    await reclaim.staged(AT_ONCE)  # what the other two had staged
    rows = await owner_db.fetch("look", "SELECT count(DISTINCT blob_id) AS blobs FROM chunks")
    assert rows[0]["blobs"] == 1
    assert [octets.endswith(content.body) for octets in await octets_of(messages, mailboxes, alice)] == [True] * 3
