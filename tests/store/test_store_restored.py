"""A database that went back in time gives no UID twice under the same UIDVALIDITY."""

import time

import pytest

from mailstead.store import restored
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from store.builders import Account, Town, fill


async def uidvalidities(owner_db: Database) -> dict[int, int]:
    rows = await owner_db.fetch("look", "SELECT mailbox_id, uidvalidity FROM mailboxes")
    return {row["mailbox_id"]: row["uidvalidity"] for row in rows}


async def test_every_uidvalidity_is_greater_than_any_that_was_given(
    owner_db: Database, ingest: Ingest, mailboxes: Mailboxes, town: Town, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restored, "BATCH", 1)  # several batches
    await town.account("bob")
    await fill(ingest, alice, 3)
    before = await uidvalidities(owner_db)
    batches = [batch async for batch in restored.raise_uidvalidities(owner_db)]
    after = await uidvalidities(owner_db)
    assert sum(accounts for accounts, _ in batches) == len(batches) >= 2
    assert sum(count for _, count in batches) == len(before) == len(after)
    assert all(after[mailbox] > before[mailbox] for mailbox in before)
    assert min(after.values()) > int(time.time()) - 60
    opened = await mailboxes.open(alice.account_id, "INBOX")
    assert (opened.mailbox.uidvalidity, len(opened.uids)) == (after[opened.mailbox.mailbox_id], 3)
    created = await mailboxes.create(alice.account_id, "New")
    assert created.uidvalidity > max(after[mailbox] for mailbox in after)
