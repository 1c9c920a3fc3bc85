"""Tokens that replicas lease in blocks (promises S1, S6), on a real database."""

import asyncio

from kit.postgres import DatabaseUrls
from mailstead.store.engine import open_database
from mailstead.store.limits import Limits
from smtp_in.tokens import KEPT_SECONDS, REFUSED_SECONDS, Tokens

DAY = 86_400.0


async def test_a_limit_holds_over_replicas_and_takes_few_statements(database_urls: DatabaseUrls) -> None:
    """Together never more than there are."""
    statements: list[str] = []
    async with open_database(database_urls.smtp_in, log_statement=statements.append) as database:
        replicas = [Tokens(Limits(database), "test", 100, DAY, block=10) for _ in range(2)]
        answers = await asyncio.gather(*(replicas[n % 2].take("7") for n in range(130)))
        assert sum(answers) <= 100
        assert sum(answers) > 80
        one = Tokens(Limits(database), "other", 1_000, DAY, block=20)
        statements.clear()
        for _ in range(100):
            assert await one.take("7")
        assert sum("INSERT INTO limits" in text for text in statements) == 5


async def test_no_limit_asks_nobody(database_urls: DatabaseUrls) -> None:
    statements: list[str] = []
    async with open_database(database_urls.smtp_in, log_statement=statements.append) as database:
        assert await Tokens(Limits(database), "test", 0, DAY, block=20).take("7")
    assert statements == []


async def test_tokens_that_are_not_spent_are_forgotten(database_urls: DatabaseUrls) -> None:
    now = [1_000.0]
    async with open_database(database_urls.smtp_in) as database:
        replica = Tokens(Limits(database), "test", 40, DAY, block=5, clock=lambda: now[0])
        for _ in range(4):
            assert await replica.take("7")
            now[0] += KEPT_SECONDS + 1
        assert [await replica.take("7") for _ in range(30)].count(True) == 40 - 4 * 5


async def test_a_flood_asks_once_a_second(database_urls: DatabaseUrls) -> None:
    now, statements = [1_000.0], list[str]()
    async with open_database(database_urls.smtp_in, log_statement=statements.append) as database:
        replica = Tokens(Limits(database), "test", 1, DAY, block=5, clock=lambda: now[0])
        assert await replica.take("7")
        assert not await replica.take("7")
        statements.clear()
        assert not any([await replica.take("7") for _ in range(50)])
        assert statements == []
        now[0] += REFUSED_SECONDS
        assert not await replica.take("7")
        assert len(statements) == 1
