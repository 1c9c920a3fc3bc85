"""What replicas tell each other of sessions: whoever told it, until it is taken back or runs out."""

from datetime import timedelta

from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.ops.session_limits import SessionLimits
from mailstead.store.engine import Database, open_database
from mailstead.store.session_counts import SessionCounts

LONG = timedelta(minutes=1)
SHORT = timedelta(milliseconds=1)


async def rows(owner_db: Database) -> set[tuple[str, str, int]]:
    found = await owner_db.fetch("look", "SELECT subject, replica, sessions FROM session_counts")
    return {(row["subject"], row["replica"], row["sessions"]) for row in found}


async def test_each_hears_the_sum_of_the_others(database_urls: DatabaseUrls, owner_db: Database) -> None:
    async with open_database(database_urls.imap, pool_size=1) as db:
        one, two, three = (SessionCounts(db, "imap", name) for name in ("one", "two", "three"))
        elsewhere = SessionCounts(db, "pop3", "four")
        assert await one.exchange({"account:1": 3, "address:192.0.2.1": 7}, LONG) == {}
        assert await two.exchange({"account:1": 5}, LONG) == {"account:1": 3, "address:192.0.2.1": 7}
        assert await three.exchange({}, LONG) == {"account:1": 8, "address:192.0.2.1": 7}
        assert await elsewhere.exchange({"account:1": 1}, LONG) == {}  # another protocol has limits of its own
        assert await one.exchange({"account:1": 4}, LONG) == {"account:1": 5}  # the address is taken back
        assert await two.exchange({}, LONG) == {"account:1": 4}
        assert await rows(owner_db) == {("account:1", "one", 4), ("account:1", "four", 1)}


async def test_what_a_killed_replica_had_told_runs_out(database_urls: DatabaseUrls, owner_db: Database) -> None:
    async with open_database(database_urls.imap, pool_size=1) as db:
        killed, alive = SessionCounts(db, "imap", "killed"), SessionCounts(db, "imap", "alive")
        await killed.exchange({"account:1": 3}, SHORT)

        async def unheard() -> bool:
            return await alive.exchange({}, LONG) == {}

        async def removed() -> bool:
            await alive.exchange({}, SHORT)
            return await rows(owner_db) == set()

        await eventually(unheard)
        assert await rows(owner_db) == {("account:1", "killed", 3)}
        await eventually(removed)
        assert await killed.exchange({"account:1": 2}, LONG) == {}  # it was only slow
        assert await alive.exchange({}, LONG) == {"account:1": 2}


async def test_a_limit_over_replicas(database_urls: DatabaseUrls, owner_db: Database) -> None:
    """Exact on one; on several as of the last exchange, of whoever has an eighth of the limit there."""
    async with open_database(database_urls.imap, pool_size=1) as db:
        one, two = (
            SessionLimits(SessionCounts(db, "imap", name), of_account=16, of_address=0, seconds=60) for name in ("one", "two")
        )

        async def exchange() -> None:
            for each in (one, two, one):
                await each.exchange()

        seats = [one.account(1) for _ in range(13)]
        assert all(seats)
        assert one.account(2) is not None  # one of sixteen: not worth telling
        await exchange()
        assert await rows(owner_db) == {("account:1", "one", 13)}
        further = [two.account(1) for _ in range(4)]
        assert [seat is not None for seat in further] == [True, True, True, False]
        assert one.account(1) is not None  # has not heard yet
        await exchange()
        assert one.account(1) is None
        for seat in seats:
            assert seat is not None
            seat.leave()
        await exchange()
        assert two.account(1) is not None
        await one.withdraw()
        await two.withdraw()
        assert await rows(owner_db) == set()


async def test_without_limits_nothing_is_told(database_urls: DatabaseUrls, owner_db: Database) -> None:
    async with open_database(database_urls.imap, pool_size=1) as db:
        limits = SessionLimits(SessionCounts(db, "imap", "one"), of_account=0, of_address=0, seconds=60)
        assert all(limits.account(1) and limits.address("192.0.2.1") for _ in range(1_000))
        await limits.exchange()
        assert await rows(owner_db) == set()
