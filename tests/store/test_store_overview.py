"""An overview counts what there is, of one tenant or of all."""

from datetime import UTC, datetime, timedelta

from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.overview import count_overview
from mailstead.store.provisioning import Provisioning
from store.builders import Account, Town, delivery, fill, outgoing


async def test_what_came_and_what_left(api_db: Database, ingest: Ingest, town: Town, alice: Account) -> None:
    bob = await town.account("bob")
    await fill(ingest, alice, 3)
    await fill(ingest, bob, 1)
    await ingest.deliver(delivery(queued=(outgoing(alice, "a@one.test", "b@two.test"),)))
    found = await count_overview(api_db, 24, None)
    assert [hour.filed for hour in found.hours] == [*[0] * 23, 4]
    assert [hour.waiting for hour in found.hours] == [*[0] * 23, 2]
    assert found.hours[-1].start == datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    assert found.hours[-1].start - found.hours[0].start == timedelta(hours=23)
    assert (found.waiting, found.retried, found.accounts, found.messages) == (2, 0, 2, 4)
    assert found.oldest is not None
    assert found.used_bytes > 0

    nobody = await count_overview(api_db, 2, alice.tenant_id + 1)
    assert len(nobody.hours) == 2
    assert sum(hour.filed + hour.waiting for hour in nobody.hours) == 0
    assert (nobody.waiting, nobody.oldest, nobody.accounts, nobody.domains, nobody.used_bytes) == (0, None, 0, 0, 0)


async def test_what_is_nearly_full_and_what_is_suspended(
    api_db: Database, owner_db: Database, ingest: Ingest, town: Town, alice: Account
) -> None:
    bob = await town.account("bob")
    await fill(ingest, alice, 2)
    await fill(ingest, bob, 2)
    used = (await count_overview(api_db, 1, None)).used_bytes // 2
    await owner_db.execute("test", "UPDATE accounts SET quota_bytes = $2 WHERE account_id = $1", alice.account_id, used + 10)
    await owner_db.execute("test", "UPDATE accounts SET quota_bytes = $2 WHERE account_id = $1", bob.account_id, used * 3)
    await Provisioning(owner_db).create_domain("off.test", active=False)
    found = await count_overview(api_db, 1, None)
    assert [(full.address, full.quota_bytes) for full in found.full_accounts] == [(alice.address, used + 10)]
    assert (found.suspended_domains, list(found.suspended_names)) == (1, ["off.test"])
